"""Lección 09: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial

import torch
from torch import nn

from gpt_course.config import GPT2_CONFIGS
from gpt_course.memory import (
    Plan,
    activations,
    inference_peak,
    kv_cache,
    parse_size,
    state,
    training_peak,
    training_sizes,
)
from gpt_course.memory.measure import saved_bytes
from gpt_course.plotting.memory import draw_bits, plot_prediction, plot_roofline, plot_stacked, plot_timeline

XL, MEDIUM = 1_557_611_200, 354_823_168  # parámetros de los modelos publicados


def cache(cfg, seq, batch, element):
    width = cfg["n_kv_heads"] * (cfg["emb_dim"] // cfg["n_heads"])
    return 2 * cfg["n_layers"] * batch * seq * width * element


def every_head(cfg, seq, batch, element):
    return 2 * cfg["n_layers"] * batch * seq * cfg["emb_dim"] * element


def divided(cfg, seq, batch, element):
    width = cfg["n_kv_heads"] * cfg["emb_dim"] / cfg["n_heads"]
    return 2 * cfg["n_layers"] * batch * seq * width * element


def wide_heads(cfg, seq, batch, element):
    return 2 * cfg["n_layers"] * batch * seq * cfg["emb_dim"] // cfg["n_kv_heads"] * element


def scaled(change):
    return lambda cfg, seq, batch, element: change(cache(cfg, seq, batch, element), cfg, seq, batch, element)


def largest(size, ram="16GiB", *, rate=0.0, seq=512, **options):
    cfg, batch = {**GPT2_CONFIGS["gpt2"], "drop_rate": rate}, 1
    while size(Plan(cfg, batch=batch + 1, seq=seq, **options)) <= parse_size(ram):
        batch += 1
    return batch


def half_with(heads):
    """Bien en todos los modelos menos en uno."""
    return scaled(lambda size, cfg, *_: size // 2 if cfg["n_heads"] == heads else size)


ANSWERS = {
    "memoria.1": {
        "right": [XL * 2 / 2**20, 2970.91, "2.970,91", "2970.91"],
        "wrong": [
            (XL * 2 / 1e6, "MB"),
            (XL * 4 / 2**20, "fp32"),
            (XL / 2**20, "1 byte"),
            (XL * 16 / 2**20, "16 bits"),
            (XL * 2 / 2**30, "GiB"),
            (XL * 2, "son bytes"),
            (XL * 2 / 1024, "KiB"),
            (2800, "demasiado pequeño"),
            (2971, "dos decimales"),
            (2970.9, "dos decimales"),
            (2.9, "GiB"),
        ],
    },
    "memoria.2": {
        "right": [8 * MEDIUM],
        "wrong": [
            (4 * MEDIUM, "un solo momento"),
            (12 * MEDIUM, "copia maestra"),
            (16 * MEDIUM, "cuatro partidas"),
            (2 * MEDIUM, "los pesos en 16 bits"),
            (8 * MEDIUM / 2**20, "son MiB"),
            (8 * MEDIUM / 1e6, "son MB"),
            (8 * MEDIUM + 4 * 388, "contadores"),
            (8 * MEDIUM + 1000, "demasiado grande"),
        ],
    },
    "memoria.3": {
        "right": [1200],
        "wrong": [
            (600, "una cosa o dos"),
            (150, "de una frase"),
            (75, "falta el lote"),
            (300, "y de 1024 tokens"),
            (2400, "4 bytes por número"),
            (1200 * 2**20, "son bytes"),
            (30000, "cabezas"),
            (1200 * 2**20 / 1e6, "son MB"),
            (1.171875, "GiB"),
        ],
    },
    "memoria.4": {
        "right": [5],
        "wrong": [
            (21, "nuestra GELU"),
            (9, "son dos o uno"),
            (4, "falta la entrada"),
            (1, "en medio"),
            (2, "vale por 4N"),
            (6, "la salida de la red"),
            (8, "dos veces"),
            (13, "dónde cortó"),
            (120, "entre N = 24"),
        ],
    },
    "memoria.5": {
        "right": [17],
        "wrong": [
            (18, "no cabe"),
            (16, "SMALL"),
            (29, "mixta"),
            (15, "16 GB"),
            (14, "T×T"),
            (12, "lleva dropout"),
            (24, "solo las activaciones"),
            (31, "bf16"),
            (46, "recomputación"),
            (230, "para generar"),
            (8, "T = 512"),
        ],
    },
    "memoria.6": {
        "right": [cache, divided],
        "wrong": [
            (scaled(lambda size, *_: size // 2), "factor 2"),
            (every_head, "con todas las cabezas;"),
            (lambda *given: every_head(*given) // 2, "todas las cabezas y olvidaste"),
            (scaled(lambda size, cfg, seq, batch, element: size // batch), "falta el lote"),
            (scaled(lambda size, cfg, *_: size // cfg["n_layers"]), "bloques"),
            (scaled(lambda size, cfg, seq, batch, element: size // element), "bytes de cada uno"),
            (lambda cfg, seq, batch, _: cache(cfg, seq, batch, 2), "siempre 2 bytes"),
            (lambda cfg, seq, batch, _: cache(cfg, seq, batch, 4), "siempre 4 bytes"),
            (scaled(lambda size, cfg, seq, *_: size * seq), "no con T²"),
            (lambda cfg, _, batch, element: cache(cfg, cfg["context_length"], batch, element), "la ventana"),
            (scaled(lambda size, cfg, *_: size // cfg["n_kv_heads"]), "una sola cabeza"),
            (scaled(lambda size, cfg, *_: size * cfg["n_heads"]), "la anchura entera"),
            (wide_heads, "compartir no la cambia"),
            (scaled(lambda size, *_: size / 2**20), "son MiB"),
            (lambda *given: (cache(*given), "bytes"), "y llegó (240, 'bytes')"),
            (lambda cfg, *_: cfg["n_kv"], "no tiene la clave"),
            (half_with(32), "n_heads"),
            (half_with(6), "n_heads"),
            (half_with(28), "n_heads"),
            (half_with(12), "n_heads"),
        ],
    },
}

COLUMNS = {"a": {"pesos": 1.0, "logits": 0.5}, "b": {"pesos": 2.0, "copia": 1.0, "logits": 0.25}}
FIGURES = [
    partial(
        draw_bits,
        {"fp32": ("0", "01111100", "01" + "0" * 21), "fp16": ("0", "01100", "01" + "0" * 8)},
        "0,15625",
    ),
    partial(
        plot_stacked, COLUMNS, "Título", "GiB", marks=("pico", {"a": 1.2, "b": 3.0}), limit=(8, "tu equipo")
    ),
    partial(plot_stacked, COLUMNS, "Título", "%"),
    partial(plot_prediction, [128, 1024], {"SDPA": [1, 4]}, {"SDPA": [1, 4.1]}, "Título", "T", "MiB"),
    partial(
        plot_timeline,
        {"al empezar": 1.0, "hacia atrás": 3.5, "optimizador": 2.25},
        "Título",
        limit=(3.0, "medido"),
    ),
    partial(
        plot_roofline,
        {"esta": (100.0, 20.0), "otra": (400.0, 30.0)},
        {"generar": 0.5, "entrenar": 60.0},
        "Título",
        measured=[(0.5, 8.0), (128.0, 90.0)],
    ),
]


def fact_the_optimizer_and_the_cache_agree_with_the_package():
    assert state(Plan(GPT2_CONFIGS["gpt2-medium"], dtype="mixed"))["optimizer"] == 8 * MEDIUM + 4 * 388
    assert kv_cache(Plan(GPT2_CONFIGS["gpt2-xl"], batch=8, seq=512, dtype="bf16")) == 1200 * 2**20


def fact_a_feed_forward_with_relu_saves_five_widths():
    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(3, 2, requires_grad=True)
    assert saved_bytes(lambda: net(x), net)[1] == 5 * 4 * x.numel()


def fact_the_largest_batch_and_its_mistakes_are_those_of_the_package():
    assert largest(training_peak) == 17
    assert largest(lambda plan: sum(training_sizes(plan).values())) == 18
    assert largest(training_peak, "16GB") == 15
    assert largest(training_peak, explicit=True) == 14
    assert largest(training_peak, rate=0.1) == 12
    assert largest(lambda plan: sum(activations(plan).values())) == 24
    assert largest(training_peak, dtype="mixed") == 29
    assert largest(training_peak, dtype="bf16") == 31
    assert largest(training_peak, checkpointing=True) == 46
    assert largest(inference_peak) == 230
    assert largest(training_peak, seq=1024) == 8
