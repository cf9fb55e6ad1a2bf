"""Ejercicios de la lección 10: validación, calentamiento y relleno. Los demás, en `varied`."""

import math

import torch
from torch.nn import functional as F

from gpt_course.exercises.core import choice, function

# Ejercicio 3: las pérdidas de entrenamiento y de validación de cuatro puntos de control.
CURVES = {"a": (0.30, 6.08), "b": (2.44, 3.78), "c": (4.81, 4.69), "d": (1.48, 4.23)}
choice(
    "entrenamiento.3",
    min(CURVES, key=lambda option: CURVES[option][1]),
    "el que menos pierde con lo que no ha visto; lo que pasa después es memoria.",
    hints={
        "a": "ese es el que menos pierde con el texto que ya ha visto. ¿Cómo le va con el otro?",
        "c": "sus dos pérdidas se parecen, pero son altas: aún no ha aprendido lo que podía.",
        "d": "la pérdida de entrenamiento no es la que decide. ¿Para qué apartaste un texto?",
    },
)


def _steps(random):
    """Un calentamiento que se sigue con lápiz, el punto más alto, la mitad, el final y otros."""
    for step in (1, 2, 4, 8, 12):
        yield step, 12, 4
    for step in (5, 6, 10, 11):
        yield step, 12, 4
    for step, steps, warmup in ((1, 100, 1), (50, 100, 0), (3, 400, 50), (50, 400, 50), (225, 400, 50)):
        yield step, steps, warmup


def _rate(step, steps, warmup, *, first=0, floor=0.0, shape=None):
    """El factor, con averías: el primer paso, el final y la forma de la bajada."""
    if step <= warmup:
        return (step - first) / warmup
    part = (step - warmup) / (steps - warmup)
    return floor + (1 - floor) * (shape or (lambda p: (1 + math.cos(math.pi * p)) / 2))(part)


@function(
    "entrenamiento.5",
    "sube en línea recta y baja con media onda, sin saltos en medio.",
    cases=_steps,
    hints=[
        (
            lambda s, n, w: _rate(s, n, w, first=1),
            "el primer paso es el 1, y su factor no es 0: sería un paso perdido.",
        ),
        (
            lambda s, n, w: _rate(s, n, w, shape=lambda p: 1 - p),
            "baja en línea recta; se pide media onda de coseno.",
        ),
        (
            lambda s, n, w: _rate(s, n, w, shape=lambda p: math.cos(math.pi * p / 2)),
            "eso es un cuarto de onda: el coseno debe ir de 1 a −1, y el factor, de 1 a 0.",
        ),
        (
            lambda s, n, w: _rate(s, n, w, shape=lambda p: math.cos(math.pi * p)),
            "acaba en −1, y con una tasa negativa la pérdida sube. Lleva el coseno de 1 a 0.",
        ),
        (
            lambda s, n, w: s / w if s <= w else (1 + math.cos(math.pi * s / n)) / 2,
            "da un salto al acabar el calentamiento: la bajada empieza allí, no en el paso 0.",
        ),
        (
            lambda s, n, w: (1 + math.cos(math.pi * s / n)) / 2,
            "falta el calentamiento: los primeros pasos son más pequeños.",
        ),
        (lambda s, n, w: s / w if s <= w else 1, "falta la bajada: después del calentamiento se queda en 1."),
        (lambda s, n, w: _rate(s, n, w, floor=0.1), "se pide que acabe en 0, no en una décima parte."),
    ],
)
def factor(step, steps, warmup):
    return _rate(step, steps, warmup)


def _batches(random):
    """Uno sin relleno, otro de dos filas que se hace a mano y varios al azar."""
    logits = torch.zeros(2, 3, 4)
    logits[0, :, 0] = math.log(5)  # probabilidades 5/8, 1/8, 1/8 y 1/8
    y = torch.tensor([[0, 0, 0], [1, 2, 3]])
    yield logits, y, torch.ones(2, 3, dtype=torch.bool)
    yield logits, y, torch.tensor([[True, True, True], [True, False, False]])
    for rows, length, size in ((1, 4, 3), (3, 5, 6), (2, 7, 5)):
        logits = torch.randn(rows, length, size, generator=random)
        y = torch.randint(size, (rows, length), generator=random)
        lengths = torch.randint(1, length + 1, (rows, 1), generator=random)
        yield logits, y, torch.arange(length) < lengths


def _costs(logits, y):
    return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)  # (B, T)


@function(
    "entrenamiento.6",
    "la media es de los lugares de verdad, y *e* se eleva una sola vez, al final.",
    cases=_batches,
    tolerance=1e-4,
    hints=[
        (
            lambda z, y, m: _costs(z, y).mean().exp(),
            "cuenta también el relleno: quédate con los lugares de `mask`.",
        ),
        (
            lambda z, y, m: (_costs(z, y) * m).mean().exp(),
            "pone a 0 el relleno, pero divide entre todos los lugares: divide entre los de verdad.",
        ),
        (
            lambda z, y, m: ((_costs(z, y) * m).sum(1) / m.sum(1)).mean().exp(),
            "hace la media de cada fila y después la de las filas: así un token de una fila corta pesa más.",
        ),
        (lambda z, y, m: _costs(z, y)[m].mean(), "esa es la pérdida. Falta elevar *e* a ella."),
        (lambda z, y, m: _costs(z, y)[m].exp().mean(), "*e* se eleva a la media, no a cada pérdida."),
        (lambda z, y, m: 2 ** _costs(z, y)[m].mean(), "`F.cross_entropy` da nats: se eleva *e*, no 2."),
        (lambda z, y, m: _costs(z, y)[m].sum().exp(), "ahí falta la media: la perplejidad es por token."),
        (
            lambda z, y, m: _costs(z, y)[~m].mean().exp(),
            "eso es la del relleno: `mask` es True en los de verdad.",
        ),
    ],
)
def masked_perplexity(logits, y, mask):
    return F.cross_entropy(logits[mask], y[mask]).exp()
