"""Lección 05: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial

import torch

from gpt_course.exercises.block import fake_block
from gpt_course.plotting.block import draw_stream, plot_by_depth, plot_notes


def parallel(block, x):
    return x + block.drop_shortcut(block.att(block.norm1(x))) + block.drop_shortcut(block.ff(block.norm2(x)))


def serial(block, x):
    x = x + block.att(block.norm1(x))
    return x + block.ff(block.norm2(x))


def serial_with_dropout(block, x):
    x = x + block.drop_shortcut(block.att(block.norm1(x)))
    return x + block.drop_shortcut(block.ff(block.norm2(x)))


def notes(block, x):
    return block.att(block.norm1(x)), block.ff(block.norm2(x))


def rows(*values):
    return torch.tensor(values, dtype=torch.float32)


ANSWERS = {
    "bloque.1": {
        "right": [3_150_848],
        "wrong": [
            (12 * 512**2, "faltan los vectores"),
            (12 * 512**2 + 6 * 512, "faltan las normalizaciones"),
            (12 * 512**2 + 8 * 512, "falta una normalización"),
            (12 * 512**2 + 13 * 512, "query, key y value"),
            (12 * 512**2 + 9 * 512, "también lleva sesgo"),
            (12 * 512**2 + 7 * 512, "4C salidas"),
            (8 * 512**2 + 10 * 512, "has contado una"),
            (4 * 512**2 + 512, "solo la atención: falta"),
            (4 * 512**2 + 3 * 512, "solo la atención con su"),
            (8 * 512**2 + 5 * 512, "solo la red feed-forward: falta"),
            (8 * 512**2 + 7 * 512, "solo la red feed-forward con su"),
            (3_150_848 // 8, "dividiste entre las 8 cabezas"),
            (8 * 3_150_848, "multiplicaste por las 8 cabezas"),
            (4 * 3_150_848, "bytes"),
            (3_150_849, "demasiado grande"),
        ],
    },
    "bloque.2": {
        "right": ["b"],
        "wrong": [
            ("a", "a qué se suman"),
            ("C", "post-LN"),
            ("d", "out_proj"),
            (2, "una de estas opciones: a, b, c, d"),
        ],
    },
    "bloque.3": {
        "right": [rows([-1, 3], [3, -1])],
        "wrong": [
            (rows([-1, 1], [1, -1]), "después de una normalización"),
            (rows([1, 7], [10, 4]), "pre-LN"),
            (rows([12, 24], [33, 21]), "falta normalizar tras la primera suma"),
            (rows([4, 8], [11, 7]), "tras la primera suma: faltan"),
            (rows([0, 2], [2, 0]), "falta sumarla"),
            (rows([-3, 3], [3, -3]), "pone a 0 los negativos"),
            (rows([-1, 2], [2, -1]), "se doblan"),
            (rows([3, -1], [-1, 3]), "cambiados de token"),
            (rows([-1, 3], [1, -1]), "1 de 4 números"),
        ],
    },
    "bloque.4": {
        "right": [15],
        "wrong": [
            (57, "perpendiculares, se suman los cuadrados"),
            (33, "y además hay dos notas"),
            (129**0.5, "y cada nota también"),
            (153**0.5, "dos notas por bloque"),
            (225, "raíz"),
            (12, "ya había"),
            (99**0.5, "primer bloque"),
        ],
    },
    "bloque.5": {
        "right": [4608],
        "wrong": [
            (6, "falta C"),
            (128, "dividiendo"),
            (768, "con T = C"),
            (1536, "solo con las matrices de la atención"),
            (3072, "solo con la red"),
            (9216, "dos productos"),
            (2304, "la mitad"),
        ],
    },
    "bloque.6": {
        "right": [parallel],
        "wrong": [
            (serial, "en serie"),
            (serial_with_dropout, "en serie"),
            (lambda b, x: sum(map(b.drop_shortcut, notes(b, x))), "faltó el camino"),
            (lambda b, x: sum(notes(b, x)), "faltó el camino"),
            (lambda block, x: x + parallel(block, x), "dos veces"),
            (lambda b, x: x + b.att(x) + b.ff(x), "a través de su normalización"),
            (lambda b, x: x + b.drop_shortcut(b.att(x)) + b.drop_shortcut(b.ff(x)), "de su normalización"),
            (lambda b, x: x + b.att(b.norm1(x)) + b.ff(b.norm1(x)), "norm2, no de norm1"),
            (lambda b, x: x + b.att(b.norm2(x)) + b.ff(b.norm1(x)), "has cambiado las normalizaciones"),
            (lambda b, x: x + b.norm1(b.att(x)) + b.norm2(b.ff(x)), "se normaliza lo que leen"),
            (lambda b, x: b.drop_shortcut(sum(notes(b, x))), "faltó el camino"),
            (lambda b, x: x + notes(b, x)[0], "nota de la red"),
            (lambda b, x: x + b.drop_shortcut(notes(b, x)[1]), "nota de la atención"),
            (lambda b, x: x + sum(notes(b, x)), "falta pasar cada nota"),
            (lambda b, x: b.drop_shortcut(x + sum(notes(b, x))), "nunca el camino"),
            (lambda b, x: x + b.drop_shortcut(sum(notes(b, x))), "por su cuenta"),
            (lambda block, x: x.sum(), "se esperaba la forma"),
            (lambda b, x: b.norm3(x), "no tiene norm3"),
            (lambda b, x: x.add_(sum(notes(b, x))), "cambia x"),
            (lambda b, x: print(end=""), "falta return"),
        ],
    },
}

FIGURES = [
    partial(draw_stream, ("pre",)),
    partial(draw_stream, ("pre", "post")),
    partial(plot_notes, [8, 9], {"atención": [1, 2], "feed-forward": [3, 4]}, "Título"),
    partial(
        plot_by_depth,
        {2: {"pre": [1.5, 2], "post": [1, 0.5]}, 3: {"pre": [1, 2, 3]}},
        "Título",
        "bloque",
        "parecido",
        reference=(2.5, "azar"),
    ),
]


def fact_the_fake_block_tells_the_orders_apart():
    block, x = fake_block(), torch.arange(12.0).view(1, 3, 4)
    assert not torch.allclose(serial_with_dropout(block, x), parallel(block, x))
