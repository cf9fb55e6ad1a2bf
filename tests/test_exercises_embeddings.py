"""Los ejercicios de la lección 02: se acepta la solución y cada error típico recibe su pista."""

import pytest
import torch

from gpt_course.data import WindowDataset
from gpt_course.exercises import EXERCISES, check
from gpt_course.exercises.embeddings import PLACES, TOKENS

NAMES = [f"incrustaciones.{number}" for number in range(1, 7)]
NEWS = TOKENS[[3, 1, 2]]  # hoy muerde hombre


def right_windows(ids, context_length, stride):
    return [(x.tolist(), y.tolist()) for x, y in WindowDataset(ids, context_length, stride)]


def one_more(ids, t, stride):
    return [(ids[s : s + t], ids[s + 1 : s + t + 1]) for s in range(0, len(ids) - t + 1, stride)]


def same_y(ids, t, stride):
    return [(ids[s : s + t], ids[s : s + t]) for s in range(0, len(ids) - t, stride)]


def no_stride(ids, t, stride):
    return right_windows(ids, t, 1)


def next_block(ids, t, stride):
    return [(ids[s : s + t], ids[s + t : s + 2 * t]) for s in range(0, len(ids) - 2 * t + 1, stride)]


def y_backwards(ids, t, stride):
    return [(x, y[::-1]) for x, y in right_windows(ids, t, stride)]


def from_the_second(ids, t, stride):
    pairs = right_windows(ids, t, stride)
    return [([x + 1 for x in xs], [y + 1 for y in ys]) for xs, ys in pairs]


def missing_last(ids, t, stride):
    return right_windows(ids, t, stride)[:-1]


RIGHT = {
    "incrustaciones.1": [4, 4.0, torch.tensor(4)],
    "incrustaciones.2": [torch.tensor([[-1, 2], [1, 2], [4, 2]]), NEWS + PLACES],
    "incrustaciones.3": [right_windows, lambda *a: [list(pair) for pair in right_windows(*a)]],
    "incrustaciones.4": [4],
    "incrustaciones.5": ["b", " B "],
    "incrustaciones.6": [
        torch.tensor([[5.0, 5.0], [0.0, 0.0], [5.0, 5.0]]),
        torch.tensor([[0, 1], [7, 7], [0, 1]]),
        torch.tensor([[0.1, 0.2], [0.3, 0.3], [0.1, 0.2]], requires_grad=True),
    ],
}
WRONG = {
    "incrustaciones.1": [
        (5, "última y"),
        (16, "stride = 1"),
        (17, "trozos"),
        (3, "cabe una más"),
        (9, "grande"),
    ],
    "incrustaciones.2": [
        (NEWS, "falta sumar la de cada lugar"),
        (PLACES, "falta sumar la de cada token"),
        ((NEWS + PLACES).flip(0), "orden inverso"),
        (NEWS + PLACES.flip(0), "de izquierda a derecha"),
        (NEWS * PLACES, "multiplicado"),
        (TOKENS[:3] + PLACES, "perro muerde hombre"),
        (NEWS + 1, "números no lo son"),
        (torch.zeros(2, 3), r"la forma (3, 2)"),
    ],
    "incrustaciones.3": [
        (one_more, "más corta"),
        (same_y, "igual que x"),
        (no_stride, "Revisa el comienzo"),
        (next_block, "caben"),
        (y_backwards, "las y no"),
        (from_the_second, "no empiezan en 0"),
        (missing_last, "caben"),
        (lambda *a: [], "ninguna ventana"),
        (lambda *a: 7, "lista de parejas"),
        (lambda *a: [1, 2], "pareja (x, y)"),
        (right_windows([1, 2, 3], 2, 1), "sin llamarla"),
    ],
    "incrustaciones.4": [
        (8, "misma fila"),
        (12, "nadie leyó"),
        (2, "frases"),
        (6, "la misma"),
        (3, "juntas"),
    ],
    "incrustaciones.5": [("a", "¿de dónde"), ("c", "semilla"), ("d", "qué fila"), ("e", "opciones")],
    "incrustaciones.6": [
        (PLACES, "se distinguen"),
        (torch.zeros(3, 2), "no tener posiciones"),
        (torch.ones(3, 2), "no tener posiciones"),
        (torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), "se distinguen"),
        (torch.zeros(2, 2), "una fila por lugar"),
        (torch.tensor([[float("nan")] * 2, [0.0, 0.0], [1.0, 1.0]]), "finitos"),
        ([[0, 1], [0, 0], [0, 1]], "se esperaba un tensor"),
    ],
}


def broken(*arguments):
    raise RuntimeError("no va")


def answer_to(name, answer, capsys):
    check(name, answer)
    return capsys.readouterr().out


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in NAMES for answer in RIGHT[name]])
def test_right_answers(name, answer, capsys):
    assert answer_to(name, answer, capsys).startswith(f"✓ {name}: ")


@pytest.mark.parametrize(
    ("name", "answer", "hint"), [(name, answer, hint) for name in NAMES for answer, hint in WRONG[name]]
)
def test_typical_mistakes_get_their_hint(name, answer, hint, capsys):
    shown = answer_to(name, answer, capsys)
    assert shown.startswith(f"✗ {name}: ") and hint in shown


@pytest.mark.parametrize("name", NAMES)
def test_unsolved(name, capsys):
    assert answer_to(name, ..., capsys).startswith(f"○ {name}: ")


def test_unsolved_function(capsys):
    assert answer_to("incrustaciones.3", lambda *arguments: ..., capsys).startswith("○")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("garbage", [None, "texto", torch.zeros(7), [[1]], broken, True, object()])
def test_garbage_is_answered_without_a_traceback(name, garbage, capsys):
    shown = answer_to(name, garbage, capsys)
    assert shown.startswith(f"✗ {name}: ") and shown.count("\n") == 1


def test_there_is_an_exercise_for_each_name():
    check("incrustaciones.1", ...)
    assert [name for name in EXERCISES if name.startswith("incrustaciones.")] == NAMES


def test_gradient_exercise_against_autograd():
    emb = torch.nn.Embedding(12, 4)
    (emb(torch.tensor([[5, 2, 5, 7], [2, 2, 9, 5]])) ** 2).sum().backward()
    assert (emb.weight.grad.abs().sum(dim=1) > 0).sum() == 4
