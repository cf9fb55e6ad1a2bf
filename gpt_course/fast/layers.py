"""Las capas de un bloque, con los mismos parámetros y por el camino rápido."""

import torch
import torch.nn.functional as F
from torch import nn

from gpt_course.attention import MultiHeadAttention
from gpt_course.fast import kernels
from gpt_course.fast.choice import choose, halves, ours
from gpt_course.fast.feed_forward import feed_forward
from gpt_course.fast.linear import linear
from gpt_course.fast.rows import attend
from gpt_course.layers import GELU, FeedForward, LayerNorm


class FastLinear(nn.Linear):
    """`nn.Linear` por donde menos tarde."""

    precision = "high"

    def forward(self, x):  # (…, I) → (…, O)
        return linear(x, self.weight, self.bias, precision=self.precision)


class FastLayerNorm(LayerNorm):
    """La normalización de capa en una sola pasada."""

    def forward(self, x):  # (…, C)
        if x.shape[-1:] != self.scale.shape:
            return super().forward(x)  # que dice qué esperaba
        return F.layer_norm(x, self.scale.shape, self.scale, self.shift, self.eps)


class FastGELU(GELU):
    """GELU en una sola pasada."""

    def forward(self, x):
        return F.gelu(x, approximate="tanh")


class FastAttention(MultiHeadAttention):
    """La atención; con `"medium"` y sin gradientes, de principio a fin en bf16 donde así tarda menos.

    lengths: las longitudes de las filas que `x`, (1, M, C), trae una detrás de otra (ver `packed`).
    """

    precision = "high"

    def forward(self, x, lengths=None, **reading):  # (B, T, C)
        if lengths is not None:
            return self._packed(x, lengths)
        if self.explicit or not halves(x, self.precision) or not self._as_built():
            return super().forward(x, **reading)
        with kernels.in_halves():
            return super().forward(x.bfloat16(), **reading).float()

    def packs(self):
        """Si puede leer filas sin relleno: *queries*, *keys* y *values* salen de un producto."""
        biases = {layer.bias is None for layer in (self.W_query, self.W_key, self.W_value)}
        return self._as_built() and len(biases) == 1 and not self.explicit

    def _packed(self, x, lengths):
        layers, scale = (self.W_query, self.W_key, self.W_value), (self.emb_dim // self.n_heads) ** -0.5
        joined = [
            None if query is None else torch.cat([query * scale, key, value])
            for query, key, value in zip(*((layer.weight, layer.bias) for layer in layers), strict=True)
        ]
        qkv = linear(x[0], *joined, precision=self.precision)  # (M, 3C)
        return self.out_proj(attend(qkv, lengths, self.n_heads))[None]

    def _as_built(self):
        """Si dentro están las capas de siempre y nadie espera ver pasar los números."""
        layers = self.W_query, self.W_key, self.W_value, self.out_proj
        return all(type(layer) is FastLinear and not watched(layer) for layer in layers)


class FastFeedForward(FeedForward):
    """La red feed-forward; sin gradientes, GELU se aplica según salen los números del producto."""

    def forward(self, x):  # (…, C)
        if not self.as_built():
            return super().forward(x)
        wide, _, narrow = self.layers
        if torch.is_grad_enabled():
            return (
                feed_forward(x, wide, narrow)
                if ours(x) and wide.weight.dtype == x.dtype
                else super().forward(x)
            )
        if halves(x, wide.precision):
            with kernels.in_halves():
                return narrow(kernels.halved(x, wide.weight, wide.bias, gelu=True)).float()
        multiply = choose(x, wide.weight, wide.precision, gelu=True)
        if multiply is kernels.plain:
            return super().forward(x)
        return narrow(multiply(x, wide.weight, wide.bias, gelu=True))

    def as_built(self):
        """Si dentro hay lo que puso el constructor y nadie espera ver pasar los números."""
        layers = self.layers
        if type(layers) is not nn.Sequential or any(map(watched, (layers, *layers))):
            return False
        return [type(layer) for layer in layers] == [FastLinear, FastGELU, FastLinear]


def watched(module):
    """Si alguien espera que se llame a `module`: un gancho, suyo o de todos, u otro `forward`."""
    hooks = (
        *(module._forward_hooks, module._forward_pre_hooks),
        *(module._backward_hooks, module._backward_pre_hooks),
    )
    return any(hooks) or "forward" in vars(module) or nn.modules.module._has_any_global_hook()
