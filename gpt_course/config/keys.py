"""Las claves de una configuración: qué admite cada una y cómo casan."""

from collections.abc import Mapping

from gpt_course.config.values import (
    check_count,
    check_heads,
    check_kv_heads,
    check_number,
    check_rate,
    check_switch,
)

# Una clave por pieza, con lo que vale en GPT-2; None: lo decide `complete`, o esa pieza no se usa.
OPTIONAL = {
    "tie_weights": False,  # la cabeza de salida es la incrustación de tokens
    "norm": "layer",  # o `"rms"`
    "norm_eps": 1e-5,
    "positions": "learned",  # o `"rope"`
    "rope_base": 10_000.0,
    "rope_scaling": None,  # o un diccionario como los de Llama 3.1 (ver `gpt_course.rope`)
    "feed_forward": "gelu",  # o `"swiglu"` o `"experts"`
    "hidden_dim": None,  # anchura dentro de la red feed-forward, o de cada experto: 4·C
    "n_experts": None,
    "experts_per_token": None,
    "bias": True,  # sesgos en out_proj y en la red feed-forward
    "n_kv_heads": None,  # cabezas de key y value: n_heads
    "head_dim": None,  # D: C / n_heads
    "qk_norm": False,  # normalizar cada query y cada key
    "window": None,  # tokens que lee cada uno, él incluido; None, todos los anteriores
}

_COUNTS = ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers")
_REQUIRED = (*_COUNTS, "drop_rate", "qkv_bias")
_CHOICES = {
    "norm": ("layer", "rms"),
    "positions": ("learned", "rope"),
    "feed_forward": ("gelu", "swiglu", "experts"),
}
_ONLY_WITH = {  # lo que no haría nada sin otra pieza
    **dict.fromkeys(("rope_base", "rope_scaling"), ("positions", "rope")),
    **dict.fromkeys(("n_experts", "experts_per_token"), ("feed_forward", "experts")),
}
_SCALING = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")


def complete(cfg):
    """Una configuración con todas las claves; las que faltan, como en GPT-2. No comprueba nada."""
    derived = {"hidden_dim": 4 * cfg["emb_dim"], "n_kv_heads": cfg["n_heads"]}
    derived["head_dim"] = cfg["emb_dim"] // cfg["n_heads"]
    return {**OPTIONAL, **derived, **cfg}


def check_config(cfg):
    """Comprueba claves y valores de una configuración y devuelve una copia, en un diccionario corriente.

    No modifica la que llega ni le añade claves. Los números de NumPy pasan a ser de Python.
    Errores: `ValueError` si falta o sobra una clave, si un valor no es de los que admite (ver `OPTIONAL`),
    o si dos claves no casan: cabezas que no se reparten la anchura, piezas que piden otra.
    """
    if not isinstance(cfg, Mapping):
        raise ValueError(
            f"La configuración debe ser un diccionario como GPT_CONFIG_124M; llegó {type(cfg).__name__}."
        )
    missing = [key for key in _REQUIRED if key not in cfg]
    unknown = [key for key in cfg if key not in (*_REQUIRED, *OPTIONAL)]
    if missing or unknown:
        raise ValueError(
            f"La configuración necesita las claves {', '.join(_REQUIRED)} (y admite "
            f"{', '.join(OPTIONAL)}). Faltan: {missing or 'ninguna'}; sobran: {unknown or 'ninguna'}."
        )
    cfg = {**cfg, **{key: check_count(key, cfg[key]) for key in _COUNTS}}
    cfg["drop_rate"] = check_rate("drop_rate", cfg["drop_rate"])
    check_switch("qkv_bias", cfg["qkv_bias"])
    cfg |= {key: _check_optional(key, cfg[key]) for key in OPTIONAL if key in cfg}
    _check_together(complete(cfg), derived="head_dim" not in cfg)
    return cfg


def _check_optional(key, value):
    """El valor de una clave optativa, comprobado."""
    usual = OPTIONAL[key]
    if isinstance(usual, bool):
        check_switch(key, value)
    elif key in _CHOICES:
        if not isinstance(value, str) or value not in _CHOICES[key]:
            allowed = " o ".join(f'"{choice}"' for choice in _CHOICES[key])
            raise ValueError(f'{key} debe ser {allowed}; llegó {value!r}. En GPT-2 es "{usual}".')
    elif key == "norm_eps":
        value = check_number(key, value, "(0, 1)", "Prueba con 1e-5.")
    elif key == "rope_base":
        value = check_number(key, value, "(0, ∞)", "Prueba con 10000.")
    elif key == "rope_scaling":
        value = None if value is None else _check_scaling(value)
    elif value is not None or key in ("hidden_dim", "n_kv_heads", "head_dim"):
        value = check_count(key, value)
    return value


def _check_scaling(scaling):
    expected = f'rope_scaling debe ser None o {{"rope_type": "llama3", …}} con {", ".join(_SCALING)}'
    if not isinstance(scaling, Mapping):
        raise ValueError(f"{expected}; llegó {scaling!r}. Con None, las posiciones no se estiran.")
    kind = scaling.get("rope_type")
    if kind != "llama3" or set(scaling) != {"rope_type", *_SCALING}:
        raise ValueError(
            f"{expected}; llegó el tipo {kind!r} con {', '.join(map(str, scaling))}. Las otras maneras de "
            "estirar RoPE no están en el curso."
        )
    advice = "Los de Llama 3.1 son 8, 1 y 4."
    numbers = {name: check_number(name, scaling[name], "(0, ∞)", advice) for name in _SCALING[:3]}
    if numbers["low_freq_factor"] >= numbers["high_freq_factor"]:
        raise ValueError(
            "En rope_scaling, low_freq_factor debe ser menor que high_freq_factor; llegaron "
            f"{numbers['low_freq_factor']} y {numbers['high_freq_factor']}. {advice}"
        )
    return {"rope_type": kind, **numbers, _SCALING[3]: check_count(_SCALING[3], scaling[_SCALING[3]])}


def _check_together(cfg, derived):
    """Exige que las claves de una configuración completa casen entre sí."""
    if derived:
        check_heads(cfg["emb_dim"], cfg["n_heads"])
    check_kv_heads(cfg["n_heads"], cfg["n_kv_heads"])
    for key, (other, needed) in _ONLY_WITH.items():
        if cfg[key] != OPTIONAL[key] and cfg[other] != needed:
            raise ValueError(
                f'{key} solo hace algo con {other}="{needed}"; llegó {key}={cfg[key]!r} con '
                f'{other}="{cfg[other]}". Quita una o cambia la otra.'
            )
    if cfg["positions"] == "rope" and cfg["head_dim"] % 2:
        raise ValueError(
            f"Con RoPE, head_dim debe ser par, porque los números giran por parejas; es {cfg['head_dim']}. "
            "Elige otro head_dim, u otro n_heads si sale de emb_dim / n_heads."
        )
    if cfg["feed_forward"] != "gelu" and cfg["bias"]:
        raise ValueError(
            f'Con feed_forward="{cfg["feed_forward"]}" no hay sesgos, y `bias` es True. Pon `"bias": False`.'
        )
    if cfg["feed_forward"] == "experts":
        counts = check_count("n_experts", cfg["n_experts"]), cfg["experts_per_token"]
        if check_count("experts_per_token", counts[1]) > counts[0]:
            raise ValueError(
                f"experts_per_token debe ser como mucho n_experts; llegaron {counts[1]} y {counts[0]}."
            )
