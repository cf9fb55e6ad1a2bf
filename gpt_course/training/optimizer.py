"""El optimizador: AdamW, con decaimiento solo en las matrices."""

import torch

from gpt_course.config import check_number


def make_optimizer(model, *, lr=1e-3, weight_decay=0.1, fused=False):
    """AdamW en dos grupos: las matrices decaen con `weight_decay`; los sesgos y las normas, no.

    Una matriz vinculada entra una sola vez; los parámetros congelados, ninguna. Betas (0,9, 0,95).
    fused: el mismo paso en una sola pasada por la memoria: más rápido, con otro redondeo.
    Errores: `ValueError` si `lr` no es finita y > 0, `weight_decay` no lo es y ≥ 0, o no hay qué entrenar.
    Fuentes: Loshchilov y Hutter (2019) para AdamW; Brown et al. (2020), apéndice B, para las betas y 0,1.
    """
    lr = check_number("lr", lr, "(0, ∞)", "Prueba con 1e-3.")
    weight_decay = check_number("weight_decay", weight_decay, "[0, ∞)", "Con 0 no decae ninguna.")
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError("El modelo no tiene parámetros que entrenar. Usa model.requires_grad_(True).")
    matrices, vectors = ([p for p in parameters if (p.dim() >= 2) == matrix] for matrix in (True, False))
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=fused)
