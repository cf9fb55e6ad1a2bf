"""¿Es un modelo, justo, el de su configuración? Lo añadido o quitado no tendría dónde guardarse."""

import torch

from gpt_course.dropout import Dropout
from gpt_course.model import GPTModel
from gpt_course.weights.names import WRAPPERS, unwrapped
from gpt_course.weights.skeleton import skeleton
from gpt_course.weights.source import DTYPES, some

# Lo que cambia lo que calcula una pieza y no se ve en sus tensores.
_VALUES = ("n_heads", "n_kv_heads", "head_dim", "eps", "base", "scaling", "experts_per_token")


def plain_model(model):
    """El `GPTModel` de dentro, si llega envuelto por `torch.compile` o `DistributedDataParallel`.

    Errores: `ValueError` si no es un `GPTModel`.
    """
    while not isinstance(model, GPTModel):
        inner = [part for name, part in getattr(model, "_modules", {}).items() if name in WRAPPERS]
        if not inner:
            raise ValueError(f"Se esperaba un GPTModel; llegó {type(model).__name__}. Pasa el modelo entero.")
        model = inner[0]
    return model


def exact_state(model):
    """El `state_dict` de `model`, si sus piezas, nombres y formas son los de `GPTModel(model.cfg)`.

    Errores: `ValueError` si algo cambió desde que se creó o si no son números que se puedan guardar.
    """
    state = {unwrapped(name): tensor for name, tensor in model.state_dict().items()}
    built = skeleton(model.cfg)
    changes = [*_other_tensors(state, built.state_dict()), *_other_pieces(model, built)]
    if changes:
        raise ValueError(
            f"El modelo ya no es el de su configuración, y se leería otro: {some(changes)}. Deshaz el "
            "cambio (funde LoRA en los pesos, quita la poda o la pieza de más), crea un GPTModel con la "
            "configuración que toca, o guárdalo con torch.save(model.state_dict(), …)."
        )
    for name, tensor in state.items():
        if type(tensor) is not torch.Tensor or tensor.dtype not in DTYPES.values() or tensor.is_meta:
            raise ValueError(
                f"Se guardan pesos float32, float16 o bfloat16; {name} es {tensor.dtype} y está en "
                f"{tensor.device}. Conviértelo con model.float(); si es una maqueta (meta), no hay números."
            )
    return state


def dropout_rate(model):
    """La probabilidad de dropout de todo el modelo. Errores: `ValueError` si hay más de una."""
    rates = {module.p for module in model.modules() if isinstance(module, Dropout)} or {0.0}
    if len(rates) > 1:
        raise ValueError(f"El modelo tiene varias probabilidades de dropout, {sorted(rates)}. Pon una sola.")
    return rates.pop()


def _other_tensors(state, expected):
    for name in dict.fromkeys([*expected, *state]):
        if name not in state:
            yield f"falta {name}"
        elif name not in expected:
            yield f"sobra {name}"
        elif state[name].shape != expected[name].shape:
            yield f"{name} mide {tuple(state[name].shape)} y no {tuple(expected[name].shape)}"


def _other_pieces(model, built):
    """Lo que cambia el resultado y no está en los tensores: otra función, otras cabezas, otro eps."""
    found, expected = (
        {unwrapped(name): part for name, part in each.named_modules(remove_duplicate=False)}
        for each in (model, built)
    )
    for name, part in expected.items():
        other, kind = found.get(name), type(part)
        if other is None or isinstance(part, Dropout | torch.nn.Sequential):
            continue
        if not isinstance(other, kind):
            yield f"{name} es {type(other).__name__} y no {kind.__name__}"
        for value in _VALUES:
            if getattr(other, value, None) != getattr(part, value, None):
                yield f"{name}.{value} es {getattr(other, value, None)} y no {getattr(part, value, None)}"
    yield from (f"sobra {name}" for name in found if name not in expected)
