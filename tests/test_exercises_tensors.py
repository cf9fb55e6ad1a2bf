"""Los ejercicios de la lección 00 aceptan la solución y rechazan los errores habituales con su pista."""

import pytest
import torch

from gpt_course.exercises import EXERCISES, check


def weighted_mean(values, weights):
    return weights @ values / weights.sum()


def fails(*arguments):
    raise IndexError("fuera de la tabla")


TABLE = torch.tensor([[11, 12, 13], [21, 22, 23]])
RIGHT = {
    "bienvenida.0": [6, 6.0, torch.tensor(6)],
    "bienvenida.1": [[2, 5], (2, 5), torch.Size([2, 5])],
    "bienvenida.2": ["b", " B "],
    "bienvenida.3": [TABLE, TABLE.float()],
    "bienvenida.4": [-18, -18.0, torch.tensor(-18.0)],
    "bienvenida.5": [6, 6.0],
    "bienvenida.6": [weighted_mean, lambda v, w: (v * w[:, None]).sum(0) / w.sum()],
}
WRONG = [
    ("bienvenida.0", 5, "has sumado"),
    ("bienvenida.0", 3, "demasiado pequeño"),
    ("bienvenida.0", 8, "demasiado grande"),
    ("bienvenida.1", [3, 3], "los dos tamaños de dentro"),
    ("bienvenida.1", [5, 2], "al revés"),
    ("bienvenida.1", [2, 3, 5], "dos tamaños, no tres"),
    ("bienvenida.1", [6, 15], "no se multiplican"),
    ("bienvenida.1", [7, 7], "no es esa"),
    ("bienvenida.2", "a", "no puede guardar"),
    ("bienvenida.2", "c", "NumPy"),
    ("bienvenida.2", "d", "convierte"),
    ("bienvenida.3", TABLE.T, "tumbada"),
    ("bienvenida.3", torch.tensor([11, 22]), "dos dimensiones"),
    ("bienvenida.3", torch.tensor([[10, 20, 30], [20, 40, 60]]), "has multiplicado"),
    ("bienvenida.3", TABLE + 1, "6 de 6"),
    ("bienvenida.4", 9, "el valor de la función"),
    ("bienvenida.4", -6, "interior"),
    ("bienvenida.4", 18, "sube o baja"),
    ("bienvenida.4", -9, "exponente"),
    ("bienvenida.5", 6.291456, "MB"),
    ("bienvenida.5", 1.5, "bytes ocupa"),
    ("bienvenida.5", 48, "bits"),
    ("bienvenida.5", 3, "dos bytes"),
    ("bienvenida.5", 6291456, "esos son los bytes"),
    ("bienvenida.6", lambda v, w: w @ v, "falta dividir"),
    ("bienvenida.6", lambda v, w: w @ v / len(w), "número de filas"),
    ("bienvenida.6", lambda v, w: v.mean(0), "media corriente"),
    ("bienvenida.6", lambda v, w: v.sum(1), "uno por columna"),
    ("bienvenida.6", lambda v, w: w @ v / 4, "no lo son"),  # acierta solo con el primer ejemplo
]


def said(capsys, name, answer):
    check(name, answer)
    return capsys.readouterr().out


@pytest.mark.parametrize(("name", "answer"), [(name, a) for name, answers in RIGHT.items() for a in answers])
def test_accepts_the_solution(capsys, name, answer):
    assert said(capsys, name, answer).startswith(f"✓ {name}: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_rejects_the_usual_mistakes_with_their_hint(capsys, name, answer, hint):
    text = said(capsys, name, answer)
    assert text.startswith(f"✗ {name}: ") and hint in text


@pytest.mark.parametrize("name", RIGHT)
def test_an_empty_answer_is_unsolved(capsys, name):
    assert said(capsys, name, ...).startswith("○")


def test_an_empty_function_is_unsolved(capsys):
    assert said(capsys, "bienvenida.6", lambda values, weights: ...).startswith("○")


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("garbage", [None, "texto", torch.zeros(7, 7), fails, lambda v, w: None, [None]])
def test_garbage_is_answered_without_a_traceback(capsys, name, garbage):
    text = said(capsys, name, garbage)
    assert text.startswith(f"✗ {name}: ") and "Traceback" not in text


def test_every_exercise_of_the_topic_is_tested(capsys):
    check("bienvenida.0", ...)
    assert {name for name in EXERCISES if name.startswith("bienvenida.")} == set(RIGHT)
