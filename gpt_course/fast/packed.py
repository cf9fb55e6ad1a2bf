"""Lotes sin relleno: solo se calculan los tokens de verdad, unas filas detrás de otras."""

import torch
from torch import nn

from gpt_course.block import Blocks, TransformerBlock
from gpt_course.dropout import Dropout
from gpt_course.fast.choice import ours
from gpt_course.fast.layers import (
    FastAttention,
    FastFeedForward,
    FastGELU,
    FastLayerNorm,
    FastLinear,
    watched,
)
from gpt_course.model import GPTModel

LONGEST = 192  # con filas más largas, a la atención de PyTorch le cuesta menos que a `rows.attend`
_PIECES = {GPTModel, Blocks, TransformerBlock, nn.Embedding, nn.Sequential, Dropout}
_PIECES |= {FastAttention, FastFeedForward, FastGELU, FastLayerNorm, FastLinear}


def packs(model, x):
    """Si `model` está como lo deja `make_fast`, nadie mira dentro y no hay dropout, que sortea el relleno."""
    weight = model.final_norm.scale
    if x.shape[1] > LONGEST or not ours(weight[None]):
        return False
    if not all(type(piece) in _PIECES and not watched(piece) for piece in model.modules()):
        return False
    if any(type(piece) is Dropout and piece.training and piece.p for piece in model.modules()):
        return False
    return all(block.att.packs() and block.ff.as_built() for block in model.trf_blocks)


def packed_features(model, x, mask):
    """Lo que lee la cabeza de salida en los lugares que deja `mask`, con el relleno a la derecha: (M, C)."""
    model.check_input(x)
    places = torch.arange(x.shape[1]).expand_as(x)[mask]  # (M,)
    packed = model.embed(x[mask][None], places[None])  # (1, M, C)
    return model.final_norm(model.trf_blocks(packed, lengths=mask.sum(dim=1).tolist()))[0]
