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
            (10, "tacha los tamaños"),
            ([2, 5, 3], "dos tamaños, no tres"),
            ("2, 3, 3, 5", "falta tachar"),
            (torch.Size([2, 3]), "la primera"),
            ((3, 5), "la segunda"),
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
            ([11, 22, 3], "dos dimensiones"),
            ([[10, 1, 2, 3], [20, 1, 2, 3]], "al lado"),
            (torch.tensor([[10, 20, 30], [20, 40, 60]]), "has multiplicado"),
            (TABLE + 1, "6 de 6"),
        ],
    },
    "bienvenida.4": {
        "right": [-18, -18.0, torch.tensor(-18.0)],
        "wrong": [
            (9, "el valor de la función"),
            (-3, "vale el paréntesis"),
            (6, "falta lo que vale"),
            (-6, "interior"),
            (18, "sube o baja"),
            (-9, "exponente"),
        ],
    },
    "bienvenida.5": {
        "right": [6, 6.0],
        "wrong": [
            (6.291456, "son MB"),
            (6.29, "son MB"),
            (6144, "son KiB"),
            (0.0058594, "son GiB"),
            (1.5, "bytes ocupa"),
            (1572864, "Después, pásalos"),
            (12, "float64"),
            (48, "bits"),
            (3, "dos bytes"),
            (6291456, "son bytes"),
        ],
    },
    "bienvenida.6": {
        "right": [
            weighted_mean,
            lambda v, w: (v * w[:, None]).sum(0) / w.sum(),
            lambda v, w: [sum(x * y for x, y in zip(c, w, strict=True)) / sum(w) for c in v.T],
            lambda v, w: torch.einsum("t,tc->c", w / w.sum(), v).double(),
        ],
        "wrong": [
            (lambda v, w: w @ v, "falta dividir"),
            (lambda v, w: w @ v / len(w), "número de filas"),
            (lambda v, w: v.mean(0), "media corriente"),
            (lambda v, w: v.sum(1), "uno por columna"),
            (lambda v, w: v.mean(1), "uno por columna"),
            (lambda v, w: v.sum(0), "sin sus pesos"),
            (lambda v, w: w.softmax(0) @ v, "softmax"),
            (lambda v, w: v * w[:, None] / w.sum(), "ahora súmalas"),
            (lambda v, w: (w[None] @ v) / w.sum(), "sobra una dimensión"),
            (lambda v, w: (w @ v).sum() / w.sum(), "también las columnas"),
            (lambda v, w: w @ v / 4, "se esperaba"),  # acierta solo con el primer ejemplo
            (lambda v, w: weighted_mean(v, w) if len(v) == 3 else torch.zeros(v.shape[1]), "y llegó"),
            (lambda v, w: w @ v / w, "dio un error en su línea"),
            (lambda v, w: v.mul_(w[:, None]).sum(0) / w.sum(), "cambia v"),
            (lambda v, w: None, "falta return"),
            (lambda values: values.mean(0), "debe recibir 2 argumentos"),
        ],
    },
}

FIGURES = [
    partial(plot_guesses, {"Hace ___": {"sol": 3, "frío": 1}, "Es ___": {"hoy": 2}}),
    partial(draw_broadcast, torch.tensor([[1.0], [2.5]]), torch.tensor([10.0, 20.0])),
    partial(plot_slope, lambda w: (2 * w - 6) ** 2, at=1.0, slope=-16.0, step=0.1),
]
