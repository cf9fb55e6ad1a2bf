"""Lo que PyTorch guarda en la pasada hacia delante para poder volver: byte a byte, pieza a pieza.

Cada operación guarda lo que su derivada necesita. La cuenta sale de leer el código de nuestras capas. Con e
bytes por número, N = B·T·C·e, Q = B·T·H·D·e, K = B·T·Hkv·D·e y F = B·T·e por la anchura de la red son los
bytes de un tensor, y A = B·H·T², números. En GPT-2, Q = K = N y F = 4N.

- LayerNorm: su entrada, la resta, la resta escalada y la desviación, siempre en fp32 → 4·B·T·(3C + 1)
- RMSNorm, que no resta: su entrada, lo mismo escalado y la escala, siempre en fp32 → 4·B·T·(2C + 1)
- atención: su entrada, query, key, value y lo que entra en la proyección → N + 2Q + 2K; y además
  - con SDPA, el logaritmo de cada suma del softmax, siempre en fp32 → 4·B·H·T; y con una ventana que tape
    algo, la máscara, que SDPA pasa a números → T²·e
  - explícita, el softmax y lo que se tapa → A·e + T²; con dropout, su máscara y el resultado. Cada key y cada
    value se repite antes en las cabezas que lo leen → 2Q en vez de 2K
  - con RoPE, las *queries* y *keys* giradas en vez de las otras: no suma. Pero SDPA da su resultado en el
    orden de las *queries*, que al girar quedan cabeza a cabeza, y la proyección pide una copia token a token
    → Q, si hay varias cabezas y varios tokens
  - con norma de *queries* y *keys*, una RMSNorm de cada una → 4·B·T·(H + Hkv)·(2D + 1)
- red feed-forward: su entrada (N) y
  - con GELU, el tensor de antes, tres que hacen falta para derivarla y el de después → 5F
  - con SwiGLU, la puerta antes y después de SiLU, lo que pasa por ella y el producto → 4F
  - con expertos, por cada una de las B·T·k elecciones, qué experto (8), su peso (2e) y de quién es, en qué
    lugar (16); y en su experto, la entrada, los cuatro de SwiGLU, la salida y la salida con su peso.
    La suma es exacta, elija quien elija a quién: cada elección guarda lo mismo en cualquier experto
- cada dropout: su máscara, un byte por número, reservada de 4096 en 4096
- un bloque que se vuelve a calcular, solo su entrada; y entre todos, la máscara de la ventana → T²
- fuera de los bloques: tokens, posiciones (con RoPE, el coseno y el seno de sus giros, en fp32, que comparten
  todos los bloques), normalización final, entrada de la cabeza y logaritmo del softmax.

Los parámetros no cuentan: ya están en memoria.
"""

MASK_BLOCK = 4096  # gpt_course.dropout reserva sus máscaras, de un byte por número, de tantos en tantos

# Lo que guarda cada pieza, según su valor en la configuración.
NORMS = {
    "layer": lambda rows, wide: 4 * rows * (3 * wide + 1),
    "rms": lambda rows, wide: 4 * rows * (2 * wide + 1),
}
POSITIONS = {
    "learned": lambda plan: 8 * plan.seq,  # enteros de 8 bytes
    "rope": lambda plan: 4 * plan.seq * plan.whole["head_dim"],
}
FEED_FORWARDS = {
    "gelu": lambda plan: 5 * hidden(plan),
    "swiglu": lambda plan: 4 * hidden(plan),
    "experts": lambda plan: (
        plan.whole["experts_per_token"]
        * (3 * width(plan) + 4 * hidden(plan) + plan.batch * plan.seq * (24 + 2 * plan.element))
    ),
}


def activations(plan):
    """Bytes guardados por pieza en un paso de entrenamiento; su suma es exacta en la CPU."""
    blocks = block_activations(plan)
    if plan.checkpointing:  # de cada bloque, solo su entrada
        blocks = {**dict.fromkeys(blocks, 0), "block_inputs": width(plan)}
    pieces = {name: plan.cfg["n_layers"] * size for name, size in blocks.items()}
    tokens = plan.batch * plan.seq
    pieces["norms"] += _norm(plan)
    pieces["dropout"] += _mask(plan, tokens * plan.cfg["emb_dim"])
    if plan.checkpointing and plan.is_windowed:  # y la máscara de la ventana, una para todos
        pieces["block_inputs"] += plan.seq**2
    return {
        "inputs": 16 * tokens + POSITIONS[plan.whole["positions"]](plan),  # x e y, enteros de 8 bytes
        **pieces,
        "output_head": width(plan),
        "loss": logits(plan) + plan.element,  # el logaritmo del softmax y entre cuánto se divide la media
    }


def block_activations(plan):
    """Bytes que guarda un bloque si no se vuelve a calcular (o mientras se vuelve a calcular)."""
    return {
        "norms": 2 * _norm(plan),
        "attention": _attention(plan),
        "feed_forward": width(plan) + FEED_FORWARDS[plan.whole["feed_forward"]](plan),
        "dropout": 2 * _mask(plan, plan.batch * plan.seq * plan.cfg["emb_dim"]),
        "block_inputs": 0,  # su entrada es lo primero que guarda la primera normalización
    }


def logits(plan):
    """Bytes de los logits (B, T, V)."""
    return _bytes(plan, plan.cfg["vocab_size"])


def attention_matrix(plan):
    """Bytes de los pesos de atención de un bloque (B, H, T, T), si se construyen."""
    return plan.batch * plan.cfg["n_heads"] * plan.seq**2 * plan.element


def kv_cache(plan):
    """Bytes de la caché KV: Hkv *keys* y *values* de anchura D por bloque, token y frase.

    Guarda todos los tokens, también con una ventana, que solo cambia cuáles se leen.
    """
    return 2 * plan.cfg["n_layers"] * heads(plan, "n_kv_heads")


def width(plan):
    """N: bytes de un tensor (B, T, C)."""
    return _bytes(plan, plan.cfg["emb_dim"])


def hidden(plan):
    """F: bytes de un tensor con la anchura de dentro de la red feed-forward (o de un experto)."""
    return _bytes(plan, plan.whole["hidden_dim"])


def heads(plan, key):
    """Q o K: bytes de todas las cabezas de query (`n_heads`) o de key (`n_kv_heads`)."""
    return _bytes(plan, plan.whole[key] * plan.whole["head_dim"])


def _bytes(plan, numbers):
    """Bytes de tantos números por token."""
    return plan.batch * plan.seq * numbers * plan.element


def _norm(plan):
    return NORMS[plan.whole["norm"]](plan.batch * plan.seq, plan.cfg["emb_dim"])


def _attention(plan):
    cfg = plan.whole
    queries = heads(plan, "n_heads")
    keys = queries if plan.is_explicit else heads(plan, "n_kv_heads")
    saved = width(plan) + 2 * queries + 2 * keys + _scores(plan)
    if cfg["positions"] == "rope" and not plan.is_explicit and min(plan.seq, cfg["n_heads"]) > 1:
        saved += queries
    if cfg["qk_norm"]:
        saved += NORMS["rms"](plan.batch * plan.seq * (cfg["n_heads"] + cfg["n_kv_heads"]), cfg["head_dim"])
    return saved


def _scores(plan):
    rows = plan.batch * plan.cfg["n_heads"] * plan.seq
    if not plan.is_explicit:
        return 4 * rows + (plan.seq**2 * plan.element if plan.is_windowed else 0)
    saved = attention_matrix(plan) + plan.seq**2
    if plan.has_dropout:
        saved += attention_matrix(plan) + _mask(plan, rows * plan.seq)
    return saved


def _mask(plan, count):
    return -(-count // MASK_BLOCK) * MASK_BLOCK if plan.has_dropout else 0
