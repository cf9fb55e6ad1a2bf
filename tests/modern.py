"""Lo que comparten las pruebas de las piezas de hoy: un modelo de cada familia, aquí y en transformers."""

import importlib

import torch
from reference import TINY, tiny_model

LLAMA = {
    **TINY,
    **{"vocab_size": 31, "context_length": 24, "emb_dim": 24, "n_heads": 4, "n_kv_heads": 2},
    **{"norm": "rms", "norm_eps": 1e-3, "positions": "rope", "rope_base": 500.0},
    **{"feed_forward": "swiglu", "hidden_dim": 40, "bias": False},
}
STRETCHED = {
    "rope_type": "llama3",
    **{"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    "original_max_position_embeddings": 16,
}
EXPERTS = {"feed_forward": "experts", "n_experts": 4, "experts_per_token": 2}
# Entre todas recorren cada clave, y cada una es de una familia que existe.
FAMILIES = {
    "llama": LLAMA,
    "llama3": {**LLAMA, "rope_scaling": STRETCHED, "tie_weights": True, "head_dim": 10, "n_kv_heads": 1},
    "qwen2": {**LLAMA, "qkv_bias": True, "tie_weights": True},
    "qwen3": {**LLAMA, "qk_norm": True, "head_dim": 10, "n_kv_heads": 4},
    "mistral": {**LLAMA, "window": 3, "n_layers": 3},
    "mixtral": {**LLAMA, **EXPERTS, "n_kv_heads": 1},
}
DENSE = {**LLAMA, "qk_norm": True, "head_dim": 10, "qkv_bias": True, "window": 3}
EVERYTHING = {**DENSE, **EXPERTS}


def modern_model(cfg, **changes):
    """Un modelo diminuto con piezas de hoy, con todos sus números sorteados."""
    model = tiny_model(**{**cfg, **changes})
    if model.tied:  # la incrustación nace N(0; 1), y de cabeza daría logits de 30
        model.tok_emb.weight.data.mul_(0.2)
    return model


def as_transformers(model, family):
    """El modelo de transformers de esa familia con los pesos de `model`."""
    kind, cfg = "llama" if family == "llama3" else family, model.cfg
    module = importlib.import_module(f"transformers.models.{kind}.modeling_{kind}")
    kind = kind.capitalize()
    options = {
        "vocab_size": cfg["vocab_size"],
        "max_position_embeddings": cfg["context_length"],
        "hidden_size": cfg["emb_dim"],
        "intermediate_size": cfg["hidden_dim"],
        "num_hidden_layers": cfg["n_layers"],
        "num_attention_heads": cfg["n_heads"],
        "num_key_value_heads": cfg["n_kv_heads"],
        "head_dim": cfg.get("head_dim", cfg["emb_dim"] // cfg["n_heads"]),
        "rms_norm_eps": cfg["norm_eps"],
        "rope_parameters": {"rope_theta": cfg["rope_base"]}
        | (cfg.get("rope_scaling") or {"rope_type": "default"}),
        "tie_word_embeddings": cfg.get("tie_weights", False),
        "sliding_window": cfg.get("window"),
        "attn_implementation": "eager",
        **{"pad_token_id": None, "bos_token_id": None, "eos_token_id": None},
    }
    if family == "mixtral":
        options |= {"num_local_experts": cfg["n_experts"], "num_experts_per_tok": cfg["experts_per_token"]}
    other = getattr(module, f"{kind}ForCausalLM")(getattr(module, f"{kind}Config")(**options)).eval()
    theirs = our_names({name: parameter.data for name, parameter in other.named_parameters()}, model)
    for name, parameter in model.named_parameters():
        theirs[name].copy_(parameter.data)
    return other


def our_names(tensors, model):
    """Los tensores de transformers, {nombre suyo: tensor}, con nuestros nombres; son vistas, no copias."""
    names = {"embed_tokens": "tok_emb", "norm": "final_norm", "lm_head": "out_head"}
    names |= {"input_layernorm": "norm1", "post_attention_layernorm": "norm2", "o_proj": "out_proj"}
    names |= {"q_proj": "W_query", "k_proj": "W_key", "v_proj": "W_value"}
    names |= {"q_norm": "query_norm", "k_norm": "key_norm"}
    names |= {"gate_proj": "gate", "up_proj": "up", "down_proj": "down", "gate": "router"}
    names |= {"layers": "trf_blocks", "self_attn": "att", "mlp": "ff"}
    found = {}
    for name, tensor in tensors.items():
        parts = [names.get(part, part) for part in name.split(".") if part != "model"]
        if "norm" in parts[-2]:
            parts[-1] = "scale"
        if parts[-1] == "gate_up_proj":
            for index, pair in enumerate(tensor):
                for kind, half in zip(("gate", "up"), pair.chunk(2), strict=True):
                    found[".".join([*parts[:-1], str(index), kind, "weight"])] = half
        elif name.endswith("experts.down_proj"):
            for index, each in enumerate(tensor):
                found[".".join([*parts[:-1], str(index), "down.weight"])] = each
        else:
            found[".".join(parts)] = tensor
    assert set(found) == {name for name, _ in model.named_parameters()}
    return found


def gradients(model):
    """El gradiente de cada parámetro: {nombre: tensor}."""
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def surprise(logits, targets):
    """La pérdida de unos logits (B, T, V) con los tokens (B, T)."""
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
