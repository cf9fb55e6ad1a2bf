"""Relleno: un lote de secuencias de distinta longitud, en el que nadie lee lo que sobra."""

import torch

from gpt_course.checks import is_tracing
from gpt_course.config import check_count


def pad_left(sequences, pad_id=0):
    """Junta secuencias de tokens de distinta longitud en un lote: (`ids`, `mask`), los dos (B, T).

    Las cortas llevan `pad_id` a la izquierda, y ahí `mask` es False: nadie lee esos lugares, así que sirve
    cualquier token. Así todas acaban en el mismo lugar, que es donde se añade el siguiente.
    Errores: `ValueError` si no hay secuencias, alguna está vacía o no es de enteros, o `pad_id` no lo es.
    """
    pad_id = check_count("pad_id", pad_id, minimum=0)
    rows = _as_rows(sequences)
    lengths = torch.tensor([len(row) for row in rows])  # (B,)
    columns = torch.arange(lengths.max())  # (T,)
    mask = columns >= (lengths.max() - lengths)[:, None]  # (B, T)
    ids = torch.full(mask.shape, pad_id)  # (B, T)
    ids[mask] = torch.cat(rows)  # se llena por filas, de izquierda a derecha
    return ids, mask


def count_padding(mask, in_idx):
    """Cuántos rellenos tiene cada fila: `mask` e `in_idx` (B, T) → (B,); None si no hay ninguno.

    Errores: `ValueError` si `mask` no es de True y False, no tiene la forma de `in_idx`, lleva relleno que
    no está a la izquierda o tiene una fila sin ningún token de verdad.
    """
    if mask is None:
        return None
    shape = tuple(in_idx.shape)
    expected = f"`mask` debe ser un tensor de True y False con la forma de los tokens, {shape}"
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        received = mask.dtype if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ValueError(f"{expected}; llegó {received}. La que da pad_left sirve tal cual.")
    if mask.shape != in_idx.shape:
        raise ValueError(f"{expected}; llegó la forma {tuple(mask.shape)}. Rellena con pad_left.")
    mask = mask.to(in_idx.device)
    padding = (~mask).sum(dim=1)  # (B,)
    if mask.is_meta or is_tracing():  # sin números que mirar
        return padding
    at_the_left = torch.arange(mask.shape[1], device=mask.device) >= padding[:, None]
    if not torch.equal(mask, at_the_left) or not mask[:, -1].all():
        raise ValueError(
            "`mask` debe tener el relleno (False) a la izquierda y al menos un token de verdad (True) en "
            "cada fila: así todas acaban en el mismo lugar. Rellena con pad_left."
        )
    return padding if padding.any() else None


def needed_mask(mask):
    """La máscara que hay que dar al modelo: None si todo el relleno está a la derecha.

    La atención es causal: a la derecha de una fila nadie la lee, y basta con no contar lo que salga ahí.
    Errores: `ValueError` si alguna fila tiene huecos. Al compilar no hay números que mirar: la da tal cual.
    """
    if mask is None or mask.is_meta or is_tracing() or not mask[:, 0].all():
        return mask
    if (mask[:, 1:] & ~mask[:, :-1]).any():
        raise ValueError(
            "`mask` debe tener el relleno (False) todo a la izquierda o todo a la derecha de cada fila, y en "
            "alguna hay tokens de verdad después. Rellena con pad_left."
        )
    return None


def positions(start, end, padding, device):
    """La posición de los tokens de las columnas `start` a `end`: (T,), o (B, T) si hay relleno.

    Cada fila cuenta desde su primer token de verdad; al relleno, que nadie lee, le toca la 0.
    """
    columns = torch.arange(start, end, device=device)  # (T,)
    return columns if padding is None else (columns - padding[:, None]).clamp(min=0)


def visibility(start, end, padding, device, window=None):
    """Qué columnas lee cada token de las de `start` a `end`: (B, 1, T, S), con S = `end`, True si la lee.

    Sin relleno, (1, 1, T, S): la misma en todas las filas. None si basta con lo de siempre: cada token, todos
    los anteriores y a sí mismo.
    window: cuántos tokens lee cada uno como mucho, contándose; None, todos. Fuente: Beltagy et al. (2020),
    *Longformer*, apartado 3.1; Jiang et al. (2023), *Mistral 7B*, apartado 2.
    """
    narrow = window is not None and (is_tracing() or end > window)  # al grabar un grafo, vale para todo T
    if padding is None and not narrow and (start == 0 or end - start == 1):
        return None
    places = torch.arange(end, device=device)  # (S,)
    columns = places[start:, None]  # (T, 1)
    visible = (places <= columns)[None]  # (1, T, S)
    if narrow:
        visible &= places > columns - window
    if padding is not None:
        # Un relleno se lee a sí mismo: una fila sin nada que leer daría NaN, y el NaN se contagia.
        real = places >= padding[:, None, None]  # (B, 1, S)
        visible = (visible & real) | (places == columns)  # (B, T, S)
    return visible[:, None]  # con tres medidas, SDPA construiría la matriz T×S


def _as_rows(sequences):
    try:
        rows = [torch.as_tensor(sequence) for sequence in sequences]
    except (TypeError, ValueError, RuntimeError):
        rows, received = [], repr(sequences)
    else:
        received = [(tuple(row.shape), row.dtype) for row in rows]
    if not rows or any(row.dim() != 1 or len(row) == 0 or not _holds_integers(row) for row in rows):
        raise ValueError(
            "pad_left espera una lista de secuencias de tokens, ninguna vacía, como [[5, 8], [7]]; llegó "
            f"{received}. Pon en cada una al menos un token, que es un número entero."
        )
    return [row.to("cpu", torch.int64) for row in rows]


def _holds_integers(row):
    return not (row.is_floating_point() or row.is_complex() or row.dtype == torch.bool)
