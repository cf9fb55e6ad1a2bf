"""Lo que se exige a un valor: una cuenta, un número de un intervalo, un sí o no."""

import numbers


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


def check_kv_heads(n_heads, n_kv_heads):
    """Exige que las cabezas de *query* se repartan por igual entre las de *key* y *value*."""
    if n_heads % n_kv_heads:
        raise ValueError(
            "n_kv_heads debe dividir a n_heads, para que cada cabeza de key y value sirva a las mismas de "
            f"query; llegaron n_kv_heads={n_kv_heads} y n_heads={n_heads}. Elige un divisor de {n_heads}."
        )
