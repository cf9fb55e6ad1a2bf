"""Ejercicios de la lección 00 con variantes: un producto de formas, difusión, una pendiente y bytes."""

from itertools import permutations

from gpt_course.exercises.core import ANY, number, table, varied
from gpt_course.exercises.grading.drawing import WORDS, first


@varied(
    *("({m}, {k})", "({k}, {n})"),
    m=first(2, range(2, 9)),
    k=first(3, range(2, 9)),
    n=first(5, range(2, 9)),
    when=lambda m, k, n: len({m, k, n}) == 3 and [m, n] != [4, 7],  # [4, 7] es el ejemplo
)
def _product(m, k, n):
    inner = "el producto de dos tablas es otra tabla: dos tamaños, no tres."
    return table(
        "bienvenida.1",
        [m, n],
        "quedan los tamaños de fuera; los de dentro coinciden y se suman.",
        hints=[
            ([k, k], "esos son los dos tamaños de dentro, que desaparecen al multiplicar y sumar."),
            ([n, m], "los tamaños son esos, pero al revés: las filas vienen de la primera matriz."),
            ([m, k, n], inner),
            ([m, n, k], inner),
            ([m, k, k, n], "esas son las dos formas seguidas: falta tachar."),
            ([m * k, k * n], "los tamaños no se multiplican: uno de cada matriz se conserva."),
            ([m, k], "esa es la forma de la primera. ¿Qué le hace la segunda a sus filas?"),
            ([k, n], "esa es la forma de la segunda. ¿Cuántas filas tiene el producto?"),
        ],
        otherwise="no es esa. Escribe las dos formas seguidas y tacha los tamaños que coinciden.",
    )


@varied(
    *("los números {column:y},", "la fila ({row})", "[[{column[0]}], [{column[1]}]]", "tensor([{row}])"),
    column=first((10, 20), permutations(range(10, 100, 10), 2)),
    row=first((1, 2, 3), permutations(range(1, 8), 3)),
)
def _broadcast(column, row):
    each = "la suma tiene dos dimensiones: cada número de uno se suma con todos los del otro."
    return table(
        "bienvenida.3",
        [[a + b for b in row] for a in column],
        "cada número de la columna se suma con todos los de la fila.",
        hints=[
            ([[a * b for b in row] for a in column], "has multiplicado; aquí se suma."),
            ([[ANY, ANY]] * 3, "es la tabla tumbada: la columna da las filas del resultado."),
            ([ANY] * 2, each),
            ([ANY] * 3, each),
            ([[a, *row] for a in column], "has puesto la fila al lado de la columna; aquí se suman."),
        ],
    )


@varied(
    *("({a}w - {b})^2", "en $w = {w}$"),
    a=first(3, range(2, 6)),
    b=first(6, range(2, 13)),
    w=first(1, range(1, 4)),
    when=lambda a, b, w: 0 < abs(2 * a * (a * w - b)) < len(WORDS),
)
def _slope(a, b, w):
    inside = a * w - b
    size, sign = abs(2 * a * inside), "baja" if inside < 0 else "sube"
    return number(
        "bienvenida.4",
        2 * a * inside,
        f"si w crece un poco, la función {sign} {WORDS[size]} veces ese poco.",
        hints=[
            (inside**2, "ese es el valor de la función, no su pendiente."),
            (inside, "eso vale el paréntesis. Faltan los otros dos factores."),
            (2 * inside, f"falta multiplicar por lo que crece el interior, {a}w − {b}, cuando w crece 1."),
            (2 * a, "has tomado solo el exponente y lo que crece el interior; falta lo que vale."),
            (-2 * a * inside, f"el tamaño es ese. Si w crece un poco desde {w}, ¿la función sube o baja?"),
            (a * inside, "falta el 2 que baja del exponente."),
        ],
    )


@varied(
    "({B}, {T}, {C})",
    B=first(2, (3, 5, 6, 8)),
    T=first(1024, (256, 512, 2048)),
    C=first(768, (512, 1024, 1280, 1536)),
)
def _bytes(B, T, C):
    numbers, size = B * T * C, B * T * C * 4 / 2**20
    first_size = "falta el primer tamaño de la forma"
    half = f"o {first_size}, o contaste" if B == 2 else "contaste"
    return number(
        "bienvenida.5",
        size,
        "tantos números como dice la forma, por 4 bytes, entre 2²⁰.",
        unit="MiB",
        hints=[
            (numbers / 2**20, "esos son los números, ya divididos entre 2²⁰. ¿Cuántos bytes ocupa cada uno?"),
            (numbers, "esos son los números. ¿Cuántos bytes ocupa cada uno? Después, pásalos a MiB."),
            (8 * size, "esa cuenta es en bits; un byte son ocho."),
            (size / 2, f"es justo la mitad: {half} dos bytes por número."),
            *([] if B == 2 else [(size / B, f"{first_size}: cuentan los tres.")]),
            (2 * size, "es justo el doble: contaste 8 bytes por número, como en float64."),
        ],
    )
