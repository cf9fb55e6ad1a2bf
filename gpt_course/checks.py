"""Lo que se exige a los tokens, y a la caché, antes de leerlos."""

import torch


def check_tokens(in_idx, *, vocab_size, device, longest=None):
    """Exige tokens que un modelo pueda leer: (B, T) int64 o int32, de 0 a V − 1, en `device`.

    longest: la T más larga que se admite; sin ella, cualquiera. En una GPU, o al compilar, no se miran los
    valores: leer el mínimo y el máximo obligaría a esperar a que termine todo lo anterior.
    Errores: `ValueError` con lo que se esperaba, lo que llegó y cómo arreglarlo.
    """
    length = "T ≥ 1" if longest is None else f"1 ≤ T ≤ {longest}"
    expected = f"Se esperaba un tensor int64 o int32 de forma (B, T), con {length}"
    if not isinstance(in_idx, torch.Tensor):
        raise ValueError(f"{expected}; llegó {type(in_idx).__name__}. Usa torch.tensor([[…]]).")
    if in_idx.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            f"{expected}; llegó {in_idx.dtype}. Los tokens son números enteros: conviértelo con .long()."
        )
    if in_idx.dim() != 2:
        raise ValueError(
            f"{expected}; llegó la forma {tuple(in_idx.shape)}. "
            "Si es una sola secuencia, añade la dimensión del lote con .unsqueeze(0)."
        )
    if longest is not None and in_idx.shape[1] > longest:
        raise ValueError(
            f"{expected}; llegó T = {in_idx.shape[1]}. Recorta la secuencia a los últimos {longest} tokens."
        )
    if in_idx.numel() == 0:
        raise ValueError(
            f"{expected}; llegó la forma {tuple(in_idx.shape)}, sin ningún token. "
            "Pon al menos uno, por ejemplo <|endoftext|>."
        )
    if in_idx.device != device:
        raise ValueError(
            f"El modelo está en {device} y los tokens llegaron en {in_idx.device}. "
            "Llévalos al mismo sitio con .to(device)."
        )
    if device.type == "cpu" and not is_tracing():
        _check_range(in_idx, vocab_size)


def check_cache(cache):
    """Exige una `KVCache`. Errores: `ValueError`."""
    if not hasattr(cache, "begin"):
        raise ValueError(
            f"`cache` debe ser una KVCache, o None; llegó {type(cache).__name__}. Créala con "
            "KVCache(model, len(ids)); `generate` la crea sola con use_cache=True."
        )


def is_tracing():
    """¿Se está grabando un grafo? Entonces un tensor aún no tiene números que mirar."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def _check_range(in_idx, vocab_size):
    low, high = (bound.item() for bound in in_idx.aminmax())
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"Se esperaban tokens entre 0 y {vocab_size - 1}; llegó {low if low < 0 else high}. "
            "Comprueba que el tokenizador y vocab_size correspondan al mismo modelo."
        )
