"""Ejercicios de la lección 03: una máscara de ventana. Los demás, en `varied`."""

import torch

from gpt_course.exercises.core import function


def _sizes(random):
    """Tamaños de frase y ventanas: menores, iguales y mayores que la frase."""
    yield from ((5, 2), (4, 1), (6, 4), (3, 8), (1, 1), (7, 7))
    for _ in range(4):
        yield tuple(torch.randint(1, 12, (2,), generator=random).tolist())


def _ones(size):
    return torch.ones(size, size, dtype=torch.bool)


@function(
    "atencion.7",
    "con una ventana fija, las parejas a la vista crecen con T y no con T².",
    cases=_sizes,
    hints=[
        (lambda T, w: ~window_mask(T, w), "está del revés: `True` señala lo que se tapa."),
        (
            lambda T, w: _ones(T).triu(1),
            "tapaste el futuro, pero no lo que queda demasiado atrás.",
        ),
        (lambda T, w: _ones(T).tril(-w), "tapaste lo lejano, pero el futuro se ve."),
        (lambda T, w: window_mask(T, w + 1), "dejas ver uno de más: el propio también cuenta."),
        (lambda T, w: window_mask(T, w - 1), "dejas ver uno de menos: el propio se ve."),
        (
            lambda T, w: _ones(T).triu(w) | _ones(T).tril(-w),
            "la ventana mira a los dos lados; la causal mira solo hacia atrás.",
        ),
        (
            lambda T, w: torch.zeros(T, T).masked_fill(window_mask(T, w), -torch.inf),
            "esa máscara se suma a las puntuaciones; aquí se pide la de `True` y `False`.",
        ),
        (lambda T, w: _ones(T).triu() | _ones(T).tril(-w), "tapas también la diagonal."),
        (
            lambda T, w: _ones(T).triu(1) & _ones(T).tril(-w),
            "con `&` hay que cumplir las dos cosas a la vez: se tapa lo que cumple una *o* la otra.",
        ),
    ],
)
def window_mask(n_tokens, window):
    return _ones(n_tokens).triu(1) | _ones(n_tokens).tril(-window)
