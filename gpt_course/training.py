"""Entrenar en pequeño: la pérdida, el optimizador, el bucle y los bloques que se calculan dos veces."""

import contextlib
import itertools
import math

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from tqdm import tqdm

from gpt_course.block import Blocks
from gpt_course.config import check_count

_EMPTY = "El cargador está vacío: no dio ningún lote. Un generador se gasta en una vuelta; pasa una lista."


def next_token_loss(model, x, y):
    """Pérdida media por token: la entropía cruzada entre los logits de `x` y los tokens de `y`.

    x: (B, T) enteros. y: (B, T) int64, los mismos tokens corridos un lugar. Devuelve un escalar.
    Errores: `ValueError` si sus formas no coinciden o `y` no son tokens int64; y los de `GPTModel`.
    Fuente: Radford et al. (2018), ecuación 1.
    """
    check_pair(x, y)
    logits = model(x)  # (B, T, V)
    check_targets(y, logits.shape[-1])
    return F.cross_entropy(logits.flatten(0, 1), y.flatten())


def check_pair(x, y):
    """Exige que `x` e `y` sean tensores de la misma forma, e `y`, de tokens int64."""
    if not (isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor)):
        raise ValueError(f"x e y deben ser tensores; llegaron {type(x).__name__} y {type(y).__name__}.")
    if x.shape != y.shape:
        raise ValueError(f"x e y deben tener la misma forma; llegaron {tuple(x.shape)} y {tuple(y.shape)}.")
    if y.dtype != torch.int64:
        raise ValueError(f"y debe ser int64, un número de token por lugar; llegó {y.dtype}. Usa y.long().")


def check_targets(y, vocab_size):
    """Exige que los tokens de `y` sean del vocabulario; en una GPU no se mira, como en GPTModel."""
    if y.device.type == "cpu" and not 0 <= y.min() <= y.max() < vocab_size:
        raise ValueError(f"y lleva tokens entre 0 y {vocab_size - 1}; llegó alguno fuera.")


def make_optimizer(model, *, lr=1e-3, weight_decay=0.1, fused=False):
    """AdamW en dos grupos: las matrices decaen con `weight_decay`; los sesgos y las normas, no.

    Una matriz vinculada entra una sola vez; los parámetros congelados, ninguna. Betas (0,9, 0,95).
    fused: el mismo paso en una sola pasada por la memoria: más rápido, con otro redondeo.
    Errores: `ValueError` si `lr` no es finita y > 0, `weight_decay` no lo es y ≥ 0, o no hay qué entrenar.
    Fuentes: Loshchilov y Hutter (2019) para AdamW; Brown et al. (2020), apéndice B, para las betas y 0,1.
    """
    for name, value, least in (("lr", lr, "mayor que 0"), ("weight_decay", weight_decay, "0 o mayor")):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < math.inf or (name == "lr" and value == 0):
            raise ValueError(f"{name} debe ser un número finito, {least}; llegó {value!r}.")
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError("El modelo no tiene parámetros que entrenar. Usa model.requires_grad_(True).")
    matrices, vectors = ([p for p in parameters if (p.dim() >= 2) == matrix] for matrix in (True, False))
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=fused)


@torch.enable_grad()
def train(model, loader, optimizer, *, steps, accumulation=1, loss=None, progress=False):
    """Da `steps` pasos del optimizador y devuelve la pérdida media de cada uno: lista de `steps` decimales.

    loader: lotes (x, y), como los de `make_loader`; se recorre en su orden cuantas veces haga falta.
    accumulation: lotes por paso; sus gradientes se promedian (todos pesan igual, también uno más corto).
    loss: función (model, x, y) → pérdida; de serie, `next_token_loss`.
    progress: muestra una barra, en la salida de errores. Al acabar, cada pieza recupera su modo de antes.
    Errores: `ValueError` si una cuenta no sirve, el cargador está vacío, el optimizador es de otro modelo, o
    la pérdida o un gradiente dejan de ser finitos: entonces los pesos se quedan como tras el paso anterior.
    """
    check_count("steps", steps)
    check_count("accumulation", accumulation)
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not {id(p) for p in trained} <= {id(p) for p in model.parameters()}:
        raise ValueError("El optimizador es de otro modelo. Créalo con make_optimizer(model).")
    batches, losses = _endless(loader), []
    with _mode(model, training=True):
        for step in tqdm(range(1, steps + 1), disable=not progress, unit="paso"):
            optimizer.zero_grad(set_to_none=True)
            total = 0.0
            for x, y in itertools.islice(batches, accumulation):
                part = (loss or next_token_loss)(model, *_to_device(model, x, y)) / accumulation
                part.backward()
                total += part.item()
            if not math.isfinite(total) or not _finite_gradients(trained):
                raise ValueError(
                    f"En el paso {step} la pérdida o un gradiente dejó de ser finito (pérdida {total}). Los "
                    "pesos se quedan como tras el paso anterior. Prueba una tasa de aprendizaje menor."
                )
            optimizer.step()
            losses.append(total)
    return losses


@torch.no_grad()
def evaluate(model, loader):
    """Pérdida media por token en todo el cargador, en modo de evaluación y sin gradientes.

    Errores: `ValueError` si el cargador está vacío o un lote no sirve.
    """
    total = count = 0
    with _mode(model, training=False):
        for x, y in _pairs(loader):
            total += next_token_loss(model, *_to_device(model, x, y)).item() * y.numel()
            count += y.numel()
    if count == 0:
        raise ValueError(_EMPTY)
    return total / count


def checkpoint_blocks(model):
    """Desde ahora cada bloque guarda solo su entrada y, al ir hacia atrás, repite su cálculo.

    Cambia memoria por tiempo: los gradientes son los mismos bit a bit, también con dropout, porque el
    generador se repite. Los nombres de los parámetros no cambian. Devuelve el modelo.
    Fuente: Chen et al. (2016), arXiv 1604.06174.
    """
    blocks = _CheckpointedBlocks(*model.trf_blocks)
    blocks.training, model.trf_blocks = model.trf_blocks.training, blocks
    return model


class _CheckpointedBlocks(Blocks):
    def forward(self, x, **reading):  # (B, T, C)
        if not torch.is_grad_enabled():  # sin gradientes no hay nada que guardar
            return super().forward(x, **reading)
        for block in self:
            x = checkpoint(block, x, use_reentrant=False, **reading)
        return x


def _endless(loader):
    """Los lotes de `loader`, vuelta tras vuelta."""
    while True:
        batch = None
        for batch in _pairs(loader):
            yield batch
        if batch is None:
            raise ValueError(_EMPTY)


def _pairs(loader):
    """Los lotes de `loader` en una vuelta, si cada uno es una pareja (x, y)."""
    expected = "El cargador debe dar parejas (x, y), como los de make_loader"
    if not hasattr(loader, "__iter__"):
        raise ValueError(f"{expected}; llegó {type(loader).__name__}, que no se puede recorrer.")
    for batch in loader:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise ValueError(f"{expected}; un lote llegó como {type(batch).__name__}.")
        yield batch


def _finite_gradients(parameters):
    # Con el menor y el mayor basta, y no hace falta otro tensor del tamaño del gradiente. En una función
    # aparte: una lista que siguiera viva retendría los gradientes en el paso siguiente.
    gradients = (p.grad for p in parameters if p.grad is not None)
    return all(bound.isfinite() for gradient in gradients for bound in gradient.aminmax())


def _to_device(model, x, y):
    first = next(model.parameters())
    return (v.to(first.device) if isinstance(v, torch.Tensor) else v for v in (x, y))


@contextlib.contextmanager
def _mode(model, *, training):
    """Pone el modelo en un modo y al salir, también con un error, devuelve a cada pieza el suyo."""
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode
