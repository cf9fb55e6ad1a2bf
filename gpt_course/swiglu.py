"""SwiGLU: la red feed-forward en que una mitad decide cuánto pasa de la otra."""

from torch import nn
from torch.nn import functional as F

from gpt_course.config import check_count


class SwiGLU(nn.Module):
    """Red feed-forward con puerta: down(SiLU(gate(x)) · up(x)), con SiLU(z) = z·σ(z). Sin sesgos.

    forward: (..., C) → (..., C), con `hidden_dim` números dentro; trata cada posición por separado.
    Errores: `ValueError` si `emb_dim` o `hidden_dim` no es un entero positivo.
    Fuente: Shazeer (2020), *GLU Variants Improve Transformer*, arXiv 2002.05202, ecuación 6.
    """

    def __init__(self, emb_dim, hidden_dim):
        super().__init__()
        emb_dim, hidden_dim = check_count("emb_dim", emb_dim), check_count("hidden_dim", hidden_dim)
        self.gate = nn.Linear(emb_dim, hidden_dim, bias=False)
        self.up = nn.Linear(emb_dim, hidden_dim, bias=False)
        self.down = nn.Linear(hidden_dim, emb_dim, bias=False)

    def forward(self, x):  # (..., C)
        return self.down(F.silu(self.gate(x)) * self.up(x))
