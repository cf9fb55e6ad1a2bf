"""De una entrega a sus notas: una fila por ejercicio, con el motivo de las que no se pudieron dar."""

import contextlib
import multiprocessing
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace

from gpt_course.classroom.grading import referee
from gpt_course.classroom.grading.slicing import checks, needed
from gpt_course.exercises.core import exercises_of

PRELOADED = [referee.__name__, "matplotlib.backends.backend_agg", "matplotlib.pyplot", "numpy"]
NOTHING = "○"
SOLVED = "✓"
COPIED = "gpt_course.exercises."


@dataclass
class Row:
    """Una nota. sign: ✓, ✗, ○ (sin resolver) o «!» si no hay nota; text: por qué."""

    exercise: str
    sign: str
    text: str
    seen: str = ""  # lo último que vio quien estudia
    tries: str = ""
    when: str = ""
    seed: str = ""
    answer: str = ""


@dataclass
class Marks:
    """Las notas de una entrega. notices: lo que conviene que mire quien enseña."""

    handin: object
    lesson: object = None
    rows: tuple = ()
    notices: tuple = ()
    barriers: tuple = ()

    @property
    def solved(self):
        return sum(row.sign == SOLVED for row in self.rows)


def context():
    """Cómo nacen los procesos: en Linux, de uno con todo cargado; en los demás, nuevos."""
    os.environ["PYTHONHASHSEED"] = "0"  # el orden de un conjunto no cambia de una corrección a otra
    os.environ["OMP_NUM_THREADS"] = "1"
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOADED)
    return found


def mark(handin, lessons, version, limits, processes):
    """Las notas de una entrega. lessons: tema → lección de las que se corrigen."""
    if handin.reason:
        return Marks(handin)
    topics = Counter(name.split(".")[0] for code in handin.codes for name in checks(code))
    topic = topics.most_common(1)[0][0]
    if topic not in lessons:
        wanted = ", ".join(lesson.number for lesson in lessons.values())
        return Marks(
            replace(handin, reason=f"sus ejercicios son de «{topic}», y se corrige la lección {wanted}.")
        )
    names = exercises_of(topic)
    found = _attempts(handin.codes, names, limits, processes)
    rows = tuple(_row(name, handin, found) for name in names)
    return Marks(
        handin, lessons[topic], rows, tuple(_notices(handin, version, rows)), tuple(found["barriers"])
    )


def _attempts(codes, names, limits, processes):
    """Lo que da la entrega. Si una celda acaba con el proceso, se vuelve a empezar sin ella."""
    found, left, end = (
        {"verdicts": {}, "errors": {}, "barriers": []},
        set(needed(codes, names)),
        time.monotonic(),
    )
    end += referee.BUSY * limits.total
    while left:
        pending = [name for name in names if name not in found["verdicts"]]
        cells = [
            (place, codes[place], bool(checks(codes[place])))
            for place in needed(codes, pending)
            if place in left
        ]
        seconds = int(end - time.monotonic()) // referee.BUSY
        if not cells or not any(exercise for *_, exercise in cells):
            break
        if seconds < 1:
            found["errors"] |= {
                cell: f"se acabaron los {limits.total} s que tiene una entrega." for cell, *_ in cells
            }
            break
        one = _attempt(cells, names, replace(limits, total=seconds), processes)
        if one is None:
            found["errors"] |= {
                cell: "no se pudo corregir: alguna respuesta detiene a quien corrige." for cell, *_ in cells
            }
            break
        found["verdicts"] |= {name: one["verdicts"][name] for name in pending if name in one["verdicts"]}
        found["errors"] |= one["errors"]
        found["barriers"] = one["barriers"] or found["barriers"]
        if one["stopped"] is None:
            break
        cell, reason = one["stopped"]
        found["errors"][cell] = reason
        left.discard(cell if cell is not None else cells[0][0])
    return found


def _attempt(cells, names, limits, processes):
    """Lo que devuelve `referee.main` en un proceso nuevo, o None si se detuvo o no contesta."""
    ours, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=referee.main, args=(theirs, cells, names, limits))
    process.start()
    theirs.close()
    with contextlib.suppress(EOFError, OSError), ours:
        try:
            return ours.recv() if ours.poll(referee.BUSY * limits.total + 4 * referee.GRACE) else None
        finally:
            process.kill()
            process.join()
    return None


def _row(name, handin, found):
    places = [place for place, code in enumerate(handin.codes) if name in checks(code)]
    answer = "\n\n".join(handin.codes[place] for place in places)
    events = [event for event in handin.record if event["exercise"] == name]
    last = events[-1] if events else {}
    row = Row(name, "!", "", handin.seen.get(name, ""), answer=answer)
    row.seen = row.seen or last.get("message", "")
    row.tries, row.when = str(len(events)) if handin.record else "", last.get("when", "")
    if name in found["verdicts"]:
        row.sign, row.text, row.seed = found["verdicts"][name]
    elif not places:
        row.text = "falta la celda de este ejercicio, o ya no llama a `check` con su nombre."
    else:
        errors = [found["errors"][place] for place in places if place in found["errors"]]
        row.text = errors[-1] if errors else "la celda no llegó a llamar a `check`."
    return row


def _notices(handin, version, rows):
    """Lo que no cambia la nota y conviene mirar."""
    theirs = handin.metadata.get("version")
    if theirs and theirs != version:
        yield f"es de otra versión del curso ({theirs}, y esta es {version}): repasa sus notas."
    seeds = {row.seed for row in rows if row.seed}
    given = handin.metadata.get("semilla", "")
    if seeds - {given}:
        other = ", ".join(sorted(seeds - {given}))
        yield f"corrige con la semilla «{other}», y su cuaderno nació con «{given}»."
    if any(COPIED in row.answer for row in rows):
        yield "nombra `gpt_course.exercises`, donde están las soluciones de referencia: mira si las copia."
