"""La pérdida: cuánto sorprende al modelo cada token que viene."""

import torch
from torch.nn import functional as F

from gpt_course.checks import is_tracing
from gpt_course.padding import needed_mask


def next_token_loss(model, x, y, mask=None):
    """Pérdida media por token: la entropía cruzada entre los logits de `x` y los tokens de `y`.

    x: (B, T) enteros. y: (B, T) int64, los mismos tokens corridos un lugar. Devuelve un escalar.
    mask: (B, T), False en el relleno de `x`, todo a la izquierda, como el de `pad_left`, o todo a la derecha:
    nadie lo lee y no entra en la media.
    Errores: `ValueError` si sus formas no coinciden o `y` no son tokens int64; y los de `GPTModel`.
    Fuente: Radford et al. (2018), ecuación 1.
    """
    check_batch(x, y, mask)
    if mask is None:
        logits, targets = model(x).flatten(0, 1), y.flatten()  # (B·T, V), (B·T,)
    else:
        needed = needed_mask(mask)
        logits = model(x) if needed is None else model(x, mask=needed)
        logits, targets = logits[mask], y[mask]  # solo los lugares de verdad
    check_targets(targets, logits.shape[1])
    return F.cross_entropy(logits, targets)


def check_batch(x, y, mask=None):
    """Exige que `x`, `y` y, si llega, `mask` sean tensores de la misma forma, y cada uno de su tipo."""
    if not (isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor)):
        received = f"{type(x).__name__} y {type(y).__name__}"
        raise ValueError(f"x e y deben ser tensores; llegaron {received}. Usa torch.tensor([[…]]).")
    if x.shape != y.shape:
        raise ValueError(
            f"x e y deben tener la misma forma; llegaron {tuple(x.shape)} y {tuple(y.shape)}. En y van los "
            "tokens de x corridos un lugar: x = ids[:, :-1], y = ids[:, 1:]."
        )
    if y.dtype != torch.int64:
        raise ValueError(f"y debe ser int64, un número de token por lugar; llegó {y.dtype}. Usa y.long().")
    if mask is None:
        return
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != x.shape:
        tensor = isinstance(mask, torch.Tensor)
        received = f"{mask.dtype} {tuple(mask.shape)}" if tensor else type(mask).__name__
        raise ValueError(
            f"`mask` debe ser un tensor de True y False con la forma de x, {tuple(x.shape)}; llegó "
            f"{received}. "
            "A la que da pad_left quítale la última columna, como a los tokens: `mask[:, :-1]`."
        )


def check_targets(y, vocab_size):
    """Exige que los tokens de `y` sean del vocabulario; en una GPU no se mira, como en GPTModel."""
    if y.device.type == "cpu" and not is_tracing() and not 0 <= y.min() <= y.max() < vocab_size:
        raise ValueError(
            f"y lleva tokens entre 0 y {vocab_size - 1}; llegó alguno fuera. El tokenizador y vocab_size "
            "deben ser del mismo modelo; los lugares que no cuentan se señalan con `mask`."
        )
