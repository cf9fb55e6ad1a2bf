"""Los lotes de un cargador: parejas (x, y), o ternas con la máscara si hay relleno."""

import torch

EMPTY = "El cargador está vacío: no dio ningún lote. Un generador se gasta en una vuelta; pasa una lista."


def one_round(loader, model):
    """Los lotes de `loader` en una vuelta, donde están los pesos de `model`."""
    expected = "El cargador debe dar parejas (x, y), como los de make_loader, o ternas `(x, y, mask)`"
    if not hasattr(loader, "__iter__"):
        raise ValueError(f"{expected}; llegó {type(loader).__name__}, que no se puede recorrer.")
    device = next(model.parameters()).device
    for batch in loader:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise ValueError(f"{expected}; un lote llegó como {_describe(batch)}.")
        yield [piece.to(device) if isinstance(piece, torch.Tensor) else piece for piece in batch]


def endless(loader, model):
    """Los lotes de `loader`, vuelta tras vuelta."""
    while True:
        batch = None
        for batch in one_round(loader, model):
            yield batch
        if batch is None:
            raise ValueError(EMPTY)


def places(x, y, mask=None):
    """De cuántos lugares es la media de un lote: todos, o los que `mask` deja."""
    return y.numel() if mask is None else int(mask.sum())


def _describe(batch):
    kind = type(batch).__name__
    return f"{kind} de {len(batch)}" if isinstance(batch, tuple | list) else kind
