"""Ejercicios de la lección 14 con variantes: RMSNorm, la anchura de SwiGLU, un giro y una caché."""

import math

from gpt_course.exercises.core import ANY, number, table, varied
from gpt_course.exercises.grading.drawing import first, spanish

# Parejas cuya media de cuadrados es un cuadrado, y escalas.
ROOTED = [(a * n, b * n) for n in (1, 2, 5) for a in (1, -1) for b in (7, -7)] + [(17, 31), (-17, 31)]
SCALES = [(one, other) for one in (2, 4, 5, 10, 20) for other in (2, 4, 5, 10, 20) if one != other]


@varied(
    *("RMSNorm de ({x}), si su escala aprendida es ({scale})", "x_1, scale_1 = [{x}], [{scale}]"),
    x=first((1, 7), [pair[::turn] for pair in ROOTED for turn in (1, -1)]),
    scale=first((5, 10), SCALES),
)
def _root_mean_square(x, scale):
    (a, b), (one, other) = x, scale
    size = math.isqrt((a * a + b * b) // 2)
    mean, deviation = (a + b) / 2, abs(a - b) / 2
    sign = 1 if a > b else -1  # lo que LayerNorm deja de dos números: 1 en el mayor y −1 en el menor

    def over(divisor):
        return [a * one / divisor, b * other / divisor]

    return table(
        "modernas.1",
        over(size),
        "una división y una escala: sin restar la media y sin desplazamiento.",
        hints=[
            ([sign * one, -sign * other], "eso es LayerNorm: RMSNorm no resta la media."),
            ([sign, -sign], "eso es LayerNorm, y sin la escala: RMSNorm no resta la media."),
            ([a / size, b / size], "falta la escala, que se multiplica al final, número a número."),
            (over(1), "multiplicaste por la escala; falta dividir entre la media cuadrática."),
            (
                over(math.hypot(a, b)),
                "dividiste entre la raíz de la *suma* de los cuadrados: es la de su media.",
            ),
            (over(size**2), "dividiste entre la media de los cuadrados: falta su raíz."),
            (over(mean), "dividiste entre la media, y es la media *cuadrática*."),
            (
                over(deviation),
                "dividiste entre la desviación típica, que se mide desde la media y no desde 0.",
            ),
            ([a * other / size, b * one / size], "la escala va en orden: el primer número, por el primero."),
            (size, "esa es la media cuadrática: falta dividir entre ella y multiplicar por la escala."),
        ],
    )


@varied(
    *("tiene C = {C} y", "C_2 = {C}"),
    C=first(1536, (384, 576, 768, 960, 1152, 1920, 2304, 2688, 3072, 3840)),
)
def _width(C):
    return number(
        "modernas.2",
        8 * C // 3,
        "tres matrices algo más estrechas pesan lo mismo que dos anchas.",
        hints=[
            (4 * C, "con la misma anchura gasta la mitad más: tiene otra matriz."),
            (2 * C, "así gasta menos que la de GPT-2. ¿Cuántas matrices tiene cada red?"),
            (6 * C, "va al revés: con una matriz más, cada una tiene que ser más estrecha."),
            (
                8 * C,
                "eso sale al contar las dos matrices de GPT-2; falta repartirlo entre las tres de SwiGLU.",
            ),
            (4 * C // 3, "contaste una sola matriz de la red de GPT-2, y tiene dos."),
            (C, "esa es la anchura del modelo. ¿Cuántos parámetros gasta la red de GPT-2?"),
            (8 * C**2, "esos son los parámetros; se pide la anchura de dentro."),
            (8 * C**2 // 3, "esos son los parámetros de una matriz de SwiGLU; se pide la anchura de dentro."),
        ],
    )


# (grados por lugar, lugares de distancia) con un coseno que se sabe de memoria.
TURNS = [(60, 2), (120, 1), (60, 4), (30, 4), (30, 6), (30, 8), (90, 2), (45, 4), (60, 3), (120, 4), (20, 9)]


def _cosine(degrees):
    return round(math.cos(math.radians(degrees)), 12)


def _mistakes(a, b, turn, place):
    """[(los dos primeros números, pista)]: con los lugares de cerca y con los de lejos."""
    degrees, distance = turn
    size = a * b
    return [
        ([size] * 2, "eso valen sin girar: la distancia no es 0."),
        ([size * _cosine(degrees)] * 2, "giraste un solo lugar: ¿cuántos hay de la *key* a la *query*?"),
        (
            [size * _cosine(degrees * (distance + 1))] * 2,
            "contaste un lugar de más: la distancia es la resta de los lugares.",
        ),
        (
            [size * _cosine(degrees * turned) for turned in (place, place + 100)],
            "giraste la *query* y dejaste quieta la *key*: giran las dos.",
        ),
        ([_cosine(degrees * distance)] * 2, "ese es el coseno: falta multiplicar por las dos longitudes."),
        ([size * math.cos(degrees * distance)] * 2, "tomaste los grados por radianes."),
    ]


def _tells(a, b, turn, place):
    """Si la respuesta es entera y cada error da dos números que no da ningún otro, ni son los buenos."""
    right = a * b * _cosine(turn[0] * turn[1])
    pairs = [[right] * 2, *(pair for pair, _ in _mistakes(a, b, turn, place))]
    different = len({tuple(round(n, 2) for n in pair) for pair in pairs}) == len(pairs)
    return different and right == int(right) and a != b and turn[1] < place


@varied(
    *("Una *query*, ({a}, 0), y una *key*, ({b}, 0), giran {turn[0]}° por lugar", "vuelve a valer {size}"),
    *("en el lugar {place} y la *key* en el {places[0]}", "en el {places[1]} y el {places[2]}"),
    "q_3, k_3, degrees_3 = [{a}, 0], [{b}, 0], {turn[0]}",
    a=first(2, range(1, 9)),
    b=first(3, range(1, 9)),
    turn=TURNS,
    place=first(9, range(5, 30)),
    when=_tells,
    also=lambda a, b, turn, place: {
        "size": a * b,
        "places": (place - turn[1], place + 100, place + 100 - turn[1]),
    },
)
def _distance(a, b, turn, place):
    near = a * b * _cosine(turn[0] * turn[1])
    whole, half = 360 // turn[0], 180 / turn[0]
    return table(
        "modernas.3",
        [near, near, whole],
        "por muy lejos que estén, solo cuenta la distancia; y una pareja sola se repite a cada vuelta.",
        hints=[
            *(
                []
                if half % 1
                else [([ANY, ANY, half], f"el tercero es media vuelta: ahí vale {spanish(-a * b)}.")]
            ),
            ([ANY, ANY, 360], "el tercero son los grados de una vuelta; se pide cuántos lugares son."),
            ([ANY, ANY, 0], "el tercero: la distancia 0 no se cuenta."),
            ([near, ANY, whole], "el segundo: ¿ha cambiado la distancia entre los dos lugares?"),
            ([near, near, ANY], "el tercero: tiene que ser una vuelta entera. ¿Cuántos lugares son?"),
            *(([*pair, ANY], hint) for pair, hint in _mistakes(a, b, turn, place)),
        ],
    )


# (de quién es, bloques, anchura, cabezas de query, de key y value, anchura de cada una)
CACHES = [("Qwen3 0.6B", 28, 1024, 16, 8, 128)]
CACHES += [
    ("otro modelo", L, C, H, K, D)
    for L in (12, 20, 24, 32, 36)
    for C, H, D in ((2560, 32, 128), (1536, 12, 256), (2048, 24, 128), (4096, 64, 64), (768, 16, 64))
    for K in (2, 4, 8)
    if H % K == 0 and C / (K * D) not in (1, 2, H / K)
]


@varied(
    "La caché de {model[0]}.** Tiene {model[1]} bloques, C = {model[2]}, {model[3]} cabezas de *query* y "
    "{model[4]} de *key* y *value*, de {model[5]} números cada una",
    *("con {T} tokens", "L_4, C_4, H_4, Hkv_4, D_4, T_4 = {numbers}"),
    model=CACHES,
    T=first(4096, (2048, 1024, 3072, 6144, 8192)),
    also=lambda model, T: {"numbers": (*model[1:], T)},
)
def _cache(model, T):
    _, L, C, H, K, D = model
    token = 4 * L * K * D / 2**10  # KiB
    total = token * T / 2**10  # MiB
    more = f"{H // K} veces más"
    queries, wide = "contaste las cabezas de *query*, que no se guardan", "4 bytes por número"
    bigger = [(2, f"es el doble: o {queries}, o {wide}.")]
    if H != 2 * K:
        bigger = [(H / K, f"{queries}."), (2, f"contaste {wide}; en `bfloat16` son 2.")]
    if C != K * D:
        bigger += [(C / (K * D), "usaste la anchura C; se guarda la de las cabezas de *key* y *value*.")]
    times = [
        *bigger,
        (1 / 2, "falta el factor 2: una *key* y un *value*."),
        (1 / L, "falta multiplicar por los bloques: cada uno tiene su caché."),
        (1 / K, "contaste una sola cabeza de *key* y *value*."),
    ]
    return table(
        "modernas.4",
        [token, total],
        f"si cada cabeza de *query* tuviera su *key*, se guardaría {'el doble' if H == 2 * K else more}.",
        hints=[
            ([total, token], "los dos están, pero al revés: primero, los KiB por token."),
            ([token * 1.024, ANY], "eso son KB (10³ bytes); se piden KiB (2¹⁰ bytes)."),
            ([token * 1024, ANY], "el primero son bytes; se piden KiB."),
            ([token, ANY], "el primero está bien. El segundo es ese por los tokens, y un MiB son 1024 KiB."),
            *(([token * n, total * n], hint) for n, hint in times),  # si dos coinciden, se sortea otra vez
            *(([token * n, ANY], hint) for n, hint in times),
        ],
    )
