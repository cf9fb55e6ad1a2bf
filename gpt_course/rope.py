"""RoPE: la posición como un giro de cada query y cada key, que deja en su producto solo la distancia."""

import math

import torch
from torch import nn

from gpt_course.config import check_count, check_number


class Rotary(nn.Module):
    """Cuánto gira cada pareja de números en cada posición: m·θᵢ, con θᵢ = base^(−2i/D). No aprende nada.

    forward: posiciones (T,) o (B, T) → el coseno y el seno de cada giro, (1, T, D/2) o (B, 1, T, D/2), en
    float32. No tiene tabla: sirve para cualquier posición.
    scaling: el `rope_scaling` de la configuración; con él gira menos lo que gira despacio (Llama 3.1).
    Errores: `ValueError` si `head_dim` no es un entero par o `base` no es un número positivo.
    Fuente: Su et al. (2021), *RoFormer*, arXiv 2104.09864, apartado 3.2.2; para `scaling`, el código que
    Meta publicó con Llama 3.1 (`apply_scaling`, en `meta-llama/llama-models`).
    """

    def __init__(self, head_dim, base=10_000.0, scaling=None):
        super().__init__()
        self.head_dim = check_count("head_dim", head_dim, minimum=2)
        if head_dim % 2:
            raise ValueError(f"RoPE gira los números por parejas: head_dim debe ser par, y llegó {head_dim}.")
        self.base = check_number("base", base, "(0, ∞)", "Prueba con 10000.")
        self.scaling = scaling

    def forward(self, places):
        # Se calculan cada vez, y no al crearlo: así no los estropean .half(), .to_empty() ni una maqueta.
        angles = places.float()[..., None, :, None] * self.frequencies(places.device)  # (…, 1, T, D/2)
        return angles.cos(), angles.sin()

    def frequencies(self, device=None):
        """θᵢ, lo que gira cada pareja de una posición a la siguiente, en radianes: (D/2,)."""
        steps = torch.arange(0, self.head_dim, 2, dtype=torch.float32, device=device)  # (D/2,)
        frequencies = 1 / self.base ** (steps / self.head_dim)
        return frequencies if self.scaling is None else _stretched(frequencies, self.scaling)


def rotate_half_split(x, cos, sin):
    """Gira cada pareja (xᵢ, xᵢ₊D/2): (B, H, T, D) y los giros de `Rotary` → (B, H, T, D).

    Es el reparto de Hugging Face, y el de este curso. En 16 bits cuenta en 32 y redondea el resultado.
    """
    first, second = x.chunk(2, dim=-1)  # (B, H, T, D/2) cada una
    turned = torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
    return turned.contiguous().to(x.dtype)  # con D = 2, `cat` cambia el orden y SDPA construiría la T×T


def rotate_interleaved(x, cos, sin):
    """Gira cada pareja (x₂ᵢ, x₂ᵢ₊₁), dos números vecinos: el reparto del artículo y del código de Meta."""
    first, second = x[..., 0::2], x[..., 1::2]  # (B, H, T, D/2) cada una
    return (
        torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1).flatten(-2).to(x.dtype)
    )


def to_half_split(weight, head_dim):
    """Filas de W_query o W_key hechas para `rotate_interleaved`, en el orden de `rotate_half_split`.

    (H·D, …) → (H·D, …). En cada cabeza, primero las filas pares y después las impares: los mismos productos.
    """
    heads = weight.unflatten(0, (-1, head_dim // 2, 2))  # (H, D/2, 2, …)
    return heads.transpose(1, 2).flatten(0, 2)


def to_interleaved(weight, head_dim):
    """Lo contrario de `to_half_split`: (H·D, …) → (H·D, …)."""
    heads = weight.unflatten(0, (-1, 2, head_dim // 2))  # (H, 2, D/2, …)
    return heads.transpose(1, 2).flatten(0, 2)


def _stretched(frequencies, scaling):
    """Las frecuencias para leer más lejos de lo entrenado: las lentas, divididas entre `factor`.

    Las que dan más de `high_freq_factor` vueltas en lo entrenado quedan como estaban; entre medias, mezcla.
    """
    wavelengths = 2 * math.pi / frequencies  # posiciones que tarda cada una en dar una vuelta, (D/2,)
    turns = scaling["original_max_position_embeddings"] / wavelengths  # (D/2,)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    kept = ((turns - low) / (high - low)).clamp(0, 1)  # qué parte no se estira
    return (1 - kept) * frequencies / scaling["factor"] + kept * frequencies
