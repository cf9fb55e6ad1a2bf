"""Ejercicios de la lección 05: cuentas, camino intacto, orden y bloque en paralelo."""

import torch
from torch import nn

from gpt_course.exercises.core import choice, function, number, table

C = 512  # la anchura del ejercicio 1
PARAMETERS = 12 * C**2 + 10 * C
SMALL = 768  # y la del 5

_HEADS = "Las cabezas se reparten la anchura: no cambian la cuenta."
number(
    "bloque.1",
    PARAMETERS,
    "eso es: doce matrices y diez vectores, con las cabezas que sea.",
    hints=[
        (12 * C**2, "están las doce matrices, pero faltan los vectores: sesgos y normalizaciones."),
        (12 * C**2 + 6 * C, "faltan las normalizaciones: cada una guarda dos vectores."),
        (12 * C**2 + 8 * C, "falta una normalización: el bloque tiene dos."),
        (12 * C**2 + 9 * C, "falta un vector: la salida de la atención también lleva sesgo."),
        (12 * C**2 + 7 * C, "la primera capa lineal de la red tiene 4C salidas, y un sesgo por salida."),
        (12 * C**2 + 13 * C, "contaste sesgos en *query*, *key* y *value*, y este bloque no los lleva."),
        (8 * C**2 + 10 * C, "la red tiene dos matrices de C × 4C, y has contado una."),
        (4 * C**2 + C, "esa es solo la atención: falta la otra subcapa, con las normalizaciones."),
        (4 * C**2 + 3 * C, "esa es solo la atención con su normalización: falta la otra subcapa."),
        (8 * C**2 + 5 * C, "esa es solo la red *feed-forward*: falta la atención, con las normalizaciones."),
        (8 * C**2 + 7 * C, "esa es solo la red *feed-forward* con su normalización: falta la atención."),
        (PARAMETERS // 8, f"dividiste entre las 8 cabezas. {_HEADS}"),
        (8 * PARAMETERS, f"multiplicaste por las 8 cabezas. {_HEADS}"),
        (4 * PARAMETERS, "eso son bytes en float32; se piden parámetros."),
    ],
)

choice(
    "bloque.2",
    "b",
    "sin notas, el camino pasa intacto: el bloque no hace nada, y no estorba.",
    hints={
        "a": "las dos notas son ceros, sí. Pero ¿a qué se suman?",
        "c": "eso saldría de un bloque post-LN. Aquí la normalización está en la rama, no en el camino.",
        "d": "lo que calculen *query*, *key* y *value* pasa después por `out_proj`. ¿Qué queda de ello?",
    },
)

table(
    "bloque.3",
    [[-1, 3], [3, -1]],
    "la última normalización lo deja en (−1, 1) y (1, −1): ya no se ve que un token era más largo.",
    hints=[
        (
            [[-1, 1], [1, -1]],
            "eso sale *después* de una normalización; se pide el camino tras la última suma.",
        ),
        (
            [[1, 7], [10, 4]],
            "eso es pre-LN: se normalizó lo que leen las subcapas. En post-LN se normaliza el camino.",
        ),
        ([[12, 24], [33, 21]], "falta normalizar tras la primera suma, antes de que lea la red."),
        ([[4, 8], [11, 7]], "así está el camino tras la primera suma: faltan la normalización y la red."),
        ([[0, 2], [2, 0]], "esa es la nota de la red: falta sumarla al camino."),
        ([[-3, 3], [3, -3]], "la red pone a 0 los negativos antes de doblar."),
        ([[-1, 2], [2, -1]], "los positivos se doblan en la nota de la red."),
        ([[3, -1], [-1, 3]], "los números son esos, pero cambiados de token."),
    ],
)

number(
    "bloque.4",
    15,
    "dieciséis notas de longitud 3 solo alargan el camino de 9 a 15.",
    hints=[
        (57, "sumaste las longitudes. Si son perpendiculares, se suman los cuadrados."),
        (33, "sumaste las longitudes, y además hay dos notas por bloque."),
        (153**0.5, "hay dos notas por bloque y contaste una."),
        (225, "eso es la longitud al cuadrado: falta la raíz."),
        (12, "eso miden las notas juntas: falta lo que ya había en el camino."),
        (99**0.5, "esa es la longitud tras el primer bloque, y hay ocho."),
        (129**0.5, "el camino va al cuadrado, y cada nota también."),
    ],
)

number(
    "bloque.5",
    6 * SMALL,
    "hasta ahí mandan las matrices; más allá, la atención T².",
    hints=[
        (6, "te falta C: iguala 4·T²·C con 24·T·C² y simplifica lo que se repite, pero no todo."),
        (SMALL / 6, "el 6 está, pero al despejar lo has puesto dividiendo."),
        (2 * SMALL, "comparaste solo con las matrices de la atención (8·T·C²); cuenta también la red."),
        (4 * SMALL, "comparaste solo con la red *feed-forward* (16·T·C²); cuenta también la atención."),
        (12 * SMALL, "la parte de la atención son dos productos, T×T por C cada uno: 4·T²·C en total."),
        (3 * SMALL, "contaste la mitad del trabajo de las matrices: cada peso es una suma y un producto."),
        (SMALL, "con T = C los dos productos no cuestan igual: uno lleva un 4 delante, y el otro, un 24."),
    ],
)


class _Affine(nn.Module):
    """Pieza de mentira: escala y, si es la atención, mezcla con los tokens anteriores."""

    def __init__(self, factor, offset, mix=False):
        super().__init__()
        self.factor, self.offset, self.mix = factor, offset, mix

    def forward(self, x):
        return self.factor * (x.cumsum(dim=-2) if self.mix else x) + self.offset


def fake_block():
    """Un bloque cuyas piezas no se confunden; su *dropout* no sortea, pero se nota dónde se aplica."""
    block = nn.Module()
    block.att, block.ff = _Affine(3.0, 0.5, mix=True), _Affine(-2.0, 1.0)
    block.norm1, block.norm2 = _Affine(0.5, 0.25), _Affine(0.1, -1.0)
    block.drop_shortcut = _Affine(0.75, 0.125)
    return block


def _blocks(random):
    yield fake_block(), torch.arange(4.0).view(1, 2, 2)
    for shape in ((1, 3, 4), (2, 5, 6), (3, 1, 2)):
        yield fake_block(), torch.randn(shape, generator=random)


# Recibe el bloque, x, las dos notas sin dropout y quien las pasa por él, o las deja como están.
_SERIAL = "eso es el bloque de siempre, en serie: la red leyó el camino después de la nota de la atención."
_MISTAKES = [
    (lambda b, x, att, ff, drop: (y := x + drop(att)) + drop(b.ff(b.norm2(y))), _SERIAL),
    (lambda b, x, att, ff, drop: drop(att) + drop(ff), "faltó el camino: las dos notas se suman a él."),
    (lambda b, x, att, ff, drop: drop(att + ff), "faltó el camino: las dos notas se suman a él."),
    (lambda b, x, att, ff, drop: 2 * x + drop(att) + drop(ff), "sumaste x dos veces: el camino es uno solo."),
    (
        lambda b, x, att, ff, drop: x + drop(b.att(x)) + drop(b.ff(x)),
        "las subcapas leen a través de su normalización: `norm1` y `norm2`.",
    ),
    (
        lambda b, x, att, ff, drop: x + drop(att) + drop(b.ff(b.norm1(x))),
        "la red *feed-forward* lee a través de `norm2`, no de `norm1`.",
    ),
    (
        lambda b, x, att, ff, drop: x + drop(b.att(b.norm2(x))) + drop(b.ff(b.norm1(x))),
        "has cambiado las normalizaciones: la atención lee con `norm1` y la red, con `norm2`.",
    ),
    (
        lambda b, x, att, ff, drop: x + drop(b.norm1(b.att(x))) + drop(b.norm2(b.ff(x))),
        "has normalizado lo que escriben las subcapas; se normaliza lo que leen.",
    ),
    (lambda b, x, att, ff, drop: x + drop(att), "falta la nota de la red *feed-forward*."),
    (lambda b, x, att, ff, drop: x + drop(ff), "falta la nota de la atención."),
    (lambda b, x, att, ff, drop: x + att + ff, "falta pasar cada nota por `block.drop_shortcut`."),
    (lambda b, x, att, ff, drop: drop(x + att + ff), "`drop_shortcut` apaga notas, nunca el camino."),
    (
        lambda b, x, att, ff, drop: x + drop(att + ff),
        "cada nota pasa por `drop_shortcut` por su cuenta: así no se apagan siempre las dos a la vez.",
    ),
]


def _student(mistake, dropping):
    """La función que escribió quien se equivoca así, con *dropout* o sin él."""

    def forward(block, x):
        drop = block.drop_shortcut if dropping else nn.Identity()
        return mistake(block, x, block.att(block.norm1(x)), block.ff(block.norm2(x)), drop)

    return forward


@function(
    "bloque.6",
    "las dos subcapas leen el mismo camino y sus notas se suman a la vez.",
    cases=_blocks,
    hints=[(_student(mistake, drop), hint) for drop in (True, False) for mistake, hint in _MISTAKES],
)
def parallel_forward(block, x):
    drop = block.drop_shortcut
    return x + drop(block.att(block.norm1(x))) + drop(block.ff(block.norm2(x)))
