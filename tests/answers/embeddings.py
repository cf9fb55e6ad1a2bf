"""Lección 02: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial

import torch

from gpt_course.data import WindowDataset
from gpt_course.exercises.embeddings import PLACES, TOKENS
from gpt_course.plotting.embeddings import draw_windows, plot_cosine_spread, plot_orders, plot_similarity

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


def nothing_with(count):
    """Bien con todos los textos menos con uno."""
    return lambda ids, t, stride: [] if len(ids) == count else right_windows(ids, t, stride)


ANSWERS = {
    "incrustaciones.1": {
        "right": [4, 4.0, torch.tensor(4)],
        "wrong": [
            (5, "última y"),
            (16, "stride = 1"),
            (17, "trozos"),
            (3, "cabe una más"),
            (9, "grande"),
        ],
    },
    "incrustaciones.2": {
        "right": [torch.tensor([[-1, 2], [1, 2], [4, 2]]), NEWS + PLACES],
        "wrong": [
            (NEWS, "falta sumar la de cada lugar"),
            (PLACES, "falta sumar la de cada token"),
            ((NEWS + PLACES).flip(0), "orden inverso"),
            (NEWS + PLACES.flip(0), "de izquierda a derecha"),
            (NEWS * PLACES, "multiplicado"),
            (TOKENS[:3] + PLACES, "perro muerde hombre"),
            (NEWS + 1, "números no lo son"),
            (torch.zeros(2, 3), r"la forma (3, 2)"),
        ],
    },
    "incrustaciones.3": {
        "right": [right_windows, lambda *a: [list(pair) for pair in right_windows(*a)]],
        "wrong": [
            (one_more, "con 8 tokens, T = 4 y stride 4, hay una ventana con x o y más corta"),
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
            (nothing_with(10), "con 10 tokens, T = 3 y stride 2, no devolvió ninguna"),
            (nothing_with(13), "con 13 tokens, T = 5 y stride 1, no devolvió ninguna"),
            (nothing_with(7), "con 7 tokens, T = 6 y stride 2, no devolvió ninguna"),
        ],
    },
    "incrustaciones.4": {
        "right": [4],
        "wrong": [
            (8, "misma fila"),
            (12, "nadie leyó"),
            (2, "frases"),
            (6, "la misma"),
            (3, "juntas"),
        ],
    },
    "incrustaciones.5": {
        "right": ["b", " B "],
        "wrong": [
            ("a", "¿de dónde"),
            ("c", "semilla"),
            ("d", "qué fila"),
            ("e", "opciones"),
        ],
    },
    "incrustaciones.6": {
        "right": [
            torch.tensor([[5.0, 5.0], [0.0, 0.0], [5.0, 5.0]]),
            torch.tensor([[0, 1], [7, 7], [0, 1]]),
            torch.tensor([[0.1, 0.2], [0.3, 0.3], [0.1, 0.2]], requires_grad=True),
        ],
        "wrong": [
            (PLACES, "se distinguen"),
            (torch.zeros(3, 2), "no tener posiciones"),
            (torch.ones(3, 2), "no tener posiciones"),
            (torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), "se distinguen"),
            (torch.zeros(2, 2), "una fila por lugar"),
            (torch.tensor([[float("nan")] * 2, [0.0, 0.0], [1.0, 1.0]]), "finitos"),
            ([[0, 1], [0, 0], [0, 1]], "se esperaba un tensor"),
        ],
    },
}

SENTENCES = [[("perro", 0), ("muerde", 1), ("hombre", 2)], [("hombre", 2), ("muerde", 1), ("perro", 0)]]
FIGURES = [
    partial(draw_windows, list("abcdefghij"), 4, [0, 4]),
    partial(plot_orders, SENTENCES, TOKENS, PLACES),
    partial(plot_similarity, ["animal", "radio"], torch.tensor([[1.0, -0.25], [-0.25, 1.0]]), "Título"),
    partial(plot_cosine_spread, {2: torch.tensor([0.9, -0.9]), 768: torch.zeros(2)}),
]


def fact_four_rows_have_a_gradient():
    emb = torch.nn.Embedding(12, 4)
    (emb(torch.tensor([[5, 2, 5, 7], [2, 2, 9, 5]])) ** 2).sum().backward()
    assert (emb.weight.grad.abs().sum(dim=1) > 0).sum() == 4
