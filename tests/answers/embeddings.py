"""Lección 02: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial

import torch

from gpt_course.data import WindowDataset
from gpt_course.exercises.embeddings import PLACES, TOKENS
from gpt_course.plotting.embeddings import draw_windows, plot_cosine_spread, plot_orders, plot_similarity

NEWS = TOKENS[[3, 1, 2]]  # hoy muerde hombre


def starts(n, t, stride):
    return range(0, n - t, stride)


def outside(n, places):
    return [place for place in range(n) if place not in set(places)]


def with_windows(n, t, stride):
    """Con la clase de la lección, que no avisa si no cabe ninguna ventana."""
    asked = set()
    for start in starts(n, t, stride):
        asked |= set(torch.arange(n)[start + 1 : start + t + 1].tolist())
    return torch.tensor(outside(n, asked))


def with_marks(n, t, stride):
    asked = [False] * n
    for start in starts(n, t, stride):
        for k in range(t):
            asked[start + k + 1] = True
    return tuple(place for place in range(n) if not asked[place])


def of_the_package(n, t, stride):
    return outside(n, torch.cat([y for _, y in WindowDataset(list(range(n)), t, stride)]).tolist())


def those_of_x(n, t, stride):
    return outside(n, [start + k for start in starts(n, t, stride) for k in range(t)])


def one_more(n, t, stride):
    return outside(n, [start + k + 1 for start in range(0, n - t + 1, stride) for k in range(t)])


def cut_short(n, t, stride):
    return outside(n, [start + k + 1 for start in range(0, n, stride) for k in range(t)])


def no_gaps(n, t, stride):
    last = max((start + t for start in starts(n, t, stride)), default=0)
    return [0, *range(last + 1, n)]


def one_question(n, t, stride):
    return outside(n, [start + t for start in starts(n, t, stride)])


def in_no_window(n, t, stride):
    return [place for place in with_marks(n, t, stride) if place > 0 or n <= t]


ANSWERS = {
    "incrustaciones.1": {
        "right": [4, 4.0, torch.tensor(4)],
        "wrong": [
            (5, "última y"),
            (16, "stride 1"),
            (17, "trozos"),
            (3, "cabe una más"),
            (3.75, "no se parte"),
            (4.75, "no se parte"),
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
            ([[-1, 1, 4], [2, 2, 2]], "tumbada"),
            ([4, 6], "las tres tarjetas"),
            ([[-1, 1, 0, 1], [0, 2, 1, 0], [3, 1, 1, 1]], "al lado de la otra"),
            (NEWS + 1, "números no lo son"),
            (torch.zeros(2, 4), r"la forma (3, 2)"),
        ],
    },
    "incrustaciones.3": {
        "right": [with_windows, with_marks],
        "wrong": [
            (those_of_x, "no salen en ninguna x"),
            (one_more, "cuentas una ventana que no cabe"),
            (cut_short, "cortadas por el final"),
            (in_no_window, "falta el lugar 0"),
            (lambda *a: sorted(set(range(a[0])) - set(with_marks(*a))), "los que sí se preguntan"),
            (no_gaps, "huecos también en medio"),
            (one_question, "T preguntas, no una"),
            (lambda n, t, stride: with_marks(n, t, t), "has movido las reglas T lugares"),
            (lambda n, t, stride: with_marks(n, t, 1), "de uno en uno"),
            (lambda *a: len(with_marks(*a)), "no cuántos son"),
            (lambda *a: set(with_marks(*a)), "no tiene orden"),
            (lambda *a: list(reversed(with_marks(*a))), "se esperaba [0, 9] y llegó [9, 0]"),
            (lambda *a: [0, 9] if a[0] < 20 else with_marks(*a), "se esperaba"),  # hecha para el primer caso
            (of_the_package, "dio un error"),  # WindowDataset no admite los textos en que no cabe ninguna
            (lambda *a: print(end=""), "falta return"),
            (with_marks(10, 4, 4), "se esperaba una función"),
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
            (16, "se preguntan las filas"),
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
            ([[5, 0, 5], [5, 0, 5]], "tumbada"),
            (torch.tensor([[float("nan")] * 2, [0.0, 0.0], [1.0, 1.0]]), "finitos"),
            ([[0, 1], [0, 0]], "una fila por lugar"),
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
