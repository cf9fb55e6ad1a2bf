"""Lección 05: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial

import torch

from gpt_course.exercises.block import _fake_block
from gpt_course.plotting.block import draw_stream, plot_by_depth, plot_notes


def parallel(block, x):
    return x + block.drop_shortcut(block.att(block.norm1(x))) + block.drop_shortcut(block.ff(block.norm2(x)))


def serial(block, x):
    x = x + block.att(block.norm1(x))
    return x + block.ff(block.norm2(x))


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
            (3_150_848 // 8, "cabezas"),
            (8 * 3_150_848, "cabezas"),
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
            (2, "entre comillas"),
        ],
    },
    "bloque.3": {
        "right": [rows([-1, 1], [1, -1])],
        "wrong": [
            (rows([-1, 3], [3, -1]), "última normalización"),
            (rows([1, 7], [10, 4]), "pre-LN"),
            (rows([12, 24], [33, 21]), "no normalizaste nunca"),
            (rows([1, -1], [1, -1]), "2 de 4 números"),
        ],
    },
    "bloque.4": {
        "right": [15],
        "wrong": [
            (57, "se suman los cuadrados"),
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
            (lambda block, x: block.att(block.norm1(x)) + block.ff(block.norm2(x)), "faltó el camino"),
            (lambda block, x: x + parallel(block, x), "dos veces"),
            (lambda block, x: x + block.att(x) + block.ff(x), "normalización"),
            (lambda b, x: x + b.att(b.norm1(x)) + b.ff(b.norm1(x)), "norm2, no de norm1"),
            (lambda block, x: x + block.att(block.norm1(x)), "nota de la red"),
            (lambda block, x: x + block.ff(block.norm2(x)), "nota de la atención"),
            (lambda block, x: x.sum(), "forma"),
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
    block, x = _fake_block(), torch.arange(12.0).view(1, 3, 4)
    assert not torch.allclose(serial(block, x), parallel(block, x))
