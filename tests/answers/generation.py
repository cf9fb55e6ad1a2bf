"""Lección 07: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import math
from functools import partial

import torch

from gpt_course.exercises.generation import greedy_is_not_best
from gpt_course.generation import generate
from gpt_course.plotting.sampling import plot_draw, plot_filters, plot_frequencies, plot_words_by_temperature
from gpt_course.sampling import filter_logits


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


def stops_too_soon(model, ids, max_new_tokens, stop):
    out = generate_until(model, ids, max_new_tokens, stop)
    return out if out.shape[1] == ids.shape[1] + max_new_tokens else out[:, :-1]


def wrong_when_u_is(border, index):
    return lambda probabilities, u: index if u == border else draw(probabilities, u)


ANSWERS = {
    "generacion.1": {
        "right": [
            torch.tensor([0, 0, math.log(2)]).softmax(-1),
            torch.tensor([1 / 4, 1 / 4, 1 / 2], dtype=torch.float64),
        ],
        "wrong": [
            (torch.tensor([1.0, 1.0, 2.0]), "dividir entre la suma"),
            (torch.tensor([0, 0, math.log(2)]), "son los logits"),
            (torch.tensor([0.0, 0.0, 1.0]), "e elevado a 0"),
            (torch.full((3,), 1 / 3), "no son iguales"),
            (torch.tensor([0.5, 0.25, 0.25]), "2 de 3"),
            (torch.tensor([1 / 7, 2 / 7, 4 / 7]), "las del ejemplo"),
        ],
    },
    "generacion.2": {
        "right": [filter_logits(LOGITS, temperature=2).softmax(-1)[2], 0.4531],
        "wrong": [
            (16 / 21, "temperatura 0,5"),
            (4 / 7, "temperatura 1"),
            (2 / 7, "has dividido la probabilidad"),
            (1 / 3, "no del todo"),
            (0.3204, "la de «sol»"),
            (2, "Falta dividir"),
        ],
    },
    "generacion.3": {
        "right": [
            filter_logits(torch.tensor([0.4, 0.3, 0.2, 0.1]).log(), top_p=0.6).softmax(-1),
            torch.tensor([0.5714, 0.4286, 0, 0]),
        ],
        "wrong": [
            (torch.tensor([0.4, 0.3, 0, 0]), "no suman 1"),
            (torch.tensor([1.0, 0, 0, 0]), "también se queda"),
            (torch.tensor([4 / 9, 3 / 9, 2 / 9, 0]), "sobra uno"),
            (torch.tensor([0.4, 0.3, 0.2, 0.1]), "falta filtrar"),
            (torch.tensor([0.5, 0.5, 0, 0]), "4 a 3"),
            (torch.tensor([2 / 3, 1 / 3, 0, 0]), "no recortes"),
        ],
    },
    "generacion.4": {
        "right": [
            draw,
            lambda p, u: torch.searchsorted(p.cumsum(0), torch.tensor(u, dtype=p.dtype), right=True),
        ],
        "wrong": [
            (lambda p, u: int(p.argmax()), "eso es lo voraz"),
            (lambda p, u: int((p.cumsum(0) < u).sum()), "mira las fronteras"),
            (lambda p, u: 1 + int((p.cumsum(0) <= u).sum()), "no existe"),
            (lambda p, u: int(4 * u), "probabilidad 0"),
            (lambda p, u: draw(p, u / 2), "no es ese"),
            (lambda p, u: u, "índice entero; devolvió float"),
            (wrong_when_u_is(0.25, 0), "mira las fronteras"),
            (wrong_when_u_is(0.5, 1), "mira las fronteras"),
        ],
    },
    "generacion.5": {
        "right": [generate_until, until_with_generate],
        "wrong": [
            (lambda m, ids, n, stop: generate(m, ids, n), "no se detiene"),
            (adds_the_stop, "añade el token de parada"),
            (looks_at_the_whole_sentence, "solo los tokens nuevos"),
            (never_ends, "no se detiene nunca"),
            (drops_the_last, "tal cual"),
            (lambda m, ids, n, stop: generate_until(m, ids, n + 1, stop), "un token de más"),
            (lambda m, ids, n, stop: generate_until(m, ids, n - 1, stop), "lo mismo que lo voraz"),
            (lambda m, ids, n, stop: generate_until(m, ids, n, stop)[0], "(1, T)"),
            (stops_too_soon, "se detiene en otro sitio"),
        ],
    },
    "generacion.6": {
        "right": [(FIRST, SECOND), [FIRST.flip(0), SECOND.flip(0)]],
        "wrong": [
            ((FIRST, HALVES), "ninguna la supera"),
            ((torch.tensor([0.9, 0.1]), SECOND), "ninguna la supera"),
            ((torch.tensor([0.5, 0.5]), SECOND), "empate"),
            ((torch.tensor([0.6, 0.6]), SECOND), "suman 1"),
            ((FIRST, torch.tensor([[0.5, 0.9], [0.5, 0.1]])), "suman 1"),
            ((torch.tensor([1.5, -0.5]), SECOND), "no negativos"),
            ((SECOND, FIRST), "formas"),
            (FIRST, "formas"),
            ((FIRST, SECOND, SECOND), "se esperaban dos tensores"),
        ],
    },
}

WORDS = ["pan", "sol", "mar"]
FIGURES = [
    partial(plot_words_by_temperature, WORDS, {t: [0.2, 0.3, 0.5] for t in (0.25, 0.5, 1, 4)}),
    partial(plot_filters, {"a": [[0.5, 0.5]] * 3, "b": [[0.5, 0.5]] * 3}, ["x", "y", "z"]),
    partial(plot_draw, WORDS, [0.2, 0.3, 0.5], 0.4),
    partial(plot_frequencies, WORDS, [0.2, 0.3, 0.5], [0.2, 0.3, 0.5], 10),
]


def fact_the_table_of_the_reader_is_measured():
    shown = greedy_is_not_best((FIRST, SECOND))
    assert "0.3000" in shown and "0.3600" in shown
