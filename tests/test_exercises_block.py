"""Los ejercicios del bloque: la solución se acepta y cada error típico recibe su pista."""

import pytest
import torch

from gpt_course.exercises import check
from gpt_course.exercises.block import _fake_block


def parallel(block, x):
    return x + block.drop_shortcut(block.att(block.norm1(x))) + block.drop_shortcut(block.ff(block.norm2(x)))


def serial(block, x):
    x = x + block.att(block.norm1(x))
    return x + block.ff(block.norm2(x))


def rows(*values):
    return torch.tensor(values, dtype=torch.float32)


RIGHT = {
    "bloque.1": 3_150_848,
    "bloque.2": "b",
    "bloque.3": rows([-1, 1], [1, -1]),
    "bloque.4": 15,
    "bloque.5": 4608,
    "bloque.6": parallel,
}
WRONG = [
    ("bloque.1", 12 * 512**2, "faltan los vectores"),
    ("bloque.1", 12 * 512**2 + 6 * 512, "faltan las normalizaciones"),
    ("bloque.1", 12 * 512**2 + 8 * 512, "falta una normalización"),
    ("bloque.1", 12 * 512**2 + 13 * 512, "query, key y value"),
    ("bloque.1", 3_150_848 // 8, "cabezas"),
    ("bloque.1", 8 * 3_150_848, "cabezas"),
    ("bloque.1", 4 * 3_150_848, "bytes"),
    ("bloque.1", 3_150_849, "demasiado grande"),
    ("bloque.2", "a", "a qué se suman"),
    ("bloque.2", "C", "post-LN"),
    ("bloque.2", "d", "out_proj"),
    ("bloque.3", rows([-1, 3], [3, -1]), "última normalización"),
    ("bloque.3", rows([1, 7], [10, 4]), "pre-LN"),
    ("bloque.3", rows([12, 24], [33, 21]), "no normalizaste nunca"),
    ("bloque.3", rows([1, -1], [1, -1]), "2 de 4 números"),
    ("bloque.4", 57, "se suman los cuadrados"),
    ("bloque.4", 153**0.5, "dos notas por bloque"),
    ("bloque.4", 225, "raíz"),
    ("bloque.4", 12, "ya había"),
    ("bloque.4", 99**0.5, "primer bloque"),
    ("bloque.5", 6, "falta C"),
    ("bloque.5", 1536, "solo con las matrices de la atención"),
    ("bloque.5", 3072, "solo con la red"),
    ("bloque.5", 9216, "dos productos"),
    ("bloque.5", 2304, "la mitad"),
    ("bloque.6", serial, "en serie"),
    ("bloque.6", lambda block, x: block.att(block.norm1(x)) + block.ff(block.norm2(x)), "faltó el camino"),
    ("bloque.6", lambda block, x: x + parallel(block, x), "dos veces"),
    ("bloque.6", lambda block, x: x + block.att(x) + block.ff(x), "normalización"),
    ("bloque.6", lambda b, x: x + b.att(b.norm1(x)) + b.ff(b.norm1(x)), "norm2, no de norm1"),
    ("bloque.6", lambda block, x: x + block.att(block.norm1(x)), "nota de la red"),
    ("bloque.6", lambda block, x: x + block.ff(block.norm2(x)), "nota de la atención"),
    ("bloque.6", lambda block, x: x.sum(), "forma"),
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
    assert answer_of(capsys, "bloque.6", lambda block, x: ...).startswith("○ bloque.6: ")


def raises(*arguments):
    raise RuntimeError("se rompió\ny más")


@pytest.mark.parametrize("garbage", [None, "texto", torch.zeros(3, 7, 2), [1, 2], raises, True])
@pytest.mark.parametrize("name", EXERCISES)
def test_garbage_is_answered_without_a_traceback(name, garbage, capsys):
    assert answer_of(capsys, name, garbage).startswith(f"✗ {name}: ")


def test_the_fake_block_tells_the_orders_apart():
    block, x = _fake_block(), torch.arange(12.0).view(1, 3, 4)
    assert not torch.allclose(serial(block, x), parallel(block, x))
