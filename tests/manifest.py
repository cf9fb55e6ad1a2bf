"""Lo que sale de `notebooks/lecciones.toml`: las tablas, los enlaces y la cabecera de cada lección.

`python3 curso.py regenerar` lo escribe con `write`; `tests/test_manifest.py` exige que nada falte.
Todo recibe la carpeta del curso, para poder probarlo con una copia.
"""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "notebooks/lecciones.toml"
READY, SOON = "lista", "próximamente"
FIELDS = {
    SOON: {"number", "title", "question", "status"},
    READY: {"number", "title", "question", "status", "file", "minutes", "map", "topic"},
}
TIMES = {60: "una hora", 90: "hora y media"}
# Hasta el punto que cierra el enlace: los del nombre de un archivo no cuentan.
FAREWELL = r"^\*\*Siguiente:\*\* (?:[^.\n(\[]|\[.*?\]\(.*?\)|\(.*?\))*\."
TABLE = re.compile(r"^\| Lección \|.*\n(?:\|.*\n)+", flags=re.M)


@dataclass(frozen=True)
class Lesson:
    """Una lección del manifiesto; las que están «próximamente» no tienen archivo, tiempo, mapa ni tema."""

    number: str
    title: str
    question: str
    status: str
    file: str | None = None
    minutes: int | None = None
    map: tuple = ()
    topic: str | None = None

    @property
    def name(self):
        return f"{self.number} · {self.title}"

    @property
    def ready(self):
        return self.status == READY

    def link(self, folder=""):
        return f"[{self.name}]({folder}{self.file})" if self.ready else self.name


def read(root=ROOT):
    """Las lecciones en orden. Errores: `ValueError` si un campo falta, sobra, se repite o no va en orden."""
    entries = tomllib.loads((root / MANIFEST).read_text(encoding="utf-8"))["lesson"]
    for entry in entries:
        expected = FIELDS.get(entry.get("status"))
        if expected is None or set(entry) != expected:
            raise ValueError(
                f"{MANIFEST}: la lección {entry.get('number')} debe tener los campos "
                f"{sorted(expected or FIELDS[READY])} y status «{READY}» o «{SOON}»; tiene {entry}."
            )
    lessons = [Lesson(**{**entry, "map": tuple(entry.get("map", ()))}) for entry in entries]
    for field in ("number", "title", "file", "topic"):
        values = [getattr(lesson, field) for lesson in lessons if getattr(lesson, field)]
        repeated = sorted({value for value in values if values.count(value) > 1})
        if repeated:
            raise ValueError(f"{MANIFEST}: «{field}» no puede repetirse y se repite {repeated}.")
    numbers = [lesson.number for lesson in lessons]
    if numbers != sorted(numbers):
        raise ValueError(f"{MANIFEST}: las lecciones van en orden y están así: {numbers}.")
    return lessons


def notebooks(root=ROOT):
    """Los cuadernos del curso, en orden: cada lección lista y sus soluciones."""
    files = [lesson.file for lesson in read(root) if lesson.ready]
    return [root / folder / name for folder in ("notebooks", "notebooks/soluciones") for name in files]


# --- Los textos que salen del manifiesto ------------------------------------------------------------


def readme_table(lessons):
    rows = [
        f"| {lesson.link('notebooks/')} | {lesson.minutes} min | {lesson.status} |"
        if lesson.ready
        else f"| {lesson.name} | | {lesson.status} |"
        for lesson in lessons
    ]
    return "\n".join(["| Lección | Tiempo | Estado |", "|---|---|---|", *rows]) + "\n"


def index_table(lessons):
    rows = [
        f"| {lesson.link()} | {lesson.question} | {f'{lesson.minutes} min' if lesson.ready else SOON} |"
        for lesson in lessons
    ]
    return "\n".join(["| Lección | La pregunta | Tiempo |", "|---|---|---|", *rows]) + "\n"


def neighbours(lessons, number):
    """Lo que se lee tras «Anterior» y tras «Siguiente»: un enlace, o None si no la hay."""
    place = [lesson.number for lesson in lessons].index(number)
    return _nearest(lessons[:place][::-1]), _nearest(lessons[place + 1 :])


def _nearest(others):
    ready = next((lesson for lesson in others if lesson.ready), None)
    if not others or others[0] is ready:
        return ready and ready.link()
    meanwhile = f"; mientras tanto, {ready.link()}" if ready else ""
    return f"{others[0].name} ({SOON}){meanwhile}"


def header(text, lesson, lessons):
    """La primera celda de una lección, con su título, su pregunta, su tiempo y sus enlaces.

    Errores: `ValueError` si le falta alguna de esas líneas.
    """
    before, after = neighbours(lessons, lesson.number)
    links = [f"**Anterior:** {before}."] if before else []
    links += [
        f"**Siguiente:** {after or 'de momento, esta es la última'}.",
        "**Todas:** [índice](indice.md).",
    ]
    time = TIMES.get(lesson.minutes, f"{lesson.minutes} minutos")
    for pattern, line in {
        r"^# .*$": f"# {lesson.name}",
        r"^> \*\*.*\*\*$": f"> **{lesson.question}**",
        r"^- \*\*Tiempo:\*\* [^,.\n]*": f"- **Tiempo:** {time}",
        r"^- (\*\*Anterior:\*\*.*)?\*\*Siguiente:\*\*.*$": f"- {' '.join(links)}",
    }.items():
        text, found = re.subn(pattern, lambda _, line=line: line, text, count=1, flags=re.M)
        if not found:
            raise ValueError(f"{lesson.file}: a la primera celda le falta la línea «{line}».")
    return text


def farewell(text, lesson, lessons):
    """El enlace con que acaba una lección; lo que sigue al enlace lo escribe su autor."""
    after = neighbours(lessons, lesson.number)[1]
    start = f"**Siguiente:** {after}." if after else "**Siguiente:** de momento, esta es la última lección."
    return re.sub(FAREWELL, lambda _: start, text, flags=re.M)


def with_table(text, table):
    return TABLE.sub(lambda _: table, text, count=1)


def source_texts(root=ROOT):
    """Cada texto que sale del manifiesto: (archivo, celda o None, el que hay, el que debe haber)."""
    lessons = read(root)
    for name, table in (("README.md", readme_table), ("notebooks/indice.md", index_table)):
        text = (root / name).read_text(encoding="utf-8")
        yield root / name, None, text, with_table(text, table(lessons))
    for lesson in filter(lambda lesson: lesson.ready, lessons):
        path = root / "notebooks" / lesson.file
        if path.is_file():
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            for number, cell in enumerate(cells):
                if cell["cell_type"] == "markdown":
                    text = "".join(cell["source"])
                    change = header if number == 0 else farewell
                    yield path, number, text, change(text, lesson, lessons)


def write(root=ROOT):
    """Escribe en README.md, el índice y los cuadernos lo que sale del manifiesto; lo demás no se toca."""
    for path, cell, old, new in list(source_texts(root)):
        if old == new:
            continue
        if cell is None:
            _replace(path, new)
            continue
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["cells"][cell]["source"] = new.splitlines(keepends=True)
        _replace(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _replace(path, text):
    """Escribe el archivo entero o nada."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
