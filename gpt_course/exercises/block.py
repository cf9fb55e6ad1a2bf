"""Ejercicios de la lección 05: camino intacto y bloque en paralelo. Los demás, en `varied`."""

import torch
from torch import nn

from gpt_course.exercises.core import choice, function

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
