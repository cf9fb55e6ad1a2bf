"""Ejercicios de la lección 06 con variantes: lo que crece al ampliar el contexto y al ensanchar el modelo."""

from gpt_course.exercises.core import number, varied
from gpt_course.exercises.grading.drawing import first

V, T, C, BLOCKS = 50257, 1024, 768, 12


def _count(width):
    """Parámetros de GPT-2 pequeño con otra anchura, dos matrices de tokens y sin sesgos en la atención."""
    return 2 * V * width + T * width + BLOCKS * (12 * width**2 + 10 * width) + 2 * width


TOTAL = _count(C)


@varied(
    *("`context_length` fuera {context}", '"context_length": {context}'),
    context=first(4096, (1280, 1536, 1792, 2560, 3072, 5120, 6144, 8192)),
)
def _longer(context):
    new = context - T
    return number(
        "modelo.1",
        new * C,
        "solo crece la tabla de posiciones. Los bloques no saben cuánto mide el contexto.",
        hints=[
            (context * C, "eso ocupa la tabla nueva entera; se preguntan los que hay de más."),
            (T * C, "esa es la tabla de ahora. ¿Cuántas filas le faltan?"),
            (new, "son las filas nuevas. ¿Cuántos números guarda cada fila?"),
            (TOTAL + new * C, "ese es el total del modelo nuevo; se preguntan los que hay de más."),
            (4 * new * C, "eso son bytes en float32; se preguntan parámetros."),
            (0, "las posiciones no se extienden solas: cada lugar tiene su fila, y se aprende."),
            (BLOCKS * new * C, "la tabla de posiciones está a la entrada, no en cada bloque."),
        ],
    )


GROWTHS = {
    2: ("doble", "duplica", "cuadruplica"),
    3: ("triple", "triplica", "multiplica por 9"),
    4: ("cuádruple", "cuadruplica", "multiplica por 16"),
    5: ("quíntuple", "quintuplica", "multiplica por 25"),
}


@varied(
    *("El {words[0]} de ancho.** Lleva `emb_dim` a {width}, el {words[0]}.", '"emb_dim": {width}'),
    "¿Se {words[1]} el número de parámetros, se {words[2]} o",
    times=first(2, GROWTHS),
    also=lambda times: {"words": GROWTHS[times], "width": C * times},
)
def _wider(times):
    wide = _count(C * times)
    tables, matrices = (word.replace("plica", "plican") for word in GROWTHS[times][1:])
    return number(
        "modelo.2",
        wide / TOTAL,
        f"entre {times} y {times**2}: las tablas se {tables} y las matrices de los bloques se {matrices}.",
        decimals=2,
        hints=[
            (times, f"se {tables} las tablas, pero en los bloques hay matrices de C × C."),
            (times**2, f"se {matrices} las matrices de los bloques, pero las tablas miden V × C y T × C."),
            (wide, "ese es el número de parámetros; se pregunta por cuánto se ha multiplicado."),
            (wide - TOTAL, "esa es la diferencia; se pregunta el cociente."),
            (TOTAL / wide, "has dividido al revés: el grande entre el pequeño."),
            (
                (wide - V * C * times) / (TOTAL - V * C),
                "eso es con una sola matriz de tokens; `GPT_CONFIG_124M` tiene dos.",
            ),
        ],
    )
