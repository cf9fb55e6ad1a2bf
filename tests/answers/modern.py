"""Lección 14: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

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

ANSWERS = {}

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
