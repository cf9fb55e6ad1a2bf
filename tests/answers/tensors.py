"""Lección 00: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial

import torch

from gpt_course.plotting.tensors import draw_broadcast, plot_guesses, plot_slope


def weighted_mean(values, weights):
    return weights @ values / weights.sum()


TABLE = torch.tensor([[11, 12, 13], [21, 22, 23]])


ANSWERS = {
    "bienvenida.0": {
        "right": [6, 6.0, torch.tensor(6)],
        "wrong": [
            (5, "has sumado"),
            (3, "demasiado pequeño"),
            (8, "demasiado grande"),
        ],
    },
    "bienvenida.1": {
        "right": [[2, 5], (2, 5), torch.Size([2, 5])],
        "wrong": [
            ([3, 3], "los dos tamaños de dentro"),
            ([5, 2], "al revés"),
            ([2, 3, 5], "dos tamaños, no tres"),
            ([6, 15], "no se multiplican"),
            ([7, 7], "no es esa"),
            (10, "se esperaba una forma"),
            ([2, 5, 3], "dos tamaños, no tres"),
        ],
    },
    "bienvenida.2": {
        "right": ["b", " B "],
        "wrong": [
            ("a", "no puede guardar"),
            ("c", "NumPy"),
            ("d", "convierte"),
        ],
    },
    "bienvenida.3": {
        "right": [TABLE, TABLE.float()],
        "wrong": [
            (TABLE.T, "tumbada"),
            (torch.tensor([11, 22]), "dos dimensiones"),
            (torch.tensor([[10, 20, 30], [20, 40, 60]]), "has multiplicado"),
            (TABLE + 1, "6 de 6"),
        ],
    },
    "bienvenida.4": {
        "right": [-18, -18.0, torch.tensor(-18.0)],
        "wrong": [
            (9, "el valor de la función"),
            (-6, "interior"),
            (18, "sube o baja"),
            (-9, "exponente"),
        ],
    },
    "bienvenida.5": {
        "right": [6, 6.0],
        "wrong": [
            (6.291456, "MB"),
            (1.5, "bytes ocupa"),
            (48, "bits"),
            (3, "dos bytes"),
            (6291456, "esos son los bytes"),
        ],
    },
    "bienvenida.6": {
        "right": [weighted_mean, lambda v, w: (v * w[:, None]).sum(0) / w.sum()],
        "wrong": [
            (lambda v, w: w @ v, "falta dividir"),
            (lambda v, w: w @ v / len(w), "número de filas"),
            (lambda v, w: v.mean(0), "media corriente"),
            (lambda v, w: v.sum(1), "uno por columna"),
            (lambda v, w: w @ v / 4, "no lo son"),  # acierta solo con el primer ejemplo
        ],
    },
}

FIGURES = [
    partial(plot_guesses, {"Hace ___": {"sol": 3, "frío": 1}, "Es ___": {"hoy": 2}}),
    partial(draw_broadcast, torch.tensor([[1.0], [2.5]]), torch.tensor([10.0, 20.0])),
    partial(plot_slope, lambda w: (2 * w - 6) ** 2, at=1.0, slope=-16.0, step=0.1),
]
