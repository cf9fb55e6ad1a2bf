"""Ejercicios de la lección 09: activaciones, el mayor lote y menos *keys*. Los demás, en `varied`."""

from gpt_course.exercises.core import function, number

MIB = 2**20


number(
    "memoria.4",
    5,
    "N de la entrada y 4N de la salida de ReLU, que comparten ReLU y la segunda capa.",
    hints=[
        (120, "eso son bytes medidos con C = 2: falta dividirlos entre N = 24."),
        (21, "eso es con nuestra GELU, que guarda cuatro tensores de anchura 4C. ¿Cuántos guarda ReLU?"),
        (9, "contaste dos tensores de anchura 4C: mira si son dos o uno."),
        (4, "falta la entrada de la red: la primera capa lineal también la recuerda."),
        (1, "falta lo que hay en medio, que mide 4C."),
        (2, "el tensor del medio tiene anchura 4C: vale por 4N, no por N."),
        (6, "la salida de la red no la guarda la red: su segunda capa recuerda lo que le entra."),
        (8, "contaste dos veces el tensor del medio, y falta la entrada."),
        (13, "contaste tres tensores de anchura 4C. ReLU solo necesita saber dónde cortó."),
    ],
)

number(
    "memoria.5",
    17,
    "con otra frase de 512 tokens ya no cabría.",
    hints=[
        (18, "ese no cabe. ¿Mides `training_peak` con AdamW, y se queda el bucle con el último que cabe?"),
        (16, "ese cabe, y otro mayor también. ¿Usaste `SMALL`, con dos matrices, o el bucle para antes?"),
        (15, "16 GiB no son 16 GB: el enunciado dice GiB, y `ram_5` también."),
        (14, "aquí no hay matriz T×T, porque no hay dropout, ni se pide dejar un margen."),
        (12, "esa cuenta lleva dropout. El enunciado dice que no lo hay."),
        (24, "contaste solo las activaciones; también ocupan pesos, gradientes y momentos."),
        (29, "eso es en precisión mixta; el enunciado dice fp32."),
        (31, "eso es con todo en bf16; el enunciado dice fp32."),
        (46, "eso es con recomputación: el enunciado no la usa."),
        (230, "eso es para generar. Al entrenar hay gradientes, momentos y activaciones."),
        (8, "¿usaste T = 1024, lo que trae la configuración? El enunciado dice T = 512."),
    ],
)


# Una caché que se hace a mano; después, otras en las que cada olvido da un número distinto.
MODELS = [
    (
        {
            "emb_dim": width,
            "n_heads": heads,
            "n_kv_heads": kv_heads,
            "n_layers": layers,
            "context_length": 8192,
        },
        *sizes,
    )
    for width, heads, kv_heads, layers, *sizes in (
        (8, 4, 2, 3, 5, 1, 2),
        (112, 28, 7, 5, 11, 3, 4),
        (2048, 32, 8, 16, 4096, 1, 2),
        (96, 6, 6, 5, 7, 2, 4),
        (60, 12, 1, 7, 13, 5, 1),
    )
]


def _with(**changes):
    """La buena, con otra configuración."""
    return lambda cfg, *sizes: kv_bytes(
        {**cfg, **{key: cfg.get(new, new) for key, new in changes.items()}}, *sizes
    )


@function(
    "memoria.6",
    "en el modelo de 32 cabezas con 8 de *key* y *value*, la caché se divide entre 4.",
    cases=MODELS,
    hints=[
        (lambda *given: kv_bytes(*given) // 2, "falta el factor 2: una *key* y un *value*."),
        (
            _with(n_kv_heads="n_heads"),
            "sale lo mismo que con todas las cabezas; solo se guardan las `n_kv_heads`.",
        ),
        (
            lambda *given: _with(n_kv_heads="n_heads")(*given) // 2,
            "contaste todas las cabezas y olvidaste el factor 2.",
        ),
        (
            lambda cfg, seq, batch, element: kv_bytes(cfg, seq, 1, element),
            "falta el lote: cada frase tiene su caché.",
        ),
        (_with(n_layers=1), "falta multiplicar por los bloques: cada uno tiene su caché."),
        (
            lambda cfg, seq, batch, element: kv_bytes(cfg, seq, batch, 1),
            "contaste números; faltan los bytes de cada uno.",
        ),
        (
            lambda cfg, seq, batch, element: kv_bytes(cfg, seq, batch, 2),
            "pusiste siempre 2 bytes por número: los dice `element`.",
        ),
        (
            lambda cfg, seq, batch, element: kv_bytes(cfg, seq, batch, 4),
            "pusiste siempre 4 bytes por número: los dice `element`.",
        ),
        (
            lambda cfg, seq, batch, element: kv_bytes(cfg, seq**2, batch, element),
            "la caché crece con T, no con T².",
        ),
        (
            lambda cfg, seq, batch, element: kv_bytes(cfg, cfg["context_length"], batch, element),
            "usaste la ventana entera: se guardan los `seq` tokens leídos.",
        ),
        (_with(n_kv_heads=1), "contaste una sola cabeza de *key* y *value*: son `n_kv_heads`."),
        (_with(n_heads=1), "multiplicaste por la anchura entera: cada cabeza mide `emb_dim // n_heads`."),
        (
            lambda cfg, *sizes: kv_bytes(cfg, *sizes) * cfg["n_heads"] // cfg["n_kv_heads"] ** 2,
            "la anchura de una cabeza es `emb_dim // n_heads`; compartir no la cambia.",
        ),
        (lambda *given: kv_bytes(*given) / MIB, "eso son MiB: se piden bytes."),
    ],
)
def kv_bytes(cfg, seq, batch, element):
    width = cfg["n_kv_heads"] * (cfg["emb_dim"] // cfg["n_heads"])
    return 2 * cfg["n_layers"] * batch * seq * width * element
