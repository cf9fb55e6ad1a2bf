"""Dropout portátil: la misma semilla apaga los mismos números en cualquier máquina.

PyTorch no promete de qué flujo salen las máscaras de `nn.Dropout`: hubo versiones que usaban uno en
procesadores Intel y otro en los demás, y las GPU usan un tercero. Aquí el flujo está escrito:

1. Se toma la siguiente palabra de 32 bits, w, del generador de CPU de torch (un Mersenne Twister).
2. x₀ = w mod M, con M = 2³¹ − 1 (si da 0, x₀ = 1); después xᵢ₊₁ = 1132489760 · xᵢ mod M.
3. El elemento i, en orden de filas, se conserva cuando xᵢ / M < 1 − p y se divide entre 1 − p.

Cada llamada consume una sola palabra, y ninguna en modo de evaluación o con p = 0. Es un flujo
congruencial de 31 bits que se resiembra en cada llamada: sirve para máscaras, no para simulaciones.

Fuentes: Srivastava et al. (2014) para el dropout; L'Ecuyer (1999) para el multiplicador.
"""

import functools
import math

import torch
from torch import nn

from gpt_course.config import check_rate

MODULUS = 2**31 - 1
MULTIPLIER = 1132489760
_BLOCK = 4096  # potencias del multiplicador que se guardan en una tabla
_ROWS = 32  # bloques que se calculan a la vez: 1 MiB de enteros, lo que cabe en la caché


class Dropout(nn.Module):
    """Apaga cada elemento con probabilidad `p` al entrenar y divide el resto entre 1 − p.

    forward: tensor de decimales de cualquier forma → otro de la misma forma, tipo y dispositivo.
    Errores: `ValueError` si `p` no está en [0, 1).
    """

    def __init__(self, p):
        super().__init__()
        self.p = check_rate("p", p)

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        if x.is_meta:  # una maqueta no tiene números: gasta su palabra y no calcula la máscara
            _next_word()
            keep = torch.empty(x.shape, dtype=torch.bool, device="meta")
        else:
            keep = keep_mask(x.numel(), self.p).view(x.shape).to(x.device)
        return x * keep / (1 - self.p)  # la máscara booleana ocupa 1 byte por elemento

    def extra_repr(self):
        return f"p={self.p}"


def keep_mask(count, p):
    """Máscara booleana de `count` elementos (True = se conserva) en la CPU; gasta una palabra.

    Usa el generador común de torch, que no admite dos hilos de Python a la vez.
    """
    first = _next_word() % MODULUS or 1
    threshold = math.ceil((1 - p) * MODULUS)  # xᵢ / M < 1 − p, sin dividir
    # xᵢ = x₀ · aⁱ: el comienzo de cada bloque por una tabla de potencias calcula muchos a la vez.
    starts = _powers(pow(MULTIPLIER, _BLOCK, MODULUS), math.ceil(count / _BLOCK))
    starts = _mod(starts * first)
    keep = torch.empty(len(starts), _BLOCK, dtype=torch.bool, device="cpu")
    for rows, out in zip(starts.split(_ROWS), keep.split(_ROWS), strict=True):
        torch.lt(_mod(rows[:, None] * _table()), threshold, out=out)
    return keep.view(-1)[:count]


def _next_word():
    """Siguiente palabra de 32 bits del Mersenne Twister de torch; el generador avanza solo una."""
    state = torch.get_rng_state()
    # random_ no da los 32 bits de una palabra, pero sí 64: la mitad alta es la palabra siguiente.
    draw = torch.empty((), dtype=torch.int64, device="cpu").random_(-(2**63), None).item()
    torch.set_rng_state(state)
    torch.empty((), dtype=torch.int32, device="cpu").random_()
    return (draw >> 32) & 0xFFFFFFFF


@functools.cache
def _table():
    return _powers(MULTIPLIER, _BLOCK)


def _powers(base, count):
    """Tensor int64 con base⁰, base¹, …, base^(count−1) módulo M, duplicando en cada paso."""
    powers = torch.ones(1, dtype=torch.int64, device="cpu")
    while len(powers) < count:
        powers = torch.cat([powers, _mod(powers * pow(base, len(powers), MODULUS))])
    return powers[:count]


def _mod(z):
    """z mod M en el propio tensor: como 2³¹ ≡ 1, basta sumar dos veces las mitades alta y baja."""
    for _ in range(2):
        high = z >> 31
        z.bitwise_and_(MODULUS).add_(high)
    return z
