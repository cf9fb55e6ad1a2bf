"""El ejercicio 3 de la lección 03 con variantes: los pesos con máscara causal, con lápiz."""

import math
from itertools import permutations

from gpt_course.exercises.core import ANY, table, varied
from gpt_course.exercises.grading.drawing import first


def _past(i, j):
    return j <= i


def _divided(powers, by="rows"):
    """Cada fila, o cada columna, dividida entre su suma."""
    columns = [sum(column) for column in zip(*powers, strict=True)]
    return [
        [value / (sum(row) if by == "rows" else columns[j]) for j, value in enumerate(row)] for row in powers
    ]


def _powers(scores, seen=_past, base=2.0, hidden=0.0):
    """`base` elevada a cada puntuación que se ve, y `hidden` en las demás."""
    return [
        [base**score if seen(i, j) else hidden for j, score in enumerate(row)] for i, row in enumerate(scores)
    ]


def _covered(rows):
    return [[value if _past(i, j) else 0.0 for j, value in enumerate(row)] for i, row in enumerate(rows)]


@varied(
    *("({scores[0]}), ({scores[1]}) y ({scores[2]})", "[[{scores[0]}], [{scores[1]}], [{scores[2]}]]"),
    one=first((0, 3, 1), permutations(range(4), 3)),
    two=first((0, 2, 5), permutations(range(4), 3)),
    three=first((2, 0, 1), permutations(range(4), 3)),
    also=lambda **rows: {"scores": list(rows.values())},
)
def _by_hand(one, two, three):
    scores = [one, two, three]
    right, no_mask = _divided(_powers(scores)), _divided(_powers(scores, seen=lambda i, j: True))
    zeros = _divided(_powers(scores, hidden=1.0))
    shares = [1 if one[0] else ANY, 0, 0], [value / sum(two[:2]) for value in two[:2]] + [0]
    return table(
        "atencion.3",
        right,
        "lo tapado vale 0 y lo demás se reparte un total de 1.",
        hints=[
            (no_mask, "falta la máscara: el primer token está mirando a los que vienen después."),
            (_covered(no_mask), "tapaste después del softmax: suma cada fila y mira si da 1."),
            (zeros, "pusiste 0 donde iba −∞. ¿Cuánto vale e⁰? Un 0 todavía cuenta."),
            (_covered(zeros), "pusiste 0 donde iba −∞, y e⁰ cuenta en cada total."),
            (
                _divided(_powers(scores), by="columns"),
                "repartiste por columnas. Quien mira es la fila: cada fila suma 1.",
            ),
            (
                _divided(_powers(scores, seen=lambda i, j: j >= i)),
                "tapaste el pasado. Se tapa lo de encima de la diagonal.",
            ),
            (
                _divided(_powers(scores, base=math.e)),
                "elevaste e; el enunciado está en unidades de ln 2: se eleva 2.",
            ),
            (
                _divided(_powers(scores, base=2 ** (1 / 2**0.5))),
                "dividiste entre una raíz, y estas ya están escaladas.",
            ),
            (_powers(scores), "elevaste bien: falta dividir cada fila entre su suma."),
            # La primera fila, si es 0 entre 0, cada cual la arregla a su manera.
            (
                [*shares, [value / sum(three) for value in three]],
                "repartiste las puntuaciones: falta elevar 2 a cada una.",
            ),
        ],
    )
