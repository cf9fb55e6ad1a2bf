"""Los parámetros de un GPT, tensor a tensor, y lo que ocupan: pesos, gradientes, optimizador y archivo."""

import json
import math

from gpt_course.config import check_config, complete
from gpt_course.memory.plan import MOMENTS

PIECES = ("token_embedding", "position_embedding", "attention", "feed_forward", "norms", "output_head")
_FP32 = 4

# Según su valor en la configuración: los parámetros de una norma, y las matrices de las demás piezas.
NORMS = {"layer": ("scale", "shift"), "rms": ("scale",)}
POSITIONS = {
    "learned": lambda cfg: {"pos_emb.weight": (cfg["context_length"], cfg["emb_dim"])},
    "rope": lambda cfg: {},
}
FEED_FORWARDS = {
    "gelu": lambda cfg: [("layers.0", "hidden_dim", "emb_dim"), ("layers.2", "emb_dim", "hidden_dim")],
    "swiglu": lambda cfg: _SWIGLU,
    "experts": lambda cfg: [
        ("router", "n_experts", "emb_dim"),
        *((f"experts.{n}.{name}", *sides) for n in range(cfg["n_experts"]) for name, *sides in _SWIGLU),
    ],
}
_SWIGLU = [
    ("gate", "hidden_dim", "emb_dim"),
    ("up", "hidden_dim", "emb_dim"),
    ("down", "emb_dim", "hidden_dim"),
]


def parameter_shapes(cfg):
    """Nombre y forma de cada tensor de parámetros de `GPTModel(cfg)`, en su orden: sin crear ninguno.

    Con `tie_weights` no aparece `out_head.weight`, que es el mismo tensor que `tok_emb.weight`.
    Errores: `ValueError` si la configuración no sirve.
    """
    cfg = complete(check_config(cfg))
    table = (cfg["vocab_size"], cfg["emb_dim"])
    shapes = {"tok_emb.weight": table, **POSITIONS[cfg["positions"]](cfg)}
    for index in range(cfg["n_layers"]):
        shapes |= {f"trf_blocks.{index}.{name}": shape for name, shape in _block(cfg).items()}
    shapes |= _norm("final_norm", cfg["norm"], cfg["emb_dim"])
    return shapes if cfg["tie_weights"] else {**shapes, "out_head.weight": table}


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


def _block(cfg):
    """Nombre y forma de los parámetros de un bloque, en el orden de `TransformerBlock`."""
    C, D, bias, qkv_bias = (cfg[key] for key in ("emb_dim", "head_dim", "bias", "qkv_bias"))
    queries, keys = cfg["n_heads"] * D, cfg["n_kv_heads"] * D
    shapes = {}
    for name, rows in (("W_query", queries), ("W_key", keys), ("W_value", keys)):
        shapes |= _linear(f"att.{name}", rows, C, qkv_bias)
    if cfg["qk_norm"]:
        shapes |= _norm("att.query_norm", "rms", D) | _norm("att.key_norm", "rms", D)
    shapes |= _linear("att.out_proj", C, queries, bias)
    for name, rows, columns in FEED_FORWARDS[cfg["feed_forward"]](cfg):
        shapes |= _linear(f"ff.{name}", cfg[rows], cfg[columns], bias)
    return shapes | _norm("norm1", cfg["norm"], C) | _norm("norm2", cfg["norm"], C)


def _linear(name, rows, columns, bias):
    return {f"{name}.weight": (rows, columns), **({f"{name}.bias": (rows,)} if bias else {})}


def _norm(name, kind, width):
    return {f"{name}.{parameter}": (width,) for parameter in NORMS[kind]}


def _piece(name):
    where = {"tok_emb": 0, "pos_emb": 1, "att": 2, "ff": 3, "out_head": 5}  # las demás son normas
    parts = name.split(".")
    return PIECES[where.get(parts[2] if parts[0] == "trf_blocks" else parts[0], 4)]
