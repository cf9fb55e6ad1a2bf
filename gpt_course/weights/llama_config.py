"""La configuración de Llama y su familia: de un `config.json` de Hugging Face a la del curso, y al revés."""

from reprlib import repr as short

from gpt_course.config import check_config, check_count, complete

_PIECES = {  # lo que tienen todos
    "norm": "rms",
    "positions": "rope",
    "feed_forward": "swiglu",
    "bias": False,
    "qkv_bias": False,
    "qk_norm": False,
}
FAMILIES = {  # model_type: lo que cambia en cada familia
    "llama": {},
    "mistral": {},
    "qwen2": {"qkv_bias": True},
    "qwen3": {"qk_norm": True},
    "mixtral": {"feed_forward": "experts"},
}
_LAYERED = ("qwen2", "qwen3")  # dicen en cada capa si lee por la ventana
_KINDS = _FULL, _SLIDING = "full_attention", "sliding_attention"
_NAMES = {  # lo que es lo mismo con otro nombre
    "vocab_size": "vocab_size",
    "max_position_embeddings": "context_length",
    "hidden_size": "emb_dim",
    "num_attention_heads": "n_heads",
    "num_hidden_layers": "n_layers",
    "intermediate_size": "hidden_dim",
    "num_key_value_heads": "n_kv_heads",
    "head_dim": "head_dim",
    "rms_norm_eps": "norm_eps",
    "tie_word_embeddings": "tie_weights",
}
_EXPERTS = {"num_local_experts": "n_experts", "num_experts_per_tok": "experts_per_token"}
# Lo que puede faltar en config.json porque sale de lo demás; en Qwen 3, nada: su D no es C / H.
_MAY_LACK = {"llama": ("head_dim", "num_key_value_heads"), "qwen3": ()}
_FIXED = {  # lo que un config.json puede pedir y este modelo no sabe hacer de otra manera
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "attention_dropout": 0.0,
    "quantization_config": None,
}


def check_family(settings):
    """Exige que un `config.json` sea de una de las `FAMILIES`. Errores: `ValueError`."""
    found = settings.get("model_type")
    if not isinstance(found, str) or found not in FAMILIES:
        raise ValueError(
            f"config.json dice model_type = {short(found)}, y aquí se abren {', '.join(FAMILIES)} y, con "
            "`load_gpt2`, gpt2. Un modelo con otras piezas daría otros resultados."
        )
    return found


def from_llama(settings):
    """La configuración del curso que dice un `config.json` de Hugging Face.

    Errores: `ValueError` si falta un dato, si no casan o si pide algo que este modelo no sabe hacer.
    """
    family = check_family(settings)
    for key, value in _FIXED.items():
        if settings.get(key) not in (None, value):
            raise ValueError(
                f"config.json pide {key} = {short(settings[key])}; este modelo solo admite {value!r}."
            )
    try:
        cfg = {**_PIECES, **FAMILIES[family], **_measures(settings, family), "drop_rate": 0.0}
        return check_config({**cfg, **_rope(settings, family), "window": _window(settings, family)})
    except (ValueError, OverflowError) as error:  # un entero de mil cifras no cabe en un `float`
        raise ValueError(f"config.json no sirve. {error}") from None


def to_llama(cfg):
    """El `config.json` con que `transformers` construye el modelo de `cfg`.

    Errores: `ValueError`, con las piezas que sobran, si ninguna familia es así.
    """
    cfg = complete(cfg)
    family = _family(cfg)
    base, scaling = {"rope_theta": cfg["rope_base"]}, cfg["rope_scaling"]
    settings = {
        "architectures": [f"{family.capitalize()}ForCausalLM"],
        "model_type": family,
        **{theirs: cfg[ours] for theirs, ours in _names(family).items()},
        **{key: _FIXED[key] for key in ("hidden_act", "attention_bias", "mlp_bias", "attention_dropout")},
        # RoPE, como se escribe en transformers 4 y como se escribe en 5.
        **base,
        "rope_scaling": scaling,
        "rope_parameters": {**(scaling or {"rope_type": "default"}), **base},
    }
    if family != "llama":
        settings["sliding_window"] = cfg["window"]
    if family in _LAYERED:
        settings |= {"use_sliding_window": cfg["window"] is not None, "max_window_layers": 0}
    return settings


def _family(cfg):
    """La familia que tiene las piezas de una configuración completa."""
    different = []
    # El Llama de transformers no tiene ventana, ni admite una anchura que no se reparta entre las cabezas.
    plain = cfg["window"] is None and cfg["emb_dim"] % cfg["n_heads"] == 0
    for family, changes in FAMILIES.items():
        pieces = {**_PIECES, **changes}
        different.append([f"{key} = {cfg[key]!r}" for key in pieces if cfg[key] != pieces[key]])
        if not different[-1] and (plain or family != "llama"):
            return family
    raise ValueError(
        f"Ninguna familia de las que se guardan ({', '.join(FAMILIES)}) tiene estas piezas a la vez: "
        f"{', '.join(min(different, key=len))}. Guárdalo con `save_model`, o con `save_gpt2` si es un GPT-2."
    )


def _names(family):
    return {**_NAMES, **(_EXPERTS if family == "mixtral" else {})}


def _measures(settings, family):
    """Lo que en `config.json` es lo mismo con otro nombre."""
    names, may_lack = _names(family), ("tie_word_embeddings", *_MAY_LACK.get(family, ("head_dim",)))
    missing = [name for name in names if settings.get(name) is None and name not in may_lack]
    if missing:
        raise ValueError(f"Faltan: {', '.join(missing)}.")
    return {ours: settings[name] for name, ours in names.items() if settings.get(name) is not None}


def _rope(settings, family):
    """`rope_base` y `rope_scaling`, escritos como en transformers 4 o como en 5."""
    rope = {}
    for each in (settings.get("rope_scaling"), settings.get("rope_parameters"), _top(settings)):
        if not isinstance(each, dict | None):
            raise ValueError(f"Lo que dice de RoPE debe ser un diccionario; llegó {short(each)}.")
        for key, value in (each or {}).items():
            key = "rope_type" if key == "type" else key  # la primera manera de escribirlo
            if rope.setdefault(key, value) != value:
                raise ValueError(f"Dice dos valores de {key}: {short(rope[key])} y {short(value)}.")
    if any(isinstance(value, dict) for value in rope.values()):
        raise ValueError("Dice un RoPE distinto para cada clase de capa, y aquí todas giran igual.")
    kind = rope.pop("rope_type", "default")
    base = rope.pop("rope_theta", None if family == "mixtral" else 10_000.0)
    if base is None:
        raise ValueError("Falta rope_theta.")
    if rope.pop("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError("Gira solo una parte de cada cabeza (partial_rotary_factor), y aquí giran enteras.")
    if kind not in ("default", "llama3"):
        raise ValueError(f"Estira RoPE a la manera {short(kind)}, y aquí solo está la de Llama 3, 'llama3'.")
    return {"rope_base": base, "rope_scaling": None if kind == "default" else {"rope_type": kind, **rope}}


def _top(settings):
    """Lo que transformers 4 escribía fuera de `rope_scaling`."""
    keys = ("rope_theta", "partial_rotary_factor")
    return {key: settings[key] for key in keys if settings.get(key) is not None}


def _window(settings, family):
    """La ventana de todas las capas, o None si leen todo lo anterior."""
    if family == "mistral" and "sliding_window" not in settings:
        raise ValueError("Falta sliding_window: con `null`, cada token lee todos los anteriores.")
    width, layers = settings.get("sliding_window"), settings.get("layer_types")
    if family == "llama" or width is None or (family in _LAYERED and not settings.get("use_sliding_window")):
        return None
    if layers is None and family in _LAYERED:
        count = check_count("num_hidden_layers", settings["num_hidden_layers"])
        first = check_count("max_window_layers", settings.get("max_window_layers", 28), minimum=0)
        layers = [kind for kind, present in ((_FULL, first > 0), (_SLIDING, first < count)) if present]
    if layers is None:
        return width
    if not isinstance(layers, list) or not any(all(each == kind for each in layers) for kind in _KINDS):
        raise ValueError(
            "Unas capas leen por una ventana y otras no (layer_types o max_window_layers), y aquí todas son "
            "iguales."
        )
    return None if family in _LAYERED and _FULL in layers else width
