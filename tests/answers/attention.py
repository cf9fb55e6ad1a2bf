"""Lección 03: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import math
from functools import partial

import torch

from gpt_course.plotting.attention import (
    draw_heads,
    draw_mechanism,
    plot_attention,
    plot_attention_cost,
    plot_softmax_by_temperature,
)

LN2 = math.log(2)
SCORES = LN2 * torch.tensor([[0.0, 3.0, 1.0], [0.0, 2.0, 5.0], [2.0, 0.0, 1.0]])
BY_HAND = torch.tensor([[1, 0, 0], [1 / 5, 4 / 5, 0], [4 / 7, 1 / 7, 2 / 7]])
FUTURE = torch.ones(3, 3, dtype=torch.bool).triu(1)


def ones(size):
    return torch.ones(size, size, dtype=torch.bool)


def window_mask(size, window):
    """Escrita de otra manera que en el corrector: casilla a casilla."""
    return torch.tensor(
        [[column > row or row - column >= window for column in range(size)] for row in range(size)]
    )


def two_rows(first, second):
    return torch.tensor([first, second])


def only_with(case, mistake):
    """Bien en todos los tamaños menos en uno."""
    return lambda size, window: (mistake if (size, window) == case else window_mask)(size, window)


def nothing_hidden(size, window):
    return ~ones(size)


ANSWERS = {
    "atencion.1": {
        "right": [torch.tensor([2.0, 3.0, 5.0]), torch.tensor([2, 3, 5])],
        "wrong": [
            (torch.tensor([5.0, 5.0, 5.0]), "futuro"),
            (torch.tensor([2.0, 6.0, 15.0]), "sumar 1"),
            (torch.tensor([0.0, 2.0, 3.0]), "también a sí mismo"),
            (torch.tensor([5.0, 6.5, 9.0]), "de derecha a izquierda"),
            (torch.tensor([2.0, 3.0, 4.0]), "1 de 3"),
            ([2, 2, 3], "también a sí mismo"),
            ((2, 3, 6.5), "los dos últimos"),
            ([2, 3, 6], "el promedio anterior"),
            ([2, 4, 9], "falta promediar"),
        ],
    },
    "atencion.2": {
        "right": [(2, 3, 6, 4), [2, 3, 6, 4], torch.zeros(2, 3, 6, 4).shape],
        "wrong": [
            ((2, 3, 2, 12), "repartiste los tokens"),
            ((2, 6, 3, 4), "intercambiar dos ejes"),
            ((2, 3, 6, 12), "3 veces más"),
            ((2, 4, 6, 3), "cuántas cabezas"),
            ((2, 6, 12), "antes de repartir"),
            ((2, 3, 4, 6), "los dos últimos"),
            ((3, 2, 6, 4), "el lote va siempre delante"),
            ((2, 6, 4, 3), "y falta cambiar dos ejes"),
            ((6, 6, 4), "por dentro"),
            (24, "cuatro números"),
            ((1, 1, 1, 1), "2 · 6 · 12"),
        ],
    },
    "atencion.3": {
        "right": [BY_HAND, BY_HAND.round(decimals=3)],
        "wrong": [
            (SCORES.softmax(-1), "falta la máscara"),
            (SCORES.softmax(-1).tril(), "después del softmax"),
            (SCORES.tril().softmax(-1), "Un 0 todavía"),
            (SCORES.tril().softmax(-1).tril(), "cada total"),
            (SCORES.masked_fill(FUTURE, -torch.inf).softmax(0), "columnas"),
            (SCORES.masked_fill(FUTURE.T, -torch.inf).softmax(-1), "el pasado"),
            (torch.tensor([[1, 0, 0], [0, 1, 0], [2 / 3, 0, 1 / 3]]), "falta elevar"),
            (torch.tensor([[0, 0, 0], [0, 1, 0], [2 / 3, 0, 1 / 3]]), "falta elevar"),
            (torch.eye(3), "no lo son"),
            ([[1, 0, 0], [0.1192, 0.8808, 0], [0.6652, 0.0900, 0.2447]], "elevaste e"),
            ([[1, 0, 0], [0.12, 0.88, 0], [0.67, 0.09, 0.24]], "elevaste e"),
            ((SCORES / 2**0.5).masked_fill(FUTURE, -torch.inf).softmax(-1), "ya están escaladas"),
            ([[1, 0, 0], [1, 4, 0], [4, 1, 2]], "cada fila entre su suma"),
        ],
    },
    "atencion.4": {
        "right": [math.sqrt(128), 11.31, 11.3, "11,314", torch.tensor(128.0).sqrt()],
        "wrong": [
            (128, "falta un paso"),
            (math.sqrt(12288), "modelo entero"),
            (math.sqrt(96), "número de cabezas"),
            (1 / math.sqrt(128), "multiplica"),
            (12288, "esa es la anchura del modelo"),
            (96, "esas son las cabezas"),
            (110.85, "modelo entero"),
            (0.09, "multiplica"),
            (8.0, "así divide GPT-2"),
            (11, "da un decimal"),
            (12.3, "grande"),
        ],
    },
    "atencion.5": {
        "right": [9216, 9216.0],
        "wrong": [
            (768, "factor 12"),
            (64, "una sola matriz"),
            (2304, "a lo alto y a lo ancho"),
            (12 * 12 * 4096**2 * 4 / 1e6, "son MB"),
            (12 * 12 * 4096**2 * 4, "son bytes"),
            (4608, "2 bytes"),
            (9, "GiB"),
            (576, "con 1024 tokens"),
            (18432, "8 bytes"),
            (16, "se multiplica"),
            (9437184, "son KiB"),
            (9000, "pequeño"),
        ],
    },
    "atencion.6": {
        "right": [
            two_rows([0.5, 0.5, 0.0], [0.0, 0.5, 0.5]),
            two_rows([1, 0, 0], [0, 0, 1]),
            two_rows([0.3, 0.2, 0.5], [0.4, 0.2, 0.4]),
        ],
        "wrong": [
            (two_rows([0.5, 0.5, 0.0], [0.5, 0.5, 0.0]), "casi la misma"),
            (two_rows([0.5, 0.5, 0.0], [0.5, 0.0, 0.5]), "contextos distintos"),
            (two_rows([0.5, 0.5, 0.5], [0.0, 0.5, 0.5]), "sumar 1"),
            (two_rows([1.5, 0.0, -0.5], [0.5, 0.0, 0.5]), "negativos"),
            (torch.tensor([0.5, 0.5, 0.0]), "(2, 3)"),
            (3, "(2, 3)"),
            ("dos", "una lista de números"),
            (two_rows([math.nan, 0.5, 0.0], [0.0, 0.5, 0.5]), "sumar 1"),
        ],
    },
    "atencion.7": {
        "right": [window_mask, lambda size, window: window_mask(size, window).int()],
        "wrong": [
            (lambda size, window: ones(size).triu(1), "demasiado atrás"),
            (lambda size, window: ~window_mask(size, window), "del revés"),
            (lambda size, window: ones(size).tril(-window), "el futuro se ve"),
            (lambda size, window: window_mask(size, window + 1), "uno de más"),
            (lambda size, window: window_mask(size, window - 1), "de menos"),
            (lambda size, window: ones(size).triu(window) | ones(size).tril(-window), "a los dos lados"),
            (lambda size, window: ones(size), "25 números"),
            (lambda size, window: ones(size + 1), "la forma (5, 5) y llegó (6, 6)"),
            (lambda size, window: None, "falta return"),
            (window_mask(5, 2), "función"),
            (
                lambda size, window: torch.zeros(size, size).masked_fill(
                    window_mask(size, window), -torch.inf
                ),
                "se suma",
            ),
            (lambda size, window: ones(size).triu() | ones(size).tril(-window), "la diagonal"),
            (lambda size, window: ones(size).triu(1) & ones(size).tril(-window), "con &"),
            (
                lambda size, window: ones(size).triu(1) | torch.ones(size, size).tril(-window),
                "no admite números",
            ),
            (lambda size, window: window_mask(size, window)[:, :-1], "la forma (5, 5)"),
            (lambda size, window: float(window_mask(size, window).sum()), "un tensor de forma (5, 5)"),
            (only_with((4, 1), nothing_hidden), "size = 4 y window = 1"),
            (only_with((6, 4), nothing_hidden), "size = 6 y window = 4"),
            (only_with((3, 8), nothing_hidden), "size = 3 y window = 8"),
        ],
    },
}

WEIGHTS = torch.tensor([[[1.0, 0.0], [0.25, 0.75]], [[1.0, 0.0], [0.5, 0.5]]])  # (H, T, T)
FIGURES = [
    partial(
        draw_mechanism,
        ["casa", "abuela", "vieja"],
        torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        torch.tensor([[LN2, 0.0], [-LN2, LN2], [0.0, LN2]]),
        torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        torch.tensor([[5.0, 0.0], [0.0, 5.0], [5.0, 5.0]]),
    ),
    partial(draw_heads, 10 * torch.arange(1, 4)[:, None] + torch.arange(4), 2),
    partial(plot_attention, WEIGHTS, ["casa", "vieja"], ["una", "otra"]),
    partial(plot_attention, WEIGHTS, ["casa", "vieja"], ["una", "otra"], numbers=True),
    partial(plot_softmax_by_temperature, ["a", "b"], torch.tensor([0.0, 1.0]), [2, 0.5]),
    partial(
        plot_attention_cost, [1024, 2048], {"rectas": [1.0, 2.0], "curvas": [0.5, 4.0]}, "Título", "unidad"
    ),
]
