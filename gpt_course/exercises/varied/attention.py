"""Ejercicios de la lección 03 con variantes: promedios, cabezas, escala, coste y dos repartos."""

from itertools import permutations

import torch

from gpt_course.exercises.core import Wrong, exercise, number, read_values, table, varied
from gpt_course.exercises.grading.drawing import WORDS, first


@varied(
    *("valen {values:y},", "values_1 = [{values}]"),
    values=first((2, 4, 9), permutations(range(1, 13), 3)),
    when=lambda values: sum(values[:2]) % 2 == sum(values) % 3 == 0,
)
def _averages(values):
    a, b, c = values
    second, mean = (a + b) / 2, (a + b + c) / 3
    itself = "cada token se mira también a sí mismo, no solo a los anteriores."
    return table(
        "atencion.1",
        [a, second, mean],
        "cada token promedia lo que ha leído hasta él, él incluido.",
        hints=[
            ([mean] * 3, "cada token promedia también su futuro. ¿Qué ha leído el primero cuando le toca?"),
            ([a, a + b, a + b + c], "eso son las sumas. Los pesos de una fila deben sumar 1: falta dividir."),
            ([0, a, second], itself),
            ([a, a, second], itself),
            ([mean, (b + c) / 2, c], "esos son los promedios del futuro: lo leíste de derecha a izquierda."),
            ([a, second, (b + c) / 2], "el tercero promedia los tres que ha leído, no solo los dos últimos."),
            (
                [a, second, (second + c) / 2],
                "el tercero promedia los números, no el promedio anterior con el suyo.",
            ),
            (values, "esos son los valores: falta promediar cada uno con los anteriores."),
        ],
    )


@varied(
    *("B = {B}, T = {T} y C = {C}, y hay H = {H} cabezas", "B_2, T_2, C_2, H_2 = {B}, {T}, {C}, {H}"),
    B=first(2, (3, 4, 5)),
    split=first(
        (6, 3, 4), [(H * some, H, D) for H in range(2, 7) for some in (2, 3, 4) for D in range(2, 9)]
    ),
    also=lambda B, split: {"T": split[0], "C": split[1] * split[2], "H": split[1]},
)
def _heads(B, split):
    T, H, D = split
    C, there = H * D, "los cuatro números están, pero"
    confused = "confundes cuántas cabezas hay con lo que mide cada una"
    return table(
        "atencion.2",
        [B, H, T, D],
        "cada cabeza ve todos los tokens y un trozo de la anchura.",
        hints=[
            (
                [B, H, T // H, C],
                f"repartiste los tokens, y cada cabeza ve los {T}. ¿Qué se reparte, entonces?",
            ),
            ([B, T, H, D], f"{there} falta intercambiar dos ejes: las cabezas van delante."),
            ([B, H, D, T], f"{there} los dos últimos son, en orden, tokens y anchura."),
            ([H, B, T, D], f"{there} el lote va siempre delante."),
            ([B, T, D, H], f"{confused}, y falta cambiar dos ejes."),
            (
                [B, H, T, C],
                f"si cada cabeza midiera {C}, habría {H} veces más números que antes de repartir.",
            ),
            ([B, D, T, H], f"{confused}."),
            ([B, T, C], "esa es la forma antes de repartir: ahora hay un eje más, el de las cabezas."),
            (
                [B * H, T, D],
                "así las ve el producto por dentro; `split` deja el lote y las cabezas en ejes distintos.",
            ),
        ],
        otherwise=f"no es esa: son cuatro números, y multiplicados deben dar {B} · {T} · {C}.",
    )


SIZES = ((4096, 32), (5120, 40), (6144, 48), (1536, 16), (3072, 32), (2400, 25), (2560, 32), (3200, 40))
SIZES += ((1920, 40), (1152, 16), (1792, 16), (640, 16), (2560, 16), (2016, 18), (1760, 20))


@varied(
    "{model[0]}.** {model[1]} tiene C = {model[2]} y {model[3]} cabezas",
    "C_4, H_4 = {model[2]}, {model[3]}",
    model=[
        ("La escala del grande", "GPT-3", 12288, 96),
        *(("Otra escala", "Un GPT", *size) for size in SIZES),
    ],
)
def _scale(model):
    *_, C, H = model
    D = C // H
    return number(
        "atencion.4",
        D**0.5,
        "cada cabeza divide entre la raíz de su propia anchura.",
        decimals=1,
        hints=[
            (D, "esa es la anchura de una cabeza; falta un paso. ¿Qué crece como d, y qué como su raíz?"),
            (C**0.5, "usaste la anchura del modelo entero, pero cada cabeza suma solo sus productos."),
            (C, "esa es la anchura del modelo. ¿Cuántos productos suma una sola cabeza?"),
            (H**0.5, "eso es la raíz del número de cabezas. ¿Cuánto mide cada una?"),
            (H, "esas son las cabezas. ¿Cuánto mide cada una?"),
            (1 / D**0.5, "ese es el factor que multiplica. Se pregunta entre qué número se divide."),
            (64**0.5, "así divide GPT-2, cuyas cabezas miden 64. ¿Y las de este?"),
        ],
    )


TIMES = (4, 2, 3, 5, 6, 7, 8, 10, 12, 16)


@varied(
    *("{word} veces más largo", "leyera {T} tokens", "T_5 = {T}"),
    times=TIMES,
    also=lambda times: {"word": WORDS[times].capitalize(), "T": 1024 * times},
)
def _long(times):
    size = 576 * times**2
    return number(
        "atencion.5",
        size,
        f"lo de 1024 por {times**2}, y no por {times}: la matriz crece a lo alto y a lo ancho.",
        unit="MiB",
        hints=[
            (
                size // 12,
                "te falta un factor 12: hay 12 bloques y, en cada uno, 12 cabezas con su propia matriz.",
            ),
            (size // 144, "eso es una sola matriz. ¿Cuántas cabezas hay, contando todos los bloques?"),
            (576, f"eso es con 1024 tokens; ahora son {1024 * times}."),
            (576 * times, f"multiplicaste por {times}, pero la matriz crece a lo alto y a lo ancho."),
            (size // 2, "contaste 2 bytes por número; en float32 son 4."),
            (2 * size, "contaste 8 bytes por número; en float32 son 4."),
            (times**2, "por eso se multiplica; se pregunta cuántos MiB salen."),
        ],
    )


PLACES = ("primer", "segundo", "tercero")


def _values(size, odd):
    return [(0, size) if place == odd else (size, 0) for place in range(3)]


@varied(
    *("los *values* ({v[0]}), ({v[1]}) y ({v[2]})", "[[{v[0]}], [{v[1]}], [{v[2]}]]"),
    "el {pair[0]} <em>value</em> y el {pair[1]}",
    size=first(5, range(1, 10)),
    odd=first(1, range(3)),
    also=lambda size, odd: {
        "v": _values(size, odd),
        "pair": [name for place, name in enumerate(PLACES) if place != odd],
    },
)
def _two_ways(size, odd):
    values = torch.tensor(_values(size, odd)).double()

    praise = "dos repartos distintos, un mismo contexto: mirar los pesos no basta para saber por qué."

    @exercise("atencion.6", praise)
    def two_ways(answer):
        pair, _ = read_values(answer)
        if pair.shape != (2, 3):
            raise Wrong(f"se esperaba la forma (2, 3), una fila por reparto, y llegó {tuple(pair.shape)}.")
        # Con dos decimales, 0.33 + 0.67.
        if not torch.allclose(pair.sum(-1), torch.ones(2).double(), atol=0.011):
            raise Wrong("cada reparto debe sumar 1: son pesos de atención.")
        if (pair < 0).any():
            raise Wrong("los pesos de atención no son negativos: salen de un softmax.")
        one, other = pair
        if (one - other).abs().max() < 0.0999:
            raise Wrong("las dos filas son casi la misma: el peso de algún token debe cambiar en 0,1 o más.")
        if not torch.allclose(one @ values, other @ values, atol=1e-3):
            raise Wrong("las dos filas dan contextos distintos. ¿Qué dos tokens entregan el mismo *value*?")

    return two_ways
