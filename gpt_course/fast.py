"""El camino rápido: el mismo modelo y los mismos números, con las cuentas pesadas por donde menos tardan.

Las lecciones no lo usan. `python -m gpt_course.bench` mide cuánto gana en cada equipo.
"""

import functools
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

from gpt_course.layers import GELU, LayerNorm

FEW = 16  # hasta tantas filas, lo que manda es leer los pesos; con más, multiplicar


def make_fast(model):
    """Cambia cómo calculan las capas lineales, las normas y GELU de `model`, y lo devuelve.

    Los parámetros son los mismos tensores, con los mismos nombres: se entrena, se guarda y se copia igual.
    Los resultados coinciden con los de antes a 1e-4. En la CPU y en float32, las capas lineales pasan por
    oneDNN si al medirlo, una vez por proceso, gana a la de PyTorch; donde no existe o no gana, no cambian.
    Para generar con la mitad de memoria, `make_fast(model).bfloat16()`.
    """
    for module in model.modules():
        module.__class__ = _FASTER.get(type(module), type(module))
    return model


def chunked_loss(model, x, y, *, rows=512):
    """La pérdida de `next_token_loss`, sin tener a la vez los logits de todas las posiciones.

    La cabeza de salida se aplica a `rows` posiciones cada vez, y sus gradientes se calculan en el momento:
    en la memoria hay `rows`·V logits, y no B·T·V. x, y: (B, T). Errores: `ValueError` si no miden lo mismo.
    """
    if x.shape != y.shape:
        raise ValueError(f"x e y deben tener la misma forma; llegaron {tuple(x.shape)} y {tuple(y.shape)}.")
    features = model.features(x).flatten(0, 1)  # (B·T, C)
    if y.device.type == "cpu" and not 0 <= y.min() <= y.max() < model.out_head.out_features:
        raise ValueError(f"Se esperaban tokens de 0 a {model.out_head.out_features - 1} en y; llegó otro.")
    return _ChunkedLoss.apply(features, model.out_head.weight, y.flatten(), rows, torch.is_grad_enabled())


class FastLinear(nn.Linear):
    """`nn.Linear` por oneDNN cuando gana."""

    def forward(self, x):
        plain = x.device.type != "cpu" or x.dtype != torch.float32 or self.weight.dtype != torch.float32
        if plain or x.dim() < 2 or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
            return super().forward(x)
        if not onednn_wins(x.numel() <= FEW * x.shape[-1], torch.get_num_threads()):
            return super().forward(x)
        return _OneDNNLinear.apply(x, self.weight, self.bias)


class FastLayerNorm(LayerNorm):
    """La normalización de capa en una sola pasada."""

    def forward(self, x):  # (..., C)
        return F.layer_norm(x, self.scale.shape, self.scale, self.shift, self.eps)


class FastGELU(GELU):
    """GELU en una sola pasada."""

    def forward(self, x):
        return F.gelu(x, approximate="tanh")


_FASTER = {nn.Linear: FastLinear, LayerNorm: FastLayerNorm, GELU: FastGELU}


@functools.cache
def onednn_wins(few, threads):
    """Mide si oneDNN gana a la capa lineal de PyTorch, con pocas filas o con muchas y esos hilos."""
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):
        return False
    try:
        x, weight = torch.ones(1 if few else 256, 768), torch.ones(3072, 768)
        with torch.no_grad():
            plain, other = _fastest(F.linear, x, weight), _fastest(_onednn, x, weight)
    except (AttributeError, RuntimeError, NotImplementedError):  # otra versión de torch, otro procesador
        return False
    return other < 0.97 * plain


def _fastest(multiply, x, weight, repeats=7):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        multiply(x, weight, None)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _onednn(x, weight, bias):
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def _multiply(x, weight):
    """x · weightᵀ por donde menos tarde: (M, I), (O, I) → (M, O)."""
    usable = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32
    if usable and onednn_wins(len(x) <= FEW, torch.get_num_threads()):
        return _onednn(x, weight, None)
    return F.linear(x, weight)


class _OneDNNLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):  # (..., O)
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        rows = grad.flatten(0, -2)  # (M, O)
        grad_x = _onednn(rows, weight.T, None).view_as(x) if needs_x else None
        grad_weight = _onednn(rows.T, x.flatten(0, -2).T, None) if needs_weight else None
        return grad_x, grad_weight, rows.sum(0) if needs_bias else None


class _ChunkedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, weight, targets, rows, learning):
        total = 0.0
        grad_features = torch.empty_like(features) if learning else None
        grad_weight = torch.zeros_like(weight) if learning else None
        for start in range(0, len(features), rows):
            part, target = features[start : start + rows], targets[start : start + rows]
            logits = _multiply(part, weight)  # (`rows`, V)
            normalizer = logits.logsumexp(dim=-1, keepdim=True)
            total = total + (normalizer.squeeze(1) - logits.gather(1, target[:, None]).squeeze(1)).sum()
            if learning:  # la derivada de la entropía cruzada: las probabilidades, menos 1 en la respuesta
                slope = logits.sub_(normalizer).exp_()
                slope[torch.arange(len(target)), target] -= 1
                slope /= len(features)
                grad_features[start : start + rows] = _multiply(slope, weight.T)
                grad_weight += _multiply(slope.T, part.T)
        ctx.gradients = grad_features, grad_weight
        return total / len(features)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        if ctx.gradients is None:
            raise RuntimeError(
                "backward() ya usó los gradientes de chunked_loss. Calcula la pérdida otra vez."
            )
        scaled = [part if grad == 1 else part.mul_(grad) for part in ctx.gradients]
        ctx.gradients = None  # quien los recibe es ya su único dueño
        return *scaled, None, None, None
