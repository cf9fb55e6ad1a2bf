"""Ejercicios de la lección 10: perplejidad, comienzo, validación, entropía, calentamiento y relleno."""

import math

import torch
from torch.nn import functional as F

from gpt_course.exercises.core import choice, function, number

BITS = (1, 3, 2, 4)  # ejercicio 1: las probabilidades son 1/2, 1/8, 1/4 y 1/16

number(
    "entrenamiento.1",
    2 ** (sum(BITS) / 4),
    "2 elevado a la media de los bits: duda como quien sortea entre cinco o seis.",
    decimals=2,
    hints=[
        (sum(BITS) / 4, "esa es la pérdida media, en bits. La perplejidad se calcula a partir de ella."),
        (sum(BITS) / 4 * math.log(2), "esa es la pérdida media, en nats. Falta el último paso."),
        (math.exp(sum(BITS) / 4), "una pérdida en bits se deshace elevando 2; *e* deshace los nats."),
        (
            sum(2**bits for bits in BITS) / 4,
            "eso es la media de 1/p. Primero la media de −ln p; después, *e*.",
        ),
        (4 / sum(2**-bits for bits in BITS), "eso es 1 entre la media de p. La media se hace de −ln p."),
        (
            sum(2**-bits for bits in BITS) / 4,
            "esa es la media de las probabilidades. La media se hace de −ln p.",
        ),
        (2 ** sum(BITS), "has sumado las cuatro pérdidas: la perplejidad sale de la media, por token."),
        (sum(BITS), "eso es la suma, en bits. La perplejidad sale de la media, por token."),
        (3, "la perplejidad no cuenta fallos: mide cuánta probabilidad se llevó cada token correcto."),
        (1, "la perplejidad no cuenta aciertos: mide cuánta probabilidad se llevó cada token correcto."),
    ],
)

VOCABULARY = 4096

number(
    "entrenamiento.2",
    math.log(VOCABULARY),
    "quien no sabe nada paga ln V; si tu modelo empieza muy lejos, algo anda mal.",
    decimals=2,
    hints=[
        (
            1,
            "una pérdida no va de 0 a 1: es −ln de una probabilidad, y cada token recibe aquí muy poca.",
        ),
        (0, "una pérdida 0 es de quien acierta siempre y está seguro."),
        (12, "eso son bits, 2 elevado a 12; se piden nats."),
        (VOCABULARY, "esa es su perplejidad; la pérdida es su logaritmo."),
        (1 / VOCABULARY, "esa es la probabilidad que da a cada token; la pérdida es −ln de ella."),
        (math.log10(VOCABULARY), "ese logaritmo es en base 10; el de la pérdida es el natural, `math.log`."),
        (
            -math.log(VOCABULARY),
            "el logaritmo de una probabilidad es negativo, y la pérdida lleva delante un menos.",
        ),
    ],
)

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

number(
    "entrenamiento.4",
    0.8,
    "2 bits por frase, repartidos entre 2,5 palabras: la media de las palabras también se calcula.",
    decimals=1,
    hints=[
        (2, "eso son los bits por *frase*; se piden por palabra."),
        (3, "sumaste 1 bit y 2 bits, pero el segundo sorteo solo ocurre la mitad de las veces."),
        (1.2, "el segundo sorteo, de 2 bits, solo ocurre la mitad de las veces."),
        (
            0.75,
            "no es la media de los cocientes: divide los bits de una frase entre las palabras de una frase.",
        ),
        (4 / 3, "el punto final también es una palabra que hay que acertar."),
        (0.8 * math.log(2), "eso son nats; se piden bits."),
        (2 * math.log(2), "eso son nats, y por frase; se piden bits por palabra."),
        (1, "una frase corta cuesta 1 bit, y una larga, 3. Haz la media, y divide entre las palabras."),
        (2 / 3, "ese es el idioma de *tic* y *tac*; este es otro."),
    ],
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
