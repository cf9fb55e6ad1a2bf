"""Lección 07: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import itertools
import math
from functools import partial

import torch

from gpt_course.generation import generate
from gpt_course.plotting.sampling import plot_draw, plot_filters, plot_frequencies, plot_words_by_temperature
from gpt_course.sampling import filter_logits


def draw(probabilities, u):
    return int((probabilities.cumsum(dim=0) <= u).sum())


def draw_by_hand(probabilities, u):
    for index, end in enumerate(itertools.accumulate(probabilities.tolist())):
        if u < end:
            return index


def draw_among_sorted(probabilities, u):
    values, order = probabilities.sort(descending=True)
    return order[draw(values, u)].item()


def generate_until(model, ids, max_new_tokens, stop):
    for _ in range(max_new_tokens):
        next_id = model(ids[:, -model.cfg["context_length"] :])[:, -1].argmax(dim=-1, keepdim=True)
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


def until_with_eos(model, ids, max_new_tokens, stop):
    out = generate(model, ids, max_new_tokens, eos_id=stop)
    return out[:, :-1] if out[0, -1] == stop else out


def adds_the_stop(model, ids, max_new_tokens, stop):
    return generate(model, ids, max_new_tokens, eos_id=stop)


def looks_at_the_whole_sentence(model, ids, max_new_tokens, stop):
    while stop not in ids and max_new_tokens > 0:
        longer = generate_until(model, ids, 1, stop)
        if longer is ids:
            break
        ids, max_new_tokens = longer, max_new_tokens - 1
    return ids


def never_ends(model, ids, max_new_tokens, stop):
    while True:
        next_id = model(ids[:, -model.cfg["context_length"] :])[:, -1].argmax(dim=-1, keepdim=True)
        if next_id.item() == stop:
            return ids
        ids = torch.cat([ids, next_id], dim=1)


def does_not_crop(model, ids, max_new_tokens, stop):
    for _ in range(max_new_tokens):
        next_id = model(ids)[:, -1].argmax(dim=-1, keepdim=True)
        if next_id.item() == stop:
            break
        ids = torch.cat([ids, next_id], dim=1)
    return ids


def reads_the_last_token(model, ids, max_new_tokens, stop):
    for _ in range(max_new_tokens):
        next_id = model(ids[:, -1:])[:, -1].argmax(dim=-1, keepdim=True)
        if next_id.item() == stop:
            break
        ids = torch.cat([ids, next_id], dim=1)
    return ids


def looks_at_the_first_place(model, ids, max_new_tokens, stop):
    for _ in range(max_new_tokens):
        next_id = model(ids[:, -model.cfg["context_length"] :])[:, 0].argmax(dim=-1, keepdim=True)
        if next_id.item() == stop:
            break
        ids = torch.cat([ids, next_id], dim=1)
    return ids


LOGITS = torch.tensor([0, math.log(2), math.log(4)])
STEPS = torch.tensor([[0.6, 0.4], [0.5, 0.5], [0.9, 0.1]])


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
            (torch.tensor([0.5, 0.25, 0.25]), "el orden de los logits"),
            (torch.tensor([0.3, 0.3, 0.4]), "3 de 3"),
            (torch.tensor([1 / 7, 2 / 7, 4 / 7]), "las del ejemplo"),
            ([0.2765, 0.2765, 0.4470], "elevaste 2"),
        ],
    },
    "generacion.2": {
        "right": [filter_logits(LOGITS, temperature=2).softmax(-1)[2], 0.4531, 0.45],
        "wrong": [
            (16 / 21, "temperatura 0,5"),
            (4 / 7, "temperatura 1"),
            (2 / 7, "has dividido la probabilidad"),
            (1 / 3, "no del todo"),
            (0.3204, "la de sol"),
            (0.2265, "la de pan"),
            (2, "Falta dividir"),
            (0.5, "no es 1"),
            (0.44, "demasiado pequeño"),
        ],
    },
    "generacion.3": {
        "right": [
            filter_logits(torch.tensor([0.4, 0.3, 0.2, 0.1]).log(), top_p=0.6).softmax(-1),
            torch.tensor([0.5714, 0.4286, 0, 0]),
            [0.57, 0.43, 0, 0],
        ],
        "wrong": [
            (torch.tensor([0.4, 0.3, 0, 0]), "no suman 1"),
            (torch.tensor([1.0, 0, 0, 0]), "también se queda"),
            (torch.tensor([4 / 9, 3 / 9, 2 / 9, 0]), "sobra uno"),
            ([0.4, 0.3, 0.2, 0], "Después, reparte"),
            (torch.tensor([0.4, 0.3, 0.2, 0.1]), "falta filtrar"),
            (torch.tensor([0.5, 0.5, 0, 0]), "4 a 3"),
            (torch.tensor([2 / 3, 1 / 3, 0, 0]), "no recortes"),
            ([0.6, 0.4, 0, 0], "no es 0,6"),
            ([4 / 7, 3 / 7], "se piden las cuatro"),
            ([0, 0, 3 / 7, 4 / 7], "4 de 4"),
        ],
    },
    "generacion.4": {
        "right": [
            draw,
            draw_by_hand,
            lambda p, u: torch.searchsorted(p.cumsum(0), torch.tensor(u, dtype=p.dtype), right=True),
        ],
        "wrong": [
            (lambda p, u: int(p.argmax()), "no es un sorteo"),
            (lambda p, u: int((p.cumsum(0) < u).sum()), "mira las fronteras"),
            (lambda p, u: 1 + draw(p, u), "desde 0"),
            (lambda p, u: int(len(p) * u), "todos los tramos miden lo mismo"),
            (lambda p, u: next((i for i, value in enumerate(p) if u < value), 0), "no con cada una"),
            (lambda p, u: p.cumsum(0)[draw(p, u)].item(), "dónde acaba el tramo"),
            (lambda p, u: p[draw(p, u)], "la probabilidad del elegido"),
            (draw_among_sorted, "no los ordenes"),
            (lambda p, u: torch.tensor([draw(p, u)]), "sin lista ni lote"),
            (lambda p, u: draw(p, u / 2), "se esperaba"),
            (lambda p, u: u, "se esperaba `3` y llegó `0.6`"),
            (
                lambda p, u: sum(u >= end for end in (0.25, 0.5)) + (u >= 0.5),
                "se esperaba",
            ),  # solo un reparto
            (lambda probabilities, u: 0 if u == 0.25 else draw(probabilities, u), "u = 0.25"),
            (lambda probabilities, u: 1 if u == 0.5 else draw(probabilities, u), "u = 0.5"),
            (lambda p, u: 1 if len(p) == 1 else draw(p, u), "p = [1.0]"),
            (lambda p, u: 0 if len(p) > 4 else draw(p, u), "se esperaba"),
        ],
    },
    "generacion.5": {
        "right": [generate_until, until_with_generate, until_with_eos],
        "wrong": [
            (lambda m, ids, n, stop: generate(m, ids, n), "aunque salga stop"),
            (adds_the_stop, "añade el token de parada"),
            (looks_at_the_whole_sentence, "solo los tokens nuevos"),
            (never_ends, "no se detiene nunca"),
            (does_not_crop, "recorta el contexto"),
            (reads_the_last_token, "lee solo el último token"),
            (looks_at_the_first_place, "no del último"),
            (lambda m, ids, n, stop: generate_until(m, ids, n + 1, stop), "un token de más"),
            (lambda m, ids, n, stop: generate_until(m, ids, n - 1, stop), "un token de menos"),
            (lambda m, ids, n, stop: generate_until(m, ids, n, stop)[0], "falta el lote"),
            (lambda m, ids, n, stop: generate_until(m, ids, n, stop)[:, :-1], "quita el último"),
            (
                lambda m, ids, n, stop: generate_until(m, ids, n, stop)[:, ids.shape[1] :],
                "solo los tokens nuevos",
            ),
            (lambda m, ids, n, stop: generate_until(m, ids, n, stop)[:, :6], "la forma (1, 9)"),
            (lambda m, ids, n, stop: ids, "la forma (1, 4)"),
            (lambda m, ids, n, stop: generate_until(m, ids, 1, stop), "en el bucle"),
        ],
    },
    "generacion.6": {
        "right": [STEPS, [[0.4, 0.6], [0.9, 0.1], [0.5, 0.5]], [[0.55, 0.45], [0.5, 0.5], [0, 1]]],
        "wrong": [
            ([[0.6, 0.4], [0.5, 0.5], [0.5, 0.5]], "ninguna frase supera"),
            ([[0.9, 0.1], [0.5, 0.5], [0.9, 0.1]], "ninguna frase supera"),
            ([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]], "empate"),
            ([[0.6, 0.6], [0.5, 0.5], [0.9, 0.1]], "suman 1"),
            (STEPS.T, "(3, 2)"),
            ([[0.6, 0.4], [0.5, 0.9], [0.5, 0.1]], "suman 1"),
            ([[1.5, -0.5], [0.5, 0.5], [0.9, 0.1]], "no negativos"),
            ([[math.nan, 0.4], [0.5, 0.5], [0.9, 0.1]], "suman 1"),
            ((STEPS[0], STEPS[1:]), "no miden todas lo mismo"),
            (STEPS[:2], "(3, 2)"),
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
