"""Los ejercicios de la vinculación: la solución se acepta y cada error típico recibe su pista."""

import math

import pytest
import torch

from gpt_course.exercises import check

LN2 = math.log(2)
HEAD = [[0, 0.2], [0, 0.4], [0, 0.2], [0, -0.8]]


def rows(*values):
    return torch.tensor(values, dtype=torch.float32)


def by_hand():
    """El ejercicio 3, con autograd."""
    W = torch.tensor([[1, 0], [0, LN2], [-1, 0], [2, 0]], requires_grad=True)
    h = W[1] + torch.tensor([0, 1 - LN2])
    torch.nn.functional.cross_entropy(W @ h, torch.tensor(3)).backward()
    return W.grad


def same_object(model):
    return model.out_head.weight is model.tok_emb.weight


RIGHT = {
    "vinculacion.1": 196.32,
    "vinculacion.2": [True, False, False, True],
    "vinculacion.3": by_hand(),
    "vinculacion.4": 0.03125,
    "vinculacion.5": (4, 10, 10),
    "vinculacion.6": same_object,
}
WRONG = [
    ("vinculacion.1", 205.85, "MB"),
    ("vinculacion.1", 50257 * 1024, "4 bytes"),
    ("vinculacion.1", 4 * 50257 * 1024, "falta pasarlos"),
    ("vinculacion.1", 49.08, "falta multiplicar"),
    ("vinculacion.1", 98.16, "bfloat16"),
    ("vinculacion.1", 392.63, "se ahorra una"),
    ("vinculacion.1", 147.24, "GPT-2 pequeño"),
    ("vinculacion.1", 196, "demasiado pequeño"),
    ("vinculacion.2", [False, False, False, True], "en (a)"),
    ("vinculacion.2", [True, True, False, True], "en (b)"),
    ("vinculacion.2", [True, False, True, True], "en (c)"),
    ("vinculacion.2", [True, False, False, False], "en (d)"),
    ("vinculacion.2", ["sí", "no", "no", "sí"], "sin comillas"),
    ("vinculacion.3", rows(*HEAD), "por la incrustación a la fila"),
    ("vinculacion.3", by_hand() - rows(*HEAD), "las cuatro filas"),
    ("vinculacion.3", -by_hand(), "signos"),
    ("vinculacion.3", rows(*HEAD) * 2 - by_hand(), "restaste"),
    ("vinculacion.3", rows([0, 0.2], [0, 0.4], [0, 0.2], [-1.6, 0.4 * LN2 - 0.8]), "no la de la respuesta"),
    ("vinculacion.3", rows([0, 0.2], [0, 0.4], [0, 0.2], [0, 0.2]), "restar 1"),
    ("vinculacion.4", 32, "eso mide h"),
    ("vinculacion.4", 1 / 1024, "raíz"),
    ("vinculacion.4", 0.02, "0,64"),
    ("vinculacion.4", 1, "longitud de h"),
    ("vinculacion.4", 768**-0.5, "C = 768"),
    ("vinculacion.5", (6, 10, 10), "filas distintas"),
    ("vinculacion.5", (10, 10, 10), "que se leyeron"),
    ("vinculacion.5", (4, 4, 4), "softmax"),
    ("vinculacion.5", (4, 10, 14), "no las filas"),
    ("vinculacion.5", (4, 10, 4), "sin nada"),
    ("vinculacion.5", (4, 10), "tres enteros"),
    ("vinculacion.6", lambda model: not model.tied if model.tok_emb.weight.is_meta else model.tied, "aviso"),
    ("vinculacion.6", lambda model: True, "dos matrices distintas"),
    ("vinculacion.6", lambda m: bool((m.out_head.weight == m.tok_emb.weight).all()), "iguales valores"),
    (
        "vinculacion.6",
        lambda m: m.out_head.weight.data_ptr() == m.tok_emb.weight.data_ptr(),
        "una maqueta de dos matrices",
    ),
    ("vinculacion.6", lambda m: same_object(m) and not m.tok_emb.weight.is_meta, "una maqueta vinculada"),
    ("vinculacion.6", lambda model: "sí", "True o False"),
]
EXERCISES = list(RIGHT)


def answer_of(capsys, name, answer):
    check(name, answer)
    out = capsys.readouterr().out
    assert "Traceback" not in out and out.count("\n") == 1
    return out


@pytest.mark.parametrize("name", EXERCISES)
def test_the_right_answer_is_accepted(name, capsys):
    assert answer_of(capsys, name, RIGHT[name]).startswith(f"✓ {name}: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_a_typical_mistake_gets_its_hint(name, answer, hint, capsys):
    out = answer_of(capsys, name, answer)
    assert out.startswith(f"✗ {name}: ") and hint in out, out


@pytest.mark.parametrize("name", EXERCISES)
def test_three_mistakes_at_least_are_known(name):
    assert sum(wrong == name for wrong, _, _ in WRONG) >= 3


@pytest.mark.parametrize("name", EXERCISES)
def test_points_mean_unsolved(name, capsys):
    assert answer_of(capsys, name, ...).startswith(f"○ {name}: ")


def test_a_function_that_returns_points_is_unsolved(capsys):
    assert answer_of(capsys, "vinculacion.6", lambda model: ...).startswith("○ vinculacion.6: ")


def raises(*arguments):
    raise RuntimeError("se rompió\ny más")


@pytest.mark.parametrize("garbage", [None, "texto", torch.zeros(3, 7, 2), [1, 2], raises, True])
@pytest.mark.parametrize("name", EXERCISES)
def test_garbage_is_answered_without_a_traceback(name, garbage, capsys):
    assert answer_of(capsys, name, garbage).startswith(f"✗ {name}: ")


def test_the_answer_of_the_fifth_is_measured():
    torch.manual_seed(0)
    emb, head = torch.nn.Embedding(10, 3), torch.nn.Linear(3, 10, bias=False)
    tied = torch.nn.Embedding(10, 3)
    x = torch.tensor([1, 2, 3, 4, 1, 2])
    torch.nn.functional.cross_entropy(head(emb(x)), x.roll(-1)).backward()
    torch.nn.functional.cross_entropy(tied(x) @ tied.weight.T, x.roll(-1)).backward()
    moved = [int(p.grad.abs().sum(dim=1).gt(0).sum()) for p in (emb.weight, head.weight, tied.weight)]
    assert moved == list(RIGHT["vinculacion.5"])
