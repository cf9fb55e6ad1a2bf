"""La red feed-forward al entrenar: GELU sale ya con su pendiente, y hacia atrás solo quedan productos."""

import math

import torch
import torch.nn.functional as F

from gpt_course.fast.choice import choose
from gpt_course.fast.linear import linear

_CUBIC = 0.044715
_PIECE = 2**16
_SCALE = 2 * math.sqrt(2 / math.pi)


def feed_forward(x, wide, narrow):
    """`narrow(gelu(wide(x)))`, con dos capas lineales: (…, C) → (…, C). Se deriva cuanto haga falta."""
    pieces = wide.weight, wide.bias, narrow.weight, narrow.bias
    return _FeedForward.apply(x.flatten(0, -2), *pieces, wide.precision).view(x.shape)


def gelu_and_slope(x):
    """GELU, la de tanh, y su derivada: dos tensores como `x`, que debe estar guardado por filas.

    Por trozos, para que ninguna de las cuentas intermedias salga de la memoria rápida del procesador.
    """
    active, slope = torch.empty_like(x), torch.empty_like(x)
    for piece in zip(*(tensor.view(-1).split(_PIECE) for tensor in (x, active, slope)), strict=True):
        _gelu_and_slope(*piece)
    return active, slope


def _gelu_and_slope(x, active, slope):
    """GELU como x·σ(z), con z = 2·√(2/π)·(x + 0,044715·x³), que cuesta menos que con tanh."""
    square = x * x
    sigmoid = torch.addcmul(x, x, square, value=_CUBIC, out=slope).mul_(_SCALE).sigmoid_()
    torch.mul(x, sigmoid, out=active)
    rest = torch.addcmul(active, active, sigmoid, value=-1)  # x·σ·(1 − σ)
    slope.addcmul_(rest, square, value=3 * _CUBIC * _SCALE).add_(rest, alpha=_SCALE)


class _FeedForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, wide, wide_bias, narrow, narrow_bias, precision):  # (M, C)
        hidden = choose(x, wide, precision, gelu=True)(x, wide, wide_bias)  # (M, 4C)
        active, slope = gelu_and_slope(hidden)
        ctx.save_for_backward(x, wide, wide_bias, narrow, narrow_bias, active, slope)
        ctx.precision = precision
        return linear(active, narrow, narrow_bias, precision=precision)

    @staticmethod
    def backward(ctx, grad):  # (M, C)
        *inputs, active, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # esto se va a derivar otra vez
            return *_derivable(grad, inputs, ctx), None
        (x, wide, _, narrow, _), back = inputs, {"precision": ctx.precision}
        inner = linear(grad, narrow.T, **back).mul_(slope)  # (M, 4C)
        found = (
            lambda: linear(inner, wide.T, **back),
            lambda: linear(inner.T, x.T, **back),
            lambda: inner.sum(0),
            lambda: linear(grad.T, active.T, **back),
            lambda: grad.sum(0),
        )
        asked = zip(found, ctx.needs_input_grad, strict=False)
        return *(gradient() if needed else None for gradient, needed in asked), None


def _derivable(grad, inputs, ctx):
    """Los mismos gradientes, con las operaciones de PyTorch, que se pueden derivar."""
    x, wide, wide_bias, narrow, narrow_bias = inputs
    hidden = F.gelu(F.linear(x, wide, wide_bias), approximate="tanh")
    out = F.linear(hidden, narrow, narrow_bias)
    needed = [index for index in range(len(inputs)) if ctx.needs_input_grad[index]]
    found = torch.autograd.grad(out, [inputs[index] for index in needed], grad, create_graph=True)
    gradients = dict(zip(needed, found, strict=True))
    return [gradients.get(index) for index in range(len(inputs))]
