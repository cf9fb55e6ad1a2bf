"""Un modelo sin números: sus piezas, sus nombres y sus formas; y cómo se llena con los de un archivo."""

import torch
from torch.overrides import TorchFunctionMode

from gpt_course.model import GPTModel
from gpt_course.weights.source import some


class _Undrawn(TorchFunctionMode):
    """Deja sin hacer lo que sortea o rellena pesos (`torch.nn.init`).

    Sin memoria no serviría de nada, y PyTorch cargaría antes su compilador, que tarda más que todo lo demás.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", None) != "torch.nn.init":
            return function(*args, **(kwargs or {}))


def skeleton(cfg):
    """Un `GPTModel` de esa configuración en el dispositivo `meta`: no ocupa memoria ni sortea nada."""
    with torch.device("meta"), _Undrawn():
        return GPTModel(cfg)


def check_shapes(shapes, expected, whose):
    """Exige que `shapes`, {nombre: forma}, sea `expected`. whose: de quién son, para el error: `ValueError`."""
    missing, extra = ([n for n in a if n not in b] for a, b in ((expected, shapes), (shapes, expected)))
    if missing or extra:
        raise ValueError(
            f"No son los {len(expected)} tensores de {whose}. Faltan: {some(missing) or 'ninguno'}; "
            f"sobran: {some(extra) or 'ninguno'}."
        )
    for name, shape in shapes.items():
        if shape != expected[name]:
            raise ValueError(f"{name} debe tener la forma {expected[name]}; llegó {shape}.")


@torch.no_grad()
def filled(model, tensors):
    """Reserva en float32 la memoria de `model`, de `skeleton`, y copia en ella cada (nombre, tensor).

    Los nombres son los de sus parámetros, y las formas ya se comprobaron: no puede faltar ninguno.
    """
    parameters = dict(model.to_empty(device="cpu").named_parameters())
    for name, tensor in tensors:
        parameters.pop(name).copy_(tensor)
    assert not parameters
    return model.eval()
