"""El bucle: recorrer los lotes, dar pasos y medir."""

import contextlib
import itertools
import math

import torch
from tqdm import tqdm

from gpt_course.config import check_count
from gpt_course.loss import next_token_loss
from gpt_course.training.batches import EMPTY, endless, one_round, places


@torch.enable_grad()
def train(model, loader, optimizer, *, steps, accumulation=1, loss=None, progress=False):
    """Da `steps` pasos del optimizador y devuelve la pérdida media de cada uno: lista de `steps` decimales.

    loader: lotes (x, y), como los de `make_loader`, o `(x, y, mask)` con relleno (ver `next_token_loss`); se
    recorre en su orden cuantas veces haga falta.
    accumulation: lotes por paso; sus gradientes se promedian (todos pesan igual, también uno más corto).
    loss: función (model, x, y) → pérdida, y detrás `mask` si los lotes la traen; de serie, `next_token_loss`.
    progress: muestra una barra, en la salida de errores. Al acabar, cada pieza recupera su modo de antes.
    Errores: `ValueError` si una cuenta no sirve, el cargador está vacío, el optimizador es de otro modelo o
    de uno congelado, un gradiente es disperso, o la pérdida o un gradiente dejan de ser finitos: entonces
    los pesos se quedan como tras el paso anterior.
    """
    steps, accumulation = check_count("steps", steps), check_count("accumulation", accumulation)
    trained = _trained(model, optimizer)
    batches, losses = endless(loader, model), []
    with _mode(model, training=True):
        for step in tqdm(range(1, steps + 1), disable=not progress, unit="paso"):
            optimizer.zero_grad(set_to_none=True)
            total = 0.0
            for batch in itertools.islice(batches, accumulation):
                total += _backward((loss or next_token_loss)(model, *batch) / accumulation)
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

    loader: lotes (x, y) o `(x, y, mask)`, como en `train`; el relleno no cuenta.
    Errores: `ValueError` si el cargador está vacío o un lote no sirve.
    """
    total = count = 0
    with _mode(model, training=False):
        for batch in one_round(loader, model):
            value = next_token_loss(model, *batch).item()
            total += value * places(*batch)
            count += places(*batch)
    if count == 0:
        raise ValueError(EMPTY)
    return total / count


def _trained(model, optimizer):
    """Los parámetros que mueve el optimizador: de este modelo, y alguno sin congelar."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not {id(p) for p in parameters} <= {id(p) for p in model.parameters()}:
        raise ValueError("El optimizador es de otro modelo. Créalo con make_optimizer(model).")
    if not any(parameter.requires_grad for parameter in parameters):
        raise ValueError(
            "Todos los parámetros del optimizador están congelados: no hay qué entrenar. Usa "
            "model.requires_grad_(True) antes de crearlo."
        )
    return parameters


def _backward(part):
    if not part.requires_grad:
        raise ValueError(
            "La pérdida no depende de ningún parámetro que se entrene: no tiene gradiente. Si es tuya, "
            "calcúlala con tensores, sin .item(), .detach() ni torch.no_grad()."
        )
    part.backward()
    return part.item()


def _finite_gradients(parameters):
    # Con el menor y el mayor basta, y no hace falta otro tensor del tamaño del gradiente. En una función
    # aparte: una lista que siguiera viva retendría los gradientes en el paso siguiente.
    gradients = (p.grad for p in parameters if p.grad is not None)
    return all(math.isfinite(bound) for gradient in gradients for bound in _dense(gradient).aminmax())


def _dense(gradient):
    if gradient.layout != torch.strided:
        raise ValueError(
            "Un gradiente es disperso, y aquí se entrena con gradientes densos. Crea la incrustación con "
            "sparse=False."
        )
    return gradient


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
