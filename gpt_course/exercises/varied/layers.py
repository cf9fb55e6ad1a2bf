"""Ejercicios de la lección 04 con variantes: normalizar a mano, medias, parámetros y cadenas de capas."""

import math
from itertools import permutations

from gpt_course.exercises.core import number, table, varied
from gpt_course.exercises.grading.drawing import first, spanish


def _is_clean(away):
    """Si unas distancias a la media dan una desviación típica entera y distinta de la distancia media."""
    std = math.sqrt(sum(d * d for d in away) / 4)
    return std in range(2, 9) and sum(map(abs, away)) != 4 * std and len({*away}) == 4


AWAY = [away for some in permutations(range(-9, 10), 3) if _is_clean(away := (*some, -sum(some)))]


@varied(
    *("el vector ({x})", "[{x[0]}.0, {x[1]}.0, {x[2]}.0, {x[3]}.0]"),
    away=first((-7, -1, 1, 7), AWAY),
    mean=first(10, range(8, 21)),
    when=lambda away, mean: min(away) + mean > 0,
    also=lambda away, mean: {"x": [mean + d for d in away]},
)
def _normalised(away, mean):
    x, far = [mean + d for d in away], sum(map(abs, away)) / 4
    squares = sum(d * d for d in away)
    std, low, width = math.sqrt(squares / 4), min(x), max(x) - min(x)
    return table(
        "capas.1",
        [d / std for d in away],
        "media 0, varianza 1 y las mismas proporciones entre las distancias a la media.",
        hints=[
            (list(away), "has restado la media, pero falta dividir entre la desviación típica."),
            ([d / std**2 for d in away], "has dividido entre la varianza; la desviación típica es su raíz."),
            (
                [d / math.sqrt(squares / 3) for d in away],
                "has dividido entre C − 1 al calcular la varianza; aquí se divide entre C.",
            ),
            ([n / std for n in x], "has dividido sin restar antes la media."),
            (
                [-d / std for d in away],
                "el tamaño es ese, pero al revés: a cada número se le resta la media.",
            ),
            (
                [d / far for d in away],
                f"{spanish(far, 'g')} es la distancia media; en la varianza, las distancias van al cuadrado.",
            ),
            (
                [(n - low) / width for n in x],
                "eso lleva los números de 0 a 1; aquí se resta la media, no el menor.",
            ),
        ],
    )


@varied(
    *("forma ({B}, {T}, {C})", "shape_2 = ({B}, {T}, {C})"),
    B=first(2, range(2, 8)),
    T=first(3, range(2, 8)),
    C=first(4, range(2, 9)),
    when=lambda **sizes: len({*sizes.values()}) == 3,
)
def _means(B, T, C):
    return number(
        "capas.2",
        B * T,
        "una por cada token de cada frase: se normaliza cada vector, no el lote.",
        hints=[
            (1, "una sola media mezclaría todas las frases y todos los tokens."),
            (B, "eso sería una media por frase, y cada token se normaliza por su cuenta."),
            (T, "eso sería una media por lugar, mezclando las frases. La normalización no mira el lote."),
            (C, "eso sería una media por componente, a lo largo del lote: eso lo hace otra capa, BatchNorm."),
            (B * C, "eso sería una media por frase y componente: mezclaría los tokens de una frase."),
            (T * C, "eso sería una media por lugar y componente: mezclaría las frases."),
            (B * T * C, "esos son todos los números del tensor; una media resume varios."),
        ],
    )


MODELS = [("El XL", "GPT-2 XL", 1600, 48), ("El mediano", "GPT-2 mediano", 1024, 24)]
MODELS += [("El grande", "GPT-2 grande", 1280, 36)]
OTHERS = ((2048, 32), (2560, 30), (1920, 20), (896, 16), (1152, 18), (1408, 22), (1792, 28), (640, 10))
MODELS += [("Otro tamaño", f"un GPT de {blocks} bloques", width, blocks) for width, blocks in OTHERS]


@varied("{model[0]}.** En {model[1]}, C = {model[2]}.", "C_4 = {model[2]}", model=MODELS)
def _feed_forward(model):
    *_, C, blocks = model
    right = 8 * C**2 + 5 * C
    return number(
        "capas.4",
        right,
        "ocho matrices de C × C y cinco vectores de C: 8C² + 5C.",
        hints=[
            (8 * C**2, "has contado las dos matrices, pero no sus sesgos."),
            (4 * C**2 + 4 * C, "esa es solo la primera capa lineal; falta la que vuelve a C."),
            (4 * C**2 + C, "esa es solo la segunda capa lineal; falta la que ensancha."),
            (8 * C**2 + 2 * C, "un sesgo por cada *salida*: la primera capa lineal tiene 4C salidas."),
            (8 * C**2 + 8 * C, "un sesgo por cada *salida*: la segunda capa lineal tiene C, no 4C."),
            (2 * C**2 + 2 * C, "las matrices no son de C × C: la red ensancha el vector a 4C."),
            (8 * 768**2 + 5 * 768, f"esa es la de GPT-2 pequeño; aquí, C = {C}."),
            (blocks * right, f"esas son las de los {blocks} bloques; se pide la de uno."),
            (4 * right, "eso son bytes en float32; se piden parámetros."),
        ],
    )


@varied(
    *("de {layers} capas", "pendiente {slope} y", "la otra mitad, −{slope}."),
    "[{slope}] * {half} + [-{slope}] * {half}",
    layers=first(48, (12, 16, 20, 24, 30, 36, 40, 60, 72, 96)),
    percent=first(10, (5, 20, 30)),
    also=lambda layers, percent: {"slope": percent / 100, "half": layers // 2},
)
def _chain(layers, percent):
    pairs, slope = layers // 2, percent / 100
    up, down, pair = (100 + percent) / 100, (100 - percent) / 100, (10**4 - percent**2) / 10**4
    more, less, both = spanish(up), spanish(down), spanish(pair)
    half = "la mitad de las capas tienen pendiente"
    return number(
        "capas.6",
        pair**pairs,
        f"{pairs} parejas que multiplican por {both}: el gradiente llega "
        f"{'casi entero' if pair**pairs > 0.7 else 'menguado, pero llega'}.",
        decimals=2,
        hints=[
            (1, f"{more} · {less} no es 1: subir un {percent} % y bajar un {percent} % no se compensan."),
            (0, "eso ocurre sin conexión residual; con ella, cada capa multiplica por 1 + su pendiente."),
            (up**layers, f"{half} negativa: multiplican por {less}."),
            (down**layers, f"{half} positiva: multiplican por {more}."),
            (up**pairs, f"faltan las capas de pendiente negativa, que multiplican por {less}."),
            (down**pairs, f"faltan las capas de pendiente positiva, que multiplican por {more}."),
            (pair**layers, f"son {pairs} parejas de capas, no {layers}."),
            (pair, "eso es una sola pareja de capas. ¿Cuántas hay?"),
            (
                1 - pairs * slope**2,
                f"has restado {spanish(slope**2, 'g')} por cada pareja; las derivadas de una cadena se "
                "multiplican.",
            ),
            (layers, "las derivadas de una cadena se multiplican, no se suman."),
        ],
    )


@varied("Con {layers} capas, ¿cuántos", "layers_7 = {layers}", layers=first(48, range(10, 101, 2)))
def _paths(layers):
    return number(
        "capas.7",
        math.comb(layers, 2),
        f"son las maneras de elegir 2 capas entre {layers}; las otras {layers - 2} se saltan.",
        hints=[
            (
                layers * (layers - 1),
                "has contado cada pareja dos veces: pasar por la 3 y la 7 es un solo camino.",
            ),
            (layers**2, "las dos capas son distintas, y cada pareja cuenta una vez."),
            (layers**2 // 2, "has contado medias parejas de una capa consigo misma: las dos son distintas."),
            (layers, "esos son los que atraviesan una sola capa."),
            (
                2 * layers,
                f"no es el doble de los que atraviesan una: hay que elegir dos capas entre {layers}.",
            ),
            (2**layers, "esos son todos los recorridos, atraviesen las capas que atraviesen."),
            ((layers + 1) * layers // 2, "has contado también las parejas de una capa consigo misma."),
            (layers - 1, "esas son las parejas de capas vecinas; las dos pueden estar lejos."),
        ],
    )
