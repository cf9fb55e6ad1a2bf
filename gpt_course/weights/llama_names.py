"""Cómo se llama cada tensor en los archivos de Llama y su familia, y cómo se llama aquí: uno por uno.

Las matrices van como en `nn.Linear`, (salida, entrada), y query y key en el orden de `rotate_half_split`.
"""

_MODEL = {
    "tok_emb.weight": "model.embed_tokens.weight",
    "final_norm.scale": "model.norm.weight",
    "out_head.weight": "lm_head.weight",
}
_BLOCK = {  # detrás de «trf_blocks.0.» aquí y de «model.layers.0.» allí
    "norm1": "input_layernorm",
    "att.W_query": "self_attn.q_proj",
    "att.W_key": "self_attn.k_proj",
    "att.W_value": "self_attn.v_proj",
    "att.query_norm": "self_attn.q_norm",
    "att.key_norm": "self_attn.k_norm",
    "att.out_proj": "self_attn.o_proj",
    "norm2": "post_attention_layernorm",
    "ff.gate": "mlp.gate_proj",
    "ff.up": "mlp.up_proj",
    "ff.down": "mlp.down_proj",
    "ff.router": "block_sparse_moe.gate",
}
_EXPERT = {"gate": "w1", "up": "w3", "down": "w2"}  # los de Mixtral


def llama_name(name):
    """El nombre en Llama del tensor que aquí es `name`. Errores: `KeyError` si ninguno de ellos lo tiene."""
    if not name.startswith("trf_blocks."):
        return _MODEL[name]
    _, index, rest = name.split(".", 2)
    piece, kind = rest.rsplit(".", 1)
    if piece.startswith("ff.experts."):
        _, _, number, matrix = piece.split(".")
        theirs = f"block_sparse_moe.experts.{number}.{_EXPERT[matrix]}"
    else:
        theirs = _BLOCK[piece]
    return f"model.layers.{index}.{theirs}.{'bias' if kind == 'bias' else 'weight'}"
