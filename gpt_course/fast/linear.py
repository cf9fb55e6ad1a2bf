"""El producto de una capa lineal por donde menos tarda, también al ir hacia atrás."""

import torch

from gpt_course.fast import kernels
from gpt_course.fast.choice import choose


def linear(x, weight, bias=None, *, precision="high"):
    """`x · weightᵀ + bias`: (…, I), (O, I), (O,) → (…, O). Se deriva cuantas veces haga falta."""
    multiply = choose(x, weight, precision)
    if multiply is kernels.plain or not torch.is_grad_enabled():
        return multiply(x, weight, bias)
    return _Linear.apply(x, weight, bias, precision)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, precision):
        ctx.save_for_backward(x, weight)
        ctx.precision = precision
        return choose(x, weight, precision)(x, weight, bias)

    @staticmethod
    def backward(ctx, grad):  # (…, O)
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        rows, back = grad.flatten(0, -2), {"precision": ctx.precision}  # (M, O)
        grad_x = linear(rows, weight.T, **back).view_as(x) if needs_x else None
        grad_weight = linear(rows.T, x.flatten(0, -2).T, **back) if needs_weight else None
        return grad_x, grad_weight, rows.sum(0) if needs_bias else None, None
