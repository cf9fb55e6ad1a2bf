"""Cómo se declara y se corrige un ejercicio. Cada tema (por ejemplo, `tensors.py`) declara los suyos.

- `number`: un número. `table`: una lista, una tabla o una forma. `choice`: una letra.
- `@function` decora la solución de referencia, con la que se compara la de quien estudia en varios casos.
- `@exercise` decora la función que corrige todo lo demás: lanza `Wrong` con la pista.
- `@varied` decora una función que declara uno de esos con los números que recibe, para que una semilla los
  cambie. Sin semilla, los de siempre.

Cada pista acompaña a la respuesta equivocada que la merece y nunca da la solución. Basta con que el módulo
esté en esta carpeta: `check` los importa todos. De leer, comparar, ejecutar y contar se ocupa `grading`.
"""

import functools
import importlib
import pkgutil

from gpt_course.exercises import record
from gpt_course.exercises.grading.comparing import ANY
from gpt_course.exercises.grading.drawing import Variants
from gpt_course.exercises.grading.expecting import (
    expect_choice,
    expect_function,
    expect_number,
    expect_table,
    outcomes,
)
from gpt_course.exercises.grading.reading import kind, read_values
from gpt_course.exercises.grading.running import preserved_state, run
from gpt_course.exercises.grading.verdict import Verdict
from gpt_course.exercises.grading.wrong import Unsolved, Wrong

__all__ = ["ANY", "EXERCISES", "Unsolved", "Wrong", "check", "choice", "exercise", "function", "judge"]
__all__ += ["number", "read_values", "run", "table", "varied"]

EXERCISES = {}


# --- Declarar ---------------------------------------------------------------------------------------


def exercise(name, praise):
    """Registra la función que corrige `name` lanzando `Wrong`. `praise` se muestra al acertar."""

    def register(grade):
        grade.name, grade.praise = name, praise
        EXERCISES.setdefault(name, grade)  # una variante no ocupa el lugar del ejercicio de siempre
        return grade

    return register


def number(name, expected, praise, hints=(), **how):
    """Un número. `how`, como en `expect_number`: `decimals`, `unit`, `tolerance`."""
    grade = _declare(name, praise, hints, lambda answer: expect_number(answer, expected, hints, **how))
    grade.right, grade.decimals = expected, how.get("decimals", 0)
    return grade


def table(name, expected, praise, hints=(), **how):
    """Una lista, una tabla o un tensor de números, o de True y False. `how`, como en `expect_table`."""
    grade = _declare(name, praise, hints, lambda answer: expect_table(answer, expected, hints, **how))
    grade.right, grade.decimals = expected, 0
    return grade


def choice(name, right, praise, hints):
    """Una opción entre varias. `hints`: opción equivocada → pista."""
    return _declare(name, praise, hints, lambda answer: expect_choice(answer, right, hints))


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
    return exercise(name, praise)(grade)


def varied(*shown, when=None, also=None, **choices):
    """Decora una función que declara un ejercicio con los valores que recibe, y devuelve lo declarado.

    choices: por cada valor, los posibles; el primero es el de siempre. when: si unos valores sirven juntos.
    shown: los trozos del enunciado y de la celda que los llevan, como "C = {C}" (`grading.drawing`).
    also: lo que además enseñan, calculado con ellos.
    """

    def register(declare):
        variants = Variants(declare, shown, choices, when, also)
        declare(**variants.today).variants = variants
        return declare

    return register


# --- Corregir ---------------------------------------------------------------------------------------


def check(name, answer, semilla=None):
    """Corrige `answer`, lo cuenta en español y lo apunta. No devuelve nada ni lanza errores de quien estudia.

    `...` significa «sin resolver», también dentro de una tupla o una lista. `semilla`: la de los números del
    enunciado, si no son los de siempre. Errores: `ValueError` si el ejercicio no existe.
    """
    verdict = judge(name, answer, semilla)
    others = exercises_of(_topic(name))
    if name in others:
        verdict.text += record.advance(verdict, others, semilla)
    verdict.show()


def judge(name, answer, semilla=None):
    """El `Verdict` de `answer`, como el de `check`, sin enseñarlo ni apuntarlo."""
    grade = grader(name, semilla)
    try:
        with preserved_state():
            if any(part is ... for part in (answer if isinstance(answer, (tuple, list)) else [answer])):
                raise Unsolved
            grade(answer)
    except Unsolved:
        return Verdict("○", name, "sin resolver. Sustituye los puntos suspensivos por tu respuesta.")
    except Wrong as wrong:
        told = enumerate(getattr(grade, "hints", ()), 1)
        hint = next((place for place, (_, text) in told if str(wrong).startswith(text)), None)
        return Verdict("✗", name, str(wrong), hint)
    except Exception as error:  # lo que nadie previó tampoco debe ser un error en inglés
        return Verdict("✗", name, f"no se entiende la respuesta, {kind(answer)} ({type(error).__name__}).")
    return Verdict("✓", name, grade.praise)


def grader(name, semilla=None):
    """Quien corrige `name`, con los números de esa semilla. Errores: `ValueError` si no existe."""
    _register_all()
    if name not in EXERCISES:
        raise ValueError(f"No existe el ejercicio {name!r}. {_there_are(name)}.")
    grade = EXERCISES[name]
    return grade if semilla is None or not hasattr(grade, "variants") else _seeded(name, str(semilla))[1]


def exercises_of(topic):
    """Los ejercicios de un tema, en orden; el de muestra, el `.0`, no es uno de ellos."""
    _register_all()
    found = [name for name in EXERCISES if _topic(name) == topic and not name.endswith(".0")]
    return sorted(found, key=lambda name: int(name.split(".")[1]))


@functools.lru_cache(maxsize=256)
def _seeded(name, seed):
    return EXERCISES[name].variants.draw(name, seed)


def _topic(name):
    return str(name).split(".")[0]


def _there_are(name):
    known = sorted(other for other in EXERCISES if _topic(other) == _topic(name))
    topics = dict.fromkeys(map(_topic, EXERCISES))
    return f"Los de ese tema son: {', '.join(known)}" if known else f"Los temas son: {', '.join(topics)}"


@functools.cache
def _register_all():
    """Importa los temas: cada módulo de esta carpeta, y de `varied`, registra los suyos."""
    for package in (__package__, f"{__package__}.varied"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")
