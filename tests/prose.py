"""Los números de los textos: leerlos como se escriben en español y buscarlos en lo que muestran las celdas.

Cada número de un texto está, redondeado a sus cifras, en una salida o en el código de su cuaderno, o dentro
de un fragmento de `tests/citas.toml` (lo que se cita y los datos que se dan, con su fuente). Como un 2 o un
12 están en cualquier cuaderno, eso no basta para los números de una a tres cifras: van además anotados, celda
a celda, en `tests/numeros.toml`. Quien cambia uno lo repasa y los anota con `python tests/prose.py`.
"""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import manifest
from answers import DECLARED

ROOT = Path(__file__).resolve().parent.parent
CITED, NOTED = ROOT / "tests" / "citas.toml", ROOT / "tests" / "numeros.toml"
THIN = "\u202f"
EXPONENTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
SCALES = {"mil": 1e3, "millones": 1e6, "billones": 1e12}
LINK = re.compile(r"\]\([^)]*\)|<[^>]+>")  # los destinos los comprueba otra prueba
# Una palabra con cifras: GPT-2, float32, Qwen2.5. Solo valen las que citas.toml conoce.
NAME = re.compile(r"(?<![\w.])[^\W\d_]+[-_]?\d+(?:\.\d+)*(?:[-_]?\w+)*")
# 50 257 · 163,009,536 · 0,3613 · 2²⁰ · 163 millones · C²
NUMBER = re.compile(
    rf"(?P<whole>\d+(?:{THIN}\d{{3}}|,\d{{3}}(?=,\d{{3}}))*)(?P<rest>(?:(?:[.,]|\{{,\}})\d+)*)(?P<power>[⁻⁰¹²³⁴-⁹]*)"
    rf"(?:[ \u00a0{THIN}](?P<scale>mil|millones|billones)\b)?|[⁻⁰¹²³⁴-⁹]+"
)
PRINTED = re.compile(r"\d[\d,_]*(?:\.\d+)?(?:e[-+]?\d+)?")
# Lo que ordena y remite no sale de ninguna cuenta: apartados, listas, ejercicios, figuras y lecciones.
ORDER = re.compile(
    r"^#+ \d+[a-z]?\. |^(?:> )?\d+\. |^\*\*\d+\. ★+|[01]\d · [\wÁÉÍÓÚ]|\*\*Tiempo:\*\* \d+"
    r"|[Ff]iguras? \d+\.\d+(?:,? (?:y|a) \d+\.\d+)?|(?:apartado|ejercicio)s? \d+(?:\.\d+)?"
    r"|\blecci(?:ón|ones) \[?[01]\d(?:(?:,| y| a) [01]\d)*\b|\bla \[?[01]\d\b|\([01]\d\)",
    flags=re.M,
)


@dataclass(frozen=True)
class Number:
    """Un número de un texto: cómo está escrito, dónde, su valor y el de una unidad de su última cifra."""

    text: str
    start: int
    value: float
    unit: float

    @property
    def digits(self):
        return len(re.sub(r"\D", "", self.text).lstrip("0"))


def numbers(text):
    """Los números de un texto y las palabras con cifras que lleva, sin los destinos de los enlaces."""
    blank = LINK.sub(lambda match: " " * len(match[0]), text)
    names = [(match[0], match.start()) for match in NAME.finditer(blank)]
    blank = NAME.sub(lambda match: " " * len(match[0]), blank)
    return [_read(match) for match in NUMBER.finditer(blank)], names


def _read(match):
    if not match["whole"]:  # el exponente de una letra: C²
        return Number(match[0], match.start(), float("nan"), 0.0)
    whole, rest = re.sub(rf"[{THIN},]", "", match["whole"]), re.sub(r"[{}]", "", match["rest"])
    if "," in match["whole"] or rest.count(",") > 1:  # millares de Python
        whole, rest = whole + re.sub(r"[.,]", "", rest), ""
    decimals = re.sub(r"[.,]", "", rest)
    value, unit = float(f"{whole}.{decimals or 0}"), 10.0 ** -len(decimals)
    if match["power"]:
        exponent = int(match["power"].translate(EXPONENTS).rstrip("-") or 1)
        value, unit = (value**exponent if abs(exponent) < 300 and value else 0.0), 0.0
    scale = SCALES.get(match["scale"], 1)
    if scale > 1 and not decimals:  # 17 700 millones está redondeado a centenas de millón
        unit = 10.0 ** (len(whole) - len(whole.rstrip("0")))
    return Number(match[0], match.start(), value * scale, unit * scale)


def printed(text):
    """Los números de una salida o de un código de Python: (valor, cuántas cifras decimales)."""
    found = set()
    for match in PRINTED.finditer(text):
        digits = match[0].replace("_", "").rstrip(",")
        for piece in {digits.replace(",", ""), *digits.split(",")}:
            found.add((float(piece), len(piece.partition("e")[0].partition(".")[2])))
    return found


def matches(number, pool):
    """¿Está el número en `pool`, redondeado a sus cifras? También en tanto por ciento o en millones."""
    for value, decimals in pool:
        for shown in (value, 100 * value, value / 1e6):
            if abs(shown - number.value) <= 1e-12 * max(1, number.value):
                return True
            if (decimals or number.unit > 1 or shown < value) and abs(
                shown - number.value
            ) <= number.unit * 0.5000001:
                return True
    return False


# --- Los cuadernos ----------------------------------------------------------------------------------


def shown(cell):
    """Lo que enseña una celda de código: su texto y sus salidas."""
    outputs = [
        "".join(out.get("text") or out.get("data", {}).get("text/plain") or out.get("evalue", ""))
        for out in cell["outputs"]
    ]
    return "\n".join(["".join(cell["source"]), *outputs])


def checkers(root=ROOT):
    """El código que corrige cada tema: contiene los datos de los enunciados."""
    sources = {}
    for path in sorted((root / "gpt_course/exercises").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for topic in {topic for topic, _ in DECLARED.findall(source)}:
            sources[topic] = sources.get(topic, "") + source
    return sources


def texts(cells):
    """Las celdas de texto de un cuaderno, por su identificador."""
    return {cell["id"]: "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"}


def pool(*notebooks, checker=""):
    """Los números que muestran unos cuadernos (sus celdas) y los que contiene el código que corrige.

    Una celda que no se compara no vale: lo que enseña depende del equipo o de quien la llena.
    """
    code = [cell for cells in notebooks for cell in cells if cell["cell_type"] == "code"]
    compared = [cell for cell in code if "nbval-ignore-output" not in cell["metadata"].get("tags", [])]
    return set().union(printed(checker), *(printed(shown(cell)) for cell in compared))


def cited(name):
    """Los fragmentos declarados que valen en un archivo, y las palabras con cifras."""
    data = tomllib.loads(CITED.read_text(encoding="utf-8"))
    groups = [group for group in data["cita"] if group["en"] in ("todos", name)]
    return [text for group in groups for text in group["textos"]], set(data["nombres"])


def loose(text, pool, fragments, names):
    """Los números y las palabras con cifras de un texto que no salen de ninguna parte."""
    found, words = numbers(text)
    spans = [match.span() for part in fragments for match in re.finditer(re.escape(part), text)]
    spans += [match.span() for match in ORDER.finditer(text)]
    for number in found:
        covered = any(a <= number.start and number.start + len(number.text) <= b for a, b in spans)
        if not covered and number.value == number.value and not matches(number, pool):
            yield number.text, text[max(0, number.start - 40) : number.start + len(number.text) + 20]
    for word, start in words:
        if word not in names and not any(a <= start and start + len(word) <= b for a, b in spans):
            yield word, text[max(0, start - 40) : start + len(word) + 20]


def short_numbers(text):
    """Los números de una a tres cifras de un texto, en orden, como se anotan."""
    return " ".join(number.text.replace(THIN, " ") for number in numbers(text)[0] if number.digits <= 3)


def note():
    """Anota en `tests/numeros.toml` los números cortos de cada celda de texto."""
    lines = ["# Los números de una a tres cifras de cada celda de texto. Lo escribe `python tests/prose.py`."]
    for path in manifest.notebooks():
        lines.append(f'\n["{path.relative_to(ROOT).as_posix()}"]')
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        notes = {cell: short_numbers(text) for cell, text in texts(cells).items()}
        lines += [f'"{cell}" = "{short}"' for cell, short in notes.items() if short]
    NOTED.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    note()
    print(f"Anotados en {NOTED.relative_to(ROOT)}. Repásalos: git diff {NOTED.relative_to(ROOT)}")
