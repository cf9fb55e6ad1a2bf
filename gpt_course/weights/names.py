"""Cómo se llama cada tensor en los archivos de GPT-2 y cómo se llama aquí.

El código que OpenAI publicó guarda cada matriz como (entrada, salida), al revés que `nn.Linear`, y junta
query, key y value en una sola. El resto es el mismo tensor con otro nombre.
"""

import torch

MODEL = {
    "wte.weight": "tok_emb.weight",
    "wpe.weight": "pos_emb.weight",
    "ln_f.weight": "final_norm.scale",
    "ln_f.bias": "final_norm.shift",
    "lm_head.weight": "out_head.weight",
}
BLOCK = {  # detrás de «h.0.» allí y de «trf_blocks.0.» aquí
    "ln_1.weight": "norm1.scale",
    "ln_1.bias": "norm1.shift",
    "attn.c_attn.weight": ("att.W_query.weight", "att.W_key.weight", "att.W_value.weight"),
    "attn.c_attn.bias": ("att.W_query.bias", "att.W_key.bias", "att.W_value.bias"),
    "attn.c_proj.weight": "att.out_proj.weight",
    "attn.c_proj.bias": "att.out_proj.bias",
    "ln_2.weight": "norm2.scale",
    "ln_2.bias": "norm2.shift",
    "mlp.c_fc.weight": "ff.layers.0.weight",
    "mlp.c_fc.bias": "ff.layers.0.bias",
    "mlp.c_proj.weight": "ff.layers.2.weight",
    "mlp.c_proj.bias": "ff.layers.2.bias",
}
TRANSPOSED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
# Lo que aquí se calcula y otros guardan: la máscara causal y, en los primeros Llama, los giros de RoPE.
MASKS = (".attn.bias", ".attn.masked_bias", ".att.mask", ".rotary_emb.inv_freq")
# Lo que añaden a los nombres torch.compile, DistributedDataParallel y otros que envuelven un modelo.
WRAPPERS = ("_orig_mod", "module", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")


def unwrapped(name):
    """Un nombre sin lo que añaden los `WRAPPERS`: «_orig_mod.tok_emb.weight» es «tok_emb.weight»."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def our_names(name):
    """Nuestros nombres del tensor que en GPT-2 se llama `name`: tres si es la matriz query-key-value.

    Errores: `KeyError` si GPT-2 no tiene ese tensor.
    """
    if not name.startswith("h."):
        return (MODEL[name],)
    _, index, rest = name.split(".", 2)
    names = BLOCK[rest]
    return tuple(f"trf_blocks.{index}.{ours}" for ours in ([names] if isinstance(names, str) else names))


def from_gpt2(name, tensor):
    """Los tensores nuestros que salen de uno de GPT-2: {nombre: tensor}; son vistas, no copias."""
    names = our_names(name)
    parts = tensor.chunk(len(names), dim=-1)  # (C, 3C) → tres de (C, C)
    return dict(zip(names, (part.T if name.endswith(TRANSPOSED) else part for part in parts), strict=True))


def to_gpt2(state_dict, n_layers):
    """Los pares (nombre, tensor) de GPT-2 de un `state_dict` nuestro, en su orden.

    Donde un sesgo de query, key y value no está, pone ceros: GPT-2 los tiene siempre.
    """
    for name, parts in _parts(state_dict, n_layers):
        yield name, torch.cat(parts, dim=-1).contiguous()


def gpt2_shapes(state_dict, n_layers):
    """La forma de cada tensor de `to_gpt2`, sin hacerlo: {nombre: forma}."""
    pairs = _parts(state_dict, n_layers)
    return {name: (*parts[0].shape[:-1], sum(part.shape[-1] for part in parts)) for name, parts in pairs}


def _parts(state_dict, n_layers):
    """De cada tensor de GPT-2, en su orden, los nuestros que lo forman, uno al lado de otro."""
    names = [*MODEL, *(f"h.{index}.{name}" for index in range(n_layers) for name in BLOCK)]
    for name in names:
        ours = our_names(name)
        if name == "lm_head.weight" and ours[0] not in state_dict:
            continue  # vinculada: es `wte.weight`
        parts = [state_dict[each] if each in state_dict else _zero_bias(state_dict, each) for each in ours]
        yield name, [part.T if name.endswith(TRANSPOSED) else part for part in parts]


def _zero_bias(state_dict, name):
    weight = state_dict[name.removesuffix("bias") + "weight"]
    return weight.new_zeros(weight.shape[0])
