"""Ejercicios de la lección 08 con variantes: bytes, los dos gradientes, el tamaño y quién se mueve."""

import math
from itertools import permutations

from gpt_course.exercises.core import ANY, number, table, varied
from gpt_course.exercises.grading.drawing import first, spanish

LN2 = math.log(2)
MODELS = [("`gpt2-medium`", 50257, 1024), ("`gpt2-large`", 50257, 1280), ("`gpt2-xl`", 50257, 1600)]
MODELS += [("un modelo", V, C) for V in (50257, 30522, 52001) for C in (512, 640, 896, 1152, 1536, 2048)]


@varied(
    *("en {model[0]} (V = {model[1]}, C = {model[2]})", "V_1, C_1 = {model[1]}, {model[2]}"),
    model=MODELS,
)
def _saved(model):
    name, V, C = model
    matrix = V * C
    saved, small = 4 * matrix / 2**20, 4 * 50257 * 768 / 2**20
    return number(
        "vinculacion.1",
        saved,
        f"casi {10 * math.ceil(saved / 10)} MiB, y son solo los pesos.",
        unit="MiB",
        decimals=2,
        hints=[
            (matrix, "eso son números; cada uno ocupa 4 bytes, y se piden MiB."),
            (matrix / 2**20, "falta multiplicar por los 4 bytes de cada número."),
            (2 * matrix, "eso son bytes, y con 2 por número; se piden MiB, con 4."),
            (2 * matrix / 2**20, "contaste 2 bytes por número, como en bfloat16; en float32 son 4."),
            (8 * matrix / 2**20, "contaste las dos matrices; al vincular se ahorra una."),
            (16 * matrix / 2**20, "contaste lo que cuesta al entrenar; se piden solo los pesos."),
            (small, f"esa es la del GPT-2 pequeño: en {name}, C = {C}."),
        ],
    )


NAMES = ("sol", "mar", "luz", "pez")
READ = 1  # se lee «mar»


def _gradients(firsts, errors):
    """Lo que llega por la cabeza y lo que llega por la incrustación, si se lee `READ` y h = (0, 1)."""
    rows = [[firsts[0], 0], [0, LN2], [firsts[1], 0], [firsts[2], 0]]
    entry = [sum(error * row[i] for error, row in zip(errors, rows, strict=True)) for i in range(2)]
    return [[0, error] for error in errors], [entry if place == READ else [0, 0] for place in range(4)]


def _sum(rows, others, sign=1):
    return [[a + sign * b for a, b in zip(*pair, strict=True)] for pair in zip(rows, others, strict=True)]


@varied(
    "*sol* ({x[0]}, 0), *mar* (0, ln 2), *luz* ({x[1]}, 0) y *pez* ({x[2]}, 0).",
    "correcta es *{word}*.",
    *("[[{x[0]}, 0]", "[{x[1]}, 0], [{x[2]}, 0]]"),
    x=first((1, -1, 2), permutations((-3, -2, -1, 1, 2, 3), 3)),
    right=[3, 0, 2],
    also=lambda x, right: {"word": NAMES[right]},
)
def _two_ends(x, right):
    chances = [0.2, 0.4, 0.2, 0.2]
    errors = [chance - (place == right) for place, chance in enumerate(chances)]
    head, entry = _gradients(x, errors)
    head_of_all, entry_of_all = _gradients(x, chances)
    head_of_read, entry_of_read = _gradients(x, [p - (place == READ) for place, p in enumerate(chances)])
    both = _sum(head, entry)
    moved = [entry[READ] if place == right else [0, 0] for place in range(4)]
    return table(
        "vinculacion.3",
        both,
        "la fila leída recibe por los dos extremos; las demás, solo por la cabeza.",
        hints=[
            (head, "eso llega por la cabeza. Falta lo que llega por la incrustación a la fila leída."),
            (entry, "eso llega por la incrustación. Falta lo que la cabeza manda a las cuatro filas."),
            (
                [[-a, -b] for a, b in both],
                "los signos están al revés: el error es la probabilidad menos 1, no 1 menos ella.",
            ),
            (_sum(head, entry, -1), "los dos gradientes se suman; restaste uno."),
            (
                [entry[READ] if place == READ else row for place, row in enumerate(head)],
                "en la fila leída falta lo que le llega por la cabeza: se suman los dos.",
            ),
            (_sum(head, moved), "por la incrustación recibe la fila leída, no la de la respuesta."),
            (_sum(head_of_all, entry_of_all), "falta restar 1 a la probabilidad de la respuesta correcta."),
            (head_of_all, "falta restar 1 a la probabilidad de la respuesta, y falta la incrustación."),
            (
                _sum(head_of_read, entry_of_read),
                "el 1 se resta a la palabra que era la respuesta, no a la leída.",
            ),
            (
                [list(column) for column in zip(*both, strict=True)],
                "la tabla está tumbada: una fila por palabra, (4, 2).",
            ),
            (errors, "esos son los errores. ¿Qué gradiente le da cada uno a su fila?"),
        ],
    )


@varied(
    *("con C = {C}, recién", "la de los logits sea {spread}?", "C_4 = {C}"),
    root=first(32, (16, 20, 24, 28, 36, 40, 48, 64)),
    spread=[0.5, 0.25, 0.2, 0.4, 0.8, 2],
    also=lambda root, spread: {"C": root**2},
)
def _spread(root, spread):
    C, wanted = root**2, spanish(spread)
    variances = f"las varianzas se suman {C} veces, pero se pide la desviación, que es su raíz."
    return number(
        "vinculacion.4",
        spread / root,
        f"{wanted} entre la longitud de h, que es √C. Con 1/√C, la de los logits sería 1.",
        decimals=4,
        hints=[
            (1 / root, f"con esa, la de los logits sería 1; se pide {wanted}."),
            (root, "eso mide h. Los números de la matriz deben compensarlo, no repetirlo."),
            (spread * root, f"esa sería la de los logits si la de la matriz fuera {wanted}."),
            (root / spread, "esa es la cuenta al revés: cuanto mayor es h, menores deben ser los números."),
            (1 / C, variances),
            (spread / C, variances),
            (0.02, f"eso usa GPT-2. Con 0,02 los logits tendrían {spanish(0.02 * root, '.2f')}."),
            (spread, f"con {wanted}, cada logit tendría {wanted} veces la longitud de h."),
            *([] if C == 768 else [(spread / math.sqrt(768), f"eso vale para C = 768, y aquí C = {C}.")]),
        ],
    )


# Los tokens que se leen, con los nombres 0, 1, 2…; las respuestas son los mismos, corridos, y uno nuevo.
READINGS = (
    (0, 1, 2, 3, 0, 1),
    (0, 1, 0, 2, 1, 0),
    (0, 1, 2, 0, 3, 4),
    (0, 0, 1, 2, 0, 1),
    (0, 1, 2, 3, 4, 0),
)


def _reading(pattern, start, V):
    tokens = [(start + place) % V for place in pattern]
    return tokens, [*tokens[1:], (start + max(pattern) + 1) % V]


@varied(
    *(
        "Un GPT con V = {V},",
        "los tokens {read:y};",
        "correctas son {target:y}.",
        "x_5, y_5 = [{read}], [{target}]",
    ),
    pattern=READINGS,
    start=first(1, range(10)),
    V=first(10, range(11, 17)),
    also=lambda **drawn: dict(zip(("read", "target"), _reading(**drawn), strict=True)),
)
def _who_moves(pattern, start, V):
    read, target = _reading(pattern, start, V)
    rows, new = len({*read}), target[-1]
    return table(
        "vinculacion.5",
        [rows, V, V],
        "con una sola matriz, también se mueven las filas que nadie leyó.",
        hints=[
            (
                [len(read), ANY, ANY],
                "en la entrada cuentan las filas distintas: un token leído dos veces es una fila.",
            ),
            (
                [rows + 1, ANY, ANY],
                f"a la entrada solo le llega gradiente en las filas leídas. ¿Se lee el token {new}?",
            ),
            ([V, ANY, ANY], "a la matriz de entrada solo le llega gradiente en las filas que se leyeron."),
            ([rows, V, rows + V], f"se suman los gradientes, no las filas: la matriz tiene {V}."),
            (
                [rows, V, ANY],
                "en la vinculada, cada fila recibe lo de los dos extremos. ¿Queda alguna sin nada?",
            ),
            (
                [rows, ANY, ANY],
                "softmax reparte probabilidad entre todos los tokens. ¿Qué filas tienen error cero?",
            ),
        ],
        otherwise="se esperan tres números: entrada, cabeza y vinculada. ¿A qué filas les llega algo?",
    )
