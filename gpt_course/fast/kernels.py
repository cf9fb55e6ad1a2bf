"""Las maneras de multiplicar por los pesos: la de PyTorch, la de oneDNN y las que redondean a bf16."""

import contextlib
import threading

import torch
import torch.nn.functional as F


def plain(x, weight, bias=None, *, gelu=False):
    """(…, I), (O, I), (O,) → (…, O), como `nn.Linear`; con `gelu`, aplica después GELU, la de tanh."""
    out = F.linear(x, weight, bias)
    return F.gelu(out, approximate="tanh") if gelu else out


def onednn(x, weight, bias=None, *, gelu=False):
    """Lo mismo, por oneDNN: aplica GELU según salen los números del producto."""
    activation = ("gelu", [], "tanh") if gelu else ("none", [], "")
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, *activation)


def rounded(x, weight, bias=None, *, gelu=False):
    """Lo mismo, con los factores redondeados a bf16 y las sumas y el resultado en float32.

    Sin AMX, oneDNN no redondea nada, aunque el procesador multiplique en bf16.
    """
    with _ROUNDING:
        return onednn(x, weight, bias, gelu=gelu)


def halved(x, weight, bias=None, *, gelu=False):
    """Lo mismo, todo en bf16, también el resultado: quien lo pide seguirá en bf16."""
    x, weight, bias = (each if each is None else each.bfloat16() for each in (x, weight, bias))
    return onednn(x, weight, bias, gelu=gelu)


def in_halves():
    """Mientras dura, en este hilo, las operaciones de PyTorch que pueden calculan en bf16."""
    return torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False)  # cada peso se usa una vez


class _Rounding(contextlib.AbstractContextManager):
    """Mientras dura, oneDNN puede redondear a bf16 los factores de un producto en float32.

    PyTorch solo tiene un interruptor por proceso. Se enciende para cada producto y se devuelve a como estaba
    cuando acaba el último: si hay varios hilos, quien llega entre medias no debe guardar lo que puso otro.
    Mientras está encendido lo ven todos: lo que otro hilo multiplique a la vez también se redondea.
    """

    def __init__(self):
        self.lock, self.inside, self.before = threading.Lock(), 0, None

    def __enter__(self):
        general, switch = torch.backends.mkldnn.fp32_precision, torch.backends.mkldnn.matmul
        with self.lock:
            if self.before is None:  # si no, algo cortó aquí o al salir: ya se sabe cómo estaba
                own = switch.fp32_precision
                self.before = "none" if own == general else own  # `"none"`: el ajuste general, si cambia
            switch.fp32_precision = "bf16"
            self.inside += 1

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                torch.backends.mkldnn.matmul.fp32_precision = self.before
                self.before = None


_ROUNDING = _Rounding()
