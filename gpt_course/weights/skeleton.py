"""Un modelo sin números: sus piezas, sus nombres y sus formas."""

import torch
from torch.overrides import TorchFunctionMode

from gpt_course.model import GPTModel


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
