"""Cómo se corrige un ejercicio: el registro, `check` y las comparaciones que usan los temas.

Un tema (por ejemplo `model.py`) registra sus ejercicios con `@exercise("modelo.1")`: una función que
recibe la respuesta y lanza `Wrong("pista")` si no es correcta; lo que devuelve se muestra al acertar.
Basta con que el módulo esté en esta carpeta: `check` los importa todos.
La pista dice qué pasa y hacia dónde mirar; nunca da la solución.
"""

import importlib
import math
import numbers
import pkgutil

import torch

EXERCISES = {}


class Wrong(Exception):
    """La respuesta no es correcta; el texto es la pista que verá el estudiante."""


class Unsolved(Exception):
    """La respuesta es una función que aún devuelve los puntos suspensivos."""


def exercise(name):
    """Registra la función que corrige el ejercicio `name`."""

    def register(function):
        EXERCISES[name] = function
        return function

    return register


def check(name, answer):
    """Corrige `answer` y lo cuenta en español. No devuelve nada ni lanza errores del estudiante.

    `...` significa «sin resolver», también dentro de una tupla o una lista.
    Errores: `ValueError` si el ejercicio no existe.
    """
    _register_all()
    if name not in EXERCISES:
        topic = str(name).split(".")[0]
        known = [other for other in EXERCISES if other.split(".")[0] == topic]
        topics = dict.fromkeys(other.split(".")[0] for other in EXERCISES)
        there_are = (
            f"Los de ese tema son: {', '.join(known)}" if known else f"Los temas son: {', '.join(topics)}"
        )
        raise ValueError(f"No existe el ejercicio {name!r}. {there_are}.")
    try:
        parts = answer if isinstance(answer, (tuple, list)) else [answer]
        if any(part is ... for part in parts):
            raise Unsolved
        message = EXERCISES[name](answer)
    except Unsolved:
        print(f"○ {name}: sin resolver. Sustituye los puntos suspensivos por tu respuesta.")
    except Wrong as hint:
        print(f"✗ {name}: {hint}")
    except Exception as error:  # un fallo dentro de la función del estudiante también es una respuesta
        reason = str(error).splitlines()[0] if str(error) else "sin más explicación"
        print(f"✗ {name}: tu respuesta dio un error al probarla ({type(error).__name__}: {reason}).")
    else:
        print(f"✓ {name}: {message}")


def _register_all():
    """Importa los temas: cada módulo de esta carpeta registra los suyos."""
    folder = importlib.import_module(__package__).__path__
    for module in pkgutil.iter_modules(folder):
        importlib.import_module(f"{__package__}.{module.name}")


def run(function, *arguments):
    """Llama a la función del estudiante; sin escribir aún (devuelve `...`) es un ejercicio sin resolver."""
    if not callable(function):
        raise Wrong(
            f"se esperaba una función y llegó {type(function).__name__}: pasa su nombre, sin llamarla."
        )
    result = function(*arguments)
    if result is ...:
        raise Unsolved
    return result


def expect_number(answer, expected, hints=(), *, tolerance=1e-4):
    """Exige un número igual a `expected`; `hints` empareja respuestas equivocadas con su pista."""
    if isinstance(answer, torch.Tensor) and answer.numel() == 1:
        answer = answer.item()
    if isinstance(answer, tuple) and len(answer) == 2:
        raise Wrong(
            "se esperaba un número y llegaron dos. En Python los decimales van con punto, no con coma."
        )
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        raise Wrong(f"se esperaba un número y llegó {type(answer).__name__}.")
    answer = answer if isinstance(answer, int) else float(answer)  # también los de NumPy
    if not math.isfinite(answer):
        raise Wrong(f"se esperaba un número finito y llegó {answer}.")
    for wrong, hint in hints:
        if math.isclose(answer, wrong, rel_tol=tolerance, abs_tol=tolerance):
            raise Wrong(hint)
    if not math.isclose(answer, expected, rel_tol=tolerance, abs_tol=tolerance):
        size = "pequeño" if answer < expected else "grande"
        raise Wrong(f"{answer:,} es demasiado {size}. Repasa la cuenta paso a paso.")


def expect_tensor(answer, expected, hints=(), *, tolerance=1e-4):
    """Exige un tensor con la forma y los valores de `expected`; `hints`, como en `expect_number`."""
    if not isinstance(answer, torch.Tensor):
        raise Wrong(f"se esperaba un tensor y llegó {type(answer).__name__}. Créalo con torch.tensor.")
    if answer.shape != expected.shape:
        raise Wrong(f"se esperaba la forma {tuple(expected.shape)} y llegó {tuple(answer.shape)}.")
    answer, expected = answer.detach().double(), expected.double()
    for wrong, hint in hints:
        if wrong.shape == answer.shape and torch.allclose(answer, wrong.double(), atol=tolerance):
            raise Wrong(hint)
    if not torch.allclose(answer, expected, atol=tolerance):
        different = (~torch.isclose(answer, expected, atol=tolerance)).sum().item()
        raise Wrong(f"la forma es correcta, pero {different} de {answer.numel()} números no lo son.")


def expect_choice(answer, right, hints):
    """Exige la opción `right`; `hints` empareja cada opción equivocada con su pista."""
    options = sorted([right, *hints])
    text = str(answer).strip().lower()
    if text not in options:
        came = repr(answer) if isinstance(answer, str) else type(answer).__name__
        raise Wrong(f"se esperaba una de estas opciones: {', '.join(options)}; llegó {came}.")
    if text != right:
        raise Wrong(hints[text])
