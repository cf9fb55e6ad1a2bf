"""La pérdida sin tener a la vez los logits de todos los lugares."""

import math

import torch
from torch import nn

from gpt_course.config import check_count
from gpt_course.fast.choice import someone_rewrites
from gpt_course.fast.layers import FastLinear, watched
from gpt_course.fast.linear import linear
from gpt_course.fast.packed import packed_features, packs
from gpt_course.loss import check_batch, check_targets, next_token_loss
from gpt_course.model import GPTModel
from gpt_course.padding import needed_mask

_COLUMNS = 4096  # el gradiente de la cabeza se suma por bandas: no hace falta otra matriz como ella


def chunked_loss(model, x, y, mask=None, *, max_logits=2**24):
    """La pérdida de `next_token_loss`, sin tener a la vez los logits de todos los lugares.

    Pasa por la cabeza de salida unos cuantos lugares cada vez, hasta `max_logits` números, y de cada trozo
    se queda con su pérdida y su parte de los gradientes: los calcula ya al ir hacia delante, y así no repite
    el producto al volver. x, y, `mask`: como en `next_token_loss`.
    Si el modelo o su cabeza no son los del curso tal cual (otra clase, un gancho, `torch.func`,
    `torch.compile`…), da `next_token_loss`, que llama a cada pieza como es.
    Errores: los de `next_token_loss`; `ValueError` si `max_logits` no es un entero ≥ 1, o si se piden
    derivadas del gradiente.
    """
    max_logits = check_count("max_logits", max_logits)
    head = getattr(model, "out_head", None)
    if type(model) is not GPTModel or not _plain_head(head) or watched(model) or someone_rewrites():
        return next_token_loss(model, x, y, mask)
    check_batch(x, y, mask)
    features, targets = _features(model, x, mask), y.flatten() if mask is None else y[mask]  # (M, C), (M,)
    check_targets(targets, head.out_features)
    tensors = [features, head.weight, head.bias]
    if torch.is_autocast_enabled(features.device.type):  # hacia atrás ya no está: se convierte aquí
        dtype = torch.get_autocast_dtype(features.device.type)
        tensors = [each if each is None else each.to(dtype) for each in tensors]
    rows = max(1, max_logits // head.out_features)
    pieces = (*tensors, targets, rows, getattr(head, "precision", "high"))
    if not torch.is_grad_enabled():
        return _by_pieces(*pieces, needs=(False, False, False))[0]
    return _ChunkedLoss.apply(*pieces)


def _features(model, x, mask):
    """Lo que lee la cabeza de salida en los lugares que cuentan: (M, C)."""
    needed = needed_mask(mask)
    if mask is not None and needed is None and packs(model, x):
        return packed_features(model, x, mask)
    features = model.features(x) if needed is None else model.features(x, mask=needed)  # (B, T, C)
    return features.flatten(0, 1) if mask is None else features[mask]


def _plain_head(head):
    return type(head) in (nn.Linear, FastLinear) and not watched(head)


class _ChunkedLoss(torch.autograd.Function):
    """Entropía cruzada media de `features · weightᵀ + bias`: (M, C), (V, C), (V,), (M,) → escalar."""

    @staticmethod
    def forward(ctx, features, weight, bias, targets, rows, precision):
        ctx.save_for_backward(features, weight, bias, targets)
        ctx.rest = (rows, precision, ctx.needs_input_grad[:3])
        loss, ctx.gradients = _by_pieces(features, weight, bias, targets, *ctx.rest)
        return loss

    @staticmethod
    def backward(ctx, grad):
        if torch.is_grad_enabled():
            raise ValueError("chunked_loss no da derivadas de los gradientes. Usa next_token_loss.")
        # Quien vuelve otra vez sobre la misma pérdida los calcula de nuevo: guardarlos costaría otra matriz.
        gradients = ctx.gradients or _by_pieces(*ctx.saved_tensors, *ctx.rest)[1]
        ctx.gradients = None
        scaled = (each if each is None else each.mul_(grad) for each in gradients)
        return *scaled, None, None, None


def _by_pieces(features, weight, bias, targets, rows, precision, needs):
    """La pérdida y los gradientes respecto a los tres primeros; None donde `needs` es False."""
    count, dtype, loss = len(features), features.dtype, 0
    # En float32 como poco: la suma de miles de exponenciales, o de muchos trozos, no cabe en 16 bits.
    precise = torch.promote_types(dtype, torch.float32)
    power = 2.0 ** round(math.log2(count))  # en fp16 una probabilidad entre miles de lugares sería 0
    grad_features = torch.empty_like(features) if needs[0] else None
    grad_weight = torch.zeros_like(weight, dtype=precise) if needs[1] else None
    grad_bias = torch.zeros_like(bias, dtype=precise) if needs[2] else None
    for start in range(0, count, rows):
        part, answers = features[start : start + rows], targets[start : start + rows, None]
        logits = linear(part, weight, bias, precision=precision).to(precise)  # (m, V)
        scores = logits.log_softmax(dim=1)
        loss -= scores.gather(1, answers).sum()
        if not any(needs):
            continue
        # La derivada respecto a los logits: las probabilidades, menos 1 en la respuesta.
        slope = scores.exp_()
        slope.scatter_add_(1, answers, slope.new_full(answers.shape, -1)).mul_(power / count)
        if needs[2]:
            grad_bias += slope.sum(dim=0)
        slope = slope.to(dtype)
        if needs[0]:
            grad_features[start : start + rows] = linear(slope, weight.T, precision=precision)
        if needs[1]:
            for band, columns in zip(grad_weight.split(_COLUMNS), slope.T.split(_COLUMNS), strict=True):
                band += linear(columns, part.T, precision=precision)
    gradients = [
        each if each is None else each.div_(power).to(dtype)
        for each in (grad_features, grad_weight, grad_bias)
    ]
    return loss / count, gradients
