"""La recomputación: guardar menos al ir hacia delante y calcular dos veces."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def checkpoint_blocks(model):
    """Desde ahora cada bloque guarda solo su entrada y, al ir hacia atrás, repite su cálculo.

    Cambia memoria por tiempo: los gradientes son los mismos bit a bit, también con dropout, porque el
    generador se repite. Los nombres de los parámetros y los ganchos no cambian. Devuelve el modelo.
    Errores: `ValueError` si `model.trf_blocks` ya no es el `nn.Sequential` con que se creó.
    Fuente: Chen et al. (2016), arXiv 1604.06174.
    """
    blocks = model.trf_blocks
    if type(blocks) not in (nn.Sequential, CheckpointedBlocks):
        raise ValueError(
            f"model.trf_blocks debe ser un nn.Sequential de bloques; es {type(blocks).__name__}. Llama a "
            "checkpoint_blocks antes de envolverlo."
        )
    blocks.__class__ = CheckpointedBlocks  # el mismo objeto: conserva su modo y sus ganchos
    return model


class CheckpointedBlocks(nn.Sequential):
    """Los bloques en fila, cada uno sin guardar lo de dentro: (B, T, C) → (B, T, C)."""

    def forward(self, x, *rest):
        for block in self:  # sin gradientes no hay nada que guardar
            if torch.is_grad_enabled():
                x = checkpoint(block, x, *rest, use_reentrant=False)
            else:
                x = block(x, *rest)
        return x
