"""Por dónde se multiplica: depende del procesador y de cuántas filas haya, y nunca de lo que tarde hoy."""

import functools
import platform
from pathlib import Path
from typing import NamedTuple

import torch

from gpt_course.checks import is_tracing
from gpt_course.fast import kernels

FEW = 16  # hasta tantas filas, lo que manda es leer los pesos; con más, multiplicar
MANY = 256  # desde cuántas filas compensa pasar los pesos a bf16 para calcularlo todo así
PRECISIONS = ("high", "medium")


class Processor(NamedTuple):
    """Lo que hay que saber del procesador."""

    vendor: str
    amx: bool
    bf16: bool


def choose(x, weight, precision="high", *, gelu=False):
    """La manera de multiplicar `x` por `weight`, una función de `kernels`."""
    if is_tracing():
        return kernels.plain
    best = _best(_rows(x), precision, gelu)  # al generar se decide aquí, que es lo que menos tarda
    if best is kernels.plain or weight.dtype != torch.float32 or not ours(x):
        return kernels.plain
    return best


def _best(rows, precision, gelu):
    cpu = processor()
    if precision == "medium" and cpu.amx and rows > 1:  # sin AMX, oneDNN no redondea los factores
        return kernels.rounded
    return kernels.onednn if onednn_wins(rows, gelu) else kernels.plain


def halves(x, precision):
    """Si a partir de `x` conviene calcular en bf16 de principio a fin, y no solo redondear los factores.

    Medido con AMX y con un AMD que multiplica en bf16 con AVX-512: un bloque tarda así unos dos tercios. Con
    pocas filas cuesta más pasar los pesos, y con gradientes no se hace: perderían cifras al volver.
    """
    if precision != "medium" or torch.is_grad_enabled() or is_tracing() or not processor().bf16:
        return False
    return _rows(x) >= MANY and ours(x) and halves_work()


def onednn_wins(rows, gelu=False):
    """Si oneDNN tarda menos que PyTorch, que multiplica con MKL.

    Medido con GPT-2 pequeño en equipos de dos núcleos. En AMD, donde MKL no usa lo mejor del procesador,
    gana siempre, mucho o poco según el modelo. En Intel va a la par, y gana solo con unas pocas filas o si
    además hay que aplicar GELU: lo hace mientras los números siguen en la memoria rápida. En otros no se ha
    medido, y no se toca nada.
    """
    if processor().vendor == "AuthenticAMD":
        return True
    return processor().vendor == "GenuineIntel" and rows > 1 and (gelu or rows <= FEW)


def someone_rewrites():
    """Si alguien transforma o reescribe las operaciones y necesita ver las de PyTorch."""
    return (
        is_tracing()
        or torch._C._are_functorch_transforms_active()  # torch.func
        or torch.autograd.forward_ad._current_level >= 0
    )


@functools.cache
def processor():
    """Quién hizo el procesador y si multiplica en bf16, con instrucciones sueltas o por bloques (AMX)."""
    amx, avx = (
        getattr(torch.cpu, name, lambda: False)()  # no están en todas las versiones de PyTorch
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    return Processor(_vendor(), amx, amx or avx)


@functools.cache
def onednn_works():
    """Si esta versión de PyTorch trae oneDNN y su producto funciona aquí."""
    return torch.backends.mkldnn.is_available() and _works(kernels.onednn)


@functools.cache
def halves_work():
    """Si se puede calcular en bf16: hay quien manda a PyTorch o a oneDNN que no usen todo el procesador."""
    limited = "AVX512" not in torch.backends.cpu.get_cpu_capability()  # su atención en bf16 fallaría
    return not limited and _works(kernels.halved)


def _works(multiply):
    try:
        with torch.no_grad():
            multiply(torch.ones(2, 4), torch.ones(3, 4))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return True


def ours(x):
    """Si los números están donde sabemos elegir: en la CPU, en float32 y sin nadie entre medias."""
    on_cpu = x.device.type == "cpu" and x.dtype == torch.float32 and x.dim() > 1
    if not on_cpu or not x.numel() or torch.is_autocast_enabled("cpu") or someone_rewrites():
        return False
    if torch._C._len_torch_dispatch_stack():  # quien cuenta operaciones solo conoce las de PyTorch
        return False
    return torch.backends.mkldnn.enabled and onednn_works()


def _rows(x):
    return x.numel() // max(1, x.shape[-1])


def _vendor():
    path = Path("/proc/cpuinfo")  # solo en Linux; en Windows lo dice `platform`
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else platform.processor()
    return next((vendor for vendor in ("AuthenticAMD", "GenuineIntel") if vendor in text), "")
