"""Ejercicios de la lección 09: unidades, optimizador, caché KV, activaciones y el mayor lote que cabe."""

import math

from gpt_course.exercises.core import Wrong, exercise, expect_number, run

_MIB = 2**20


@exercise("memoria.1")
def weights_in_mib(answer):
    size = 1_557_611_200 * 2
    expect_number(
        answer,
        size / _MIB,
        [
            (size / 10**6, "dividiste entre 10⁶: eso son MB. Un MiB son 2²⁰ bytes."),
            (2 * size / _MIB, "contaste 4 bytes por parámetro, que es fp32. ¿Cuántos bits tiene un bf16?"),
            (size / 2 / _MIB, "contaste 1 byte por parámetro. Un bf16 tiene 16 bits."),
            (size / 2**30, "eso son GiB; se piden MiB."),
            (size, "eso son bytes; faltan los MiB."),
            (size / 1024, "eso son KiB: falta dividir otra vez entre 1024."),
            (2.9, "eso son GiB, redondeados; se piden MiB con dos decimales."),
        ],
        decimals=2,
        tolerance=1e-5,
    )
    return "eso es: la mitad que en fp32, y casi 3 GiB solo de pesos."


@exercise("memoria.2")
def adam_moments(answer):
    count = 354_823_168
    expect_number(
        answer,
        8 * count,
        [
            (4 * count, "son dos momentos, no uno, y en precisión mixta cada uno va en fp32."),
            (12 * count, "incluiste la copia maestra. Cuenta como pesos; aquí se piden los momentos."),
            (16 * count, "eso son las cuatro partidas juntas. Se pide solo la del optimizador."),
            (2 * count, "eso ocupan los pesos en 16 bits. ¿Cuántos números guarda AdamW por parámetro?"),
            (8 * count / _MIB, "la cuenta es buena, pero se piden bytes y eso son MiB."),
            (8 * count / 10**6, "la cuenta es buena, pero se piden bytes y eso son MB."),
        ],
    )
    return "dos momentos de 4 bytes: el optimizador ocupa cuatro veces lo que los pesos en 16 bits."


@exercise("memoria.3")
def cache_in_mib(answer):
    right = 2 * 48 * 1024 * 1600 * 4 * 2 / _MIB
    expect_number(
        answer,
        right,
        [
            (right / 2, "eso dice la función, con su error. ¿Qué se guarda de cada token: una cosa o dos?"),
            (right / 4, "ese es el tamaño de una frase; el lote tiene cuatro."),
            (right / 8, "eso dice la función para una sola frase: falta el lote, y sigue faltando algo más."),
            (right * 2, "contaste 4 bytes por número; en fp16 son 2."),
            (right * _MIB, "eso son bytes; se piden MiB."),
            (right * 25, "multiplicaste por las cabezas: la anchura 1600 ya las incluye todas."),
            (right * _MIB / 10**6, "dividiste entre 10⁶: eso son MB."),
            (right / 1024, "eso son GiB; se piden MiB."),
        ],
    )
    return "faltaba el factor 2: de cada token se guardan una key y un value."


@exercise("memoria.4")
def feed_forward_activations(answer):
    expect_number(
        answer,
        5,
        [
            (120, "eso son bytes medidos con C = 2: falta dividirlos entre N = 24."),
            (21, "eso es con nuestra GELU, que guarda cuatro tensores de anchura 4C. ¿Cuántos guarda ReLU?"),
            (
                9,
                "contaste dos tensores de anchura 4C: mira si son dos o uno.",
            ),
            (4, "falta la entrada de la red: la primera capa lineal también la recuerda."),
            (1, "falta lo que hay en medio, que mide 4C."),
            (2, "el tensor del medio tiene anchura 4C: vale por 4N, no por N."),
            (6, "la salida de la red no la guarda la red: su segunda capa recuerda lo que le entra."),
            (8, "contaste dos veces el tensor del medio, y falta la entrada."),
            (13, "contaste tres tensores de anchura 4C. ReLU solo necesita saber dónde cortó."),
        ],
    )
    return "N de la entrada y 4N de la salida de ReLU, que comparten ReLU y la segunda capa."


@exercise("memoria.5")
def largest_batch(answer):
    expect_number(
        answer,
        17,
        [
            (18, "esa cuenta no es el pico con AdamW: compara la memoria con training_peak."),
            (33, "eso es en precisión mixta; el enunciado dice fp32."),
            (16, "¿usaste SMALL, con dos matrices? Si no, revisa cuándo para tu bucle."),
            (15, "16 GiB no son 16 GB: usa parse_size con la unidad del enunciado."),
            (14, "esa cuenta construye la matriz T×T; sin dropout, la atención usa SDPA."),
            (12, "esa cuenta lleva dropout. El enunciado pone drop_rate a 0."),
            (24, "contaste solo las activaciones; también ocupan pesos, gradientes y momentos."),
            (31, "eso es con todo en bf16; el enunciado dice fp32."),
            (46, "eso es con recomputación: el enunciado no la usa."),
            (230, "eso es para generar. Al entrenar hay gradientes, momentos y activaciones."),
            (8, "¿usaste T = 1024, lo que trae la configuración? El enunciado dice T = 512."),
        ],
        tolerance=1e-9,
    )
    return "17 frases de 512 tokens; la siguiente ya no cabe."


_MODELS = (  # cuentas sin divisores comunes: cada error da un número distinto
    ({"emb_dim": 112, "n_heads": 28, "n_kv_heads": 7, "n_layers": 5}, 11, 3, 4),
    ({"emb_dim": 2048, "n_heads": 32, "n_kv_heads": 8, "n_layers": 16}, 4096, 1, 2),
    ({"emb_dim": 96, "n_heads": 6, "n_kv_heads": 6, "n_layers": 5}, 7, 2, 4),
)


@exercise("memoria.6")
def cache_bytes(answer):
    for cfg, seq, batch, element in _MODELS:
        given = run(answer, dict(cfg), seq, batch, element)
        C, H, kv, L = (cfg[key] for key in ("emb_dim", "n_heads", "n_kv_heads", "n_layers"))
        right = 2 * L * kv * (C // H) * seq * batch * element
        hints = [
            (right // 2, "falta el factor 2: una key y un value."),
            (right * H // kv, "contaste todas las cabezas; solo se guardan las n_kv_heads."),
            (right * H // kv // 2, "contaste todas las cabezas y olvidaste el factor 2."),
            (right // batch, "falta el lote: cada frase tiene su caché."),
            (right // L, "falta multiplicar por los bloques."),
            (right // element, "contaste números; faltan los bytes de cada uno."),
            (right * seq, "la caché crece con T, no con T²."),
            (right // kv, "contaste una sola cabeza de key y value: son n_kv_heads."),
            (right * H // kv**2, "la anchura de una cabeza es emb_dim // n_heads; compartir no la cambia."),
        ]
        known = [(wrong, hint) for wrong, hint in hints if not math.isclose(wrong, right)]
        if isinstance(given, (tuple, list)):
            raise Wrong("se esperaba un número de bytes, y la función devolvió varios.")
        expect_number(given, right, known, tolerance=1e-9)
    return "correcto en tres modelos; en el de 32 cabezas y 8 de key y value, la caché se divide entre 4."
