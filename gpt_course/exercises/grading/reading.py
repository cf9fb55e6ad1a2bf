"""Leer una respuesta: qué números quiso escribir quien estudia, en Python o a la española.

Una lectura es `(valores, decimales)`: un tensor float64 y con cuántos decimales se escribió. Un número
puede tener dos lecturas («1.128» es mil ciento veintiocho o uno y pico): se prueban las dos.
"""

import itertools
import math
import numbers
import re
from ast import literal_eval
from decimal import Decimal

import torch

from gpt_course.exercises.grading.wrong import Wrong

EXACT = 17  # decimales de lo que no se ha redondeado: una fracción
LARGEST = 10_000  # números de la mayor tabla que se lee
DIGITS = {"float32": 7, "float16": 3, "bfloat16": 2}  # cifras buenas de cada tipo corto
SHORT = 1e5
CONTAINERS = (list, tuple, range)
KINDS = {
    **dict.fromkeys((list, tuple, set, dict), "una colección ({})"),
    str: "un texto",
    bytes: "bytes",
    bool: "True o False",
    type(None): "None (¿falta un `return`?)",
}


def kind(answer):
    """Qué es una respuesta, en español."""
    if isinstance(answer, torch.Tensor):
        return f"un tensor de forma {tuple(answer.shape)}"
    if callable(answer):
        return "una función, y aquí va lo que devuelve"
    if isinstance(answer, numbers.Real) and not isinstance(answer, bool):
        return "un número"
    return KINDS.get(type(answer), "{}").format(type(answer).__name__)


def read_number(answer):
    """Las lecturas de un número: entero, decimal, fracción, texto, o un tensor, lista o tupla de uno solo."""
    if isinstance(answer, str):
        found = _from_text(answer)
    elif isinstance(answer, tuple) and len(answer) > 1:  # 20,488,000 es una tupla para Python
        found = [reading for text in _joined(answer) for reading in _from_text(text)]
    else:
        values, decimals = read_values(answer, what="un número")
        found = [(values.reshape(()), decimals)] if values.numel() == 1 else []
    if not found:
        raise Wrong(f"se esperaba un número y llegó {_shown(answer)}.")
    for value, _ in found:
        if not value.isfinite():
            raise Wrong(f"se esperaba un número finito y llegó {value.item()}.")
    return found


def read_values(answer, what="una lista de números o un tensor"):
    """La lectura de una tabla: tensor, `array`, lista, tupla, texto o una mezcla; True y False son 1 y 0."""
    if isinstance(answer, str):
        answer = _literal(answer)
    size = getattr(answer, "numel", lambda: 0)()
    if size > LARGEST:
        raise Wrong(f"llegaron {size} números, muchos más de los que hacen falta.")
    try:
        nested, decimals = _plain(answer)
    except TypeError:
        raise Wrong(f"se esperaba {what} y llegó {_shown(answer)}.") from None
    try:
        return torch.tensor(nested, dtype=torch.float64, device="cpu"), decimals
    except (TypeError, ValueError):
        raise Wrong("las filas no miden todas lo mismo.") from None


def read_choice(answer):
    """La opción elegida, en minúsculas y sin paréntesis ni comillas; None si no es un texto."""
    if isinstance(answer, CONTAINERS) and len(answer) == 1:
        answer = answer[0]
    return answer.strip(" ().«»\"'").lower() if isinstance(answer, str) else None


def _shown(answer):
    return repr(answer) if isinstance(answer, str) and len(answer) < 30 else kind(answer)


def _plain(answer, digits=None):
    """(números en listas, decimales). TypeError si algo no es un número."""
    if hasattr(answer, "tolist"):  # tensores, y tablas y números de NumPy
        if isinstance(answer, torch.Tensor):
            answer = answer.detach()
        return _plain(answer.tolist(), DIGITS.get(str(answer.dtype).rpartition(".")[2]))
    if isinstance(answer, CONTAINERS):
        parts = [_plain(part, digits) for part in answer]
        return [values for values, _ in parts], max((decimals for _, decimals in parts), default=0)
    if isinstance(answer, str):
        found = _from_text(answer)
        if not found:
            raise TypeError
        return found[0][0].item(), found[0][1]
    if isinstance(answer, numbers.Real | Decimal):
        return _as_float(answer), _decimals(answer, digits)
    raise TypeError


def _as_float(number):
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _decimals(number, digits):
    if isinstance(number, numbers.Integral):
        return 0
    if isinstance(number, numbers.Rational):
        return EXACT
    if isinstance(number, float) and abs(number) < SHORT:  # lo que pasó por float32 lleva cifras de sobra
        digits = digits or DIGITS["float32"]
    text = f"{number:.{digits}g}" if digits else str(number)
    exponent = Decimal(text).as_tuple().exponent if re.search(r"\d", text) else 0
    return max(0, -exponent) if not text.endswith(".0") else 0


def _literal(text):
    """La lista que hay en un texto («[2, 5]», «2, 5», «0,2; 0,5»), o el propio texto si es un solo número."""
    clean = _clean(text)
    if ";" in clean:
        return [part.strip() for part in clean.strip("[()] ").split(";")]
    if re.search(r",\s|[\[(]", clean):
        try:
            return literal_eval(clean)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
    return text


def _clean(text):
    """Sin espacios ni guiones entre millares, y con el menos del teclado en vez del de imprenta."""
    text = re.sub("[\u2212\u2013]", "-", text.strip())
    return re.sub(r"(?<=\d)[\s'’](?=\d{3}(?!\d))|(?<=\d)_(?=\d)", "", text)


def _from_text(text):
    """Las lecturas del número que dice un texto; ninguna si no es uno solo."""
    text = _clean(text)
    above, slash, below = text.partition("/")
    if slash:
        parts = _from_text(above), _from_text(below)
        return [(a / b, EXACT) for (a, _), (b, _) in itertools.product(*parts) if b != 0]
    sign = -1 if text.startswith("-") else 1
    found = dict.fromkeys(_spellings(text.lstrip("+-").strip()))
    return [
        (torch.tensor(sign * _as_float(t), dtype=torch.float64), _decimals(Decimal(t), None)) for t in found
    ]


def _spellings(body):
    """Cómo lo escribiría Python: con punto decimal y, después, a la española."""
    for group, mark in ((",", "."), (".", ",")):
        whole = rf"(?:\d+|[1-9]\d{{0,2}}(?:\{group}\d{{3}})+)"
        if re.fullmatch(rf"(?:{whole}(?:\{mark}\d*)?|\{mark}\d+)(?:e[+-]?\d+)?", body, re.I):
            yield body.replace(group, "").replace(mark, ".")


def _joined(pieces):
    """De la tupla que Python hizo con un número, lo que se escribió: (20, 488, 0) → «20,488,000»."""
    if len(pieces) > 5 or any(isinstance(p, bool) or not isinstance(p, int | float) for p in pieces):
        return set()
    first, *rest = map(str, pieces)
    return {
        ",".join([first, *(zeros if piece == "0" else piece for piece in rest)]) for zeros in ("0", "000")
    }
