"""Cómo se corrige un ejercicio: `check` no lanza nunca un error del estudiante ni da la solución."""

import math

import pytest
import torch

from gpt_course.exercises import EXERCISES, check
from gpt_course.exercises.core import (
    Unsolved,
    Wrong,
    exercise,
    expect_choice,
    expect_number,
    expect_tensor,
    run,
)


@pytest.fixture
def register(monkeypatch):
    """Registra un ejercicio de prueba, modelo.99, que desaparece al terminar."""
    return lambda function: monkeypatch.setitem(EXERCISES, "modelo.99", function)


def test_exercise_registers_and_returns_the_function(monkeypatch):
    monkeypatch.setitem(EXERCISES, "modelo.98", None)  # se restaura al terminar

    @exercise("modelo.98")
    def correct(answer):
        return "bien"

    assert EXERCISES["modelo.98"] is correct


def corrected(capsys, answer, name="modelo.99"):
    assert check(name, answer) is None
    return capsys.readouterr().out


def test_a_right_answer_shows_what_the_exercise_returns(register, capsys):
    register(lambda answer: "muy bien")
    assert corrected(capsys, 3) == "✓ modelo.99: muy bien\n"


def test_a_wrong_answer_shows_its_hint(register, capsys):
    def wrong(answer):
        raise Wrong("mira el signo.")

    register(wrong)
    assert corrected(capsys, 3) == "✗ modelo.99: mira el signo.\n"


@pytest.mark.parametrize("answer", [..., (..., ...), [1, ...], (torch.zeros(2), ...)], ids=str)
def test_ellipsis_is_an_exercise_to_be_solved(register, capsys, answer):
    register(lambda answer: pytest.fail("no se corrige"))
    assert corrected(capsys, answer).startswith("○ modelo.99: sin resolver")


def test_a_function_that_returns_ellipsis_is_unsolved(register, capsys):
    register(lambda function: run(function, 1))
    assert corrected(capsys, lambda x: ...).startswith("○ modelo.99: sin resolver")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (RuntimeError("uno\ndos"), "RuntimeError: uno)"),
        (KeyError(), "KeyError: sin más explicación"),
        (RecursionError("maximum"), "RecursionError"),
    ],
)
def test_an_error_of_the_student_is_told_in_one_line(register, capsys, error, told):
    def student(x):
        raise error

    register(lambda function: run(function, 1))
    out = corrected(capsys, student)
    assert out.startswith("✗ modelo.99: tu respuesta dio un error al probarla") and told in out
    assert out.count("\n") == 1 and "Traceback" not in out


@pytest.mark.parametrize("name", ["nada.1", "", "modelo_1", None, 3])
def test_an_unknown_topic_names_those_there_are(name):
    with pytest.raises(
        ValueError, match=r"No existe el ejercicio .* Los temas son: .*generacion.*modelo.*\."
    ):
        check(name, 1)


def test_an_unknown_number_names_those_of_its_topic():
    with pytest.raises(ValueError, match=r"'modelo\.77'. Los de ese tema son: modelo\.1, modelo\.2"):
        check("modelo.77", 1)


def test_the_topics_here_have_exercises_numbered_from_one():
    for topic in ("modelo", "generacion"):
        with pytest.raises(ValueError, match="No existe"):
            check(f"{topic}.0", ...)  # importa el tema
        numbers = [int(name.split(".")[1]) for name in EXERCISES if name.startswith(f"{topic}.")]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 5


def test_run_passes_the_arguments_and_refuses_what_is_not_a_function():
    assert run(lambda a, b: a - b, 5, 3) == 2
    with pytest.raises(Wrong, match="se esperaba una función y llegó int: pasa su nombre, sin llamarla"):
        run(3)
    with pytest.raises(Unsolved):
        run(lambda: ...)


@pytest.mark.parametrize("answer", [7, 7.0, torch.tensor(7), torch.tensor([7.0]), 7.0000001])
def test_number_accepts(answer):
    expect_number(answer, 7, [(8, "uno de más")])


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (8, "uno de más"),
        (torch.tensor(8.0), "uno de más"),
        (5, "demasiado pequeño"),
        (1e6, "demasiado grande"),
        ("7", "se esperaba un número y llegó str"),
        (None, "llegó NoneType"),
        (True, "llegó bool"),
        (torch.ones(2), "llegó Tensor"),
        (math.nan, "número finito y llegó nan"),
        (math.inf, "número finito y llegó inf"),
    ],
    ids=str,
)
def test_number_refuses(answer, told):
    with pytest.raises(Wrong, match=told):
        expect_number(answer, 7, [(8, "uno de más")])


def test_tensor_accepts_any_type_of_number_and_gradients():
    expected = torch.tensor([1.0, 2.0])
    for answer in (
        torch.tensor([1, 2]),
        expected.double(),
        expected.clone().requires_grad_(),
        expected + 1e-6,
    ):
        expect_tensor(answer, expected)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (torch.tensor([2.0, 1.0]), "al revés"),
        (torch.tensor([1.0, 3.0]), "1 de 2 números no lo son"),
        (torch.tensor([[1.0, 2.0]]), r"se esperaba la forma \(2,\) y llegó \(1, 2\)"),
        (torch.tensor([1.0, math.nan]), "1 de 2"),
        ([1.0, 2.0], r"llegó list. Créalo con torch\.tensor"),
        (None, "llegó NoneType"),
    ],
    ids=str,
)
def test_tensor_refuses(answer, told):
    with pytest.raises(Wrong, match=told):
        expect_tensor(answer, torch.tensor([1.0, 2.0]), [(torch.tensor([2.0, 1.0]), "al revés")])


@pytest.mark.parametrize("answer", ["b", " B ", "B"])
def test_choice_accepts(answer):
    expect_choice(answer, "b", {"a": "no", "c": "tampoco"})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("a", "^no$"),
        ("C", "tampoco"),
        ("d", "una de estas opciones: a, b, c; llegó 'd'"),
        (None, "llegó None"),
    ],
)
def test_choice_refuses(answer, told):
    with pytest.raises(Wrong, match=told):
        expect_choice(answer, "b", {"a": "no", "c": "tampoco"})
