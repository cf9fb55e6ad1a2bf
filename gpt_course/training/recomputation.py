"""La recomputación: guardar menos al ir hacia delante y calcular dos veces."""

import torch
from torch.utils.checkpoint import checkpoint

from gpt_course.block import Blocks


def checkpoint_blocks(model):
    """Desde ahora cada bloque guarda solo su entrada y, al ir hacia atrás, repite su cálculo.

    Cambia memoria por tiempo: los gradientes son los mismos bit a bit, también con dropout, porque el
    generador se repite. Los nombres de los parámetros y los ganchos no cambian. Devuelve el modelo.
    Errores: `ValueError` si `model.trf_blocks` ya no son los `Blocks` con que se creó.
    Fuente: Chen et al. (2016), arXiv 1604.06174.
    """
    blocks = model.trf_blocks
    if type(blocks) not in (Blocks, CheckpointedBlocks):
        raise ValueError(
            f"model.trf_blocks debe ser los `Blocks` del curso; es {type(blocks).__name__}. Llama a "
            "checkpoint_blocks antes de cambiarlos o envolverlos."
        )
    blocks.__class__ = CheckpointedBlocks  # el mismo objeto: conserva su modo y sus ganchos
    return model


class CheckpointedBlocks(Blocks):
    """Los bloques en fila, cada uno sin guardar lo de dentro: (B, T, C) → (B, T, C)."""

    def forward(self, x, **reading):  # (B, T, C)
        if not torch.is_grad_enabled():  # sin gradientes no hay nada que guardar
            return super().forward(x, **reading)
        for block in self:
            x = checkpoint(block, x, use_reentrant=False, **reading)
        return x
