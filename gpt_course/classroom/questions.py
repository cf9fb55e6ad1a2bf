"""El banco de preguntas: un archivo por lección en `docs/docencia/preguntas`, con sus números calculados.

En un archivo, `valores` son expresiones de Python que se evalúan en orden, y `{nombre}` pone su resultado en
un texto, escrito a la española. Los textos son *Markdown*; las fórmulas, texto corriente: √(C/H), e⁻ˣ.
"""

import importlib
import re
import string
from dataclasses import dataclass
from pathlib import Path

import yaml
from tqdm import tqdm

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "docencia" / "preguntas"
RECALL, TRANSFER = KINDS = ("recuerdo", "transferencia")
CHOICES = 4
REQUIRED = {"id", "tipo", "enunciado", "opciones"}
OPTIONAL = {"confusion", "usa", "valores"}
THIN = "\u202f"  # espacio fino


@dataclass(frozen=True)
class Choice:
    """Una respuesta posible y por qué es o no la correcta."""

    text: str
    right: bool
    reason: str


@dataclass(frozen=True)
class Question:
    """Una pregunta con sus números puestos. confusion: la idea equivocada que descubre, o None."""

    id: str
    lesson: str  # el nombre del cuaderno, sin «.ipynb»
    kind: str
    confusion: str | None
    statement: str
    choices: tuple


def bank(numbers=None, folder=FOLDER):
    """{número de lección: sus preguntas}, de las lecciones pedidas o de todas las que tienen.

    Errores: `ValueError` si una lección no tiene preguntas o un archivo no sigue el formato.
    """
    files = {path.stem[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.yml"))}
    missing = [number for number in numbers or () if number not in files]
    if missing or not files:
        raise ValueError(
            f"No hay preguntas de la lección {', '.join(missing) or '(ninguna)'}; las hay de "
            f"{', '.join(files) or 'ninguna'}, en {folder.name}."
        )
    asked = [number for number in files if number in (numbers or files)]
    bar = tqdm(asked, desc="Lecciones leídas", leave=False, disable=None)  # fuera de una terminal, sin barra
    return {number: read(files[number]) for number in bar}


def read(path):
    """Las preguntas de un archivo. Errores: `ValueError`, con la pregunta que no sigue el formato."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" Mira la línea {mark.line + 1}." if mark else ""
        raise ValueError(f"{path.name} no es un archivo YAML en UTF-8.{place}") from None
    keys = set(content) if isinstance(content, dict) else set()
    if keys != {"leccion", "preguntas"} or not isinstance(content["preguntas"], list):
        raise ValueError(f"{path.name} debe tener dos claves: `leccion` y `preguntas`, que es una lista.")
    if content["leccion"] != path.stem[:2]:
        raise ValueError(f"{path.name} debe decir `leccion`: {path.stem[:2]!r}; dice {content['leccion']!r}.")
    questions = [_question(entry, path) for entry in content["preguntas"]]
    ids = [question.id for question in questions]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise ValueError(f"{path.name}: el id no puede repetirse y se repite {', '.join(repeated)}.")
    return questions


def _question(entry, path):
    try:
        check_entry(entry)
        values = compute(entry.get("usa", ()), entry.get("valores", {}))
        choices = tuple(
            Choice(
                fill(choice["texto"], values), choice.get("correcta", False), fill(choice["porque"], values)
            )
            for choice in entry["opciones"]
        )
        confusion = entry.get("confusion") and fill(entry["confusion"], values)
        statement = fill(entry["enunciado"], values)
    except Exception as error:  # también lo que lance una expresión de `valores`
        name = entry.get("id", "sin id") if isinstance(entry, dict) else "sin id"
        raise ValueError(f"{path.name}, pregunta {name}: {error or type(error).__name__}") from error
    return Question(entry["id"], path.stem, entry["tipo"], confusion, statement, choices)


def check_entry(entry):
    """Exige las claves de una pregunta, cuatro opciones y una sola correcta."""
    if not isinstance(entry, dict) or not REQUIRED <= set(entry) <= REQUIRED | OPTIONAL:
        raise ValueError(
            f"debe tener {', '.join(sorted(REQUIRED))} y puede tener {', '.join(sorted(OPTIONAL))}."
        )
    if entry["tipo"] not in KINDS:
        raise ValueError(f"tipo debe ser {' o '.join(KINDS)}; es {entry['tipo']!r}.")
    for choice in entry["opciones"]:
        if not {"texto", "porque"} <= set(choice) <= {"texto", "porque", "correcta"}:
            raise ValueError("cada opción tiene texto, porque y, si lo es, correcta: true.")
    right = [choice.get("correcta", False) for choice in entry["opciones"]]
    if len(right) != CHOICES or sorted(right, key=str) != [False] * (CHOICES - 1) + [True]:
        raise ValueError(f"debe tener {CHOICES} opciones y una sola con correcta: true.")


def compute(uses, expressions):
    """Los valores de las expresiones; cada una ve los nombres de `uses` y los valores anteriores."""
    names = {name.rpartition(".")[2]: _load(name) for name in uses}
    for name, expression in expressions.items():
        # Los archivos son del curso, como cualquier módulo: su código no se encierra.
        names[name] = eval(str(expression), names)
    return {name: names[name] for name in expressions}


def _load(name):
    """Lo que nombra `math`, `torch.nn.functional` o `gpt_course.config.GPT_CONFIG_124M`."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        parent, _, attribute = name.rpartition(".")
        if not parent:
            raise
        return getattr(importlib.import_module(parent), attribute)


class _Spanish(string.Formatter):
    """`{nombre:.2f}` con coma decimal, signo − y espacio fino en los millares, desde 10 000."""

    def format_field(self, value, spec):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return format(value, spec)
        text = format(value, f",{spec}")
        whole, dot, decimals = text.partition(".")
        if whole.count(",") == 1 and len(whole.lstrip("-").split(",")[0]) == 1:  # 1024, sin separar
            whole = whole.replace(",", "")
        text = whole.replace(",", THIN) + dot.replace(".", ",") + decimals
        return re.sub("%$", "\u00a0%", text.replace("-", "−"))


def fill(text, values):
    """El texto con sus valores puestos: fill("Son {n}.", {"n": 50257}) → «Son 50 257.»."""
    try:
        return _Spanish().vformat(text, (), values).strip()
    except KeyError as error:
        raise ValueError(f"usa {{{error.args[0]}}}, que no está en sus valores.") from None
    except (IndexError, ValueError) as error:
        raise ValueError(f"tiene una llave suelta ({error}): escríbela doble, {{{{ o }}}}.") from None
