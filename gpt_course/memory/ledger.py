"""La cuenta completa de un paso y su punto más alto: qué está vivo en cada momento.

Las partidas (`training_sizes`, `inference_sizes`) son exactas. El pico, no: sigue el orden en que nuestro
código reserva y suelta cada tensor grande, y deja fuera el propio proceso y lo que PyTorch usa dentro de
cada operación. El modelo se crea en fp32 o ya en el tipo del plan, no convertido después.
"""

import math

from gpt_course.memory.activations import (
    activations,
    attention_matrix,
    block_activations,
    heads,
    hidden,
    kv_cache,
    logits,
    width,
)
from gpt_course.memory.parameters import parameter_shapes, parameters, state

# Lo que la red feed-forward usa a la vez: sin gradientes, además de su entrada, y al volver, además de lo que
# guardó. Con expertos, si todos los tokens eligieran los mismos, que es lo más que puede pedir cada uno.
FORWARD = {
    "gelu": lambda plan: 5 * hidden(plan),
    "swiglu": lambda plan: 3 * hidden(plan) + width(plan),
    "experts": lambda plan: 3 * hidden(plan) + 3 * width(plan),
}
BACKWARD = {
    "gelu": lambda plan: 3 * hidden(plan),
    "swiglu": lambda plan: 2 * hidden(plan),
    "experts": lambda plan: 2 * hidden(plan),
}


def training_sizes(plan):
    """Bytes de cada partida de un paso de entrenamiento; son exactas, pero no están todas a la vez."""
    return {**state(plan), "activations": sum(activations(plan).values()), "logits": logits(plan)}


def training_timeline(plan):
    """Bytes vivos en cada momento: al crear el modelo y en un paso que ya tiene el optimizador."""
    sizes, saved, scores = state(plan), activations(plan), logits(plan)
    fixed = sizes["weights"] + sizes["master_weights"] + sizes["optimizer"]
    kept = sizes["gradients"] if plan.accumulation > 1 else 0  # los del lote anterior
    blocks, block = sum(saved.values()) - saved["loss"], sum(block_activations(plan).values())
    again = block if plan.checkpointing else 0
    table = _table(plan)
    positions = plan.element * parameters(plan.cfg)["position_embedding"]
    entrance = positions + (0 if plan.tied else table)
    kept_or_blocks = max(kept, sizes["gradients"] - entrance)  # aún faltan los de las incrustaciones
    # Con una sola matriz, el gradiente de la cabeza espera al de la entrada, y su suma es un tensor más.
    waiting = (2 * table if plan.tied else 0) + (table if kept else 0)
    return {
        "create": _creation(plan),
        "start": fixed + kept,
        "forward": fixed + kept + blocks + saved["loss"] + scores,
        "loss_backward": fixed + kept + blocks + saved["loss"] + 2 * scores,
        "head_backward": fixed + kept + blocks + scores + table,
        "blocks_backward": fixed + kept + blocks + table + again + _block_scratch(plan),
        "last_block_backward": fixed + kept_or_blocks + block + _block_scratch(plan),
        "end_backward": fixed + sizes["gradients"] + waiting,
        "optimizer": fixed + sizes["gradients"] + _optimizer_scratch(plan),
    }


def training_peak(plan):
    """Bytes en el momento más alto de un entrenamiento."""
    return max(training_timeline(plan).values())


def inference_sizes(plan):
    """Bytes de cada partida al generar con caché: pesos, caché de T tokens, logits y lo que usa un bloque.

    Solo el último lugar pasa por la cabeza de salida: los logits son (B, 1, V).
    """
    return {
        "weights": state(plan)["weights"],
        "kv_cache": kv_cache(plan),
        "logits": logits(plan) // plan.seq,
        "block": _block_forward(plan),
    }


def inference_timeline(plan):
    """Bytes vivos al crear el modelo y al generar de forma voraz, tras una entrada de casi T tokens."""
    sizes = inference_sizes(plan)
    fixed = sizes["weights"] + sizes["kv_cache"]
    return {
        "create": _creation(plan),
        "blocks": fixed + sizes["block"],
        "head": fixed + width(plan) + sizes["logits"],
    }


def inference_peak(plan):
    """Bytes en el momento más alto de una generación con caché que llega a T tokens."""
    return max(inference_timeline(plan).values())


def _table(plan):
    """La matriz de la incrustación de tokens, (V, C)."""
    return plan.element * plan.cfg["vocab_size"] * plan.cfg["emb_dim"]


def _creation(plan):
    """El modelo vinculado sortea también la cabeza y después la suelta."""
    sizes = state(plan)
    return sizes["weights"] + sizes["master_weights"] + (_table(plan) if plan.tied else 0)


def _block_forward(plan):
    """Sin gradientes: el camino, su copia normalizada y lo que usa a la vez la atención o la red."""
    inside = FORWARD[plan.whole["feed_forward"]](plan)
    queries, keys = heads(plan, "n_heads"), heads(plan, "n_kv_heads")
    attention = 2 * queries + 2 * keys + (3 * attention_matrix(plan) if plan.explicit else 0)
    return 2 * width(plan) + max(inside, attention)


def _block_scratch(plan):
    """Lo que añade la vuelta por un bloque a lo que tiene guardado: gradientes de paso.

    En la atención explícita, dos matrices T×T, cuando ya ha soltado lo que guardaban la red y su norma.
    Medido, no deducido al byte.
    """
    inside = BACKWARD[plan.whole["feed_forward"]](plan)
    released = block_activations(plan)["feed_forward"] + 3 * width(plan)
    return max(inside, 2 * attention_matrix(plan) - released if plan.is_explicit else 0)


def _optimizer_scratch(plan):
    """Lo que el optimizador calcula aparte, tensor a tensor.

    AdamW, la raíz y su cociente, mientras sigue vivo el cociente anterior; en `mixed`, además, el gradiente
    pasado a fp32.
    """
    element = 4 if plan.has_master else plan.element
    layers = min(2, plan.cfg["n_layers"])  # con dos bloques ya están todas las parejas de vecinos
    shapes = parameter_shapes({**plan.cfg, "n_layers": layers}).values()
    sizes = [element * math.prod(shape) for shape in shapes if len(shape) == 2]  # las demás son pequeñas
    adamw = max(2 * size + before for before, size in zip([0, *sizes], sizes, strict=False))
    return (adamw if plan.optimizer == "adamw" else 0) + (max(sizes) if plan.has_master else 0)
