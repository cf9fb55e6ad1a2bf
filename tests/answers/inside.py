"""Lección 13: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import math
from functools import partial

import torch

from gpt_course.layers import LayerNorm
from gpt_course.plotting.inside import (
    plot_arrivals,
    plot_costs,
    plot_excess_curves,
    plot_heads,
    plot_jump,
    plot_lens,
    plot_truth_and_model,
)

LN2 = math.log(2)
TRUTH, MODEL = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 8]), torch.tensor([1 / 8, 1 / 2, 1 / 4, 1 / 8])


def without_head(context, head, n_heads, *, size=None, axis=-1):
    """Escrita de otra manera que en el corrector: una copia con un trozo a cero."""
    size = context.shape[-1] // n_heads if size is None else size
    changed = context.clone()
    changed.narrow(axis, min(size * head, changed.shape[axis] - size), size).zero_()
    return changed


def only_that_head(context, head, n_heads):
    return context - without_head(context, head, n_heads)


def interleaved(context, head, n_heads):
    changed = context.clone()
    changed[..., head::n_heads] = 0
    return changed


def the_one_before(context, head, n_heads):
    size = context.shape[-1] // n_heads
    changed = context.clone()
    if head:
        changed[..., size * (head - 1) : size * head] = 0
    return changed


def cut(context, head, n_heads):
    size = context.shape[-1] // n_heads
    return torch.cat([context[..., : size * head], context[..., size * (head + 1) :]], dim=-1)


def one_token(context, head, n_heads):
    changed = context.clone()
    changed[:, head : head + 1] = 0
    return changed


def one_column(context, head, n_heads):
    changed = context.clone()
    changed[..., head] = 0
    return changed


def in_place(context, head, n_heads):
    size = context.shape[-1] // n_heads
    context[..., size * head : size * (head + 1)] = 0
    return context


def except_with(wrong, mistake):
    """Bien con cualquier número de cabezas menos con uno."""

    def answer(context, head, n_heads):
        return (mistake if n_heads == wrong else without_head)(context, head, n_heads)

    return answer


def looked(weights, ids, shift=1):
    """Por cada lugar que repite un token, lo que mira `shift` lugares detrás de sus copias."""
    found = []
    for t, token in enumerate(ids):
        copies = [s + shift for s in range(t) if ids[s] == token]
        if copies:
            found.append(sum(weights[t, s] for s in copies if s <= t))
    return torch.stack([torch.as_tensor(value) for value in found])


def induction_score(weights, ids):
    return looked(weights, ids).mean()


def everywhere(weights, ids):
    return looked(weights, ids).sum() / len(ids)


def the_last(weights, ids):
    return sum(weights[-1, s + 1] for s in range(len(ids) - 1) if ids[s] == ids[-1])


ANSWERS = {
    "dentro.1": {
        "right": [5 / 8 * LN2, 0.43, "0,433"],
        "wrong": [
            ((MODEL * (MODEL / TRUTH).log()).sum().item(), "quien decide qué sale"),
            (-(TRUTH * MODEL.log()).sum().item(), "réstale"),
            (-(TRUTH * TRUTH.log()).sum().item(), "su entropía"),
            ((TRUTH * (MODEL / TRUTH).log()).sum().item(), "no es negativa"),
            (5 / 8, "son bits"),
            (0, "los cuatro logaritmos"),
            (11 / 8 * LN2, "hay términos negativos"),
            (0.2, "pequeño"),
        ],
    },
    "dentro.2": {
        "right": [[1, 4], (1, 4)],
        "wrong": [
            ([0, 3], "las copias de"),
            ([2, 5], "cuenta uno solo"),
            ([2, 4], "la primera"),
            ([1, 5], "la segunda"),
            ([2, 5, 7], "desde 0"),
            ([5], "del bloque 0"),
            ([5, 6], "los últimos"),
            ([1], "hay otra"),
            ([4], "hay otra"),
            ([4, 1], "de menor a mayor"),
            ([1, 4, 7], "aún no existe"),
            ([3, 6], "no es eso"),
        ],
    },
    "dentro.3": {
        "right": [[0, 0, 1], (0, 0, 1)],
        "wrong": [
            ([0, 1, 1], "no la nota sola"),
            ([1, 1, 0], "al revés"),
            ([0, 0, 0], "le da la vuelta"),
            ([0, 1], "tres alturas"),
            ([0, 0, 2], "siempre dan 0"),
            ([2, 2, 1], "sin normalizar"),
            ([1, 1, 2], "desde 0"),
            ([1, 0, 1], "no es eso"),
        ],
    },
    "dentro.4": {
        "right": ["d"],
        "wrong": [
            ("a", "de dónde se lee"),
            ("b", "Algo harían"),
            ("c", "casi no hay daño"),
            ("e", "a, b, c, d"),
        ],
    },
    "dentro.5": {
        "right": [without_head],
        "wrong": [
            (only_that_head, "del revés"),
            (one_column, "una sola columna"),
            (interleaved, "no salteadas"),
            (the_one_before, "la de antes"),
            (one_token, "un token"),
            (cut, "quitaste las columnas"),
            (lambda context, head, n_heads: context, "no cambia nada"),
            (in_place, "tu función cambia"),
            (without_head(torch.ones(1, 2, 4), 0, 2), "función"),
            *((except_with(count, one_token), f"n_heads = {count}") for count in (3, 4)),
            (except_with(6, lambda context, head, n_heads: context * 2), "n_heads = 6"),
            (except_with(1, lambda context, head, n_heads: context * 2), "n_heads = 1"),
        ],
    },
    "dentro.6": {
        "right": [induction_score, lambda weights, ids: induction_score(weights, ids).item()],
        "wrong": [
            (lambda weights, ids: looked(weights, ids, shift=0).mean(), "las copias mismas"),
            (everywhere, "ya había salido"),
            (lambda weights, ids: looked(weights, ids).sum(), "eso es la suma"),
            (the_last, "solo el último"),
            (lambda weights, ids: weights.diagonal(-1).mean(), "al token anterior"),
            (lambda weights, ids: looked(weights, ids).max(), "el mayor"),
            (lambda weights, ids: 0.5, "se esperaba"),
        ],
    },
}


def fact_the_lens_by_hand():
    """El ejercicio 3, con la normalización del paquete."""
    words = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    stream = torch.tensor([[3.0, 1.0], [-1.0, 0.0], [-3.0, 2.0]]).cumsum(dim=0)
    assert (LayerNorm(2)(stream) @ words.T).argmax(-1).tolist() == ANSWERS["dentro.3"]["right"][0]
    assert (stream @ words.T).argmax(-1).tolist() == [2, 2, 1]


def fact_the_divergence_by_hand():
    assert math.isclose((TRUTH * (TRUTH / MODEL).log()).sum().item(), 5 / 8 * LN2, rel_tol=1e-6)


LABELS = ["fija", "libre", "nombre", "pronombre"]
FIGURES = [
    partial(plot_truth_and_model, ["␣Ana", "␣Lucía", "otra"], [0.5, 0.3, 0.2], [0.4, 0.4, 0.2], "Título"),
    partial(plot_costs, ["␣volvieron", "␣a", "␣casa"], [1.0, 0.0, 0.5], [0.1, 0.0, 0.2], "Título"),
    partial(
        plot_excess_curves,
        [50, 100],
        {label: [10.0 / (i + 1), 0.1] for i, label in enumerate(LABELS)},
        "Título",
    ),
    partial(plot_arrivals, {label: [100, 150, 150, 200, 250] for label in LABELS}, "Título"),
    partial(
        plot_heads, ["bloque 0, cabeza 0"] * 2, LABELS, [[0.0, 12.5, 0.1, 2.0], [-0.01, 1, 2, 3]], "Título"
    ),
    partial(
        plot_lens,
        ["␣Ana", "␣volvió"],
        ["entrada", "bloque 0"],
        [["␣Ana", "␣la"], ["␣Eva", "␣volvió"]],
        [[0.1, 0.9], [0.4, 0.5]],
        "Título",
    ),
    partial(
        plot_jump, [0, 10], {"un bloque": [2.9, 1.7], "dos": [2.9, 0.1]}, {"cabeza 0": [0.1, 0.9]}, "Título"
    ),
]
