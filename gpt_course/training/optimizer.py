"""Los optimizadores: AdamW, con decaimiento solo en las matrices, y Muon para las de los bloques."""

import torch

from gpt_course.config import check_number

OPTIMIZERS = ("adamw", "muon")


def make_optimizer(model, *, lr=1e-3, weight_decay=0.1, fused=False, head_rate=1.0):
    """AdamW en dos grupos: las matrices decaen con `weight_decay`; los sesgos y las normas, no.

    Una matriz vinculada entra una sola vez; los parámetros congelados, ninguna. Betas (0,9, 0,95).
    fused: el mismo paso en una sola pasada por la memoria: más rápido, con otro redondeo.
    head_rate: por cuánto se multiplica la tasa en la cabeza de salida, que entonces va en un grupo aparte.
    Errores: `ValueError` si `lr` o `head_rate` no es finita y > 0, `weight_decay` no lo es y ≥ 0, o no hay
    qué entrenar.
    Fuentes: Loshchilov y Hutter (2019) para AdamW; Brown et al. (2020), apéndice B, para las betas y 0,1.
    """
    numbers = _checked(lr, weight_decay, head_rate)
    return _adamw(model, _trainable(model), *numbers, fused)


def make_muon(model, *, lr=1e-3, weight_decay=0.1, fused=False, head_rate=1.0):
    """Muon para las matrices de los bloques y AdamW para lo demás, como uno solo (ver `Together`).

    Una misma `lr` sirve para los dos: el paso de Muon se escala para que mida lo que uno de AdamW.
    Errores: los de `make_optimizer`; `ValueError` si esta versión de PyTorch no trae Muon.
    Fuentes: *Jordan et al.* (2024) para Muon; *Liu et al.* (2025), arXiv 2502.16982, para la escala.
    """
    if not hasattr(torch.optim, "Muon"):
        raise ValueError(
            f"Muon llegó con PyTorch 2.9 y aquí está la {torch.__version__}. Actualízalo, o usa AdamW."
        )
    lr, weight_decay, head_rate = _checked(lr, weight_decay, head_rate)
    inside = {id(p) for p in model.trf_blocks.parameters() if p.dim() == 2}
    parameters = _trainable(model)
    matrices = [p for p in parameters if id(p) in inside]
    rest = [p for p in parameters if id(p) not in inside]
    muon = torch.optim.Muon(matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    return Together(muon, _adamw(model, rest, lr, weight_decay, head_rate, fused))


def set_rate(optimizer, lr):
    """Cambia la tasa de aprendizaje de todos los grupos; la cabeza de salida conserva su `head_rate`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("head_rate", 1.0)


class Together:
    """Varios optimizadores que dan el paso a la vez, cada uno con sus parámetros."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    @property
    def param_groups(self):
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    @property
    def state(self):
        """Lo que recuerda de cada parámetro: {parámetro: {nombre: tensor}}."""
        return {p: kept for optimizer in self.optimizers for p, kept in optimizer.state.items()}

    def zero_grad(self, set_to_none=True):
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=set_to_none)

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()


def optimizer_tensors(optimizer, model):
    """Todo lo que recuerda un optimizador, con el nombre de cada parámetro: {"nombre/clave": tensor}."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        f"{names[id(parameter)]}/{key}": tensor
        for parameter, kept in optimizer.state.items()
        for key, tensor in kept.items()
    }


def restore_optimizer(optimizer, model, tensors, part=lambda tensor, parameter: tensor):
    """Devuelve a un optimizador recién creado lo que `optimizer_tensors` guardó, bit a bit.

    part: función (tensor, parámetro) → el tensor donde está y repartido como está el parámetro.
    Errores: `ValueError` si los tensores son de otro modelo.
    """
    parameters = dict(model.named_parameters())
    owners = {
        id(p): one
        for one in getattr(optimizer, "optimizers", [optimizer])
        for group in one.param_groups
        for p in group["params"]
    }
    for place, tensor in tensors.items():
        name, _, key = place.rpartition("/")
        parameter = parameters.get(name)
        if id(parameter) not in owners:
            raise ValueError(f"El optimizador no mueve {name!r}: lo guardado es de otro modelo.")
        owners[id(parameter)].state[parameter][key] = part(tensor, parameter)


def _checked(lr, weight_decay, head_rate):
    return (
        check_number("lr", lr, "(0, ∞)", "Prueba con 1e-3."),
        check_number("weight_decay", weight_decay, "[0, ∞)", "Con 0 no decae ninguna."),
        check_number("head_rate", head_rate, "(0, ∞)", "Con 1, la tasa de las demás matrices."),
    )


def _trainable(model):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError("El modelo no tiene parámetros que entrenar. Usa model.requires_grad_(True).")
    return parameters


def _adamw(model, parameters, lr, weight_decay, head_rate, fused):
    head = _head(model, parameters) if head_rate != 1 else None
    matrices = [p for p in parameters if p.dim() >= 2 and p is not head]
    vectors = [p for p in parameters if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if head is not None:
        own = {"params": [head], "weight_decay": weight_decay, "lr": lr * head_rate, "head_rate": head_rate}
        groups.append(own)
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=fused)


def _head(model, parameters):
    """La matriz de la cabeza de salida; vinculada, la de los tokens."""
    weight = getattr(getattr(model, "out_head", None), "weight", None)
    if not any(p is weight for p in parameters):
        raise ValueError(
            "`head_rate` cambia la tasa de la matriz de la cabeza de salida, y en este modelo no se entrena. "
            "Quítalo."
        )
    return weight
