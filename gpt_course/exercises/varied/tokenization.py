"""Ejercicios de la lección 01 con variantes: los bytes de un texto y la cuenta del vocabulario."""

from gpt_course.exercises.core import number, varied
from gpt_course.exercises.grading.drawing import WORDS, first

TEXTS = (
    *("¿Qué?", "¡Olé!", "¿Cómo?", "¡Adiós!", "¿Mañana?", "¡Ánimo!", "¿Jamón?", "¿Cuándo?", "¡Mamá!"),
    *("¿Aquí?", "¡León!", "¿Café?", "¿Dónde?", "¡Año!", "¿Pingüino?", "¡Corazón!", "¿Árbol?", "¡Ratón!"),
)


@varied("`{text}`", '"{text}"', text=TEXTS)
def _utf8(text):
    size, total = len(text), len(text.encode())
    wide = total - size  # cada uno de estos signos ocupa dos bytes
    ascii_, wide_, fewer = WORDS[size - wide], WORDS[wide], WORDS[wide - 1].replace("uno", "uno solo")
    return number(
        "tokenizacion.1",
        total,
        f"los {ascii_} signos ASCII ocupan un byte cada uno; los otros {wide_}, dos bytes cada uno.",
        hints=[
            (size, "cuentas letras y signos. En UTF-8, los que no son ASCII ocupan más de un byte."),
            (total - 1, f"casi: te falta uno. Hay {wide_} signos que no son ASCII, no {fewer}."),
            (2 * size, "no todos ocupan dos bytes: los que están en ASCII ocupan uno."),
            (size - wide, "¿has descontado los que no son ASCII? Al contrario: ocupan más."),
            (2 * wide, "esos son los de los signos que no son ASCII; faltan los demás."),
            (8 * total, "eso son bits; un byte son ocho."),
        ],
    )


@varied(
    *("con {merges} fusiones", "merges_3 = {merges}"),
    merges=first(1000, (*range(300, 1000, 50), *range(1500, 10_000, 500), *range(10_000, 40_000, 1000))),
)
def _vocabulary(merges):
    ascii_, twice = "los bytes no acaban en 127: eso es ASCII.", "cada fusión añade un token, no dos"
    return number(
        "tokenizacion.3",
        merges + 257,
        "es la misma cuenta que da 50 257 en GPT-2, con menos fusiones.",
        hints=[
            (merges, "esas son solo las fusiones. Antes de la primera ya hay tokens."),
            (
                merges + 256,
                "te falta uno: cuenta todos los bytes, del 0 al 255, y también el token especial.",
            ),
            (merges + 1, "has olvidado los tokens con los que se empieza."),
            (merges + 128, ascii_),
            (merges + 129, ascii_),
            (2 * merges + 256, f"{twice}: sus dos mitades ya estaban."),
            (2 * merges + 257, f"{twice}: sus dos mitades ya estaban."),
            (merges + 255, "del 0 al 255 no hay 255 bytes; y falta el token especial."),
        ],
    )
