"""Los ejercicios de la lección 03: la solución se acepta, los errores típicos se rechazan con su pista."""

import math

import pytest
import torch

from gpt_course.exercises import EXERCISES, check

LN2 = math.log(2)
SCORES = LN2 * torch.tensor([[0.0, 3.0, 1.0], [0.0, 2.0, 5.0], [2.0, 0.0, 1.0]])
BY_HAND = torch.tensor([[1, 0, 0], [1 / 5, 4 / 5, 0], [4 / 7, 1 / 7, 2 / 7]])
FUTURE = torch.ones(3, 3, dtype=torch.bool).triu(1)


def ones(size):
    return torch.ones(size, size, dtype=torch.bool)


def window_mask(size, window):
    """Escrita de otra manera que en el corrector: casilla a casilla."""
    return torch.tensor(
        [[column > row or row - column >= window for column in range(size)] for row in range(size)]
    )


def two_rows(first, second):
    return torch.tensor([first, second])


RIGHT = [
    ("atencion.1", torch.tensor([2.0, 3.0, 5.0])),
    ("atencion.1", torch.tensor([2, 3, 5])),
    ("atencion.2", (2, 3, 6, 4)),
    ("atencion.2", [2, 3, 6, 4]),
    ("atencion.2", torch.zeros(2, 3, 6, 4).shape),
    ("atencion.3", BY_HAND),
    ("atencion.3", BY_HAND.round(decimals=3)),
    ("atencion.4", math.sqrt(128)),
    ("atencion.4", 11.31),
    ("atencion.5", 9216),
    ("atencion.5", 9216.0),
    ("atencion.6", two_rows([0.5, 0.5, 0.0], [0.0, 0.5, 0.5])),
    ("atencion.6", two_rows([1, 0, 0], [0, 0, 1])),
    ("atencion.6", two_rows([0.3, 0.2, 0.5], [0.4, 0.2, 0.4])),
    ("atencion.7", window_mask),
    ("atencion.7", lambda size, window: window_mask(size, window).int()),
]
WRONG = [
    ("atencion.1", torch.tensor([5.0, 5.0, 5.0]), "futuro"),
    ("atencion.1", torch.tensor([2.0, 6.0, 15.0]), "sumar 1"),
    ("atencion.1", torch.tensor([0.0, 2.0, 3.0]), "también a sí mismo"),
    ("atencion.1", torch.tensor([5.0, 6.5, 9.0]), "de derecha a izquierda"),
    ("atencion.1", torch.tensor([2.0, 3.0, 4.0]), "1 de 3"),
    ("atencion.1", [2.0, 3.0, 5.0], "torch.tensor"),
    ("atencion.2", (2, 3, 2, 12), "repartiste los tokens"),
    ("atencion.2", (2, 6, 3, 4), "intercambiar dos ejes"),
    ("atencion.2", (2, 3, 6, 12), "tres veces más"),
    ("atencion.2", (2, 4, 6, 3), "cuántas cabezas"),
    ("atencion.2", (2, 6, 12), "cuatro números"),
    ("atencion.2", (1, 1, 1, 1), "2 · 6 · 12"),
    ("atencion.3", SCORES.softmax(-1), "falta la máscara"),
    ("atencion.3", SCORES.softmax(-1).tril(), "después del softmax"),
    ("atencion.3", SCORES.tril().softmax(-1), "e⁰"),
    ("atencion.3", SCORES.tril().softmax(-1).tril(), "e⁰"),
    ("atencion.3", SCORES.masked_fill(FUTURE, -torch.inf).softmax(0), "columnas"),
    ("atencion.3", SCORES.masked_fill(FUTURE.T, -torch.inf).softmax(-1), "el pasado"),
    ("atencion.3", torch.tensor([[1, 0, 0], [0, 1, 0], [2 / 3, 0, 1 / 3]]), "falta elevar"),
    ("atencion.3", torch.tensor([[0, 0, 0], [0, 1, 0], [2 / 3, 0, 1 / 3]]), "falta elevar"),
    ("atencion.3", torch.eye(3), "no lo son"),
    ("atencion.4", 128, "falta un paso"),
    ("atencion.4", math.sqrt(12288), "modelo entero"),
    ("atencion.4", math.sqrt(96), "número de cabezas"),
    ("atencion.4", 1 / math.sqrt(128), "multiplica"),
    ("atencion.4", 8, "pequeño"),
    ("atencion.5", 768, "factor 12"),
    ("atencion.5", 64, "una sola matriz"),
    ("atencion.5", 2304, "a lo alto y a lo ancho"),
    ("atencion.5", 12 * 12 * 4096**2 * 4 / 1e6, "son MB"),
    ("atencion.5", 12 * 12 * 4096**2 * 4, "son bytes"),
    ("atencion.5", 4608, "2 bytes"),
    ("atencion.5", 9, "GiB"),
    ("atencion.5", 9000, "pequeño"),
    ("atencion.6", two_rows([0.5, 0.5, 0.0], [0.5, 0.5, 0.0]), "casi la misma"),
    ("atencion.6", two_rows([0.5, 0.5, 0.0], [0.5, 0.0, 0.5]), "contextos distintos"),
    ("atencion.6", two_rows([0.5, 0.5, 0.5], [0.0, 0.5, 0.5]), "sumar 1"),
    ("atencion.6", two_rows([1.5, 0.0, -0.5], [0.5, 0.0, 0.5]), "negativos"),
    ("atencion.6", torch.tensor([0.5, 0.5, 0.0]), "(2, 3)"),
    ("atencion.6", two_rows([math.nan, 0.5, 0.0], [0.0, 0.5, 0.5]), "sumar 1"),
    ("atencion.7", lambda size, window: ones(size).triu(1), "demasiado atrás"),
    ("atencion.7", lambda size, window: ~window_mask(size, window), "del revés"),
    ("atencion.7", lambda size, window: ones(size).tril(-window), "el futuro se ve"),
    ("atencion.7", lambda size, window: window_mask(size, window + 1), "dejas ver 3"),
    ("atencion.7", lambda size, window: window_mask(size, window - 1), "de menos"),
    (
        "atencion.7",
        lambda size, window: ones(size).triu(window) | ones(size).tril(-window),
        "a los dos lados",
    ),
    ("atencion.7", lambda size, window: ones(size), "casillas"),
    ("atencion.7", lambda size, window: ones(size + 1), "forma (5, 5)"),
    ("atencion.7", lambda size, window: None, "NoneType"),
    ("atencion.7", window_mask(5, 2), "función"),
]
NAMES = sorted({name for name, _ in RIGHT})


def verdict(name, answer, capsys):
    check(name, answer)
    return capsys.readouterr().out


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_are_accepted(name, answer, capsys):
    assert verdict(name, answer, capsys).startswith(f"✓ {name}: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_typical_mistakes_get_their_hint(name, answer, hint, capsys):
    out = verdict(name, answer, capsys)
    assert out.startswith(f"✗ {name}: ") and hint in out, out
    assert "tu respuesta dio un error" not in out


@pytest.mark.parametrize("name", NAMES)
def test_dots_are_unsolved(name, capsys):
    assert verdict(name, ..., capsys).startswith(f"○ {name}: ")


def test_a_function_not_yet_written_is_unsolved(capsys):
    assert verdict("atencion.7", lambda n_tokens, window: ..., capsys).startswith("○ atencion.7: ")


@pytest.mark.parametrize(
    "garbage", [None, "texto", torch.zeros(7, 7), [], {}, lambda *arguments: 1 / 0, object(), float("nan")]
)
@pytest.mark.parametrize("name", NAMES)
def test_garbage_is_answered_without_traceback(name, garbage, capsys):
    out = verdict(name, garbage, capsys)
    assert out.startswith(f"✗ {name}: ")
    assert "Traceback" not in out and len(out.splitlines()) == 1


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_hints_do_not_give_the_solution(name, answer, hint, capsys):
    out = verdict(name, answer, capsys)
    solution = {"atencion.2": "(2, 3, 6, 4)", "atencion.4": "11.31", "atencion.5": "9216"}.get(name)
    assert solution is None or solution not in out.replace("9,216", "9216")


def test_the_topic_has_the_seven_exercises_of_the_lesson(capsys):
    check("atencion.1", ...)
    assert sorted(name for name in EXERCISES if name.startswith("atencion.")) == NAMES
    assert len(NAMES) == 7
