"""Ejercicios de la lección 02 con variantes: contar ventanas, sumar filas y quién recibe gradiente."""

from itertools import permutations

from gpt_course.exercises.core import number, table, varied
from gpt_course.exercises.grading.drawing import first

# Las tablas del juguete de la lección: perro, muerde, hombre y hoy; y los lugares 0, 1 y 2.
WORDS = ("perro", "muerde", "hombre", "hoy")
TOKENS = ((1, 0), (0, 2), (3, 1), (-1, 1))  # (V, C)
PLACES = ((0, 1), (1, 0), (1, 1))  # (T, C)


@varied(
    *("Un texto de {N} tokens se corta con T = {T} y *stride* {T}.", "el último, el {last}."),
    "N_1, T_1, stride_1 = {N}, {T}, {T}",
    T=first(4, range(3, 10)),
    k=first(5, range(4, 13)),  # los tokens son k veces T
    also=lambda T, k: {"N": k * T, "last": k * T - 1},
)
def _windows(T, k):
    N, whole = k * T, "una ventana no se parte: cuenta las que caben enteras."
    return number(
        "incrustaciones.1",
        k - 1,
        f"la última empieza en el {N - 2 * T} y su y llega al {N - T}; la siguiente necesitaría el token "
        f"{N}, que no existe.",
        hints=[
            (k, f"{k} × {T} = {N} gasta todos los tokens en x. ¿Y qué token sería el último de la última y?"),
            (
                N - T,
                "esas son las ventanas si cada una empieza un token después de la anterior (*stride* 1).",
            ),
            (
                N - T + 1,
                f"ese es el número de trozos de {T} tokens seguidos; aquí el *stride* es {T}, "
                "y falta sitio para y.",
            ),
            (k - 2, "aún cabe una más: escribe dónde empieza cada ventana y hasta qué token llega su y."),
            ((N - T - 1) / T, whole),
            ((N - 1) / T, whole),
        ],
    )


def _added(rows, others):
    return [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(rows, others, strict=True)]


def _transposed(rows):
    return [list(column) for column in zip(*rows, strict=True)]


@varied(
    *("*{words}*", "ids_2 = [{ids}]  # {named}"),
    ids=first((3, 1, 2), [ids for ids in permutations(range(4), 3) if ids != (0, 1, 2)]),
    also=lambda ids: {
        "words": " ".join(WORDS[token] for token in ids),
        "named": ", ".join(WORDS[token] for token in ids),
    },
)
def _entry(ids):
    news = [TOKENS[token] for token in ids]
    right, start = _added(news, PLACES), WORDS[ids[0]]
    return table(
        "incrustaciones.2",
        right,
        "cada fila es la del token más la de su lugar.",
        hints=[
            (news, "esas son las filas de los tokens; falta sumar la de cada lugar."),
            (PLACES, "esas son las filas de los lugares; falta sumar la de cada token."),
            (right[::-1], f"están las tres filas, pero en orden inverso: la primera es la de «{start}»."),
            (
                _added(news, PLACES[::-1]),
                f"los lugares van de izquierda a derecha: a «{start}» le toca el 0.",
            ),
            (
                [[a * b for a, b in zip(*pair, strict=True)] for pair in zip(news, PLACES, strict=True)],
                "las dos filas se suman; tú las has multiplicado.",
            ),
            (_added(TOKENS[:3], PLACES), "esa es la entrada de «perro muerde hombre»."),
            (_transposed(right), "está tumbada: va una fila por token, de dos números."),
            (
                [sum(column) for column in _transposed(right)],
                "esa es la suma de las tres tarjetas; se piden las tres, cada una en su fila.",
            ),
            (
                [[*a, *b] for a, b in zip(news, PLACES, strict=True)],
                "has puesto una fila al lado de la otra, y se suman número a número.",
            ),
        ],
    )


# Qué token va en cada lugar del lote, y los tokens: los 12 de la tabla, barajados.
PATTERNS = (((0, 1, 0, 2), (1, 1, 3, 0)), ((0, 1, 0, 2), (1, 3, 2, 0)), ((0, 0, 1, 0), (1, 2, 3, 3)))
PATTERNS += (((0, 1, 2, 0), (3, 4, 3, 0)), ((0, 1, 0, 1), (1, 2, 2, 0)), ((0, 1, 1, 2), (4, 3, 0, 4)))
PATTERNS += (((0, 1, 2, 3), (1, 1, 4, 4)), ((0, 0, 1, 1), (2, 2, 2, 0)))


def _batch(pattern, tokens):
    return [[tokens[place] for place in row] for row in pattern]


@varied(
    "[[{batch[0]}], [{batch[1]}]]",
    pattern=PATTERNS,
    tokens=first(
        (5, 2, 7, 9, 4), [tuple((a + b * i) % 12 for i in range(5)) for a in range(12) for b in (1, 5, 7, 11)]
    ),
    also=lambda pattern, tokens: {"batch": _batch(pattern, tokens)},
)
def _learning_rows(pattern, tokens):
    each = [len({*row}) for row in pattern]
    read = len({*pattern[0], *pattern[1]})
    one = "esos son los tokens distintos de una frase; cuenta los de las dos juntas."
    return number(
        "incrustaciones.4",
        read,
        "solo reciben gradiente las filas que se leyeron, y cada una suma el de todos sus lugares.",
        hints=[
            (8, "hay 8 lugares, pero dos lugares con el mismo token leen la misma fila."),
            (12, "12 son las filas de la tabla. ¿Cómo podría cambiar algo una fila que nadie leyó?"),
            (2, "no va por frases: mira qué filas de la tabla se copiaron."),
            (
                sum(each),
                f"has contado cada frase por separado ({each[0]} y {each[1]}): la tabla es la misma para "
                "las dos.",
            ),
            *((size, one) for size in {*each} if size not in (2, read)),
            (4 * read, "esos son los números que reciben gradiente; se preguntan las filas."),
        ],
    )
