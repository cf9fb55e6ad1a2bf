"""Los parámetros de un GPT, tensor a tensor, y lo que ocupan: pesos, gradientes, optimizador y archivo."""

import json
import math

from gpt_course.config import check_config
from gpt_course.memory.plan import MOMENTS

PIECES = ("token_embedding", "position_embedding", "attention", "feed_forward", "norms", "output_head")
_FP32 = 4


def parameter_shapes(cfg):
    """Nombre y forma de cada tensor de parámetros de `GPTModel(cfg)`, en su orden: sin crear ninguno.

    Con `tie_weights` no aparece `out_head.weight`, que es el mismo tensor que `tok_emb.weight`.
    Errores: `ValueError` si la configuración no sirve.
    """
    cfg = check_config(cfg)
    V, T, C = (cfg[key] for key in ("vocab_size", "context_length", "emb_dim"))
    shapes = {"tok_emb.weight": (V, C), "pos_emb.weight": (T, C)}
    for index in range(cfg["n_layers"]):
        shapes |= {f"trf_blocks.{index}.{name}": shape for name, shape in _block(C, cfg["qkv_bias"])}
    shapes |= {"final_norm.scale": (C,), "final_norm.shift": (C,)}
    return shapes if cfg.get("tie_weights") else {**shapes, "out_head.weight": (V, C)}


def parameters(cfg):
    """Parámetros de cada pieza (las claves de `PIECES`); su suma es el total del modelo."""
    counts = dict.fromkeys(PIECES, 0)
    for name, shape, times in _distinct(cfg):
        counts[_piece(name)] += times * math.prod(shape)
    return counts


def state(plan):
    """Bytes que ocupa el modelo mientras se entrena, aparte de las activaciones; exactos.

    El modelo no tiene *buffers*: la máscara causal se crea al usarla. AdamW guarda además, por cada tensor,
    la cuenta de sus pasos: un número fp32.
    """
    count, tensors = sum(parameters(plan.cfg).values()), sum(times for _, _, times in _distinct(plan.cfg))
    moment = _FP32 if plan.has_master else plan.element
    counters = _FP32 * tensors if plan.optimizer == "adamw" else 0
    return {
        "weights": plan.element * count,
        "master_weights": _FP32 * count if plan.has_master else 0,
        "buffers": 0,
        "gradients": plan.element * count,
        "optimizer": MOMENTS[plan.optimizer] * moment * count + counters,
    }


def weights_file(plan):
    """Bytes del archivo `safetensors` con los pesos del modelo: 8 de longitud, una cabecera y los números.

    La cabecera es un texto JSON con el tipo, la forma y el lugar de cada tensor, por orden alfabético y
    rellena con espacios hasta un múltiplo de 8.
    """
    kind, start, header = "F32" if plan.element == _FP32 else "BF16", 0, {}
    for name, shape in sorted(parameter_shapes(plan.cfg).items()):
        end = start + plan.element * math.prod(shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(header, separators=(",", ":"))
    return 8 + 8 * math.ceil(len(text) / 8) + start


def _distinct(cfg):
    """Nombre, forma y veces de cada tensor, con un solo bloque: así la cuenta no crece con los bloques."""
    cfg = check_config(cfg)
    for name, shape in parameter_shapes({**cfg, "n_layers": 1}).items():
        yield name, shape, cfg["n_layers"] if name.startswith("trf_blocks.") else 1


def _block(C, qkv_bias):
    """Nombres y formas de un bloque, en el orden de `TransformerBlock`."""
    for name in ("W_query", "W_key", "W_value"):
        yield f"att.{name}.weight", (C, C)
        if qkv_bias:
            yield f"att.{name}.bias", (C,)
    yield from (("att.out_proj.weight", (C, C)), ("att.out_proj.bias", (C,)))
    yield from (("ff.layers.0.weight", (4 * C, C)), ("ff.layers.0.bias", (4 * C,)))
    yield from (("ff.layers.2.weight", (C, 4 * C)), ("ff.layers.2.bias", (C,)))
    for norm in ("norm1", "norm2"):
        yield from ((f"{norm}.scale", (C,)), (f"{norm}.shift", (C,)))


def _piece(name):
    where = {"tok_emb": 0, "pos_emb": 1, "att": 2, "ff": 3, "out_head": 5}  # las demás son normas
    parts = name.split(".")
    return PIECES[where.get(parts[2] if parts[0] == "trf_blocks" else parts[0], 4)]
