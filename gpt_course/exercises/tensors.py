"""Ejercicios de la lección 00: formas, tipos, difusión, gradientes, bytes y una media con pesos."""

import torch

from gpt_course.exercises.core import ANY, choice, function, number, table

number(
    "bienvenida.0",
    6,
    "dos filas de tres números son seis.",
    hints=[(5, "has sumado los tamaños. Dibuja la tabla y cuenta sus casillas.")],
)

_INNER = "el producto de dos tablas es otra tabla: dos tamaños, no tres."
table(
    "bienvenida.1",
    [2, 5],
    "quedan los tamaños de fuera; los de dentro coinciden y se suman.",
    hints=[
        ([3, 3], "esos son los dos tamaños de dentro, que desaparecen al multiplicar y sumar."),
        ([5, 2], "los tamaños son esos, pero al revés: las filas vienen de la primera matriz."),
        ([2, 3, 5], _INNER),
        ([2, 5, 3], _INNER),
        ([2, 3, 3, 5], "esas son las dos formas seguidas: falta tachar."),
        ([6, 15], "los tamaños no se multiplican: uno de cada matriz se conserva."),
        ([2, 3], "esa es la forma de la primera. ¿Qué le hace la segunda a sus filas?"),
        ([3, 5], "esa es la forma de la segunda. ¿Cuántas filas tiene el producto?"),
    ],
    otherwise="no es esa. Escribe las dos formas seguidas y tacha los tamaños que coinciden.",
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

_ONE_NUMBER_EACH = "la suma tiene dos dimensiones: cada número de uno se suma con todos los del otro."
table(
    "bienvenida.3",
    [[11, 12, 13], [21, 22, 23]],
    "cada número de la columna se suma con todos los de la fila.",
    hints=[
        ([[10, 20, 30], [20, 40, 60]], "has multiplicado; aquí se suma."),
        ([[ANY, ANY]] * 3, "es la tabla tumbada: la columna da las filas del resultado."),
        ([ANY] * 2, _ONE_NUMBER_EACH),
        ([ANY] * 3, _ONE_NUMBER_EACH),
        ([[10, 1, 2, 3], [20, 1, 2, 3]], "has puesto la fila al lado de la columna; aquí se suman."),
    ],
)

number(
    "bienvenida.4",
    -18,
    "si w crece un poco, la función baja dieciocho veces ese poco.",
    hints=[
        (9, "ese es el valor de la función, no su pendiente."),
        (-3, "eso vale el paréntesis. Faltan los otros dos factores."),
        (-6, "falta multiplicar por lo que crece el interior, 3w − 6, cuando w crece 1."),
        (6, "has tomado solo el exponente y lo que crece el interior; falta lo que vale."),
        (18, "el tamaño es ese. Si w crece un poco desde 1, ¿la función sube o baja?"),
        (-9, "falta el 2 que baja del exponente."),
    ],
)

number(
    "bienvenida.5",
    6,
    "tantos números como dice la forma, por 4 bytes, entre 2²⁰.",
    unit="MiB",
    hints=[
        (1.5, "esos son los números, ya divididos entre 2²⁰. ¿Cuántos bytes ocupa cada uno?"),
        (1_572_864, "esos son los números. ¿Cuántos bytes ocupa cada uno? Después, pásalos a MiB."),
        (48, "esa cuenta es en bits; un byte son ocho."),
        (3, "es justo la mitad: o falta el primer tamaño de la forma, o contaste dos bytes por número."),
        (12, "es justo el doble: contaste 8 bytes por número, como en float64."),
    ],
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
