"""La atención de filas cortas puestas una detrás de otra, sin relleno entre ellas."""

import torch
from torch.autograd.function import once_differentiable


def attend(qkv, lengths, n_heads):
    """Atención causal de cada fila consigo misma: (M, 3C), con M = suma de `lengths`, → (M, C).

    qkv: *queries* ya divididas entre √D, *keys* y *values*, una al lado de otra.
    Una fila cada vez: así su matriz de pesos, (H, T, T), no sale de la memoria rápida del procesador.
    """
    return _Attention.apply(qkv, lengths, n_heads)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, qkv, lengths, n_heads):
        out, weights = qkv.new_empty(len(qkv), qkv.shape[1] // 3), []
        future = torch.full((max(lengths), max(lengths)), -torch.inf).triu(1)
        rows = *_rows(qkv, 3, lengths, n_heads), *_rows(out, 1, lengths, n_heads)
        for length, query, key, value, context in zip(lengths, *rows, strict=True):  # (H, T, D)
            scores = torch.bmm(query, key.transpose(1, 2)).add_(future[:length, :length])  # (H, T, T)
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
        rows = *_rows(qkv, 3, *ctx.shape), *_rows(found, 3, *ctx.shape), *_rows(grad, 1, *ctx.shape)
        for weight, query, key, value, to_query, to_key, to_value, back in zip(weights, *rows, strict=True):
            slope = torch.bmm(back, value.transpose(1, 2))  # (H, T, T)
            slope = torch.ops.aten._softmax_backward_data(slope, weight, -1, weight.dtype)
            to_query.copy_(torch.bmm(slope, key))
            to_key.copy_(torch.bmm(slope.transpose(1, 2), query))
            to_value.copy_(torch.bmm(weight.transpose(1, 2), back))
        return found, None, None


def _rows(tensor, count, lengths, n_heads):
    """(M, count·C) → `count` listas con lo de cada fila, (H, T, D); no copia nada."""
    parts = tensor.unflatten(1, (count, n_heads, -1)).permute(1, 2, 0, 3)  # (count, H, M, D)
    return [part.split(lengths, dim=1) for part in parts]
