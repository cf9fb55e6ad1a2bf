"""Mezcla de expertos: varias redes feed-forward, y un enrutador que elige unas pocas para cada token."""

import torch
from torch import nn

from gpt_course.checks import is_tracing
from gpt_course.config import check_count
from gpt_course.swiglu import SwiGLU


class Experts(nn.Module):
    """E redes SwiGLU; cada token pasa por las k de más puntuación y suma lo que dan, según esa puntuación.

    forward: (..., C) → (..., C). Los pesos de las k elegidas son su softmax, y suman 1.
    Errores: `ValueError` si una medida no es un entero positivo o si k > E.
    Fuente: Shazeer et al. (2017), arXiv 1701.06538, apartado 2.1; Jiang et al. (2024), *Mixtral of Experts*,
    arXiv 2401.04088, apartado 2.1.
    """

    def __init__(self, emb_dim, hidden_dim, n_experts, experts_per_token):
        super().__init__()
        n_experts = check_count("n_experts", n_experts)
        self.experts_per_token = check_count("experts_per_token", experts_per_token)
        if experts_per_token > n_experts:
            raise ValueError(
                f"Cada token elige entre {n_experts} expertos y se pidieron {experts_per_token}. Pide menos."
            )
        self.router = nn.Linear(emb_dim, n_experts, bias=False)
        self.experts = nn.ModuleList(SwiGLU(emb_dim, hidden_dim) for _ in range(n_experts))

    def forward(self, x):  # (..., C)
        rows = x.flatten(0, -2)  # (M, C)
        weights, chosen = self.choose(rows)  # (M, k) cada uno
        if is_tracing() or x.is_meta:
            return self._everyone(rows, weights, chosen).view_as(x)
        out = torch.zeros_like(rows)
        for index, expert in enumerate(self.experts):
            row, place = (chosen == index).nonzero(as_tuple=True)  # quién lo eligió, y en qué lugar
            out.index_add_(0, row, (expert(rows[row]) * weights[row, place, None]).to(out.dtype))
        return out.view_as(x)

    def choose(self, x):
        """Qué expertos elige cada token y con qué peso: (..., C) → `(weights, chosen)`, (..., k) cada uno."""
        scores, chosen = self.router(x).topk(self.experts_per_token, dim=-1)  # (..., k)
        return scores.softmax(dim=-1).to(x.dtype), chosen

    def load(self, x):
        """La carga: qué parte de las elecciones se lleva cada experto, (..., C) → (E,); suman 1."""
        chosen = self.choose(x)[1].flatten()
        return torch.bincount(chosen, minlength=len(self.experts)) / chosen.numel()

    def _everyone(self, rows, weights, chosen):
        """La misma suma pasando cada token por todos: un grafo no puede depender de quién elige a quién."""
        shares = torch.zeros(len(rows), len(self.experts), dtype=rows.dtype, device=rows.device)
        shares = shares.scatter(1, chosen, weights)  # (M, E)
        return sum(expert(rows) * shares[:, index, None] for index, expert in enumerate(self.experts))
