"""Las capas sencillas de un bloque: normalización, GELU y red feed-forward."""

import math

import torch
from torch import nn

from gpt_course.config import check_count


class LayerNorm(nn.Module):
    """Normalización de capa: deja cada vector con media 0 y varianza 1, y luego lo escala y desplaza.

    forward: (..., C) → (..., C). La varianza es la sesgada (divide entre C).
    Con entradas de 16 bits cuenta en 32, como `F.layer_norm`, y redondea solo el resultado.
    Errores: `ValueError` si `emb_dim` no es un entero positivo o la entrada tiene otra anchura.
    Fuente: Ba et al. (2016), «Layer Normalization», ecuación 4; eps = 1e-5 como en GPT-2.
    """

    def __init__(self, emb_dim, eps=1e-5):
        super().__init__()
        emb_dim = check_count("emb_dim", emb_dim)
        self.eps = eps  # evita dividir entre 0 si todos los números del vector son iguales
        self.scale = nn.Parameter(torch.ones(emb_dim))
        self.shift = nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x):  # (..., C)
        if x.shape[-1:] != self.scale.shape:  # una anchura de 1 se repetiría sin avisar
            raise ValueError(
                f"La normalización espera la forma (…, {len(self.scale)}); llegó {tuple(x.shape)}. Crea la "
                "capa con la anchura de tus vectores."
            )
        dtype = x.dtype
        if dtype in (torch.float16, torch.bfloat16):
            x = x.float()  # en 16 bits, la varianza desborda o pierde cifras
        mean = x.mean(dim=-1, keepdim=True)  # (..., 1)
        var = x.var(dim=-1, keepdim=True, unbiased=False)  # (..., 1)
        return (self.scale * (x - mean) / torch.sqrt(var + self.eps) + self.shift).to(dtype)


class GELU(nn.Module):
    """Activación GELU en la forma con tanh que usa GPT-2.

    forward: cualquier forma → la misma.
    Fuente: Hendrycks y Gimpel (2016), «Gaussian Error Linear Units», apartado 2.
    """

    def forward(self, x):
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + torch.tanh(inner))


class FeedForward(nn.Module):
    """Red feed-forward: ensancha cada vector a 4C, aplica GELU y vuelve a C.

    forward: (..., C) → (..., C); trata cada posición por separado.
    hidden_dim: la anchura de dentro, si no es 4C. bias: si las dos capas llevan sesgos.
    Errores: `ValueError` si `emb_dim` o `hidden_dim` no es un entero positivo.
    Fuente: Vaswani et al. (2017), apartado 3.3; Radford et al. (2019) para GELU.
    """

    def __init__(self, emb_dim, hidden_dim=None, *, bias=True):
        super().__init__()
        emb_dim = check_count("emb_dim", emb_dim)
        hidden_dim = 4 * emb_dim if hidden_dim is None else check_count("hidden_dim", hidden_dim)
        self.layers = nn.Sequential(
            nn.Linear(emb_dim, hidden_dim, bias=bias),
            GELU(),
            nn.Linear(hidden_dim, emb_dim, bias=bias),
        )

    def forward(self, x):  # (..., C)
        return self.layers(x)
