"""Ejercicios de la lección 04: el que desentona y otra normalización. Los demás, en `varied`."""

import torch

from gpt_course.exercises.core import choice, function

EPS = 1e-5


choice(
    "capas.3",
    "c",
    "un factor negativo da la vuelta a las distancias, y la desviación típica no lleva signo.",
    hints={
        "a": "multiplicar por un número positivo multiplica igual las distancias a la media y su desviación.",
        "b": "sumar lo mismo a todos mueve también la media, y al restarla desaparece.",
        "d": "es combinar una suma y un producto por un número positivo, y se deshacen los dos.",
    },
)


def _vectors(random):
    """Uno que se hace a mano, otros de varias formas, y vectores tan pequeños que se nota eps."""
    yield (torch.tensor([3.0, 4.0, 0.0, 0.0]),)
    for shape in ((2, 3, 4), (3, 5), (4, 4), (2, 1, 2, 7)):
        yield (1 + 2 * torch.randn(shape, generator=random),)
    for size in (1e-3, 3e-3, 1e-2):
        yield (size * torch.randn(2, 6, generator=random),)
    yield (torch.zeros(2, 4),)


def _mean_square(x, dim=-1):
    return x.square().mean(dim, keepdim=True)


@function(
    "capas.5",
    "cada vector queda con media de cuadrados 1, sin restarle la media.",
    cases=_vectors,
    hints=[
        (
            lambda x: (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, correction=0) + EPS).sqrt(),
            "esa es la normalización de capa: aquí no se resta la media.",
        ),
        (
            lambda x: x / (x.var(-1, keepdim=True, correction=0) + EPS).sqrt(),
            "la varianza resta la media; aquí se promedian los cuadrados de x.",
        ),
        (
            lambda x: x / (x.var(-1, keepdim=True) + EPS).sqrt(),
            "`var` resta la media y divide entre C − 1; aquí se promedian los cuadrados de x.",
        ),
        (lambda x: x / (_mean_square(x) + EPS), "falta la raíz cuadrada."),
        (
            lambda x: x / (x.square().sum(-1, keepdim=True) + EPS).sqrt(),
            "has sumado los cuadrados: promédialos.",
        ),
        (
            lambda x: x / (x.square().mean() + EPS).sqrt(),
            "has promediado todo el tensor: promedia cada vector por separado, con `dim=-1`.",
        ),
        (
            lambda x: x / (_mean_square(x, 0) + EPS).sqrt(),
            "has promediado a lo largo del lote: promedia cada vector por separado, con `dim=-1`.",
        ),
        (
            lambda x: x / (x.mean(-1, keepdim=True).square() + EPS).sqrt(),
            "has elevado la media al cuadrado: primero los cuadrados y después su media.",
        ),
        (
            lambda x: x / (x.abs().mean(-1, keepdim=True) + EPS),
            "has promediado los valores absolutos; se promedian los cuadrados y se hace la raíz.",
        ),
        (lambda x: x * (_mean_square(x) + EPS).sqrt(), "has multiplicado: se divide entre esa raíz."),
        (
            lambda x: (_mean_square(x) + EPS).sqrt().expand_as(x),
            "esa es la raíz: falta dividir x entre ella.",
        ),
        (lambda x: (_mean_square(x) + EPS).sqrt(), "esa es la raíz: falta dividir x entre ella."),
        (lambda x: x / (_mean_square(x).sqrt() + EPS), "eps va dentro de la raíz, sumado a la media."),
        (lambda x: x / _mean_square(x).sqrt(), "falta eps: un vector de ceros da 0 entre 0, `nan`."),
        (lambda x: x / (_mean_square(x) + 1e-6).sqrt(), "ese eps es 0,000001, y se pide 0,00001: `1e-5`."),
        (
            lambda x: torch.nn.functional.rms_norm(x, x.shape[-1:]),
            "PyTorch pone otro eps si no le dices cuál: `eps=1e-5`.",
        ),
        (lambda x: x / (x.norm(dim=-1, keepdim=True) + EPS), "has sumado los cuadrados: promédialos."),
    ],
)
def rms_norm(x):
    return x / torch.sqrt(_mean_square(x) + EPS)
