"""`python3 curso.py corregir ENTREGAS --out notas`: corrige los cuadernos de una clase."""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from gpt_course.classroom.grading import handins, report
from gpt_course.classroom.grading.marks import context, mark
from gpt_course.classroom.grading.sandbox import Limits
from gpt_course.classroom.selection import select
from gpt_course.classroom.version import course_version
from gpt_course.command import BadInput, Parser, to_number

EXAMPLE = "python3 curso.py corregir entregas --out notas"
TEXT = (
    "Corrige los cuadernos de una carpeta o de un zip y escribe notas.csv y notas.html. Cada cuaderno se "
    "ejecuta encerrado en su proceso, solo con las celdas que sus ejercicios necesitan; las notas las "
    "deciden fuera de él los correctores de esta copia del curso. Vale lo último que se da a `check`. La "
    "página dice qué barreras tuvieron los cuadernos en este equipo. Ninguna impide que lean archivos tuyos "
    "ni que gasten disco y procesador hasta su plazo. Fuera de Linux hay menos: ahí, corrige con una cuenta "
    "del sistema aparte."
)


def main(arguments):
    """Corrige y escribe las notas. Errores: `BadInput`, con una frase."""
    options = read(arguments)
    limits = Limits(
        _positive(options, "segundos"), _positive(options, "total"), _positive(options, "memoria") * 2**20
    )
    lessons = {lesson.topic: lesson for lesson in select(options.lecciones)}
    found = handins.find(options.entregas)
    if not found:
        raise BadInput(
            f"No hay ningún cuaderno .ipynb en {options.entregas!r}. Comprueba la carpeta y repite la orden."
        )
    folder, start = Path(options.out), time.perf_counter()
    write(folder, {})  # antes de corregir: si no se puede, que se sepa ya
    marks = grade(found, lessons, limits, _positive(options, "procesos"), progress=True)
    write(folder, {"notas.csv": report.to_csv(marks), "notas.html": report.to_html(marks)})
    print(summary(marks, folder, time.perf_counter() - start))


def read(arguments):
    parser = Parser("curso.py corregir", TEXT, EXAMPLE)
    parser.add("entregas", metavar="ENTREGAS", help="una carpeta, un zip o un cuaderno")
    parser.add("--out", default="notas", help="carpeta en la que se escriben las notas (de serie, notas)")
    parser.add("--lecciones", help="solo estas, como 02 o 00-07 (de serie, todas)")
    parser.add("--segundos", default="10", help="los de procesador que puede gastar una celda (de serie, 10)")
    parser.add("--total", default="60", help="los que puede gastar un cuaderno entero (de serie, 60)")
    parser.add("--memoria", default="2048", help="MiB que puede pedir un cuaderno (de serie, 2048)")
    parser.add(
        "--procesos", default=str(os.cpu_count() or 1), help="cuántos a la vez (de serie, los del equipo)"
    )
    options = parser.read(arguments)
    if not Path(options.entregas).exists():
        raise BadInput(
            f"Se esperaba una carpeta, un zip o un cuaderno con las entregas; {options.entregas!r} no existe."
        )
    return options


def _positive(options, name):
    number = to_number(name, getattr(options, name), int)
    if number < 1:
        raise BadInput(f"`--{name}` debe ser 1 o más; llegó {number}.")
    return number


def grade(found, lessons, limits, workers, *, progress=False):
    """Las notas de cada entrega, en el mismo orden."""
    processes, version = context(), course_version()
    pool = ThreadPoolExecutor(workers)  # cada hilo solo espera a su proceso
    try:
        tasks = pool.map(lambda handin: mark(handin, lessons, version, limits, processes), found)
        marks = list(tqdm(tasks, total=len(found), unit="entrega", disable=not progress, file=sys.stderr))
    finally:
        pool.shutdown(cancel_futures=True)
    _warn_of_repeated(marks)
    return marks


def _warn_of_repeated(marks):
    """Dos entregas de la misma persona y lección se corrigen las dos, y se avisa."""
    kept = {}
    for each in marks:
        if each.lesson:
            kept.setdefault((each.handin.student.casefold(), each.lesson.number), []).append(each)
    for repeated in kept.values():
        for each in repeated if len(repeated) > 1 else ():
            each.notices += (
                f"{each.handin.student} tiene {len(repeated)} entregas de esta lección: elige cuál vale.",
            )


def write(folder, texts):
    """Escribe {nombre: texto} en una carpeta, cada archivo entero o nada. Errores: `BadInput`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".notas-") as partial:
            for name, text in texts.items():
                (Path(partial) / name).write_text(text, encoding="utf-8", errors="replace", newline="\n")
                (Path(partial) / name).replace(folder / name)
    except OSError as error:
        raise BadInput(
            f"`--out` espera una carpeta en la que se pueda escribir; llegó {str(folder)!r} "
            f"({error.strerror}). Elige otra."
        ) from None


def summary(marks, folder, seconds):
    graded = [each for each in marks if each.rows]
    solved, total = sum(each.solved for each in graded), sum(len(each.rows) for each in graded)
    return (
        f"{len(marks)} entregas en {seconds:.0f} s: {len(graded)} corregidas, con {solved} ejercicios "
        f"resueltos de {total}, y {len(marks) - len(graded)} sin corregir, con su motivo.\n"
        f"Las notas están en {folder / 'notas.csv'} y {folder / 'notas.html'}."
    )
