"""Ejercicios de la lección 12 con variantes: los bytes de un archivo y una columna de `c_attn`."""

from gpt_course.exercises.core import Wrong, exercise, number, read_values, varied
from gpt_course.exercises.grading.drawing import WORDS, first


@varied(
    "safetensors mide {header}\u00a0bytes",
    "F32 de forma [{rows}, {columns}]; `b`, F16 de forma [{short}],",
    'header_1, shapes_1 = {header}, {{"a": ("F32", [{rows}, {columns}]), "b": ("F16", [{short}])',
    header=first(184, range(160, 233, 8)),  # el formato la rellena hasta un múltiplo de 8
    rows=first(4, range(2, 10)),
    columns=first(6, range(2, 10)),
    short=first(10, range(3, 31)),
)
def _file(header, rows, columns, short):
    a, numbers = rows * columns, 4 * rows * columns + 2 * short + 4
    right = 8 + header + numbers
    return number(
        "pesos.1",
        right,
        f"8 de longitud, {header} de cabecera y {numbers} de números.",
        unit="bytes",
        hints=[
            (header + numbers, "faltan los bytes que dicen cuánto mide la cabecera."),
            (8 + numbers, "falta la cabecera."),
            (numbers, "eso ocupan los números; el archivo tiene otros dos trozos."),
            (right + 2 * short, "contaste 4 bytes por número también en F16, que tiene 16 bits."),
            (right - 4, "falta `c`: la forma [] es un número, no ninguno."),
            (8 + header + a + short + 1, "contaste un byte por número. Un F32 tiene 32 bits."),
        ],
    )


C, D = 768, 64
MATRICES = ("query", "key", "value")


def _place(column):
    """(matriz, cabeza, lugar) de una columna de `c_attn`."""
    return MATRICES[column // C], column % C // D, column % D


def _misplaced(column):
    """Cada respuesta equivocada, con su pista."""
    matrix, head, place = _place(column)
    rest, from_0 = column % C, "se cuenta desde 0"
    by_heads = MATRICES[column % (3 * D) // D], column // (3 * D), column % D
    return {
        by_heads: "eso es repartir por cabezas, como GPT-NeoX. GPT-2 pone primero toda la *query*.",
        (matrix, head + 1, place): f"la cabeza {from_0}.",
        (matrix, head, place + 1): f"el lugar {from_0}.",
        (matrix, head + 1, place + 1): "la cabeza y el lugar se cuentan desde 0.",
        (matrix, head, place - 1): f"el lugar {from_0}, y la columna también.",
        (matrix, column // D, place): f"resta antes {_before(matrix)}: la cabeza es una de 12.",
        (matrix, 0, rest): f"ese lugar no cabe en una cabeza de {D}: repártelo entre cabezas.",
        (matrix, place, head): "cambiaste la cabeza por el lugar.",
    }


def _before(matrix):
    return "*query*" if matrix == "key" else "*query* y *key*"


def _is_clear(column):
    """Si la cabeza no es la primera, cada error previsto es otro y ninguno es el bueno."""
    _, head, place = _place(column)
    return head > 1 and head != place and 1 < place < D - 2 and len(_misplaced(column)) == 8


@varied(
    *("la columna {column} de", "column_3, C_3, H_3 = {column}, 768, 12"),
    column=first(1000, range(C, 3 * C, 7)),
    when=lambda column: _is_clear(column) and _place(column) not in _misplaced(column),
)
def _column(column):
    matrix, head, place = right = _place(column)
    whole = f"{WORDS[head]} cabezas enteras y {place} lugares."
    left = f"sobran {column % C} columnas tras {_before(matrix)}: {whole}"

    @exercise("pesos.3", left)
    def fused_column(answer):
        if not isinstance(answer, tuple | list) or len(answer) != 3 or not isinstance(answer[0], str):
            raise Wrong('se esperaban un nombre y dos números, por ejemplo `("query", 0, 5)`.')
        name = answer[0].strip().lower()
        given = (name, *read_values(answer[1:])[0].tolist())
        if given in _misplaced(column):
            raise Wrong(_misplaced(column)[given])
        if name not in MATRICES:
            raise Wrong(f"la matriz es query, key o value; llegó {answer[0]!r}.")
        if name != matrix:
            raise Wrong("esa columna cae en otra matriz: las tres tienen 768 columnas, una tras otra.")
        if given != right:
            raise Wrong("la matriz es esa. Mira cuántas columnas sobran y repártelas en grupos de 64.")

    return fused_column
