"""La pérdida de un lote al entrenar, por donde menos cuesta."""

import torch
from torch import nn
from torch.nn import functional as F

from gpt_course.fast import chunked_loss
from gpt_course.loss import check_batch, check_targets


class Objective(nn.Module):
    """El modelo y su pérdida en una sola pieza: un lote (x, y) o `(x, y, mask)` → pérdida media por token."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, *batch):
        return self.loss(self.model, *batch)


def batch_loss(model, x, y, mask=None):
    """Pérdida media por token. x, y: (B, T). mask: (B, T), False en el relleno, que aquí va a la derecha.

    A la derecha nadie lo lee, porque la atención es causal: basta con no contarlo.
    Errores: los de `next_token_loss`.
    """
    if mask is None:
        return chunked_loss(model, x, y)
    check_batch(x, y, mask)
    features, targets = model.features(x)[mask], y[mask]  # (M, C), (M,): solo los lugares de verdad
    check_targets(targets, model.cfg["vocab_size"])
    return F.cross_entropy(model.out_head(features), targets)


def halved_loss(model, x, y, mask=None):
    """Como `batch_loss`, con los productos en bf16 (8 bits, unas 3 cifras); los pesos siguen en float32."""
    with torch.autocast(x.device.type, torch.bfloat16):
        return batch_loss(model, x, y, mask)
