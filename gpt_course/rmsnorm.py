"""RMSNorm: la normalización de capa sin restar la media ni desplazar."""

import torch
from torch import nn

from gpt_course.config import check_count


class RMSNorm(nn.Module):
    """Divide cada vector entre la raíz de la media de sus cuadrados, y luego lo escala.

    forward: (..., C) → (..., C). Con entradas de 16 bits cuenta en 32 y redondea solo el resultado.
    Errores: `ValueError` si `emb_dim` no es un entero positivo o la entrada tiene otra anchura.
    Fuente: Zhang y Sennrich (2019), *Root Mean Square Layer Normalization*, ecuación 4.
    """

    def __init__(self, emb_dim, eps=1e-5):
        super().__init__()
        emb_dim = check_count("emb_dim", emb_dim)
        self.eps = eps  # evita dividir entre 0 si el vector es todo ceros
        self.scale = nn.Parameter(torch.ones(emb_dim))

    def forward(self, x):  # (..., C)
        if x.shape[-1:] != self.scale.shape:  # una anchura de 1 se repetiría sin avisar
            raise ValueError(
                f"RMSNorm espera la forma (…, {len(self.scale)}); llegó {tuple(x.shape)}. Crea la capa con "
                "la anchura de tus vectores."
            )
        dtype = x.dtype
        if dtype in (torch.float16, torch.bfloat16):
            x = x.float()  # en 16 bits, los cuadrados desbordan o pierden cifras
        mean_square = (x * x).mean(dim=-1, keepdim=True)  # (..., 1)
        return (self.scale * (x * torch.rsqrt(mean_square + self.eps))).to(dtype)
