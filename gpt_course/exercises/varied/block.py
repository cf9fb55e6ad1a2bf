"""Ejercicios de la lección 05 con variantes: parámetros, post-LN con lápiz, Pitágoras y el punto de cruce."""

import math

from gpt_course.exercises.core import number, table, varied
from gpt_course.exercises.grading.drawing import WORDS, first


@varied(
    *("C = {C} y {H} cabezas", "C_1, H_1 = {C}, {H}"),
    C=first(512, (256, 384, 640, 768, 896, 1024, 1280, 1536, 2048)),
    H=first(8, (2, 6, 10, 16, 32)),
    when=lambda C, H: C % H == 0,
)
def _parameters(C, H):
    right, heads = 12 * C**2 + 10 * C, "Las cabezas se reparten la anchura: no cambian la cuenta."
    attention, network = "esa es solo la atención", "esa es solo la red *feed-forward*"
    return number(
        "bloque.1",
        right,
        "eso es: doce matrices y diez vectores, con las cabezas que sea.",
        hints=[
            (12 * C**2, "están las doce matrices, pero faltan los vectores: sesgos y normalizaciones."),
            (12 * C**2 + 6 * C, "faltan las normalizaciones: cada una guarda dos vectores."),
            (12 * C**2 + 8 * C, "falta una normalización: el bloque tiene dos."),
            (12 * C**2 + 9 * C, "falta un vector: la salida de la atención también lleva sesgo."),
            (12 * C**2 + 7 * C, "la primera capa lineal de la red tiene 4C salidas, y un sesgo por salida."),
            (12 * C**2 + 13 * C, "contaste sesgos en *query*, *key* y *value*, y este bloque no los lleva."),
            (8 * C**2 + 10 * C, "la red tiene dos matrices de C × 4C, y has contado una."),
            (4 * C**2 + C, f"{attention}: falta la otra subcapa, con las normalizaciones."),
            (4 * C**2 + 3 * C, f"{attention} con su normalización: falta la otra subcapa."),
            (8 * C**2 + 5 * C, f"{network}: falta la atención, con las normalizaciones."),
            (8 * C**2 + 7 * C, f"{network} con su normalización: falta la atención."),
            (right // H, f"dividiste entre las {H} cabezas. {heads}"),
            (H * right, f"multiplicaste por las {H} cabezas. {heads}"),
            (4 * right, "eso son bytes en float32; se piden parámetros."),
        ],
    )


def _added(rows, others):
    return [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(rows, others, strict=True)]


def _normalised(rows):
    """Con dos números, normalizar deja 1 en el mayor y −1 en el menor."""
    return [[1, -1] if a > b else [-1, 1] for a, b in rows]


def _changed(rows, change):
    return [[change(value) for value in row] for row in rows]


TOKENS = [(a, b) for a in range(1, 10) for b in range(1, 10) if a != b]


@varied(
    *("los tokens ({x[0]}) y ({x[1]})", "La primera suma da ({y[0]}) y ({y[1]})."),
    "[[{x[0][0]}.0, {x[0][1]}.0], [{x[1][0]}.0, {x[1][1]}.0]]",
    start=first((2, 4), TOKENS),
    second=first((9, 3), TOKENS),
    # La atención copia al primero; tras esa suma, los dos tokens no deben quedar iguales ni empatados.
    when=lambda start, second: (
        (start[0] > start[1]) != (start[0] + second[0] > start[1] + second[1])
        and sum(second) != sum(start)
        and start[0] + second[0] != start[1] + second[1]
    ),
    also=lambda start, second: {"x": [start, second], "y": _added([start] * 2, [start, second])},
)
def _post_norm(start, second):
    x = [start, second]
    summed = _added([start] * 2, x)  # la nota de la atención es el primer token
    stream = _normalised(summed)
    note = _changed(stream, lambda value: 2 * max(value, 0))
    right = _added(stream, note)
    pre = _added(x, _normalised([start] * 2))
    pre = _added(pre, _changed(_normalised(pre), lambda value: 2 * max(value, 0)))
    ends = "(−1, 1) y (1, −1)" if stream[0] == [-1, 1] else "(1, −1) y (−1, 1)"
    return table(
        "bloque.3",
        right,
        f"la última normalización lo deja en {ends}: ya no se ve que un token era más largo.",
        hints=[
            (stream, "eso sale *después* de una normalización; se pide el camino tras la última suma."),
            (pre, "eso es pre-LN: se normalizó lo que leen las subcapas. En post-LN se normaliza el camino."),
            (
                _changed(summed, lambda value: 3 * value),
                "falta normalizar tras la primera suma, antes de que lea la red.",
            ),
            (summed, "así está el camino tras la primera suma: faltan la normalización y la red."),
            (note, "esa es la nota de la red: falta sumarla al camino."),
            (_changed(stream, lambda value: 3 * value), "la red pone a 0 los negativos antes de doblar."),
            (
                _added(stream, _changed(stream, lambda value: max(value, 0))),
                "los positivos se doblan en la nota de la red.",
            ),
            (right[::-1], "los números son esos, pero cambiados de token."),
        ],
    )


LENGTHS = [
    (blocks, stream, note)
    for blocks in range(2, 17)
    for stream in range(2, 25)
    for note in range(1, 7)
    if math.isqrt(whole := stream**2 + 2 * blocks * note**2) ** 2 == whole
]


@varied(
    *("en {word} bloques", "con longitud {lengths[1]}.", "mide {lengths[2]} y"),
    "blocks_4, stream_4, note_4 = {lengths}",
    lengths=first((8, 9, 3), LENGTHS),
    also=lambda lengths: {"word": WORDS[lengths[0]]},
)
def _pythagoras(lengths):
    blocks, stream, note = lengths
    squares = stream**2 + 2 * blocks * note**2
    two_notes = "hay dos notas por bloque"
    return number(
        "bloque.4",
        math.isqrt(squares),
        f"{WORDS[2 * blocks]} notas de longitud {note} solo alargan el camino de {stream} a "
        f"{math.isqrt(squares)}.",
        hints=[
            (
                stream + 2 * blocks * note,
                "sumaste las longitudes. Si son perpendiculares, se suman los cuadrados.",
            ),
            (stream + blocks * note, f"sumaste las longitudes, y además {two_notes}."),
            (math.sqrt(stream**2 + blocks * note**2), f"{two_notes} y contaste una."),
            (squares, "eso es la longitud al cuadrado: falta la raíz."),
            (math.sqrt(2 * blocks) * note, "eso miden las notas juntas: falta lo que ya había en el camino."),
            (
                math.sqrt(stream**2 + 2 * note**2),
                f"esa es la longitud tras el primer bloque, y hay {WORDS[blocks]}.",
            ),
            (math.sqrt(stream**2 + 2 * blocks * note), "el camino va al cuadrado, y cada nota también."),
        ],
    )


@varied(
    *("Con C = {C},", "C_5 = {C}"),
    C=first(768, (384, 512, 640, 896, 1024, 1152, 1280, 1536, 1600, 2048, 2560, 3072, 4096)),
)
def _crossing(C):
    return number(
        "bloque.5",
        6 * C,
        "hasta ahí mandan las matrices; más allá, la atención T².",
        hints=[
            (6, "te falta C: iguala 4·T²·C con 24·T·C² y simplifica lo que se repite, pero no todo."),
            (C / 6, "el 6 está, pero al despejar lo has puesto dividiendo."),
            (2 * C, "comparaste solo con las matrices de la atención (8·T·C²); cuenta también la red."),
            (4 * C, "comparaste solo con la red *feed-forward* (16·T·C²); cuenta también la atención."),
            (12 * C, "la parte de la atención son dos productos, T×T por C cada uno: 4·T²·C en total."),
            (3 * C, "contaste la mitad del trabajo de las matrices: cada peso es una suma y un producto."),
            (C, "con T = C los dos productos no cuestan igual: uno lleva un 4 delante, y el otro, un 24."),
        ],
    )
