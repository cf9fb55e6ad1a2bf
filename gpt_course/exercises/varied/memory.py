"""Ejercicios de la lección 09 con variantes: unidades, momentos del optimizador y caché KV."""

from gpt_course.exercises.core import number, varied
from gpt_course.exercises.grading.drawing import first

MIB = 2**20


def _count(width, blocks):
    """Parámetros de un GPT-2 publicado, con una sola matriz de tokens y todos sus sesgos."""
    return (50257 + 1024) * width + blocks * (12 * width**2 + 13 * width) + 2 * width


# (nombre, bloques, anchura) de los publicados y de otros.
RELEASED = (("pequeño", 12, 768), ("mediano", 24, 1024), ("grande", 36, 1280), ("XL", 48, 1600))
SIZES = [(f"GPT-2 {name}", *size) for name, *size in RELEASED]
SIZES += [("Un GPT", blocks, 64 * heads) for blocks in (10, 16, 20, 30, 40) for heads in (10, 14, 18, 22, 28)]
COUNTED = [(name, _count(width, blocks), blocks) for name, blocks, width in SIZES]
SMALL, MEDIUM, LARGE, XL = COUNTED[:4]


@varied(
    *("{model[0]} tiene {model[1]}\u00a0parámetros.", "parameters_1 = {model[1]}"),
    model=first(XL, COUNTED),
)
def _units(model):
    _, parameters, _ = model
    return number(
        "memoria.1",
        2 * parameters / MIB,
        f"la mitad que en fp32{', y casi 3 GiB solo de pesos' if model == XL else ''}.",
        decimals=2,
        unit="MiB",
        hints=[
            (
                4 * parameters / MIB,
                "contaste 4 bytes por parámetro, que es fp32. ¿Cuántos bits tiene un bf16?",
            ),
            (parameters / MIB, "contaste 1 byte por parámetro. Un bf16 tiene 16 bits."),
            (16 * parameters / MIB, "contaste 16 bytes por parámetro, y son 16 bits."),
        ],
    )


@varied(
    *("{model[0]} tiene {model[1]}\u00a0parámetros.", "parameters_2 = {model[1]}"),
    model=first(MEDIUM, COUNTED),
)
def _moments(model):
    _, parameters, blocks = model
    counters = 4 * (16 * blocks + 4)  # uno de 4 bytes por tensor
    return number(
        "memoria.2",
        8 * parameters,
        "dos momentos de 4 bytes: el optimizador ocupa cuatro veces lo que los pesos en 16 bits.",
        unit="bytes",
        hints=[
            (4 * parameters, "o contaste un solo momento, o los pusiste en 16 bits: mira los dos datos."),
            (12 * parameters, "incluiste la copia maestra. Cuenta como pesos; aquí se piden los momentos."),
            (16 * parameters, "eso son las cuatro partidas juntas. Se pide solo la del optimizador."),
            (2 * parameters, "eso ocupan los pesos en 16 bits. ¿Cuántos números guarda AdamW por parámetro?"),
            (
                8 * parameters + counters,
                "ahí van también los contadores de pasos: se piden solo los momentos.",
            ),
        ],
    )


@varied(
    "la de {model[0]} ({model[1]} bloques, anchura {model[2]}) con "
    "{B}\u00a0frases de {T}\u00a0tokens en fp16?",
    model=first(
        SIZES[3], [("un GPT", *size) if name == "Un GPT" else (name, *size) for name, *size in SIZES]
    ),
    B=first(8, (3, 5, 6, 7, 10, 12)),
    T=first(512, (256, 384, 640, 768, 1024)),
)
def _cache(model, B, T):
    _, blocks, width = model
    size = 2 * blocks * T * width * B * 2 / MIB
    twice = "contaste 4 bytes por número"
    twice = f"o {twice}, o 1024 tokens por frase" if T == 512 else twice
    one = "eso es una sola frase, y de 1024 tokens, como en el apartado 6: aquí son otras."
    return number(
        "memoria.3",
        size,
        "faltaba el factor 2: de cada token se guardan una *key* y un *value*.",
        unit="MiB",
        hints=[
            (size / 2, "eso dice la función, con su error. ¿Qué se guarda de cada token: una cosa o dos?"),
            (size / B, "ese es el tamaño de una frase; el lote tiene más."),
            (
                size / B / 2,
                "eso dice la función para una sola frase: falta el lote, y sigue faltando algo más.",
            ),
            *([] if T == 1024 else [(size / B * 1024 / T, one)]),
            (2 * size, f"es el doble: {twice}."),
            (size * width // 64, f"multiplicaste por las cabezas: la anchura {width} ya las incluye todas."),
        ],
    )
