"""Ejercicios de la lección 06: el mayor, quién ve a quién y la pérdida. Los demás, en `varied`."""

import math

import torch
from torch.nn import functional as F

from gpt_course.exercises.core import ANY, function, number, table

TOTAL = 163_009_536  # parámetros de GPT-2 pequeño con dos matrices
XL, XL_BIASES, XL_HEAD = 1_637_792_000, 3 * 1600 * 48, 50257 * 1600


number(
    "modelo.3",
    XL,
    "diez veces el pequeño, y se cuenta sin ocupar memoria.",
    hints=[
        (XL - XL_HEAD + XL_BIASES, "ese es el publicado: falta cambiar las dos claves."),
        (XL - XL_HEAD, "has quitado los sesgos, pero la matriz sigue compartida."),
        (XL + XL_BIASES, "ya son dos matrices, pero quedan los sesgos de *query*, *key* y *value*."),
        (XL + XL_HEAD, "has sumado la cabeza de salida dos veces."),
        (TOTAL, "ese es el modelo pequeño: parte de la configuración de GPT-2 XL."),
        (838_220_800, "ese es el `gpt2-large`, de 36 bloques."),
    ],
)

table(
    "modelo.4",
    [0, 1, 1, 1],
    "la fila 0 sale idéntica, bit a bit: la máscara causal le tapa lo que viene después.",
    hints=[
        ([0, 1, 0, 0], "la fila 1 cambia, sí. Pero ¿quién más lee el lugar 1?"),
        ([1, 1, 1, 1], "si todas cambiaran, la fila 0 estaría viendo el futuro."),
        ([1, 0, 0, 0], "al revés: la máscara tapa lo que viene después, no lo de antes."),
        ([1, 1, 0, 0], "al revés: la máscara tapa lo que viene después, no lo de antes."),
        ([0, 0, 0, 0], "si ninguna cambiara, el token no serviría de nada. ¿Quién lo lee?"),
        ([0, 0, 0, 1], "no lee el lugar 1 solo la última: repasa cada fila."),
        ([0, 0, ANY, ANY], "cada fila lee también su propio token."),
        ([1, ANY, ANY, ANY], "repasa fila a fila qué lugares lee cada una. ¿Y la fila 0?"),
        ([0, 1, ANY, ANY], "si una fila lee el lugar 1, ¿dejan de leerlo las que vienen después?"),
        ([1, 2, 3], "se piden cuatro valores, uno por fila, y no los números de las filas."),
    ],
)


def _logits_and_ids(random):
    """Logits (B, T, V) y tokens (B, T): una predicción que se hace a mano, y otras sorteadas."""
    yield torch.tensor([[[0.0, math.log(3)], [0.0, 0.0]]]), torch.tensor([[0, 1]])
    for shape in ((2, 4, 11), (1, 5, 3), (3, 2, 7)):
        logits = 3 * torch.randn(shape, generator=random)
        yield logits, torch.randint(shape[-1], shape[:2], generator=random)


def _each(logits, ids):
    """−ln de la probabilidad de cada token siguiente: (B · (T − 1),)."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none")


def _of_pairs(logits, ids):
    return F.cross_entropy(logits.flatten(0, 1), ids.flatten())


@function(
    "modelo.5",
    "cada lugar responde del token siguiente, y la pérdida es la media de todas las respuestas.",
    cases=_logits_and_ids,
    hints=[
        (_of_pairs, "has comparado cada lugar con su propio token: el lugar t predice el t + 1."),
        (
            lambda z, ids: _of_pairs(z[:, 1:], ids[:, :-1]),
            "los has desplazado al revés: el lugar t predice el t + 1.",
        ),
        (
            lambda z, ids: _of_pairs(z.flatten(0, 1)[None, :-1], ids.flatten()[None, 1:]),
            "el último lugar de una frase no predice el primer token de la siguiente.",
        ),
        (
            lambda z, ids: prediction_loss(z.softmax(-1), ids),
            "`cross_entropy` ya hace softmax: dale los logits, no las probabilidades.",
        ),
        (lambda z, ids: _each(z, ids).sum(), "esa es la suma; la pérdida es la media."),
        (
            lambda z, ids: _each(z, ids).sum() / len(ids),
            "divide entre todas las predicciones, y no entre el número de frases.",
        ),
        (
            lambda z, ids: _each(z, ids).sum() / ids.numel(),
            "has dividido entre B · T, y hay menos predicciones: el último lugar no tiene respuesta.",
        ),
        (_each, "esas son las pérdidas de cada lugar: falta la media."),
        (lambda z, ids: prediction_loss(z[:1], ids[:1]), "has medido solo la primera frase."),
        (
            lambda z, ids: prediction_loss(z[:, -2:], ids[:, -2:]),
            "has medido solo la última predicción de cada frase.",
        ),
        (lambda z, ids: prediction_loss(z, ids) / math.log(2), "eso son bits; aquí se usa ln."),
        (lambda z, ids: -prediction_loss(z, ids), "el signo: −ln de una probabilidad nunca es negativo."),
        (lambda z, ids: math.exp(prediction_loss(z, ids)), "eso es la perplejidad: e elevado a la pérdida."),
        (lambda z, ids: (-_each(z, ids)).exp().mean(), "esa es la probabilidad media: falta −ln."),
        (
            lambda z, ids: -(-_each(z, ids)).exp().mean().log(),
            "el logaritmo va antes que la media: se promedian las pérdidas, no las probabilidades.",
        ),
        (
            lambda z, ids: -z[:, :-1].gather(2, ids[:, 1:, None]).mean(),
            "esa es la media de los logits, con el signo cambiado: falta softmax.",
        ),
    ],
)
def prediction_loss(logits, ids):
    return _each(logits, ids).mean().item()
