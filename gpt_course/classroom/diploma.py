"""`python3 curso.py diploma`: una página con las lecciones superadas, y si pertenece a una entrega.

No lleva firma, y lo dice: la huella ata la página a unas respuestas que los correctores dieron por buenas,
no a quien las escribió.
"""

import contextlib
import hashlib
import json
import os
import unicodedata
from datetime import date
from pathlib import Path

from gpt_course.classroom.grading import notebook
from gpt_course.classroom.grading.command import grade
from gpt_course.classroom.grading.sandbox import Limits
from gpt_course.classroom.selection import select
from gpt_course.classroom.sheet import page, read_page
from gpt_course.classroom.version import course_version
from gpt_course.command import BadInput, Parser
from gpt_course.exercises.lessons import ROOT

EXAMPLE = 'python3 curso.py diploma --nombre "Ana Pérez"'
TEXT = (
    "Vuelve a corregir los cuadernos de esta copia y escribe una página, que se imprime en una hoja, con las "
    "lecciones superadas: las que tienen todos sus ejercicios resueltos. No lleva firma. Quien enseña "
    "comprueba si es de una entrega con `python3 curso.py corregir --diploma diploma.html ENTREGA`; no puede "
    "comprobar quién escribió las respuestas, con qué ayuda ni cuándo."
)
LIMITS = Limits(cell=10, total=60, memory=2**31)
LONGEST_NAME = 80


def main(arguments):
    """Escribe el diploma; 1 si todavía no hay ninguna lección superada. Errores: `BadInput`."""
    parser = Parser("curso.py diploma", TEXT, EXAMPLE)
    parser.add("--nombre", help="el que se lee en el diploma (de serie, el escrito en los cuadernos)")
    parser.add("--lecciones", metavar="NN-NN", help="solo estas, como 02 o 00-07 (de serie, todas)")
    parser.add("--out", default="diploma.html", help="la página que se escribe (de serie, diploma.html)")
    options = parser.read(arguments)
    lessons = select(options.lecciones)
    found = [_hand_in(lesson) for lesson in lessons]
    name = _name(options.nombre, found)
    marks = grade(found, {each.topic: each for each in lessons}, LIMITS, os.cpu_count() or 1, progress=True)
    data = describe(name, date.today().isoformat(), _version(found), marks)
    passed = [lesson for lesson in data["lessons"] if lesson["solved"] == lesson["total"]]
    for line in _pending(marks):
        print(line)
    if not passed:
        print(
            "Todavía no hay ninguna lección con todos sus ejercicios resueltos, y el diploma no se escribe."
        )
        return 1
    _write(Path(options.out), page(data))
    count = "1 lección superada" if len(passed) == 1 else f"{len(passed)} lecciones superadas"
    print(f"{count}. El diploma está en {options.out}; su huella, {data['digest']}.")
    return 0


def _pending(marks):
    """Una línea por cada lección empezada: qué ejercicios le faltan y por qué."""
    for each in marks:
        if each.handin.reason:
            yield f"{each.handin.path} {each.handin.reason}"
        left = [row for row in each.rows if row.sign != "✓"]
        if each.solved and left:
            told = "; ".join(f"{row.exercise}: {row.text}" for row in left)
            yield f"{each.lesson.number}, {each.solved} de {len(each.rows)}. Falta {told}"


def _hand_in(lesson):
    path = ROOT / "notebooks" / lesson.file
    try:
        content = path.read_bytes()
    except OSError as error:
        content = f"no se puede leer ({error.strerror})."
    return notebook.read(lesson.file, content)


def _name(given, found):
    stems = {Path(each.path).stem for each in found}
    written = [each.student for each in found if each.student not in stems]
    name = unicodedata.normalize("NFC", given if given is not None else next(iter(written), "")).strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        came = "no llegó ninguno" if not name else f"llegó {name[:LONGEST_NAME]!r}"
        raise BadInput(
            f"`--nombre` espera un nombre de 1 a {LONGEST_NAME} letras; {came}. Por ejemplo: {EXAMPLE}"
        )
    return name


def _version(found):
    """La del curso del que salieron los cuadernos: un paquete del alumno la lleva escrita en ellos."""
    written = {each.metadata["version"] for each in found if each.metadata.get("version")}
    return written.pop() if len(written) == 1 else course_version()


def _write(path, text):
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        raise BadInput(
            f"`--out` espera un archivo que se pueda escribir; {str(path)!r} no se puede ({error.strerror})."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


# --- Lo que dice un diploma y si es de una entrega --------------------------------------------------


def describe(name, day, version, marks):
    """Los datos de un diploma: lo que se lee en él, la huella de cada respuesta resuelta y la de todo."""
    graded = sorted((each for each in marks if each.lesson), key=lambda each: each.lesson.number)
    lessons = [
        {
            "number": each.lesson.number,
            "title": each.lesson.title,
            "solved": each.solved,
            "total": len(each.rows),
        }
        for each in graded
    ]
    answers = {row.exercise: _answer(row) for each in graded for row in each.rows if row.sign == "✓"}
    data = {"name": name, "date": day, "version": version, "lessons": lessons, "answers": answers}
    return {**data, "digest": digest(data)}


def digest(data):
    """La huella de todo lo demás que dice un diploma."""
    rest = {key: value for key, value in data.items() if key != "digest"}
    return _hash(json.dumps(rest, sort_keys=True, ensure_ascii=False))


def _answer(row):
    """La huella de una respuesta: su código, sin los espacios que no se ven, y su semilla."""
    lines = [line.rstrip() for line in row.answer.strip().splitlines()]
    return _hash("\n".join([row.seed, *lines]))


def _hash(text):
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def verify(path, marks):
    """(si el diploma es de la entrega de esas notas, por qué). Errores: `BadInput` si no es un diploma."""
    text, data = read_page(Path(path))
    if data["digest"] != digest(data) or text != page(data):
        return False, "No vale: la página está retocada, y lo que se lee no es lo que dice su huella."
    solved, there = {}, set()
    for row in (row for each in marks for row in each.rows):
        there.add(row.exercise)
        if row.sign == "✓":
            solved.setdefault(row.exercise, set()).add(_answer(row))
    reasons = {}
    for exercise, answer in data["answers"].items():
        if answer not in solved.get(exercise, ()):
            missing = "no están en ella" if exercise not in there else "no salen resueltos"
            reason = "tienen otra respuesta" if exercise in solved else missing
            reasons.setdefault(reason, []).append(exercise)
    who = f"el diploma de {data['name']} ({data['date']}), con {len(data['answers'])} respuestas"
    if reasons:
        told = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in reasons.items())
        return False, f"No es de esta entrega {who}. De sus ejercicios, {told}.{_other_version(data)}"
    return True, (
        f"Es de esta entrega {who}: todas están en ella y aquí también se dan por buenas. No dice quién las "
        f"escribió, con qué ayuda ni cuándo.{_other_version(data)}"
    )


def _other_version(data):
    here = course_version()
    same = data["version"] == here
    return "" if same else f" El diploma es de otra versión del curso ({data['version']}, y esta es {here})."
