"""Los estudios de la lección 14: las piezas de hoy, una a una, en el modelo de los cuentos.

Todas las variantes gastan lo mismo. Los parámetros que una pieza ahorra vuelven en `hidden_dim`, y los pasos
son los que caben en los FLOPs de GPT-2: una variante que gasta más en cada token da menos pasos.
"""

import math
from functools import cache
from statistics import mean
from typing import NamedTuple

import torch
from torch import nn

from gpt_course.config import STORY_CONFIG
from gpt_course.model import GPTModel
from gpt_course.stories import load_grammar

STEPS, MARKS, BATCH, EXAM = 450, 10, 8, 96  # pasos de GPT-2, medidas por corrida, filas y cuentos del examen
THIN = 10  # de las pérdidas de cada paso se apunta una de cada diez
SEEDS, PILOT = (1, 2, 3, 4, 5), (1,)  # la primera prueba todas las tasas
SWIGLU = {"feed_forward": "swiglu", "bias": False}
ROPE = {"positions": "rope"}
VARIANTS = {  # en qué se aparta cada una de STORY_CONFIG
    "GPT-2": {},
    "RMSNorm": {"norm": "rms"},
    "RoPE": {**ROPE, "hidden_dim": 292},
    "SwiGLU": {**SWIGLU, "hidden_dim": 173},
    "GQA": {"n_kv_heads": 2, "hidden_dim": 288},
    "todas": {"norm": "rms", **ROPE, **SWIGLU, "n_kv_heads": 2, "hidden_dim": 219},
}
CONTROLS = {
    "RoPE sin devolver": ROPE,  # con menos parámetros y los mismos pasos: otra manera de igualar
    "todas sin GQA": {"norm": "rms", **ROPE, **SWIGLU, "hidden_dim": 197},
}
RATES = dict.fromkeys(VARIANTS, (3e-3, 6e-3, 1.2e-2, 2.4e-2))  # las orillas, solo para verlas perder
RATES |= dict.fromkeys(
    ("RoPE", "todas"), (3e-3, 6e-3, 1.2e-2, 2.4e-2, 4.8e-2)
)  # las que admiten tasas mayores
RATES |= dict.fromkeys(CONTROLS, (1.2e-2,))
DOUBLED = ("GPT-2", "RoPE", "todas")  # también con el doble de pasos, las tres a la misma tasa
LENGTHS = (("GPT-2", 48), ("RoPE", 48), ("RoPE", 384))  # las variantes, y los tokens de sus filas


class Budget(NamedTuple):
    """Lo que gasta una variante."""

    parameters: int
    flops: int  # por token, solo la ida; entrenar cuesta el triple
    steps: int

    @property
    def total(self):
        """FLOPs por cada token del lote en toda la corrida: lo que se iguala."""
        return self.flops * self.steps


def budget(name):
    """El `Budget` de una variante: parámetros, FLOPs por token y los pasos que caben en los de GPT-2."""
    parameters, flops = _size(name)
    return Budget(parameters, flops, round(STEPS * _size("GPT-2")[1] / flops))


def recipe(name, rows=None):
    """Los ajustes con que se entrena una variante, sin la tasa ni la semilla.

    rows: los tokens de cada fila en el estudio de las longitudes, que mide solo al acabar.
    """
    steps, cfg = budget(name).steps, config(name)
    return {
        "config": {**cfg, "context_length": max(cfg["context_length"], rows or 0)},
        "steps": steps,
        "batch": BATCH,
        "eval_every": steps if rows else math.ceil(steps / MARKS),
        "eval_batches": EXAM // BATCH,
    }


def config(name):
    """La configuración de una variante, sin el vocabulario, que es el de los datos."""
    cfg = {**STORY_CONFIG, **changes(name)}
    del cfg["vocab_size"]
    return cfg


def changes(name):
    """En qué se aparta de `STORY_CONFIG` una variante o un control."""
    return {**VARIANTS, **CONTROLS}[name]


def rates(name):
    """Las tasas que una variante prueba con todas las semillas: las de las orillas, no."""
    return RATES[name][1:-1] or RATES[name]


def variant_trials():
    """Cada variante con todas sus tasas y las semillas de `PILOT`; las demás, sin las de las orillas."""
    return [
        {"variant": name, "lr": lr, "seed": seed}
        for seed in SEEDS
        for name in RATES
        for lr in (RATES[name] if seed in PILOT else rates(name))
    ]


def double_trials():
    """Tres variantes con el doble de presupuesto: ¿se mantiene el orden?"""
    return [
        {"variant": name, "steps": 2 * budget(name).steps, "lr": 1.2e-2, "seed": seed}
        for seed in SEEDS
        for name in DOUBLED
    ]


def length_trials():
    """Posiciones aprendidas y RoPE con filas cortas, y RoPE con filas largas; tres semillas."""
    return [
        {"variant": name, "rows": rows, "lr": 1.2e-2, "seed": seed}
        for seed in SEEDS[:3]
        for name, rows in LENGTHS
    ]


def excess_curve(row):
    """Lo que se medía en una prueba, sin lo que pierde quien sabe la gramática: [(paso, nats por token)]."""
    return [(step, loss - row["truth"]) for step, loss in row["validation"]]


def by_seed(rows, name, lr=None):
    """Semilla → la prueba de una variante con la tasa `lr`; de serie, con la mejor."""
    lr = best_rate(rows, name) if lr is None else lr
    return {row["trial"]["seed"]: row for row in rows if _is(row, name, lr)}


def best_rate(rows, name):
    """La tasa con que una variante pierde menos, de media en todas las semillas."""
    tried = [lr for lr in rates(name) if any(_is(row, name, lr) for row in rows)]
    return min(tried, key=lambda lr: mean(final_excess(rows, name, lr).values()))


def final_excess(rows, name, lr=None):
    """Semilla → nats por token de más al acabar, de una variante con la tasa `lr`; de serie, la mejor."""
    return {seed: excess_curve(row)[-1][1] for seed, row in by_seed(rows, name, lr).items()}


def differences(rows, name, base="GPT-2"):
    """Semilla → el exceso de una variante menos el de `base`, cada una con su mejor tasa."""
    ours, theirs = final_excess(rows, name), final_excess(rows, base)
    return {seed: ours[seed] - theirs[seed] for seed in ours}


def _is(row, name, lr):
    return row["trial"]["variant"] == name and row["trial"]["lr"] == lr


@cache
def _size(name):
    """Parámetros, y FLOPs por token de los productos de matrices, en un cuento de longitud media."""
    cfg = {**STORY_CONFIG, **changes(name)}
    with torch.device("meta"):
        model = GPTModel(cfg)
    products = sum(part.weight.numel() for part in model.modules() if isinstance(part, nn.Linear))
    heads = sum(block.att.W_query.weight.shape[0] for block in model.trf_blocks)  # L·H·D
    words = round(load_grammar().entropy().words)
    return sum(p.numel() for p in model.parameters()), 2 * products + 4 * words * heads
