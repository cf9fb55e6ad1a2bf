"""Muestreo: de las puntuaciones de un modelo a un token sorteado."""

import math

import torch

from gpt_course.config import check_count, check_number


def choose_token(logits, *, temperature=0.0, top_k=None, top_p=None, generator=None):
    """Elige un token por fila: logits (B, V) → (B,), en su dispositivo.

    Con temperatura 0, el de mayor logit (el de número menor, si empatan); si no, `filter_logits` y
    `sample_token`. Errores: los suyos, y `ValueError` si con temperatura 0 llega algo que no haría nada.
    """
    sampling = check_sampling(temperature, top_k, top_p, generator)
    _check_logits(logits, rank=2)
    if temperature == 0:
        highest, token = logits.max(dim=-1)
        _check_finite(highest)
        return token
    wide = logits.to("cpu", torch.float64)  # el mismo sorteo con cualquier dispositivo
    wide = wide - wide.amax(dim=-1, keepdim=True)  # no cambia softmax; evita que desborde
    return sample_token(filter_logits(wide, **sampling), generator).squeeze(1).to(logits.device)


def filter_logits(logits, *, temperature=1.0, top_k=None, top_p=None):
    """Divide los logits entre `temperature` y pone −inf en los que quedan fuera de `top_k` y `top_p`.

    logits: (…, V) → (…, V), sin modificar la entrada. Por este orden: temperatura; `top_k`, los k
    mayores (y los que empaten con el último); `top_p`, el menor grupo de los más probables que suma al menos
    p (siempre queda uno; en un empate en el borde, los de número menor). Son las reglas de transformers.
    Errores: `ValueError` si `temperature` no es finita y > 0, `top_k` no es un entero ≥ 1 o `top_p` no
    está en (0, 1].
    Fuentes: Fan et al. (2018), 5.1 (top-k); Holtzman et al. (2020), 3.1 (top-p).
    """
    temperature, top_k, top_p = _check_filters(temperature, top_k, top_p)
    _check_logits(logits)
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
    _check_logits(logits, rank=2)
    cumulative = logits.to("cpu", torch.float64).softmax(dim=-1).cumsum(dim=-1)  # (B, V)
    _check_finite(cumulative[:, -1])
    u = torch.rand(len(cumulative), 1, generator=generator, dtype=torch.float64, device="cpu")  # (B, 1)
    return torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True).to(logits.device)


def check_sampling(temperature, top_k, top_p, generator):
    """Exige opciones de muestreo que hagan algo; las devuelve en números de Python, para `filter_logits`."""
    temperature, top_k, top_p = _check_filters(temperature, top_k, top_p)
    _check_generator(generator)
    options = {"top_k": top_k, "top_p": top_p, "generator": generator}
    given = [name for name, value in options.items() if value is not None]
    if temperature == 0 and given:
        raise ValueError(
            f"Con temperature=0 se elige siempre el mayor y {', '.join(given)} no haría nada. Para sortear "
            "da una temperatura mayor que 0 (1.0 deja las probabilidades como están); si no, quítalo."
        )
    return {"temperature": temperature, "top_k": top_k, "top_p": top_p}


def _check_filters(temperature, top_k, top_p):
    temperature = check_number(
        "temperature", temperature, "[0, ∞)", "Con 0 se elige siempre el mayor; 1.0 no cambia nada."
    )
    if top_k is not None:
        top_k = check_count("top_k", top_k)
    if top_p is not None:
        top_p = check_number("top_p", top_p, "(0, 1]", "Un 90 % se escribe 0.9; None no quita nada.")
    return temperature, top_k, top_p


def _check_generator(generator):
    if generator is None or (isinstance(generator, torch.Generator) and generator.device.type == "cpu"):
        return
    received = generator.device if isinstance(generator, torch.Generator) else type(generator).__name__
    raise ValueError(
        f"generator debe ser un torch.Generator de la CPU; llegó {received}. Créalo con "
        "torch.Generator().manual_seed(semilla), aunque el modelo esté en una GPU."
    )


def _check_logits(logits, rank=None):
    shape = "(…, V)" if rank is None else "(B, V)"
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        received = logits.dtype if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(
            f"Se esperaban logits {shape}, un tensor de decimales; llegó {received}. De enteros, pasa "
            "logits.float(); de una lista, torch.tensor(lista)."
        )
    if logits.dim() == 0 or logits.numel() == 0 or rank not in (None, logits.dim()):
        raise ValueError(
            f"Se esperaban logits {shape}; llegó la forma {tuple(logits.shape)}. De los de un modelo, "
            "(B, T, V), toma los del último lugar: logits[:, -1]."
        )


def _check_finite(values):
    """Exige que de cada fila se pueda elegir: `values` (B,) no es finito si algún logit la estropea."""
    if not values.isfinite().all():
        raise ValueError(
            "No se puede elegir un token: los logits tienen NaN o +inf, o una fila es toda −inf. Revisa los "
            "pesos del modelo y la temperatura."
        )
