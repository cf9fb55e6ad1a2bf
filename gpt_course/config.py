"""La configuración: un diccionario con siete claves (y una optativa) del que sale todo el modelo."""

import numbers
from collections.abc import Mapping

GPT_CONFIG_124M = {
    "vocab_size": 50257,  # V: tokens distintos
    "context_length": 1024,  # T máximo: tokens que el modelo ve a la vez
    "emb_dim": 768,  # C: anchura de cada vector
    "n_heads": 12,  # H: cabezas de atención por bloque
    "n_layers": 12,  # L: bloques Transformer
    "drop_rate": 0.1,  # probabilidad de dropout
    "qkv_bias": False,  # sesgos en query, key y value
}

# El modelo de los cuentos: tan pequeño que aprende a escribirlos en minutos, en un equipo corriente.
STORY_CONFIG = {
    "vocab_size": 425,  # las palabras de gpt_course.stories, y el final
    "context_length": 144,  # cabe el cuento más largo
    "emb_dim": 64,
    "n_heads": 4,
    "n_layers": 2,
    "drop_rate": 0.0,  # los cuentos no se repiten: no hay qué memorizar
    "qkv_bias": False,
}

# Los cuatro modelos que OpenAI publicó en 2019 (Radford et al.): comparten la matriz de entrada con
# la cabeza de salida y llevan sesgos en query, key y value.
_RELEASED = {**GPT_CONFIG_124M, "qkv_bias": True, "tie_weights": True}
GPT2_CONFIGS = {
    "gpt2": {**_RELEASED},
    "gpt2-medium": {**_RELEASED, "emb_dim": 1024, "n_heads": 16, "n_layers": 24},
    "gpt2-large": {**_RELEASED, "emb_dim": 1280, "n_heads": 20, "n_layers": 36},
    "gpt2-xl": {**_RELEASED, "emb_dim": 1600, "n_heads": 25, "n_layers": 48},
}

_COUNTS = ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers")
_REQUIRED = (*_COUNTS, "drop_rate", "qkv_bias")
_OPTIONAL = ("tie_weights",)


def check_config(cfg):
    """Comprueba claves y valores de una configuración y devuelve una copia, en un diccionario corriente.

    No modifica la que llega. Los números de NumPy pasan a ser de Python.
    Errores: `ValueError` si falta o sobra una clave, si una cuenta no es un entero positivo, si
    `emb_dim` no es múltiplo de `n_heads`, si `qkv_bias` o `tie_weights` no son True o False, o si
    `drop_rate` no está en [0, 1).
    """
    if not isinstance(cfg, Mapping):
        raise ValueError(
            f"La configuración debe ser un diccionario como GPT_CONFIG_124M; llegó {type(cfg).__name__}."
        )
    missing = [key for key in _REQUIRED if key not in cfg]
    unknown = [key for key in cfg if key not in _REQUIRED + _OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f"La configuración necesita las claves {', '.join(_REQUIRED)} (y admite "
            f"{', '.join(_OPTIONAL)}). Faltan: {missing or 'ninguna'}; sobran: {unknown or 'ninguna'}."
        )
    cfg = {**cfg, **{key: check_count(key, cfg[key]) for key in _COUNTS}}
    check_heads(cfg["emb_dim"], cfg["n_heads"])
    cfg["drop_rate"] = check_rate("drop_rate", cfg["drop_rate"])
    for key in ("qkv_bias", "tie_weights"):
        check_switch(key, cfg.get(key, False))
    return cfg


def is_whole(value):
    """¿Es un entero, de Python o de NumPy? Un booleano, no."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_count(name, value, minimum=1):
    """Exige un entero (no un booleano) mayor o igual que `minimum` y lo devuelve como `int`."""
    if not is_whole(value) or value < minimum:
        raise ValueError(
            f"{name} debe ser un entero mayor o igual que {minimum}; llegó {value!r}. "
            "Si viene de una división, usa // o int()."
        )
    return int(value)


def check_number(name, value, interval, advice):
    """Exige un número de `interval`, escrito como «[0, 1)» o «(0, ∞)», y lo devuelve como `float`.

    Sirven los de Python y los de NumPy; NaN no está en ningún intervalo. `advice` dice cómo salir del error.
    """
    low, high = (float(end.replace("∞", "inf")) for end in interval[1:-1].split(", "))
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if (
        not number
        or not low <= value <= high
        or (interval[0] == "(" and value == low)
        or (interval[-1] == ")" and value == high)
    ):
        raise ValueError(f"{name} debe ser un número del intervalo {interval}; llegó {value!r}. {advice}")
    return float(value)


def check_rate(name, value):
    """Exige una probabilidad del intervalo [0, 1) y la devuelve como `float`."""
    return check_number(name, value, "[0, 1)", "Un 10 % se escribe 0.1.")


def check_switch(name, value):
    """Exige True o False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} debe ser True o False; llegó {value!r}. Escríbelo sin comillas.")


def check_heads(emb_dim, n_heads):
    """Exige que la anchura se reparta por igual entre las cabezas."""
    if emb_dim % n_heads:
        raise ValueError(
            f"emb_dim debe ser múltiplo de n_heads, para que todas las cabezas midan lo mismo; "
            f"llegaron emb_dim={emb_dim} y n_heads={n_heads} (sobran {emb_dim % n_heads}). "
            "Elige un n_heads que divida a emb_dim."
        )
