"""Muestreo: de las puntuaciones de un modelo a un token sorteado."""

import math

import torch

from gpt_course.config import check_count


def filter_logits(logits, *, temperature=1.0, top_k=None, top_p=None):
    """Divide los logits entre `temperature` y pone −inf en los que quedan fuera de `top_k` y `top_p`.

    logits: (…, V) → (…, V), sin modificar la entrada. Por este orden: temperatura; `top_k`, los k
    mayores (y los que empaten con el último); `top_p`, el menor grupo de los más probables que suma al menos
    p (siempre queda uno; en un empate en el borde, los de número menor). Son las reglas de transformers.
    Errores: `ValueError` si `temperature` no es finita y > 0, `top_k` no es un entero ≥ 1 o `top_p` no
    está en (0, 1].
    Fuentes: Fan et al. (2018), 5.1 (top-k); Holtzman et al. (2020), 3.1 (top-p).
    """
    _check_filters(temperature, top_k, top_p)
    if temperature == 0:
        raise ValueError("No se puede dividir entre una temperatura 0: para lo voraz usa logits.argmax(-1).")
    logits = logits / temperature
    if top_k is not None:
        smallest_kept = logits.topk(min(top_k, logits.shape[-1])).values[..., -1:]  # (…, 1)
        logits = logits.masked_fill(logits < smallest_kept, -math.inf)
    if top_p is not None:
        descending = logits.sort(descending=True, stable=True)  # en un empate, antes el de número menor
        ascending, order = (part.flip(-1) for part in descending)
        tail = ascending.softmax(dim=-1).cumsum(dim=-1)  # lo que suman él y los menores
        outside = tail <= 1 - top_p
        outside[..., -1] = False  # el más probable se queda
        logits = logits.masked_fill(torch.zeros_like(outside).scatter(-1, order, outside), -math.inf)
    return logits


def sample_token(logits, generator=None):
    """Sortea un token por fila con las probabilidades softmax(logits): logits (B, V) → (B, 1).

    Saca de `generator` (CPU) un número u por fila, uniforme en [0, 1), y elige el primer token cuya
    probabilidad acumulada pasa de u: la función de distribución, leída al revés. Gasta B números por llamada,
    sea cual sea V, y no usa `torch.multinomial`: así el flujo es el mismo en todas las máquinas. Solo puede
    cambiar de token si u cae a menos de un error de redondeo de una frontera.
    Errores: `ValueError` si `generator` no es un torch.Generator de la CPU, o si hay NaN o +inf en los
    logits o una fila entera es −inf.
    Fuente: Devroye (1986), *Non-Uniform Random Variate Generation*, III.2.
    """
    _check_generator(generator)
    cumulative = logits.to("cpu", torch.float64).softmax(dim=-1).cumsum(dim=-1)  # (B, V)
    if not cumulative[:, -1].isfinite().all():
        raise ValueError(
            "No se puede sortear: los logits tienen NaN o +inf, o una fila es toda −inf. Revisa los pesos "
            "del modelo y la temperatura."
        )
    u = torch.rand(len(cumulative), 1, generator=generator, dtype=torch.float64, device="cpu")  # (B, 1)
    return torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True).to(logits.device)


def check_sampling(temperature, top_k, top_p, generator):
    _check_filters(temperature, top_k, top_p)
    _check_generator(generator)
    options = {"top_k": top_k, "top_p": top_p, "generator": generator}
    given = [name for name, value in options.items() if value is not None]
    if temperature == 0 and given:
        raise ValueError(
            f"Con temperature=0 se elige siempre el mayor y {', '.join(given)} no haría nada. Para sortear "
            "da una temperatura mayor que 0 (1.0 deja las probabilidades como están); si no, quítalo."
        )


def _check_filters(temperature, top_k, top_p):
    if not _is_number(temperature) or not 0 <= temperature < math.inf:
        raise ValueError(f"temperature debe ser un número finito mayor o igual que 0; llegó {temperature!r}.")
    if top_k is not None:
        check_count("top_k", top_k)
    if top_p is not None and (not _is_number(top_p) or not 0 < top_p <= 1):
        raise ValueError(f"top_p debe ser un número del intervalo (0, 1]; llegó {top_p!r}.")


def _check_generator(generator):
    if generator is None or (isinstance(generator, torch.Generator) and generator.device.type == "cpu"):
        return
    received = generator.device if isinstance(generator, torch.Generator) else type(generator).__name__
    raise ValueError(
        f"generator debe ser un torch.Generator de la CPU; llegó {received}. Créalo con "
        "torch.Generator().manual_seed(semilla), aunque el modelo esté en una GPU."
    )


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
