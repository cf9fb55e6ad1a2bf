"""Generación de texto: pedir logits, elegir un token, añadirlo y repetir."""

import torch

from gpt_course.config import check_count


def generate(model, ids, max_new_tokens):
    """Continúa `ids` con decodificación voraz: en cada paso, el token de mayor puntuación.

    ids: (B, T) enteros → (B, T + `max_new_tokens`), del mismo tipo. El modelo solo ve los últimos
    `context_length` tokens. No cambia su modo: llama antes a `model.eval()` para que no actúe el dropout.
    Errores: `ValueError` si `ids` no sirve (ver `GPTModel`) o `max_new_tokens` no es un entero ≥ 0.
    Fuente: Radford et al. (2019), apartado 3.
    """
    check_count("max_new_tokens", max_new_tokens, minimum=0)
    if not isinstance(ids, torch.Tensor) or ids.dim() != 2:
        received = tuple(ids.shape) if isinstance(ids, torch.Tensor) else type(ids).__name__
        raise ValueError(
            f"Se esperaba un tensor de enteros (B, T); llegó {received}. Créalo con "
            "torch.tensor([tokenizer.encode(texto)]) o, si es una sola secuencia, usa .unsqueeze(0)."
        )
    context_length = model.pos_emb.num_embeddings
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits = model(ids[:, -context_length:])  # (B, T, V)
        next_id = logits[:, -1].argmax(dim=-1, keepdim=True)  # (B, 1)
        ids = torch.cat([ids, next_id.to(ids.dtype)], dim=1)
    return ids
