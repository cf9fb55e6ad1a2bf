"""Medir lo que PyTorch reserva de verdad, para compararlo con la predicción."""

import torch


def saved_bytes(function, model):
    """Bytes que PyTorch guarda para la vuelta al llamar a `function()`, sin los parámetros de `model`.

    Cada bloque de memoria cuenta una vez y entero, aunque se guarden varias vistas de él. `function`
    devuelve el resultado del que se llamaría a `backward()`. Devuelve (resultado, bytes).
    """
    known = _storages(model.parameters())
    saved = {}

    def keep(tensor):
        # Se guarda el bloque entero: si se liberase, otro ocuparía su lugar y contaría como el mismo.
        saved.update(_storages([tensor]))
        return tensor.detach()  # guardar el propio tensor ataría el grafo a sí mismo y nada se liberaría

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = function()
    return result, sum(storage.nbytes() for place, storage in saved.items() if place not in known)


def state_bytes(model, optimizer):
    """Bytes de los tensores de un modelo y de su optimizador, con las claves de `memory.state`.

    Los parámetros maestros son los que tiene el optimizador y no el modelo (`dtype="mixed"`).
    """
    own = list(model.parameters())
    groups = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    masters = [parameter for parameter in groups if not any(parameter is other for other in own)]
    moments = [value for values in optimizer.state.values() for value in values.values()]
    return {
        "weights": _total(own),
        "master_weights": _total(masters),
        "buffers": _total(model.buffers()),
        "gradients": _total(parameter.grad for parameter in own if parameter.grad is not None),
        "optimizer": _total(value for value in moments if isinstance(value, torch.Tensor)),
    }


def _storages(tensors):
    """Los bloques de memoria de unos tensores, cada uno una vez (también los de una maqueta «meta»)."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    return {storage._cdata: storage for storage in storages}


def _total(tensors):
    return sum(storage.nbytes() for storage in _storages(tensors).values())
