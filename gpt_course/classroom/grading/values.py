"""Llevar la respuesta de un proceso a otro sin ejecutar nada de ella: números, textos, listas y tensores.

`pickle` ejecuta lo que le digan al leer, así que de quien estudia no se lee nunca. Aquí cada valor es JSON y,
si no es uno sencillo, un diccionario de una sola clave que dice qué es. Una función no viaja: va su nombre, y
se llama en el proceso en que nació. De lo que no se sabe llevar llega un `Opaque`, que solo dice su tipo.
"""

import base64
import inspect
import math
from decimal import Decimal
from fractions import Fraction

import torch

from gpt_course.classroom.grading.remote import Remote

LARGEST = 2**20  # bytes de un tensor o letras de un texto que se llevan
DTYPES = {
    str(kind).rpartition(".")[2]: kind
    for kind in (
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
    )
}


class Opaque:
    """Un valor que no se puede llevar; su tipo se llama como el del original."""


def opaque(name):
    return type("".join(filter(str.isidentifier, str(name)[:60])) or "object", (Opaque,), {})()


# --- De quien estudia a JSON ------------------------------------------------------------------------


def encode(value, keep, arguments=()):
    """`value` en JSON. keep(función) la guarda y devuelve su número.

    arguments: los tensores que recibió la función, para decir qué resultado es un trozo de ellos.
    """
    try:
        return _encode(value, keep, [each for each in arguments if isinstance(each, torch.Tensor)])
    except Exception:  # se contiene a sí mismo, o es una clase que se comporta de otra manera
        return {"object": type(value).__name__}


def _encode(value, keep, tensors):
    if value is None or isinstance(value, bool) or (isinstance(value, float) and type(value) is float):
        return value
    if isinstance(value, int):
        return {"int": str(int(value))}
    if isinstance(value, str | bytes | bytearray):
        return _encode_text(value)
    if value is ...:
        return {"dots": True}
    if isinstance(value, torch.Tensor):
        return _encode_tensor(value, tensors)
    if isinstance(value, range):
        return {"range": [str(value.start), str(value.stop), str(value.step)]}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [_encode(part, keep, tensors) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(part, keep, tensors) for part in pair] for pair in value.items()]}
    if isinstance(value, Fraction | Decimal | complex):
        return {type(value).__name__.lower(): str(value)}
    if hasattr(value, "__array__") and hasattr(value, "tolist"):  # de NumPy: un número o una tabla
        array = torch.from_numpy(value.__array__().copy())
        return {"array": _encode_tensor(array, ())["tensor"]} if array.dim() else _encode_number(value)
    if callable(value):
        return {"function": [keep(value), getattr(value, "__name__", "función"), _parameters(value)]}
    return {"object": type(value).__name__}


def _encode_text(value):
    if len(value) > LARGEST:
        return {"object": f"{type(value).__name__}_demasiado_largo"}
    if isinstance(value, str):
        return {"str": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}
    return {"bytes": base64.b64encode(bytes(value)).decode()}


def _encode_number(value):
    plain = value.tolist()
    return plain if isinstance(plain, bool | float) else {"int": str(plain)}


def _encode_tensor(value, tensors):
    for place, tensor in enumerate(tensors):
        if _same_storage(value, tensor):
            return {"view": [place, list(value.shape), list(value.stride()), value.storage_offset()]}
    name = str(value.dtype).rpartition(".")[2]
    if value.layout is not torch.strided or value.is_meta or name not in DTYPES or value.nbytes > LARGEST:
        return {"object": f"Tensor_{name}"}
    plain = value.detach().cpu().contiguous().resolve_conj().resolve_neg()
    data = bytes(plain.flatten().view(torch.uint8).numpy()) if plain.numel() else b""
    return {"tensor": [name, list(value.shape), base64.b64encode(data).decode()]}


def _same_storage(a, b):
    if a.is_meta or b.is_meta or a.layout is not torch.strided or a.dtype != b.dtype or not a.numel():
        return False
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _parameters(function):
    """[(nombre, clase, si tiene un valor de serie)], o None si no lo dice."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[p.name, int(p.kind), p.default is not p.empty] for p in parameters]


# --- De JSON a quien corrige: no se fía de nada -----------------------------------------------------


def decode(data, call, arguments=()):
    """El valor. call(número, argumentos) llama a una función de quien estudia. Lo mal escrito es `Opaque`."""
    try:
        return _decode(data, call, [each for each in arguments if isinstance(each, torch.Tensor)])
    except Exception:
        return opaque("desconocido")


def _decode(data, call, tensors):
    if data is None or isinstance(data, bool | float):
        return data
    ((kind, content),) = data.items()
    if kind in SIMPLE:
        return SIMPLE[kind](content)
    if kind in ("list", "tuple", "set", "frozenset"):
        made = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
        return made(_decode(part, call, tensors) for part in content)
    if kind == "dict":
        return {_decode(key, call, tensors): _decode(value, call, tensors) for key, value in content}
    if kind == "view":
        return _decode_view(tensors, *content)
    if kind == "function":
        return Remote(call, *content)
    raise ValueError(kind)


def _decode_tensor(content):
    name, shape, text = content
    _check_shape(shape)
    dtype, data = DTYPES[name], bytearray(base64.b64decode(text, validate=True))
    if math.prod(shape) * torch.empty((), dtype=dtype).element_size() != len(data):
        raise ValueError(shape)
    if dtype is torch.bool:
        data = bytearray(map(bool, data))
    return (torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)).reshape(shape)


def _decode_view(tensors, place, shape, stride, offset):
    """Un trozo de un argumento; `as_strided` se queja si se sale de él."""
    _check_shape(shape)
    return tensors[place].as_strided(shape, stride, offset)


def _check_shape(shape):
    """Mil millones de filas vacías, o de la misma fila, no ocupan nada hasta que se recorren."""
    if math.prod(size or 1 for size in shape) > LARGEST:
        raise ValueError(shape)


def _short(values):
    return values if len(values) <= LARGEST else opaque("range_demasiado_largo")


SIMPLE = {
    "dots": lambda _: ...,
    "int": int,
    "str": lambda text: base64.b64decode(text, validate=True).decode("utf-8", "surrogatepass"),
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "range": lambda ends: _short(range(*map(int, ends))),
    "fraction": lambda text: Fraction(*map(int, text.split("/"))),  # «1e999999» no acabaría
    "decimal": lambda text: Decimal(text[:100]),
    "complex": complex,
    "tensor": _decode_tensor,
    "array": lambda content: _decode_tensor(content).numpy(),
    "object": opaque,
}
