"""Ejercicios de la lección 00: tipos y una media con pesos. Los demás, en `varied`."""

import torch

from gpt_course.exercises.core import choice, function, number

number(
    "bienvenida.0",
    6,
    "dos filas de tres números son seis.",
    hints=[(5, "has sumado los tamaños. Dibuja la tabla y cuenta sus casillas.")],
)


choice(
    "bienvenida.2",
    "b",
    "la división convierte los enteros en float32, el tipo decimal habitual de PyTorch.",
    hints={
        "a": "un entero no puede guardar 0.5. ¿Qué le pasaría a 1 / 2?",
        "c": "eso hace NumPy. El tipo decimal de PyTorch, si no pides otro, es más corto.",
        "d": "PyTorch no falla: convierte él los enteros antes de dividir.",
    },
)


def _values_and_weights(random):
    """Tablas (T, C) y sus pesos: una que se hace a mano, y otras de formas y números sorteados."""
    yield torch.tensor([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]]), torch.tensor([1.0, 1.0, 2.0])
    for rows, columns in ((2, 2), (4, 3), (3, 3), (1, 4), (5, 1)):
        values = torch.randn(rows, columns, generator=random)
        yield values, 0.1 + 3 * torch.rand(rows, generator=random)


@function(
    "bienvenida.6",
    "has escrito la operación con la que la atención mezcla tokens.",
    cases=_values_and_weights,
    hints=[
        (lambda v, w: w @ v, "has sumado bien, pero falta dividir: los pesos del ejemplo no suman 1."),
        (
            lambda v, w: w @ v / len(w),
            "has dividido entre el número de filas, no entre la suma de los pesos.",
        ),
        (lambda v, w: v.mean(0), "esa es la media corriente: todos los pesos valen lo mismo."),
        (lambda v, w: v.sum(0), "has sumado las filas sin sus pesos."),
        (lambda v, w: w.softmax(0) @ v, "los pesos no pasan por softmax: se dividen entre su suma."),
        (
            lambda v, w: w[:, None] * v / w.sum(),
            "cada fila lleva ya su peso: ahora súmalas, y quedará un número por columna.",
        ),
        (lambda v, w: (w @ v / w.sum())[None], "sobra una dimensión: se espera la forma (C,)."),
        (
            lambda v, w: (w @ v).sum() / w.sum(),
            "has sumado también las columnas: debe quedar una media en cada.",
        ),
        (
            lambda v, w: v.sum(1),
            "llegó un número por fila y se esperaba uno por columna: suma a lo largo de las filas.",
        ),
        (
            lambda v, w: v.mean(1),
            "llegó un número por fila y se esperaba uno por columna: suma a lo largo de las filas.",
        ),
    ],
)
def weighted_mean(values, weights):
    return weights @ values / weights.sum()
