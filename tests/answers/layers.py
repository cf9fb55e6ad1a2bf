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
            (torch.tensor([1.4, 0.2, -0.2, -1.4]), "al revés"),
            ([-1.75, -0.25, 0.25, 1.75], "la distancia media"),
            ([0, 3 / 7, 4 / 7, 1], "de 0 a 1"),
            ([-1.4, 0.2, -0.2, 1.4], "2 de 4"),
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
            (8, "por frase y componente"),
            (12, "por lugar y componente"),
            (24, "todos los números"),
            (7, "demasiado grande"),
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
            (5_123_200, "no son de C × C"),
            (81_952_000, "eso son bytes"),
            (20_488_001, "demasiado grande"),
        ],
    },
    "capas.5": {
        "right": [
            rms_norm,
            lambda x: torch.nn.functional.rms_norm(x, x.shape[-1:], eps=1e-5),
            lambda x: x * (x.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt(),
            lambda x: x / (x.norm(dim=-1, keepdim=True) ** 2 / x.shape[-1] + 0.00001) ** 0.5,
            lambda x: (x.double() / (x.double().square().mean(-1)[..., None] + 1e-5).sqrt()).tolist(),
        ],
        "wrong": [
            (layer_norm, "no se resta la media"),
            (lambda x: x / torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5), "la varianza"),
            (lambda x: x / torch.sqrt(x.var(-1, keepdim=True) + 1e-5), "entre C − 1"),
            (lambda x: x / (x.square().mean(-1, keepdim=True) + 1e-5), "falta la raíz"),
            (lambda x: x / torch.sqrt(x.square().sum(-1, keepdim=True) + 1e-5), "promédialos"),
            (lambda x: x / torch.sqrt(x.square().mean() + 1e-5), "todo el tensor"),
            (lambda x: x / torch.sqrt(x.square().mean(0, keepdim=True) + 1e-5), "del lote"),
            (lambda x: x / torch.sqrt(x.mean(-1, keepdim=True) ** 2 + 1e-5), "la media al cuadrado"),
            (lambda x: x / (x.abs().mean(-1, keepdim=True) + 1e-5), "valores absolutos"),
            (lambda x: x * torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-5), "has multiplicado"),
            (lambda x: torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-5), "falta dividir x"),
            (lambda x: torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-5) + 0 * x, "falta dividir x"),
            (lambda x: x / (x.square().mean(-1, keepdim=True).sqrt() + 1e-5), "dentro de la raíz"),
            (lambda x: x / torch.sqrt(x.square().mean(-1, keepdim=True)), "falta eps"),
            (lambda x: x / torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-6), "0,000001"),
            (lambda x: torch.nn.RMSNorm(x.shape[-1])(x), "PyTorch pone otro eps"),
            (lambda x: x / (x.norm(dim=-1, keepdim=True) + 1e-5), "promédialos"),
            (lambda x: x / torch.sqrt(x.square().mean(-1) + 1e-5), "¿Falta keepdim=True?"),
            (lambda x: x / 2.5, "24 de 24 números"),  # el primer caso y nada más
            (lambda x: x, "se esperaba [1.2, 1.6, 0.0, 0.0] y llegó [3.0, 4.0, 0.0, 0.0]"),
            (lambda x: x.div_((x**2).mean(-1, keepdim=True).add(1e-5).sqrt()), "cambia x"),
            (lambda x: print(end=""), "falta return"),
        ],
    },
    "capas.6": {
        "right": [(1.1 * 0.9) ** 24, 0.7857, 0.79],
        "wrong": [
            (1, "no es 1"),
            (0.1**48, "sin conexión residual"),
            (1.1**48, "pendiente negativa"),
            (0.9**48, "pendiente positiva"),
            (1.1**24, "faltan las capas de pendiente negativa"),
            (0.9**24, "faltan las capas de pendiente positiva"),
            (0.99**48, "24 parejas"),
            (0.99, "una sola pareja"),
            (0.76, "has restado"),
            (0.8, "da dos decimales"),
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
            (2**48, "todos los recorridos"),
            (1176, "también las parejas de una capa"),
            (1152, "medias parejas"),
            (47, "vecinas"),
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
