"""La cuenta completa de un paso y su punto más alto: qué está vivo en cada momento."""

from gpt_course.memory.activations import (
    activations,
    attention_matrix,
    block_activations,
    logits,
)
from gpt_course.memory.parameters import state


def training(plan):
    """Bytes de cada partida de un paso de entrenamiento; son exactas, pero no están todas a la vez."""
    return {**state(plan), "activations": sum(activations(plan).values()), "logits": logits(plan)}


def training_timeline(plan):
    """Bytes vivos en cada momento de un paso, del segundo en adelante (el primero crea el optimizador).

    Fuera de la cuenta quedan el propio proceso y lo que PyTorch reserva dentro de cada operación.
    """
    sizes, saved, scores = state(plan), activations(plan), logits(plan)
    fixed = sizes["weights"] + sizes["master_weights"] + sizes["optimizer"]
    kept = sizes["gradients"] if plan.accumulation > 1 else 0  # los del lote anterior
    table = plan.element * plan.cfg["vocab_size"] * plan.cfg["emb_dim"]
    blocks = sum(saved.values()) - saved["loss"]
    again = sum(block_activations(plan).values()) if plan.checkpointing else 0
    end = fixed + sizes["gradients"]
    # Con una sola matriz, el gradiente que llega de la cabeza espera al que llega de la entrada.
    waiting = table if plan.tied else 0
    largest = 4 * table // plan.element if plan.has_master else table
    return {
        "start": fixed + kept,
        "forward": fixed + kept + blocks + saved["loss"] + scores,
        "loss_backward": fixed + kept + blocks + saved["loss"] + 2 * scores,
        "head_backward": fixed + kept + blocks + scores + table,
        "blocks_backward": fixed + kept + blocks + table + again + _block_backward(plan),
        "end_backward": end + waiting + (table if kept else 0),
        "optimizer": end + _optimizer_scratch(plan, largest),
    }


def training_peak(plan):
    """Bytes en el momento más alto de un paso de entrenamiento."""
    return max(training_timeline(plan).values())


def inference(plan):
    """Bytes de cada partida al generar sin caché, con T tokens: pesos, logits y lo que usa un bloque."""
    return {"weights": state(plan)["weights"], "logits": logits(plan), "block": _block_forward(plan)}


def inference_peak(plan):
    """Bytes en el momento más alto de una generación sin caché que llega a T tokens."""
    sizes = inference(plan)
    return sizes["weights"] + max(sizes["block"], sizes["logits"] + _width(plan))


def _width(plan):
    return plan.batch * plan.seq * plan.cfg["emb_dim"] * plan.element


def _block_forward(plan):
    """Sin gradientes: el camino, su copia normalizada y GELU con cinco tensores de anchura 4C."""
    attention = 3 * attention_matrix(plan) if plan.explicit else 0
    return max(22 * _width(plan), 6 * _width(plan) + attention)


def _block_backward(plan):
    """Gradientes de paso dentro de un bloque: cinco de anchura 4C o tres de los pesos de atención."""
    explicit = plan.explicit or plan.has_dropout
    return max(22 * _width(plan), 3 * attention_matrix(plan) if explicit else 0)


def _optimizer_scratch(plan, largest):
    """Lo que el optimizador calcula aparte para el tensor mayor: en AdamW, la raíz y su cociente."""
    gradient = largest if plan.has_master else 0  # el gradiente, pasado a fp32
    return gradient + {"sgd": 0, "momentum": 0, "adamw": 2 * largest}[plan.optimizer]
