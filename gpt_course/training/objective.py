"""La pérdida de un lote al entrenar, por donde menos cuesta."""

import torch
from torch import nn

from gpt_course.fast import chunked_loss


class Objective(nn.Module):
    """El modelo y su pérdida en una sola pieza: un lote (x, y) o `(x, y, mask)` → pérdida media por token."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, *batch):
        return self.loss(self.model, *batch)


def halved_loss(model, x, y, mask=None):
    """Como `chunked_loss`, con los productos en bf16 (8 bits, unas 3 cifras); los pesos siguen en float32."""
    with torch.autocast(x.device.type, torch.bfloat16):
        return chunked_loss(model, x, y, mask)
