"""Mirar dentro de un modelo mientras lee: los pesos de atención de cada bloque."""

import torch

from gpt_course.dropout import Dropout


@torch.no_grad()
def attention_weights(model, in_idx):
    """Pesos de atención de los L bloques, para mirarlos: (B, T) → (L, B, H, T, T); cada fila suma 1.

    No deja nada puesto en el modelo: se puede llamar desde varios hilos a la vez.
    Errores: `ValueError` si actúa el dropout, que cambiaría lo que lee cada bloque, y los de `check_input`.
    """
    if any(module.training and module.p > 0 for module in model.modules() if isinstance(module, Dropout)):
        raise ValueError(
            "Los pesos de atención se miran sin dropout, y el modelo está en modo de "
            "entrenamiento. Llama antes a model.eval()."
        )
    model.check_input(in_idx)
    x, weights = model.embed(in_idx), []  # (B, T, C)
    for block in model.trf_blocks:
        weights.append(block.att.attention_weights(block.norm1(x)))
        x = block(x)
    return torch.stack(weights)
