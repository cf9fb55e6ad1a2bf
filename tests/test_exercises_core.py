"""Cómo se corrige un ejercicio: ni un error de quien estudia ni la solución, y lo que se ve y se apunta."""

import builtins
from functools import partial

import pytest
import torch

from gpt_course.exercises import check, core
from gpt_course.exercises.core import Wrong, choice, exercise, function, number, table
from gpt_course.exercises.grading import running
from gpt_course.exercises.grading.verdict import Verdict


@pytest.fixture
def declared(monkeypatch):
    """Un registro de prueba: lo que se declare en él desaparece al terminar."""
    registry = {}
    monkeypatch.setattr(core, "EXERCISES", registry)
    monkeypatch.setattr(core, "_register_all", lambda: None)
    return registry


def corrected(capsys, answer, name="modelo.99"):
    assert check(name, answer) is None
    return capsys.readouterr().out


def test_each_kind_is_declared_with_data(declared, capsys):
    number("modelo.1", 3, "tres.", [(4, "cuatro.")], decimals=2)
    table("modelo.2", [1, 2], "dos.", [([2, 1], "al revés.")])
    choice("modelo.3", "b", "la b.", {"a": "la a."})
    function("modelo.4", "doble.", [(1,), (2.5,)], [(lambda x: x, "falta el doble.")])(lambda x: 2 * x)
    for name, right, wrong, hint in (
        ("modelo.1", "3,0", 4, "cuatro"),
        ("modelo.2", (1, 2), [2, 1], "al revés"),
        ("modelo.3", "B", "a", "la a"),
        ("modelo.4", lambda x: x + x, lambda x: x, "falta el doble. La probé con «x = 1»"),
    ):
        assert corrected(capsys, right, name) == f"✓ {name}: {PRAISE[name]}\n"
        assert corrected(capsys, wrong, name).startswith(f"✗ {name}: {hint}")
        assert declared[name].hints


PRAISE = {"modelo.1": "tres.", "modelo.2": "dos.", "modelo.3": "la b.", "modelo.4": "doble."}


def test_another_kind_is_corrected_by_a_function(declared, capsys):
    @exercise("modelo.99", "muy bien.")
    def grade(answer):
        if answer != 3:
            raise Wrong("mira el\nsigno.")

    assert corrected(capsys, 3) == "✓ modelo.99: muy bien.\n"
    assert corrected(capsys, 4) == "✗ modelo.99: mira el signo.\n"


@pytest.mark.parametrize(
    "answer",
    [..., (..., ...), [1, ...], (torch.zeros(2), ...), lambda x: ...],
    ids=lambda value: type(value).__name__,
)
def test_ellipsis_is_an_exercise_to_be_solved(declared, capsys, answer):
    function("modelo.99", "bien.", [(1,)])(lambda x: x)
    assert corrected(capsys, answer).startswith("○ modelo.99: sin resolver")


def test_an_error_of_the_grader_is_not_one_in_english(declared, capsys):
    exercise("modelo.99", "bien.")(lambda answer: answer.nothing)
    out = corrected(capsys, 3)
    assert out == "✗ modelo.99: no se entiende la respuesta, un número (AttributeError).\n"


@pytest.mark.parametrize("name", ["nada.1", "", "modelo_1", None, 3])
def test_an_unknown_topic_names_those_there_are(name):
    with pytest.raises(ValueError, match=r"No existe el ejercicio .* Los temas son: .*modelo.*\."):
        check(name, 1)


def test_an_unknown_number_names_those_of_its_topic():
    with pytest.raises(ValueError, match=r"'modelo\.77'. Los de ese tema son: modelo\.1, modelo\.2"):
        check("modelo.77", 1)


# --- Las funciones ----------------------------------------------------------------------------------


def drawn(generator):
    for size in (2, 3, 5, 12):
        yield torch.randn(size, generator=generator), 2


@pytest.fixture
def scaled(declared, capsys):
    hints = [(lambda x, k: x + k, "has sumado."), (lambda x, k: x.foo, "no falla la corrección.")]
    function("modelo.99", "bien.", drawn, hints)(lambda x, k: k * x)
    return partial(corrected, capsys)


@pytest.mark.parametrize(
    ("student", "told"),
    [
        (lambda x, k: x * k, "✓ modelo.99: bien."),
        (lambda x, k: [k * n for n in x], "✓"),
        (lambda x, k: x + k, "has sumado. La probé con «x = ["),
        (lambda x, k: x + k if len(x) > 2 else k * x, "has sumado"),  # se equivoca en los casos largos
        (lambda x, k: x + k if len(x) == 5 else k * x, "se esperaba «["),  # en uno solo no se sabe
        (lambda x, k: (k + 1e-3) * x, "se esperaba"),
        (lambda x, k: (k * x)[:1], "se esperaba la forma (2,) y llegó (1,)"),
        (lambda x, k: x if len(x) == 12 else k * x, "pero 12 de 12 números no lo son. La probé con «x», un"),
        (lambda x, k: "texto", "se esperaba un tensor de forma (2,) y llegó un texto"),
        (lambda x, k: x[2] if len(x) == 2 else k * x, "dio un error en su línea"),
        (lambda x, k: k * x if len(x) == 2 else x.bar, "no tiene «bar»"),
        (lambda x, k: x if len(x) == 2 else x.bar, "y llegó «["),  # antes del error ya estaba mal
        (lambda x, k: x.mul_(k), "tu función cambia «x»"),
        (lambda x: x, "debe recibir 2 argumentos"),
    ],
)
def test_a_function_is_compared_with_the_reference(scaled, student, told):
    assert told in scaled(student)


def test_the_same_function_is_always_told_the_same(scaled):
    assert scaled(lambda x, k: x) == scaled(lambda x, k: x)


def test_the_dice_of_the_student_are_not_touched(scaled):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    scaled(lambda x, k: torch.rand(len(x)))
    assert torch.equal(torch.rand(3), expected)


def test_an_endless_function_does_not_hang(scaled, monkeypatch):
    def endless(x, k):
        while True:
            k += 1

    monkeypatch.setattr(running, "TIME_LIMIT", 0.1)
    assert "¿Hay un bucle que no termina?" in scaled(endless)


# --- Lo que se ve -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plain", "html"),
    [
        ("falta `x[0] < 1`.", "falta «x[0] < 1».", "falta <code>x[0] &lt; 1</code>."),
        ("la *key* y el **value**", "la key y el value", "la <em>key</em> y el <em>value</em>"),
        ("5 * 4 = 20 y 2 * 3", "5 * 4 = 20 y 2 * 3", "5 * 4 = 20 y 2 * 3"),
        ("`a * b * c`", "«a * b * c»", "<code>a * b * c</code>"),
        ("`**kwargs` y *esto*", "«**kwargs» y esto", "<code>**kwargs</code> y <em>esto</em>"),
    ],
)
def test_text_is_formatted_in_a_notebook_and_plain_in_a_terminal(text, plain, html):
    verdict = Verdict("✗", "modelo.1", text)
    assert repr(verdict) == f"✗ modelo.1: {plain}"
    assert verdict._repr_html_().endswith(f"</b> {html}</div>")


def test_the_sign_has_its_colour():
    green, red, none = (Verdict(sign, "a.1", "b")._repr_html_() for sign in "✓✗○")
    assert "--jp-success-color1" in green and "--jp-error-color1" in red and "color" not in none


def test_a_notebook_shows_it_with_display(declared, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(builtins, "display", shown.append, raising=False)
    number("modelo.99", 3, "tres.")
    assert corrected(capsys, 3) == "" and repr(shown[0]) == "✓ modelo.99: tres."
