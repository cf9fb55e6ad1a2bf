"""Medir lo que PyTorch reserva de verdad, para compararlo con la predicción."""

import torch


def saved_bytes(function, model):
    """Bytes que autograd guarda al llamar a `function()`, sin contar los parámetros de `model`.

    Cada bloque de memoria cuenta una vez y entero, aunque se guarden varias vistas de él. `function`
    devuelve el resultado del que se llamaría a `backward()`. Devuelve (resultado, bytes).
    """
    known = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    storages = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            storages[storage.data_ptr()] = storage  # vivo: si se liberase, otro usaría su dirección
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = function()
    return result, sum(storage.nbytes() for storage in storages.values())


def state_bytes(model, optimizer):
    """Bytes de los tensores de un modelo y de su optimizador, con las claves de `memory.state`.

    Los parámetros maestros son los que tiene el optimizador y no el modelo (dtype «mixed»).
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


def _total(tensors):
    """Bytes de unos tensores; cada bloque de memoria cuenta una vez."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in tensors}
    return sum(storage.nbytes() for storage in storages.values())
