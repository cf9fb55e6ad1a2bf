"""La atención de filas cortas puestas una detrás de otra, sin relleno entre ellas."""

import torch
from torch.autograd.function import once_differentiable


def attend(qkv, lengths, n_heads):
    """Atención causal de cada fila consigo misma: (M, 3C), con M = suma de `lengths`, → (M, C).

    qkv: queries ya divididas entre √D, keys y values, una al lado de otra.
    Una fila cada vez: así su matriz de pesos, (H, T, T), no sale de la memoria rápida del procesador.
    """
    return _Attention.apply(qkv, lengths, n_heads)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, qkv, lengths, n_heads):
        longest = max(lengths)
        hidden = torch.full((longest, longest), -torch.inf).triu(1)
        out = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
        rows = zip(_rows(qkv, lengths, 3, n_heads), _rows(out, lengths, 1, n_heads), strict=True)
        weights = []
        for (query, key, value), (context,) in rows:  # (H, T, D)
            length = query.shape[1]
            scores = torch.bmm(query, key.transpose(1, 2)).add_(hidden[:length, :length])  # (H, T, T)
            weights.append(scores.softmax(dim=-1))
            context.copy_(torch.bmm(weights[-1], value))
        ctx.save_for_backward(qkv, *weights)
        ctx.shape = lengths, n_heads
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # (M, C)
        qkv, *weights = ctx.saved_tensors
        found = torch.empty_like(qkv)
        pieces = (_rows(tensor, ctx.shape[0], count, ctx.shape[1]) for tensor, count in ((qkv, 3), (found, 3), (grad, 1)))
        for (query, key, value), gradients, (back,), weight in zip(*pieces, weights, strict=True):
            slope = torch.bmm(back, value.transpose(1, 2))  # (H, T, T)
            slope = torch.ops.aten._softmax_backward_data(slope, weight, -1, weight.dtype)
            gradients[0].copy_(torch.bmm(slope, key))
            gradients[1].copy_(torch.bmm(slope.transpose(1, 2), query))
            gradients[2].copy_(torch.bmm(weight.transpose(1, 2), back))
        return found, None, None


def _rows(tensor, lengths, count, n_heads):
    """(M, count·C) → de cada fila, (count, H, T, D), sin copiar nada."""
    return tensor.unflatten(1, (count, n_heads, -1)).permute(1, 2, 0, 3).split(lengths, dim=2)
