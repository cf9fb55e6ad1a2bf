"""Cuánta memoria y cuántas operaciones pide un GPT, antes de crearlo: predecir y después medir.

    plan = Plan(GPT2_CONFIGS["gpt2"], batch=4, seq=1024)
    training_sizes(plan), training_peak(plan)

Nada de esto reserva memoria ni necesita PyTorch. En la terminal: `python -m gpt_course.memory --help`.
"""

from gpt_course.memory.activations import activations, attention_matrix, block_activations, kv_cache, logits
from gpt_course.memory.flops import flops, training_flops
from gpt_course.memory.ledger import (
    inference_peak,
    inference_sizes,
    inference_timeline,
    training_peak,
    training_sizes,
    training_timeline,
)
from gpt_course.memory.parameters import parameter_shapes, parameters, state, weights_file
from gpt_course.memory.plan import Plan
from gpt_course.memory.units import parse_size, to_unit

__all__ = [
    "Plan",
    "activations",
    "attention_matrix",
    "block_activations",
    "flops",
    "inference_peak",
    "inference_sizes",
    "inference_timeline",
    "kv_cache",
    "logits",
    "parameter_shapes",
    "parameters",
    "parse_size",
    "state",
    "to_unit",
    "training_flops",
    "training_peak",
    "training_sizes",
    "training_timeline",
    "weights_file",
]
