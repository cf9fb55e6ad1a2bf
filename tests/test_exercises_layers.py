"""Los ejercicios de la lección 04: la solución se acepta; los errores típicos, no, y con su pista."""

import math

import pytest
import torch

from gpt_course.exercises import EXERCISES, check

X = torch.tensor([3.0, 9.0, 11.0, 17.0])


def rms_norm(x):
    return x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + 1e-5)


def layer_norm(x):
    return torch.nn.functional.layer_norm(x, x.shape[-1:])


def broken(x):
    raise KeyError("mal")


RIGHT = {
    "capas.1": [torch.tensor([-1.4, -0.2, 0.2, 1.4]), [-1.4, -0.2, 0.2, 1.4]],
    "capas.2": [6, torch.tensor(6)],
    "capas.3": ["c", " C "],
    "capas.4": [20_488_000],
    "capas.5": [rms_norm, lambda x: torch.nn.functional.rms_norm(x, x.shape[-1:], eps=1e-5)],
    "capas.6": [(1.1 * 0.9) ** 24, 0.7857],
    "capas.7": [1128],
}
WRONG = [
    ("capas.1", X - 10, "falta dividir"),
    ("capas.1", (X - 10) / 25, "entre la varianza"),
    ("capas.1", (X - 10) / X.std(), "C − 1"),
    ("capas.1", X / 5, "sin restar"),
    ("capas.1", torch.tensor([1.4, 0.2, -0.2, -1.4]), "4 de 4"),
    ("capas.1", torch.tensor([[-1.4, -0.2, 0.2, 1.4]]), "forma"),
    ("capas.2", 1, "una sola media"),
    ("capas.2", 2, "por frase"),
    ("capas.2", 3, "por lugar"),
    ("capas.2", 4, "BatchNorm"),
    ("capas.2", 24, "todos los números"),
    ("capas.2", 12, "demasiado grande"),
    ("capas.3", "a", "positivo"),
    ("capas.3", "b", "la media"),
    ("capas.3", "d", "combinar"),
    ("capas.3", "e", "una de estas opciones: a, b, c, d"),
    ("capas.4", 20_480_000, "sesgos"),
    ("capas.4", 10_246_400, "primera capa"),
    ("capas.4", 10_241_600, "segunda capa"),
    ("capas.4", 20_483_200, "4C salidas"),
    ("capas.4", 20_492_800, "no 4C"),
    ("capas.4", 4_722_432, "pequeño"),
    ("capas.4", 983_424_000, "48 bloques"),
    ("capas.4", 20_488_001, "demasiado grande"),
    ("capas.5", layer_norm, "no se resta la media"),
    ("capas.5", lambda x: x / torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5), "la varianza"),
    ("capas.5", lambda x: x / (x.square().mean(-1, keepdim=True) + 1e-5), "raíz"),
    ("capas.5", lambda x: x / torch.sqrt(x.square().sum(-1, keepdim=True) + 1e-5), "promédialos"),
    ("capas.5", lambda x: x / torch.sqrt(x.square().mean() + 1e-5), "todo el tensor"),
    ("capas.5", lambda x: x / torch.sqrt(x.square().mean(0, keepdim=True) + 1e-5), "del lote"),
    ("capas.5", lambda x: x / torch.sqrt(x.square().mean(-1, keepdim=True)), "vector de ceros"),
    ("capas.5", lambda x: x / torch.sqrt(x.square().mean(-1) + 1e-5), "dio un error|no lo son"),
    ("capas.5", lambda x: x, "no lo son"),
    ("capas.6", 1, "no es 1"),
    ("capas.6", 0.1**48, "sin conexión residual"),
    ("capas.6", 1.1**48, "pendiente negativa"),
    ("capas.6", 0.9**48, "pendiente positiva"),
    ("capas.6", 0.99**48, "24 parejas"),
    ("capas.6", 0.5, "demasiado pequeño"),
    ("capas.7", 2256, "dos veces"),
    ("capas.7", 2304, "distintas"),
    ("capas.7", 48, "una sola capa"),
    ("capas.7", 96, "elegir dos"),
    ("capas.7", 2**48, "todos los caminos"),
    ("capas.7", 1176, "consigo misma"),
]
GARBAGE = [None, "texto", [], torch.zeros(3, 3), torch.zeros(0), math.nan, True, broken, {"a": 1}]


def said(capsys, name, answer):
    check(name, answer)
    return capsys.readouterr().out


def test_every_exercise_is_tested(capsys):
    said(capsys, "capas.1", ...)
    assert {name for name in EXERCISES if name.startswith("capas.")} == set(RIGHT)
    assert all(sum(wrong == name for wrong, *_ in WRONG) >= 3 for name in RIGHT)


@pytest.mark.parametrize(("name", "answer"), [(name, right) for name in RIGHT for right in RIGHT[name]])
def test_the_right_answer_is_accepted(capsys, name, answer):
    assert said(capsys, name, answer).startswith(f"✓ {name}: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_a_typical_mistake_gets_its_hint(capsys, name, answer, hint):
    text = said(capsys, name, answer)
    assert text.startswith(f"✗ {name}: ")
    assert any(part in text for part in hint.split("|")), text


@pytest.mark.parametrize("name", RIGHT)
def test_an_unsolved_exercise_is_not_wrong(capsys, name):
    assert said(capsys, name, ...).startswith(f"○ {name}: sin resolver")


def test_a_function_that_is_still_to_be_written_is_unsolved(capsys):
    assert said(capsys, "capas.5", lambda x: ...).startswith("○ capas.5: sin resolver")


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("answer", GARBAGE, ids=lambda value: type(value).__name__)
def test_garbage_is_answered_without_a_traceback(capsys, name, answer):
    text = said(capsys, name, answer)
    assert text.startswith(f"✗ {name}: ") and "Traceback" not in text


def test_the_checker_does_not_give_the_solution(capsys):
    for name, answer, _ in WRONG:
        text = said(capsys, name, answer)
        for solution in ("20488000", "20,488,000", "1128", "0.785", "0,785", "1.4, 0.2"):
            assert solution not in text
