"""Lección 14: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import math
from functools import partial

import torch

from gpt_course.plotting.modern import (
    draw_head_groups,
    draw_rotation,
    plot_cache_sizes,
    plot_curves,
    plot_gate,
    plot_norms,
    plot_variants,
)
from gpt_course.rmsnorm import RMSNorm
from gpt_course.rope import Rotary, rotate_half_split, rotate_interleaved
from gpt_course.swiglu import SwiGLU


def share_heads(key, n_heads):
    """Escrita de otra manera que en el corrector: buscando la *key* de cada cabeza."""
    return key[:, torch.arange(n_heads) * key.shape[1] // n_heads]


def with_a_new_axis(key, n_heads):
    B, groups, T, D = key.shape
    return key[:, :, None].expand(B, groups, n_heads // groups, T, D).reshape(B, n_heads, T, D)


def repeated(axis):
    return lambda key, n_heads: key.repeat_interleave(n_heads // key.shape[1], axis)


def alternated(key, n_heads):
    return torch.cat([key] * (n_heads // key.shape[1]), dim=1)


def without_joining(key, n_heads):
    return torch.stack([key] * (n_heads // key.shape[1]), dim=2)


def groups(key, _):
    return key.shape[1]


def tokens(x, _):
    return len(x)


def rotate(x, base):
    """Número a número, con los senos y los cosenos de `math`."""
    found = x.clone()
    for t, row in enumerate(x.tolist()):
        for i in range(0, len(row), 2):
            angle = t * base ** (-i / len(row))
            found[t, i] = row[i] * math.cos(angle) - row[i + 1] * math.sin(angle)
            found[t, i + 1] = row[i] * math.sin(angle) + row[i + 1] * math.cos(angle)
    return found


def with_complex_numbers(x, base):
    pairs = torch.view_as_complex(x.reshape(len(x), -1, 2))
    return torch.view_as_real(pairs * torch.exp(1j * angles_of(x, base))).flatten(1)


def angles_of(x, base, step=1.0, first=0):
    """Los ángulos, (T, D/2). step: por cuánto se multiplica el exponente; first: el primer lugar."""
    T, D = x.shape
    speeds = torch.tensor([base ** (-step * 2 * i / D) for i in range(D // 2)])
    return torch.outer(torch.arange(first, first + T), speeds)


def turning(angles):
    """Un giro de parejas vecinas con otros ángulos."""

    def attempt(x, base):
        pairs, turns = torch.view_as_complex(x.reshape(len(x), -1, 2)), angles(x, base)
        return torch.view_as_real(pairs * torch.polar(torch.ones_like(turns), turns)).flatten(1)

    return attempt


def halves(x, base):
    return torch.cat(pairs_of(rotate(torch.stack(x.chunk(2, dim=-1), dim=-1).flatten(1), base)), dim=-1)


def pairs_of(x):
    return x[:, ::2], x[:, 1::2]


def in_place(x, base):
    x[:] = rotate(x, base)
    return x


def only(value, mistake, right, key):
    """Bien en todos los casos menos en aquel en que `key` da `value`."""
    return lambda *given: (mistake if key(*given) == value else right)(*given)


ANSWERS = {
    "modernas.1": {
        "right": [(1, 14), [1.0, 14.0]],
        "wrong": [
            ((-5, 10), "no resta la media"),
            ((-1, 1), "y sin la escala"),
            ((0.2, 1.4), "falta la escala"),
            ((5, 70), "falta dividir"),
            ((5 / math.sqrt(50), 70 / math.sqrt(50)), "la raíz de la suma"),
            ((0.2, 2.8), "falta su raíz"),
            ((1.25, 17.5), "y es la media cuadrática"),
            ((5 / 3, 70 / 3), "desviación típica"),
            ((2, 7), "en orden"),
            (5, "esa es la media cuadrática"),
            ((14, 1), "2 de 2 números"),
            ((1, 14, 0), "se esperaban 2 números"),
            ([[1, 14]], "(2,)"),
        ],
    },
    "modernas.2": {
        "right": [4096],
        "wrong": [
            (6144, "la mitad más"),
            (3072, "gasta menos"),
            (9216, "va al revés"),
            (12288, "repartirlo entre las tres"),
            (2048, "una sola matriz"),
            (1536, "la anchura del modelo"),
            (8 * 1536**2, "los parámetros; se pide"),
            (8 * 1536**2 // 3, "los parámetros de una matriz"),
            (4095, "pequeño"),
        ],
    },
    "modernas.3": {
        "right": [(-3, -3, 6)],
        "wrong": [
            ((6, 6, 6), "sin girar"),
            ((3, 3, 6), "un solo lugar"),
            ((-6, -6, 6), "un lugar de más"),
            ((-6, 3, 6), "dejaste quieta"),
            ((-0.5, -0.5, 6), "ese es el coseno"),
            ((6 * math.cos(120), 6 * math.cos(120), 6), "por radianes"),
            ((-3, -3, 3), "media vuelta"),
            ((-3, -3, 360), "los grados de una vuelta"),
            ((-3, -3, 0), "no se cuenta"),
            ((-3, 6, 6), "¿ha cambiado la distancia"),
            ((-3, -3, 12), "una vuelta entera"),
            ((-3, -3), "se esperaban 3 números"),
            ((1, 2, 6), "2 de 3"),
        ],
    },
    "modernas.4": {
        "right": [(112, 448)],
        "wrong": [
            ((448, 112), "al revés"),
            ((224, 896), "es el doble"),
            ((224, 448), "es el doble"),
            ((56, 224), "el factor 2"),
            ((4, 16), "los bloques"),
            ((14, 56), "una sola cabeza"),
            ((114.688, 469.762), "son KB"),
            ((114688, 448), "son bytes"),
            ((112, 458752), "es ese por los tokens"),
            ((112, 469.76), "es ese por los tokens"),
            ((1, 2), "2 de 2 números"),
        ],
    },
    "modernas.5": {
        "right": [share_heads, with_a_new_axis],
        "wrong": [
            (alternated, "se alternan"),
            (lambda key, n_heads: key, "como llegaron"),
            (lambda key, n_heads: key.repeat_interleave(n_heads, dim=1), "H veces"),
            (repeated(0), "las frases del lote"),
            (repeated(2), "los tokens"),
            (repeated(3), "los números de cada"),
            (without_joining, "falta juntar"),
            (lambda key, n_heads: torch.cat([key[:, :1]] * n_heads, dim=1), "lee nadie"),
            (lambda key, n_heads: share_heads(key, n_heads).flip(1), "y llegó"),
            (lambda key, n_heads: share_heads(key[0], n_heads), "(1, 4, 2, 1)"),
            (lambda key: key, "2 argumentos"),
            (only(3, alternated, share_heads, groups), "(1, 3, 2, 2)"),
            (lambda key, n: key if key.shape[-1] == 1 else share_heads(key, n), "(1, 4, 2, 1)"),
            (only(1, lambda key, _: key, share_heads, groups), "(2, 1, 3, 2)"),
            (only(4, lambda key, _: key.repeat(1, 4, 1, 1), share_heads, groups), "(1, 4, 2, 3)"),
            (lambda key, n: (share_heads if len(key) == 1 or n == 4 else alternated)(key, n), "(2, 2, 3, 4)"),
        ],
    },
    "modernas.6": {
        "right": [rotate, with_complex_numbers],
        "wrong": [
            (halves, "i con i + D/2"),
            (lambda x, base: torch.cat(pairs_of(rotate(x, base)), dim=-1), "una mitad detrás de la otra"),
            (turning(lambda x, base: -angles_of(x, base)), "en el otro sentido"),
            (
                lambda x, base: rotate(x, base) * torch.tensor([1.0, -1.0]).repeat(x.shape[1] // 2),
                "un reflejo",
            ),
            (turning(lambda x, base: angles_of(x, base, first=1)), "el primer lugar es el 0"),
            (turning(lambda x, base: angles_of(x, base, step=0.5)), "el tuyo, −i/D"),
            (turning(lambda x, base: angles_of(x, base, step=2)), "el doble"),
            (turning(lambda x, base: angles_of(x, base, step=-1)), "es negativo"),
            (turning(lambda x, base: angles_of(x, base, step=0)), "todas las parejas giran lo mismo"),
            (turning(lambda x, base: angles_of(x[:1], base, first=1).repeat(len(x), 1)), "todos los lugares"),
            (turning(lambda x, base: torch.deg2rad(angles_of(x, base))), "en radianes"),
            (lambda x, base: rotate(x, base).view(len(x), -1, 2).flip(-1).flatten(1), "van cambiados"),
            (lambda x, base: rotate(x, base).view(len(x), -1, 2), "una fila de D números"),
            (lambda x, base: x, "sin girar"),
            (in_place, "cambia x"),
            (lambda x, base: rotate(x, base)[0], "la forma (2, 2)"),
            (lambda x, base: rotate(x, 10000.0), "(5, 6)"),
            (only(2, lambda x, base: -x, rotate, tokens), "y llegó"),
            (only(3, halves, rotate, tokens), "(3, 4)"),
            (only(1, lambda x, base: -x, rotate, tokens), "y llegó"),
            (only(6, turning(lambda x, base: -angles_of(x, base)), rotate, tokens), "(6, 8)"),
            (only(4, turning(lambda x, base: angles_of(x, base, first=1)), rotate, tokens), "(4, 2)"),
            (only(5, halves, rotate, tokens), "(5, 6)"),
        ],
    },
}

FIGURES = [
    partial(
        plot_norms,
        torch.tensor([[3.0, 4.0], [-2.5, 1.0]]),
        {"uno": torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]), "dos": torch.tensor([[0.8, 1.1], [-1.3, 0.5]])},
    ),
    partial(draw_rotation, [(2, 0), (5, 3), (9, 7)], 30),
    partial(
        plot_curves,
        [1, 2, 3],
        {"a": [1.5, 1, 2], "b": [2, float("nan"), 1]},
        "Título",
        "x",
        "y",
        limit=(2, "z"),
    ),
    partial(
        plot_gate, [-2.0, 0.0, 2.0], [-0.2, 0.0, 1.8], [-1.5, 1.5], {-2.0: [0.3, -0.3], 2.0: [-2.7, 2.7]}
    ),
    partial(draw_head_groups, 8, (8, 2, 1)),
    partial(plot_cache_sizes, {"uno": 300.0, "dos": 68.6}, "Título"),
    partial(plot_variants, {"base": [1.0, 1.25], "otra": [0.5, 0.75]}, "Título", "pérdida"),
]


def fact_a_root_mean_square_is_that_of_the_package():
    norm = RMSNorm(2)
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([5.0, 10.0]))
        assert torch.allclose(norm(torch.tensor([[1.0, 7.0]])), torch.tensor([[1.0, 14.0]]), atol=1e-4)


def fact_the_width_of_swiglu_weighs_what_that_of_gpt2():
    with torch.device("meta"):
        assert sum(p.numel() for p in SwiGLU(1536, 4096).parameters()) == 8 * 1536**2


def fact_a_rotation_is_that_of_the_package():
    """Y el error de emparejar mitades es lo que hace el modelo del curso."""
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    turns = Rotary(6, base=100.0)(torch.arange(5))
    assert torch.allclose(rotate_interleaved(x, *turns)[0], rotate(x, 100.0), atol=1e-5)
    assert torch.allclose(rotate_half_split(x, *turns)[0], halves(x, 100.0), atol=1e-5)


def fact_grouped_heads_read_what_pytorch_reads():
    """El reparto de `enable_gqa`."""
    random = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(2, heads, 3, 4, generator=random) for heads in (6, 2, 2))
    attend = torch.nn.functional.scaled_dot_product_attention
    shared = attend(query, share_heads(key, 6), share_heads(value, 6), is_causal=True)
    assert torch.allclose(attend(query, key, value, is_causal=True, enable_gqa=True), shared, atol=1e-6)
