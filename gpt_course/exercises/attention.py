"""Ejercicios de la lección 03: promedios, cabezas, máscara, coste y lo que los pesos no explican."""

import math

import torch

from gpt_course.exercises.core import ANY, Wrong, exercise, function, number, read_values, table

LN2 = math.log(2)
SCORES = LN2 * torch.tensor([[0.0, 3.0, 1.0], [0.0, 2.0, 5.0], [2.0, 0.0, 1.0]])  # las del ejercicio 3
FUTURE = torch.ones(3, 3, dtype=torch.bool).triu(1)
VALUES = torch.tensor([[5.0, 0.0], [0.0, 5.0], [5.0, 0.0]]).double()  # los del ejercicio 6

table(
    "atencion.1",
    [2, 3, 5],
    "cada token promedia lo que ha leído hasta él, él incluido.",
    hints=[
        ([5, 5, 5], "cada token promedia también su futuro. ¿Qué ha leído ya el primero cuando le toca?"),
        ([2, 6, 15], "eso son las sumas. Los pesos de cada fila deben sumar 1: falta dividir."),
        ([0, 2, 3], "cada token se mira también a sí mismo, no solo a los anteriores."),
        ([2, 2, 3], "cada token se mira también a sí mismo, no solo a los anteriores."),
        ([5, 6.5, 9], "esos son los promedios del futuro: lo leíste de derecha a izquierda."),
        ([2, 3, 6.5], "el tercero promedia los tres que ha leído, no solo los dos últimos."),
        ([2, 3, 6], "el tercero promedia los números, no el promedio anterior con el suyo."),
        ([2, 4, 9], "esos son los valores: falta promediar cada uno con los anteriores."),
    ],
)

table(
    "atencion.2",
    [2, 3, 6, 4],
    "cada cabeza ve todos los tokens y un trozo de la anchura.",
    hints=[
        ([2, 3, 2, 12], "repartiste los tokens, y cada cabeza ve los seis. ¿Qué se reparte, entonces?"),
        (
            [2, 6, 3, 4],
            "los cuatro números están, pero falta intercambiar dos ejes: las cabezas van delante.",
        ),
        ([2, 3, 4, 6], "los cuatro números están, pero los dos últimos son, en orden, tokens y anchura."),
        ([3, 2, 6, 4], "los cuatro números están, pero el lote va siempre delante."),
        ([2, 6, 4, 3], "confundes cuántas cabezas hay con lo que mide cada una, y falta cambiar dos ejes."),
        ([2, 3, 6, 12], "si cada cabeza midiera 12, habría tres veces más números que antes de repartir."),
        ([2, 4, 6, 3], "confundes cuántas cabezas hay con lo que mide cada una."),
        ([2, 6, 12], "esa es la forma antes de repartir: ahora hay un eje más, el de las cabezas."),
        (
            [6, 6, 4],
            "así las ve el producto por dentro; `split` deja el lote y las cabezas en ejes distintos.",
        ),
    ],
    otherwise="no es esa: son cuatro números, y multiplicados deben dar 2 · 6 · 12.",
)


def _masked(scores, future=FUTURE, fill=-torch.inf):
    return scores.masked_fill(future, fill)


table(
    "atencion.3",
    _masked(SCORES).softmax(-1),
    "lo tapado vale 0 y lo demás se reparte un total de 1.",
    hints=[
        (SCORES.softmax(-1), "falta la máscara: el primer token está mirando a los que vienen después."),
        (SCORES.softmax(-1).tril(), "tapaste después del softmax: suma cada fila y mira si da 1."),
        (
            _masked(SCORES, fill=0).softmax(-1),
            "pusiste 0 donde iba −∞. ¿Cuánto vale e⁰? Un 0 todavía cuenta.",
        ),
        (_masked(SCORES, fill=0).softmax(-1).tril(), "pusiste 0 donde iba −∞, y e⁰ cuenta en cada total."),
        (_masked(SCORES).softmax(0), "repartiste por columnas. Quien mira es la fila: cada fila suma 1."),
        (_masked(SCORES, FUTURE.T).softmax(-1), "tapaste el pasado. Se tapa lo de encima de la diagonal."),
        (_masked(SCORES / LN2).softmax(-1), "elevaste e; el enunciado está en unidades de ln 2: se eleva 2."),
        (_masked(SCORES / 2**0.5).softmax(-1), "dividiste entre una raíz, y estas ya están escaladas."),
        ([[1, 0, 0], [1, 4, 0], [4, 1, 2]], "elevaste bien: falta dividir cada fila entre su suma."),
        # La primera fila, 0 entre 0, cada cual la arregla a su manera.
        (
            [[ANY, 0, 0], [0, 1, 0], [2 / 3, 0, 1 / 3]],
            "repartiste las puntuaciones: falta elevar 2 a cada una.",
        ),
    ],
)

number(
    "atencion.4",
    128**0.5,
    "cada cabeza divide entre la raíz de su propia anchura.",
    decimals=1,
    hints=[
        (128, "esa es la anchura de una cabeza; falta un paso. ¿Qué crece como d, y qué como su raíz?"),
        (12288**0.5, "usaste la anchura del modelo entero, pero cada cabeza suma solo sus productos."),
        (12288, "esa es la anchura del modelo. ¿Cuántos productos suma una sola cabeza?"),
        (96**0.5, "eso es la raíz del número de cabezas. ¿Cuánto mide cada una?"),
        (96, "esas son las cabezas. ¿Cuánto mide cada una?"),
        (1 / 128**0.5, "ese es el factor que multiplica. Se pregunta entre qué número se divide."),
        (64**0.5, "así divide GPT-2, cuyas cabezas miden 64. ¿Y las de GPT-3?"),
    ],
)

number(
    "atencion.5",
    9216,
    "lo de 1024 por 16, y no por 4: la matriz crece a lo alto y a lo ancho.",
    unit="MiB",
    hints=[
        (768, "te falta un factor 12: hay 12 bloques y, en cada uno, 12 cabezas con su propia matriz."),
        (64, "eso es una sola matriz. ¿Cuántas cabezas hay, contando todos los bloques?"),
        (576, "eso es con 1024 tokens; ahora son 4096."),
        (2304, "multiplicaste por 4, pero la matriz crece a lo alto y a lo ancho."),
        (4608, "contaste 2 bytes por número; en float32 son 4."),
        (18432, "contaste 8 bytes por número; en float32 son 4."),
        (16, "por eso se multiplica; se pregunta cuántos MiB salen."),
    ],
)


@exercise(
    "atencion.6", "dos repartos distintos, un mismo contexto: mirar los pesos no basta para saber por qué."
)
def two_ways(answer):
    pair, _ = read_values(answer)
    if pair.shape != (2, 3):
        raise Wrong(f"se esperaba la forma (2, 3), una fila por reparto, y llegó {tuple(pair.shape)}.")
    if not torch.allclose(pair.sum(-1), torch.ones(2).double(), atol=0.011):  # con dos decimales, 0.33 + 0.67
        raise Wrong("cada reparto debe sumar 1: son pesos de atención.")
    if (pair < 0).any():
        raise Wrong("los pesos de atención no son negativos: salen de un softmax.")
    first, second = pair
    if (first - second).abs().max() < 0.0999:
        raise Wrong("las dos filas son casi la misma: el peso de algún token debe cambiar en 0,1 o más.")
    if not torch.allclose(first @ VALUES, second @ VALUES, atol=1e-3):
        raise Wrong("las dos filas dan contextos distintos. ¿Qué dos tokens entregan el mismo *value*?")


def _sizes(random):
    """Tamaños de frase y ventanas: menores, iguales y mayores que la frase."""
    yield from ((5, 2), (4, 1), (6, 4), (3, 8), (1, 1), (7, 7))
    for _ in range(4):
        yield tuple(torch.randint(1, 12, (2,), generator=random).tolist())


def _ones(size):
    return torch.ones(size, size, dtype=torch.bool)


@function(
    "atencion.7",
    "con una ventana fija, las parejas a la vista crecen con T y no con T².",
    cases=_sizes,
    hints=[
        (lambda T, w: ~window_mask(T, w), "está del revés: `True` señala lo que se tapa."),
        (
            lambda T, w: _ones(T).triu(1),
            "tapaste el futuro, pero no lo que queda demasiado atrás.",
        ),
        (lambda T, w: _ones(T).tril(-w), "tapaste lo lejano, pero el futuro se ve."),
        (lambda T, w: window_mask(T, w + 1), "dejas ver uno de más: el propio también cuenta."),
        (lambda T, w: window_mask(T, w - 1), "dejas ver uno de menos: el propio se ve."),
        (
            lambda T, w: _ones(T).triu(w) | _ones(T).tril(-w),
            "la ventana mira a los dos lados; la causal mira solo hacia atrás.",
        ),
        (
            lambda T, w: torch.zeros(T, T).masked_fill(window_mask(T, w), -torch.inf),
            "esa máscara se suma a las puntuaciones; aquí se pide la de `True` y `False`.",
        ),
        (lambda T, w: _ones(T).triu() | _ones(T).tril(-w), "tapas también la diagonal."),
        (
            lambda T, w: _ones(T).triu(1) & _ones(T).tril(-w),
            "con `&` hay que cumplir las dos cosas a la vez: se tapa lo que cumple una *o* la otra.",
        ),
    ],
)
def window_mask(n_tokens, window):
    return _ones(n_tokens).triu(1) | _ones(n_tokens).tril(-window)
