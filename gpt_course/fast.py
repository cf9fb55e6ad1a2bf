"""El camino rápido: el mismo modelo y los mismos números, con las cuentas pesadas por donde menos tardan.

Las lecciones no lo usan. `python -m gpt_course.bench` mide cuánto gana en cada equipo.
"""

import contextlib
import ctypes
import functools
import sys
import timeit

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

from gpt_course.config import check_count
from gpt_course.layers import GELU, FeedForward, LayerNorm
from gpt_course.training import check_pair, check_targets

FEW = 16  # hasta tantas filas, lo que manda es leer los pesos; con más, multiplicar


def make_fast(model, *, inference=False):
    """Cambia cómo calculan las capas lineales, las normas y GELU de `model`, y lo devuelve.

    Los parámetros son los mismos tensores, con los mismos nombres: se entrena, se guarda y se copia igual.
    Los resultados coinciden con los de antes a 1e-4. En la CPU y en float32, las capas lineales pasan por
    oneDNN si al medirlo, una vez por proceso, gana a la de PyTorch; donde no existe o no gana, no cambian.
    inference: si gana oneDNN, guarda las matrices por columnas: se genera antes y se entrena más despacio.
    En Linux, además, el proceso se queda con la memoria que libera (ver `keep_freed_memory`).
    Para generar con la mitad de memoria, `make_fast(model).bfloat16()`.
    """
    keep_freed_memory()
    for module in model.modules():
        module.__class__ = _FASTER.get(type(module), type(module))
        if inference and type(module) is FastLinear and _onednn_applies(module.weight[:1], module.weight):
            module.weight.data = module.weight.data.T.contiguous().T
    return model


def chunked_loss(model, x, y, *, logits=2**22):
    """La pérdida de `next_token_loss`, sin tener a la vez los logits de todo el vocabulario.

    Recorre la cabeza de salida por trozos de unos `logits` números y de cada trozo se queda con su suma de
    exponenciales. Al ir hacia atrás los calcula otra vez: cuesta un producto de matrices más y ahorra B·T·V
    números. x, y: (B, T). Errores: los de `next_token_loss`, y `ValueError` si `logits` no es un entero ≥ 1.
    """
    check_count("logits", logits)
    check_pair(x, y)
    features = model.features(x).flatten(0, 1)  # (B·T, C)
    check_targets(y, model.out_head.out_features)
    weight = model.out_head.weight
    if torch.is_autocast_enabled(features.device.type):  # hacia atrás ya no está: se convierte aquí
        dtype = torch.get_autocast_dtype(features.device.type)
        features, weight = features.to(dtype), weight.to(dtype)
    return _ChunkedLoss.apply(features, weight, y.flatten(), max(1, logits // len(features)))


class FastLinear(nn.Linear):
    """`nn.Linear` por oneDNN cuando gana."""

    def forward(self, x):  # (..., entrada) → (..., salida)
        return _linear(x, self.weight, self.bias)


class FastLayerNorm(LayerNorm):
    """La normalización de capa en una sola pasada."""

    def forward(self, x):  # (..., C)
        return F.layer_norm(x, self.scale.shape, self.scale, self.shift, self.eps)


class FastGELU(GELU):
    """GELU en una sola pasada."""

    def forward(self, x):
        return F.gelu(x, approximate="tanh")


class FastFeedForward(FeedForward):
    """La red feed-forward; sin gradientes, GELU se aplica según salen los números del producto."""

    def forward(self, x):  # (..., C)
        wide, gelu, narrow = self.layers
        as_built = type(wide) is FastLinear and type(gelu) is FastGELU
        hooks = any(layer._forward_hooks or layer._forward_pre_hooks for layer in (wide, gelu))
        if torch.is_grad_enabled() or hooks or not as_built or not _onednn_applies(x, wide.weight):
            return super().forward(x)
        return narrow(onednn_linear(x, wide.weight, wide.bias, "gelu", "tanh"))


_FASTER = {nn.Linear: FastLinear, LayerNorm: FastLayerNorm, GELU: FastGELU, FeedForward: FastFeedForward}


@functools.cache
def keep_freed_memory():
    """Pide a `glibc` que guarde la memoria liberada para la próxima vez; devuelve si lo hará.

    De serie devuelve al sistema cada bloque grande, y estrenar otro cuesta varias veces más que volver a
    llenar uno usado. A cambio, el proceso no encoge hasta que acaba. Fuera de Linux no hace nada.
    """
    with contextlib.suppress(AttributeError, OSError):  # una biblioteca de C que no es `glibc`
        if sys.platform == "linux":
            mallopt = ctypes.CDLL(None).mallopt
            # M_TRIM_THRESHOLD y M_MMAP_MAX, de `malloc.h`
            return bool(mallopt(-1, 2**31 - 1) and mallopt(-4, 0))
    return False


@functools.cache
def onednn_wins(few, threads):
    """Mide si oneDNN gana a la capa lineal de PyTorch, con pocas filas o con muchas y esos hilos."""
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):
        return False
    try:
        x, weight = torch.ones(1 if few else 256, 768), torch.ones(3072, 768)
        with torch.no_grad():
            plain, other = _fastest(F.linear, x, weight), _fastest(onednn_linear, x, weight)
    except (AttributeError, RuntimeError, NotImplementedError):  # otra versión de torch, otro procesador
        return False
    return other < 0.97 * plain


def _fastest(multiply, x, weight, repeats=7):
    return min(timeit.repeat(lambda: multiply(x, weight, None), number=1, repeat=repeats))


def _onednn_applies(x, weight):
    if not (x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and x.dim() > 1):
        return False
    if torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return False
    return onednn_wins(x.numel() <= FEW * x.shape[-1], torch.get_num_threads())


def _linear(x, weight, bias=None):
    """`x · weightᵀ + bias` por donde menos tarde: (..., I), (O, I), (O,) → (..., O)."""
    if not _onednn_applies(x, weight):
        return F.linear(x, weight, bias)
    if torch.is_grad_enabled():
        return _OneDNNLinear.apply(x, weight, bias)
    return onednn_linear(x, weight, bias)


def onednn_linear(x, weight, bias, activation="none", variant=""):
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], variant)


class _OneDNNLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return onednn_linear(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # (..., O)
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        rows = grad.flatten(0, -2)  # (M, O)
        grad_x = onednn_linear(rows, weight.T, None).view_as(x) if needs_x else None
        grad_weight = onednn_linear(rows.T, x.flatten(0, -2).T, None) if needs_weight else None
        return grad_x, grad_weight, rows.sum(0) if needs_bias else None


class _ChunkedLoss(torch.autograd.Function):
    """Entropía cruzada media de `features · weightᵀ`: (M, C), (V, C), (M,) → escalar."""

    @staticmethod
    def forward(ctx, features, weight, targets, columns):
        sums = [_precise(_linear(features, part)).logsumexp(dim=1) for part in weight.split(columns)]
        normalizer = torch.stack(sums).logsumexp(dim=0)  # (M,)
        ctx.save_for_backward(features, weight, targets, normalizer)
        ctx.columns = columns
        return (normalizer - _precise(features * weight[targets]).sum(dim=1)).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        features, weight, targets, normalizer = ctx.saved_tensors
        scale = (grad / len(features)).to(features.dtype)
        grad_features, grad_weight = torch.zeros_like(features), torch.empty_like(weight)
        scaled, rows = (features * scale).T, torch.arange(len(features), device=features.device)
        for start in range(0, len(weight), ctx.columns):
            part = weight[start : start + ctx.columns]
            # La derivada respecto a los logits: las probabilidades, menos 1 en la respuesta.
            slope = _precise(_linear(features, part)).sub_(normalizer[:, None]).exp_()
            here = (targets >= start) & (targets < start + len(part))
            slope[rows[here], targets[here] - start] -= 1
            slope = slope.to(features.dtype)
            grad_features += _linear(slope, part.T)
            grad_weight[start : start + len(part)] = _linear(slope.T, scaled)
        return grad_features.mul_(scale), grad_weight, None, None


def _precise(tensor):
    """En float32 como poco: la suma de miles de exponenciales no cabe en 16 bits."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
