"""Lección 04: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial

import torch

from gpt_course.plotting.layers import plot_gelu_and_relu, plot_gradients, plot_losses, plot_normalised

X = torch.tensor([3.0, 9.0, 11.0, 17.0])


def rms_norm(x):
    return x / torch.sqrt(x.square().mean(dim=-1, keepdim=True) + 1e-5)


def layer_norm(x):
    return torch.nn.functional.layer_norm(x, x.shape[-1:])


ANSWERS = {
    "capas.1": {
        "right": [torch.tensor([-1.4, -0.2, 0.2, 1.4]), [-1.4, -0.2, 0.2, 1.4]],
        "wrong": [
            (X - 10, "falta dividir"),
            ((X - 10) / 25, "entre la varianza"),
            ((X - 10) / X.std(), "C − 1"),
            (X / 5, "sin restar"),
            (torch.tensor([1.4, 0.2, -0.2, -1.4]), "4 de 4"),
            (torch.tensor([[-1.4, -0.2, 0.2, 1.4]]), "forma"),
        ],
    },
    "capas.2": {
        "right": [6, torch.tensor(6)],
        "wrong": [
            (1, "una sola media"),
            (2, "por frase"),
            (3, "por lugar"),
            (4, "BatchNorm"),
            (24, "todos los números"),
            (12, "demasiado grande"),
        ],
    },
    "capas.3": {
        "right": ["c", " C "],
        "wrong": [
            ("a", "positivo"),
            ("b", "la media"),
            ("d", "combinar"),
            ("e", "una de estas opciones: a, b, c, d"),
        ],
    },
    "capas.4": {
        "right": [20_488_000],
        "wrong": [
            (20_480_000, "sesgos"),
            (10_246_400, "primera capa"),
            (10_241_600, "segunda capa"),
            (20_483_200, "4C salidas"),
            (20_492_800, "no 4C"),
            (4_722_432, "la de GPT-2 pequeño"),
            (983_424_000, "48 bloques"),
            (20_488_001, "demasiado grande"),
        ],
    },
    "capas.5": {
        "right": [rms_norm, lambda x: torch.nn.functional.rms_norm(x, x.shape[-1:], eps=1e-5)],
        "wrong": [
            (layer_norm, "no se resta la media"),
            (lambda x: x / torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5), "la varianza"),
            (lambda x: x / (x.square().mean(-1, keepdim=True) + 1e-5), "raíz"),
            (lambda x: x / torch.sqrt(x.square().sum(-1, keepdim=True) + 1e-5), "promédialos"),
            (lambda x: x / torch.sqrt(x.square().mean() + 1e-5), "todo el tensor"),
            (lambda x: x / torch.sqrt(x.square().mean(0, keepdim=True) + 1e-5), "del lote"),
            (lambda x: x / torch.sqrt(x.square().mean(-1, keepdim=True)), "vector de ceros"),
            (lambda x: x / torch.sqrt(x.square().mean(-1) + 1e-5), "dio un error"),
            (lambda x: x, "no lo son"),
        ],
    },
    "capas.6": {
        "right": [(1.1 * 0.9) ** 24, 0.7857],
        "wrong": [
            (1, "no es 1"),
            (0.1**48, "sin conexión residual"),
            (1.1**48, "pendiente negativa"),
            (0.9**48, "pendiente positiva"),
            (0.99**48, "24 parejas"),
            (0.5, "demasiado pequeño"),
            (48, "no se suman"),
        ],
    },
    "capas.7": {
        "right": [1128],
        "wrong": [
            (2256, "dos veces"),
            (2304, "distintas"),
            (48, "una sola capa"),
            (96, "elegir dos"),
            (2**48, "todos los caminos"),
            (1176, "consigo misma"),
        ],
    },
}

FIGURES = [
    partial(
        plot_normalised, torch.tensor([[1.0, 3], [4, 2], [2, 2]]), torch.tensor([[-1.0, 1], [1, -1], [0, 0]])
    ),
    partial(
        plot_gelu_and_relu,
        torch.tensor([-1.0, 0, 1]),
        torch.tensor([-0.2, 0, 0.8]),
        torch.tensor([0.0, 0, 1]),
    ),
    partial(plot_gradients, {"sin nada": [1e-38, 1e-20, 1.0], "con todo": [2.0, 1.0, 0.5]}),
    partial(plot_losses, {"una": [3.0, 0.25]}),
]
