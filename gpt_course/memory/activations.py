"""Lo que PyTorch guarda en la pasada hacia delante para poder volver: byte a byte, pieza a pieza.

Cada operación guarda lo que su derivada necesita. La cuenta sale de leer el código de nuestras capas:
con N = B·T·C·e bytes (e por número) y A = B·H·T² números,

- normalización: su entrada, la resta, la resta escalada y la desviación, siempre en fp32 → 4·B·T·(3C + 1)
- atención: su entrada, query, key, value y lo que entra en la proyección → 5N; y además
  - con SDPA, el logaritmo de cada suma del softmax, siempre en fp32 → 4·B·H·T
  - explícita, el softmax y la máscara causal → A·e + T²; con dropout, su máscara y el resultado
- red feed-forward: su entrada (N) y, con la anchura 4C, cinco tensores: el de antes de GELU, tres que
  hacen falta para derivarla y el de después → 21N
- cada dropout: su máscara, un byte por número, reservada de 4096 en 4096
- fuera de los bloques: tokens, posiciones, normalización final, entrada de la cabeza y logaritmo del softmax.

Los parámetros no cuentan: ya están en memoria.
"""

MASK_BLOCK = 4096  # gpt_course.dropout reserva sus máscaras, de un byte por número, de tantos en tantos


def activations(plan):
    """Bytes guardados por pieza en un paso de entrenamiento; su suma es exacta en la CPU."""
    blocks = block_activations(plan)
    if plan.checkpointing:  # de cada bloque, solo su entrada
        blocks = {**dict.fromkeys(blocks, 0), "block_inputs": width(plan)}
    pieces = {name: plan.cfg["n_layers"] * size for name, size in blocks.items()}
    tokens = plan.batch * plan.seq
    pieces["norms"] += _norm(plan)
    pieces["dropout"] += _mask(plan, tokens * plan.cfg["emb_dim"])
    return {
        "inputs": 16 * tokens + 8 * plan.seq,  # x, y y las posiciones, enteros de 8 bytes
        **pieces,
        "output_head": width(plan),
        "loss": logits(plan) + plan.element,  # el logaritmo del softmax y entre cuánto se divide la media
    }


def block_activations(plan):
    """Bytes que guarda un bloque si no se vuelve a calcular (o mientras se vuelve a calcular)."""
    tokens, wide = plan.batch * plan.seq, width(plan)
    return {
        "norms": 2 * _norm(plan),
        "attention": 5 * wide + _scores(plan),
        "feed_forward": 21 * wide,
        "dropout": 2 * _mask(plan, tokens * plan.cfg["emb_dim"]),
        "block_inputs": 0,  # su entrada es lo primero que guarda la primera normalización
    }


def logits(plan):
    """Bytes de los logits (B, T, V)."""
    return plan.batch * plan.seq * plan.cfg["vocab_size"] * plan.element


def attention_matrix(plan):
    """Bytes de los pesos de atención de un bloque (B, H, T, T), si se construyen."""
    return plan.batch * plan.cfg["n_heads"] * plan.seq**2 * plan.element


def kv_cache(plan):
    """Bytes de la caché KV: una key y un value de anchura C por bloque, token y frase."""
    return 2 * plan.cfg["n_layers"] * width(plan)


def width(plan):
    """N: bytes de un tensor (B, T, C)."""
    return plan.batch * plan.seq * plan.cfg["emb_dim"] * plan.element


def _norm(plan):
    return 4 * plan.batch * plan.seq * (3 * plan.cfg["emb_dim"] + 1)


def _scores(plan):
    rows = plan.batch * plan.cfg["n_heads"] * plan.seq
    if not (plan.explicit or plan.has_dropout):
        return 4 * rows
    saved = attention_matrix(plan) + plan.seq**2
    if plan.has_dropout:
        saved += attention_matrix(plan) + _mask(plan, rows * plan.seq)
    return saved


def _mask(plan, count):
    return -(-count // MASK_BLOCK) * MASK_BLOCK if plan.has_dropout else 0
