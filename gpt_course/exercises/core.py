"""Cómo se declara y se corrige un ejercicio. Cada tema (por ejemplo, `tensors.py`) declara los suyos.

- `number`: un número. `table`: una lista, una tabla o una forma. `choice`: una letra.
- `@function` decora la solución de referencia, con la que se compara la de quien estudia en varios casos.
- `@exercise` decora la función que corrige todo lo demás: lanza `Wrong` con la pista.

Cada pista acompaña a la respuesta equivocada que la merece y nunca da la solución. Basta con que el módulo
esté en esta carpeta: `check` los importa todos. De leer, comparar, ejecutar y contar se ocupa `grading`.
"""

import functools
import importlib
import pkgutil

from gpt_course.exercises.grading.comparing import ANY
from gpt_course.exercises.grading.expecting import (
    expect_choice,
    expect_function,
    expect_number,
    expect_table,
    outcomes,
)
from gpt_course.exercises.grading.progress import advance
from gpt_course.exercises.grading.reading import kind, read_values
from gpt_course.exercises.grading.running import preserved_state, run
from gpt_course.exercises.grading.verdict import Verdict
from gpt_course.exercises.grading.wrong import Unsolved, Wrong

__all__ = ["ANY", "EXERCISES", "Unsolved", "Wrong", "check", "choice", "exercise", "function", "number"]
__all__ += ["read_values", "run", "table"]

EXERCISES = {}


# --- Declarar ---------------------------------------------------------------------------------------


def exercise(name, praise):
    """Registra la función que corrige `name` lanzando `Wrong`. `praise` se muestra al acertar."""

    def register(grade):
        grade.praise, EXERCISES[name] = praise, grade
        return grade

    return register


def number(name, expected, praise, hints=(), **how):
    """Un número. `how`, como en `expect_number`: `decimals`, `unit`, `tolerance`."""
    _declare(name, praise, hints, lambda answer: expect_number(answer, expected, hints, **how))


def table(name, expected, praise, hints=(), **how):
    """Una lista, una tabla o un tensor de números, o de True y False. `how`, como en `expect_table`."""
    _declare(name, praise, hints, lambda answer: expect_table(answer, expected, hints, **how))


def choice(name, right, praise, hints):
    """Una opción entre varias. `hints`: opción equivocada → pista."""
    _declare(name, praise, hints, lambda answer: expect_choice(answer, right, hints))


def function(name, praise, cases, hints=(), *, tolerance=1e-5):
    """Decora la solución de referencia. La del estudiante debe dar lo mismo en todos los casos.

    `cases`: lista de tuplas de argumentos, o función que las da a partir de un generador de azar propio.
    El primer caso, el más fácil de seguir con lápiz. `hints`: parejas (función equivocada, pista).
    """

    def register(reference):
        prepared = functools.cache(lambda: outcomes(reference, cases, hints))
        _declare(
            name, praise, hints, lambda answer: expect_function(answer, *prepared(), tolerance=tolerance)
        )
        return reference

    return register


def _declare(name, praise, hints, grade):
    grade.hints = list(hints.items() if isinstance(hints, dict) else hints)
    exercise(name, praise)(grade)


# --- Corregir ---------------------------------------------------------------------------------------


def check(name, answer):
    """Corrige `answer` y lo cuenta en español. No devuelve nada ni lanza errores de quien estudia.

    `...` significa «sin resolver», también dentro de una tupla o una lista.
    Errores: `ValueError` si el ejercicio no existe.
    """
    _register_all()
    if name not in EXERCISES:
        raise ValueError(f"No existe el ejercicio {name!r}. {_there_are(name)}.")
    _verdict(name, answer).show()


def _verdict(name, answer):
    try:
        with preserved_state():
            if any(part is ... for part in (answer if isinstance(answer, (tuple, list)) else [answer])):
                raise Unsolved
            EXERCISES[name](answer)
    except Unsolved:
        return Verdict("○", name, "sin resolver. Sustituye los puntos suspensivos por tu respuesta.")
    except Wrong as hint:
        return Verdict("✗", name, str(hint))
    except Exception as error:  # lo que nadie previó tampoco debe ser un error en inglés
        return Verdict("✗", name, f"no se entiende la respuesta, {kind(answer)} ({type(error).__name__}).")
    topic = name.split(".")[0]
    others = [other for other in EXERCISES if other.split(".")[0] == topic and not other.endswith(".0")]
    return Verdict("✓", name, EXERCISES[name].praise + (advance(name, others) if name in others else ""))


def _there_are(name):
    topic = str(name).split(".")[0]
    known = [other for other in EXERCISES if other.split(".")[0] == topic]
    topics = dict.fromkeys(other.split(".")[0] for other in EXERCISES)
    return f"Los de ese tema son: {', '.join(known)}" if known else f"Los temas son: {', '.join(topics)}"


@functools.cache
def _register_all():
    """Importa los temas: cada módulo de esta carpeta registra los suyos."""
    folder = importlib.import_module(__package__).__path__
    for module in pkgutil.iter_modules(folder):
        importlib.import_module(f"{__package__}.{module.name}")
