"""Ejercicios de la lección 13: qué prueba una ablación, apagar y puntuar. Los demás, en `varied`."""

import torch

from gpt_course.exercises.core import choice, function

choice(
    "dentro.4",
    "d",
    "hay que apagar las dos para ver qué hacían: un recambio esconde el daño.",
    hints={
        "a": "un peso de atención dice de dónde se lee, no si hacía falta: sin ella apenas cambió nada.",
        "b": "apagadas las dos, el modelo deja de copiar. Algo harían.",
        "c": "la tabla dice lo contrario: sin la una o sin la otra casi no hay daño.",
    },
)


def _contexts(random):
    """Contextos (B, T, C) y cada cabeza de varias particiones."""
    for shape, n_heads, head in (((1, 2, 4), 2, 1), ((1, 3, 4), 2, 0), ((2, 3, 6), 3, 1), ((2, 5, 8), 4, 3)):
        yield torch.rand(shape, generator=random) + 0.5, head, n_heads
    yield torch.rand((1, 4, 6), generator=random) + 0.5, 2, 6
    yield torch.rand((3, 2, 5), generator=random) + 0.5, 0, 1


def _kept(context, hidden):
    return context * ~hidden


def _columns(context):
    return torch.arange(context.shape[-1])


def _size(context, n_heads):
    return context.shape[-1] // n_heads


@function(
    "dentro.5",
    "una cabeza entrega D columnas seguidas: apagarla es ponerlas a 0, sin tocar ningún peso.",
    cases=_contexts,
    hints=[
        (
            lambda context, head, n_heads: _kept(
                context, _columns(context) // _size(context, n_heads) != head
            ),
            "está del revés: dejaste solo esa cabeza.",
        ),
        (
            lambda context, head, n_heads: _kept(context, _columns(context) == head),
            "apagaste una sola columna; una cabeza entrega D = C/H.",
        ),
        (
            lambda context, head, n_heads: _kept(context, _columns(context) % n_heads == head),
            "las columnas de una cabeza van seguidas, no salteadas.",
        ),
        (
            lambda context, head, n_heads: _kept(
                context, _columns(context) // _size(context, n_heads) == head - 1
            ),
            "apagaste la de antes: las cabezas se cuentan desde 0.",
        ),
        (
            lambda context, head, n_heads: _kept(context, (torch.arange(context.shape[1]) == head)[:, None]),
            "apagaste un token; las cabezas se reparten la anchura, que es el último eje.",
        ),
        (
            lambda context, head, n_heads: context[..., _columns(context) // _size(context, n_heads) != head],
            "quitaste las columnas: `out_proj` espera las C de siempre, con ceros en las de esa cabeza.",
        ),
        (
            lambda context, head, n_heads: context,
            "no cambia nada. Trabaja en una copia, `context.clone()`, y devuélvela.",
        ),
    ],
)
def without_head(context, head, n_heads):
    return _kept(context, _columns(context) // _size(context, n_heads) == head)


def _attentions(random):
    """Pesos causales y una cadena con repeticiones: la del papel, y otras al azar."""
    paper = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.5, 0], [0.125, 0.5, 0.125, 0.25]])
    yield paper, [0, 1, 2, 0]
    for ids in ([0, 1, 2, 0, 1, 2], [3, 3, 3, 1], [0, 1, 0, 2, 0, 1, 4], [5, 2, 5, 5, 2, 0, 5, 2]):
        scores = torch.randn(len(ids), len(ids), generator=random)
        hidden = torch.ones(len(ids), len(ids), dtype=torch.bool).triu(1)
        yield scores.masked_fill(hidden, -torch.inf).softmax(-1), ids


def _after_copy(ids, shift=1):
    """True en (t, s) si el token que va `shift` lugares antes de s es el de t, y s no pasa de t."""
    size = len(ids)
    return torch.tensor(
        [
            [0 <= s - shift < t and s <= t and ids[s - shift] == ids[t] for s in range(size)]
            for t in range(size)
        ]
    )


def _score(weights, target, rows=None):
    rows = target.any(-1) if rows is None else rows
    return (weights * target).sum(-1)[rows].mean()


@function(
    "dentro.6",
    "cerca de 1, esa cabeza mira casi siempre detrás de una copia; si hace falta, solo lo dice apagarla.",
    cases=_attentions,
    tolerance=1e-4,
    hints=[
        (
            lambda weights, ids: _score(weights, _after_copy(ids, 0)),
            "eso es lo que mira a las copias mismas; se pide lo que viene justo después de cada una.",
        ),
        (
            lambda weights, ids: _score(weights, _after_copy(ids), torch.ones(len(ids), dtype=torch.bool)),
            "promedia solo los lugares cuyo token ya había salido: en los demás no hay qué copiar.",
        ),
        (
            lambda weights, ids: (weights * _after_copy(ids)).sum(),
            "eso es la suma; divide entre los lugares cuyo token ya había salido.",
        ),
        (
            lambda weights, ids: weights[-1][_after_copy(ids)[-1]].sum(),
            "miraste solo el último lugar; se pide la media de todos los que repiten un token.",
        ),
        (
            lambda weights, ids: weights.diagonal(-1).mean(),
            "eso es lo que mira al token anterior, sea el que sea.",
        ),
        (
            lambda weights, ids: (weights * _after_copy(ids)).sum(-1).max(),
            "te quedas con el mayor; se pide la media.",
        ),
    ],
)
def induction_score(weights, ids):
    return _score(weights, _after_copy(ids))
