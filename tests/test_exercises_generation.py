"""Los ejercicios de la lección 07: se acepta lo correcto y cada error típico recibe su pista."""

import math

import pytest
import torch

from gpt_course.exercises import check
from gpt_course.generation import generate
from gpt_course.sampling import filter_logits

GARBAGE = [
    None,
    "texto",
    [],
    3,
    torch.ones(5, 3),
    math.nan,
    lambda: 1 / 0,
    lambda *a: "texto",
    lambda *a: None,
]


def corrected(capsys, name, answer):
    check(name, answer)
    return capsys.readouterr().out


def draw(probabilities, u):
    return int((probabilities.cumsum(dim=0) <= u).sum())


def generate_until(model, ids, max_new_tokens, stop):
    for _ in range(max_new_tokens):
        next_id = model(ids)[:, -1].argmax(dim=-1, keepdim=True)
        if next_id.item() == stop:
            break
        ids = torch.cat([ids, next_id], dim=1)
    return ids


def until_with_generate(model, ids, max_new_tokens, stop):
    for _ in range(max_new_tokens):
        longer = generate(model, ids, 1)
        if longer[0, -1] == stop:
            return ids
        ids = longer
    return ids


FIRST, SECOND = torch.tensor([0.6, 0.4]), torch.tensor([[0.5, 0.5], [0.9, 0.1]])
LOGITS = torch.tensor([0, math.log(2), math.log(4)])
RIGHT = [
    ("generacion.1", torch.tensor([0, 0, math.log(2)]).softmax(-1)),
    ("generacion.1", torch.tensor([1 / 4, 1 / 4, 1 / 2], dtype=torch.float64)),
    ("generacion.2", filter_logits(LOGITS, temperature=2).softmax(-1)[2]),
    ("generacion.2", 0.4531),
    ("generacion.3", filter_logits(torch.tensor([0.4, 0.3, 0.2, 0.1]).log(), top_p=0.6).softmax(-1)),
    ("generacion.3", torch.tensor([0.5714, 0.4286, 0, 0])),
    ("generacion.4", draw),
    (
        "generacion.4",
        lambda p, u: torch.searchsorted(p.cumsum(0), torch.tensor(u, dtype=p.dtype), right=True),
    ),
    ("generacion.5", generate_until),
    ("generacion.5", until_with_generate),
    ("generacion.6", (FIRST, SECOND)),
    ("generacion.6", [FIRST.flip(0), SECOND.flip(0)]),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_the_right_answer_is_accepted(capsys, name, answer):
    assert corrected(capsys, name, answer).startswith(f"✓ {name}: ")


def adds_the_stop(model, ids, max_new_tokens, stop):
    for _ in range(max_new_tokens):
        ids = generate(model, ids, 1)
        if ids[0, -1] == stop:
            break
    return ids


def looks_at_the_whole_sentence(model, ids, max_new_tokens, stop):
    for _ in range(max_new_tokens):
        next_id = model(ids)[:, -1].argmax(dim=-1, keepdim=True)
        if next_id.item() == stop or stop in ids:
            break
        ids = torch.cat([ids, next_id], dim=1)
    return ids


def never_ends(model, ids, max_new_tokens, stop):
    while True:
        next_id = model(ids)[:, -1].argmax(dim=-1, keepdim=True)
        if next_id.item() == stop:
            return ids
        ids = torch.cat([ids, next_id], dim=1)


def drops_the_last(model, ids, max_new_tokens, stop):
    out = generate_until(model, ids, max_new_tokens, stop)
    return out[:, :-1] if stop == 2 else out


HALVES = torch.full((2, 2), 0.5)
WRONG = [
    ("generacion.1", torch.tensor([1.0, 1.0, 2.0]), "dividir entre la suma"),
    ("generacion.1", torch.tensor([0, 0, math.log(2)]), "son los logits"),
    ("generacion.1", torch.tensor([0.0, 0.0, 1.0]), "e elevado a 0"),
    ("generacion.1", torch.full((3,), 1 / 3), "no son iguales"),
    ("generacion.1", torch.tensor([0.5, 0.25, 0.25]), "2 de 3"),
    ("generacion.2", 16 / 21, "temperatura 0,5"),
    ("generacion.2", 4 / 7, "temperatura 1"),
    ("generacion.2", 2 / 7, "has dividido la probabilidad"),
    ("generacion.2", 1 / 3, "no del todo"),
    ("generacion.2", 0.3204, "la de «sol»"),
    ("generacion.2", 2, "Falta dividir"),
    ("generacion.3", torch.tensor([0.4, 0.3, 0, 0]), "no suman 1"),
    ("generacion.3", torch.tensor([1.0, 0, 0, 0]), "también se queda"),
    ("generacion.3", torch.tensor([4 / 9, 3 / 9, 2 / 9, 0]), "sobra uno"),
    ("generacion.3", torch.tensor([0.4, 0.3, 0.2, 0.1]), "falta filtrar"),
    ("generacion.3", torch.tensor([0.5, 0.5, 0, 0]), "4 a 3"),
    ("generacion.3", torch.tensor([2 / 3, 1 / 3, 0, 0]), "no recortes"),
    ("generacion.4", lambda p, u: int(p.argmax()), "eso es lo voraz"),
    ("generacion.4", lambda p, u: int((p.cumsum(0) < u).sum()), "mira las fronteras"),
    ("generacion.4", lambda p, u: 1 + int((p.cumsum(0) <= u).sum()), "no existe"),
    ("generacion.4", lambda p, u: int(4 * u), "probabilidad 0"),
    ("generacion.4", lambda p, u: draw(p, u / 2), "no es ese"),
    ("generacion.4", lambda p, u: u, "índice entero; devolvió float"),
    ("generacion.5", lambda m, ids, n, stop: generate(m, ids, n), "no se detiene"),
    ("generacion.5", adds_the_stop, "añade el token de parada"),
    ("generacion.5", looks_at_the_whole_sentence, "solo los tokens nuevos"),
    ("generacion.5", never_ends, "no se detiene nunca"),
    ("generacion.5", drops_the_last, "tal cual"),
    ("generacion.5", lambda m, ids, n, stop: generate_until(m, ids, n + 1, stop), "un token de más"),
    ("generacion.5", lambda m, ids, n, stop: generate_until(m, ids, n - 1, stop), "lo mismo que lo voraz"),
    ("generacion.5", lambda m, ids, n, stop: generate_until(m, ids, n, stop)[0], "(1, T)"),
    ("generacion.6", (FIRST, HALVES), "ninguna la supera"),
    ("generacion.6", (torch.tensor([0.9, 0.1]), SECOND), "ninguna la supera"),
    ("generacion.6", (torch.tensor([0.5, 0.5]), SECOND), "empate"),
    ("generacion.6", (torch.tensor([0.6, 0.6]), SECOND), "suman 1"),
    ("generacion.6", (FIRST, torch.tensor([[0.5, 0.9], [0.5, 0.1]])), "suman 1"),
    ("generacion.6", (torch.tensor([1.5, -0.5]), SECOND), "no negativos"),
    ("generacion.6", (SECOND, FIRST), "formas"),
    ("generacion.6", FIRST, "formas"),
]


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_each_typical_mistake_gets_its_hint(capsys, name, answer, hint):
    out = corrected(capsys, name, answer)
    assert out.startswith(f"✗ {name}: ") and hint in out


@pytest.mark.parametrize("name", [f"generacion.{number}" for number in range(1, 7)])
def test_unsolved_and_garbage(capsys, name):
    assert corrected(capsys, name, ...).startswith(f"○ {name}: sin resolver")
    for answer in GARBAGE:
        out = corrected(capsys, name, answer)
        assert out.startswith(f"✗ {name}: ") and out.count("\n") == 1


def test_a_function_or_a_pair_still_to_be_written_is_unsolved(capsys):
    for name in ("generacion.4", "generacion.5"):
        assert corrected(capsys, name, lambda *arguments: ...).startswith("○")
    assert corrected(capsys, "generacion.6", (..., ...)).startswith("○")


def test_the_table_of_the_reader_is_measured(capsys):
    out = corrected(capsys, "generacion.6", (FIRST, SECOND))
    assert "0.3000" in out and "0.3600" in out
