"""Ejercicios de la lección 04: normalización de capa, red feed-forward y conexiones residuales."""

import math

import torch

from gpt_course.exercises.core import choice, function, number, table

X = torch.tensor([3.0, 9.0, 11.0, 17.0])  # el del ejercicio 1: media 10, varianza 25
XL = 1600  # la anchura de GPT-2 XL
EPS = 1e-5

table(
    "capas.1",
    (X - 10) / 5,
    "media 0, varianza 1 y las mismas proporciones entre las distancias a la media.",
    hints=[
        (X - 10, "has restado la media, pero falta dividir entre la desviación típica."),
        ((X - 10) / 25, "has dividido entre la varianza; la desviación típica es su raíz."),
        ((X - 10) / X.std(), "has dividido entre C − 1 al calcular la varianza; aquí se divide entre C."),
        (X / 5, "has dividido sin restar antes la media."),
        ((10 - X) / 5, "el tamaño es ese, pero al revés: a cada número se le resta la media."),
        ((X - 10) / 4, "4 es la distancia media; en la varianza, las distancias van al cuadrado."),
        ((X - 3) / 14, "eso lleva los números de 0 a 1; aquí se resta la media, no el menor."),
    ],
)

number(
    "capas.2",
    6,
    "una por cada token de cada frase: se normaliza cada vector, no el lote.",
    hints=[
        (1, "una sola media mezclaría todas las frases y todos los tokens."),
        (2, "eso sería una media por frase, y cada token se normaliza por su cuenta."),
        (3, "eso sería una media por lugar, mezclando las frases. La normalización no mira el lote."),
        (4, "eso sería una media por componente, a lo largo del lote: eso lo hace otra capa, BatchNorm."),
        (8, "eso sería una media por frase y componente: mezclaría los tokens de una frase."),
        (12, "eso sería una media por lugar y componente: mezclaría las frases."),
        (24, "esos son todos los números del tensor; una media resume varios."),
    ],
)

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

number(
    "capas.4",
    8 * XL**2 + 5 * XL,
    "ocho matrices de C × C y cinco vectores de C: 8C² + 5C.",
    hints=[
        (8 * XL**2, "has contado las dos matrices, pero no sus sesgos."),
        (4 * XL**2 + 4 * XL, "esa es solo la primera capa lineal; falta la que vuelve a C."),
        (4 * XL**2 + XL, "esa es solo la segunda capa lineal; falta la que ensancha."),
        (8 * XL**2 + 2 * XL, "un sesgo por cada *salida*: la primera capa lineal tiene 4C salidas."),
        (8 * XL**2 + 8 * XL, "un sesgo por cada *salida*: la segunda capa lineal tiene C, no 4C."),
        (2 * XL**2 + 2 * XL, "las matrices no son de C × C: la red ensancha el vector a 4C."),
        (8 * 768**2 + 5 * 768, "esa es la de GPT-2 pequeño; en el XL, C = 1600."),
        (48 * (8 * XL**2 + 5 * XL), "esas son las de los 48 bloques; se pide la de uno."),
        (4 * (8 * XL**2 + 5 * XL), "eso son bytes en float32; se piden parámetros."),
    ],
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


number(
    "capas.6",
    0.99**24,
    "24 parejas que multiplican por 0,99: el gradiente llega casi entero.",
    decimals=2,
    hints=[
        (1, "1,1 · 0,9 no es 1: subir un 10 % y bajar un 10 % no se compensan."),
        (0, "eso ocurre sin conexión residual; con ella, cada capa multiplica por 1 + su pendiente."),
        (1.1**48, "la mitad de las capas tienen pendiente negativa: multiplican por 0,9."),
        (0.9**48, "la mitad de las capas tienen pendiente positiva: multiplican por 1,1."),
        (1.1**24, "faltan las capas de pendiente negativa, que multiplican por 0,9."),
        (0.9**24, "faltan las capas de pendiente positiva, que multiplican por 1,1."),
        (0.99**48, "son 24 parejas de capas, no 48."),
        (0.99, "eso es una sola pareja de capas. ¿Cuántas hay?"),
        (0.76, "has restado 0,01 por cada pareja; las derivadas de una cadena se multiplican."),
        (48, "las derivadas de una cadena se multiplican, no se suman."),
    ],
)

number(
    "capas.7",
    math.comb(48, 2),
    "son las maneras de elegir 2 capas entre 48; las otras 46 se saltan.",
    hints=[
        (48 * 47, "has contado cada pareja dos veces: pasar por la 3 y la 7 es un solo camino."),
        (48**2, "las dos capas son distintas, y cada pareja cuenta una vez."),
        (48**2 // 2, "has contado medias parejas de una capa consigo misma: las dos son distintas."),
        (48, "esos son los que atraviesan una sola capa."),
        (96, "no es el doble de los que atraviesan una: hay que elegir dos capas entre 48."),
        (2**48, "esos son todos los recorridos, atraviesen las capas que atraviesen."),
        (49 * 24, "has contado también las parejas de una capa consigo misma."),
        (47, "esas son las parejas de capas vecinas; las dos pueden estar lejos."),
    ],
)
