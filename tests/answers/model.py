"""Lección 06: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import math
from functools import partial

import torch
from torch.nn import functional as F

from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M
from gpt_course.model import GPTModel
from gpt_course.plotting.charts import plot_parameters, plot_probabilities, plot_shared_matrix
from gpt_course.plotting.diagrams import draw_architecture, draw_generation, draw_map


def count(cfg):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in GPTModel(cfg).parameters())


def chosen(values, ids):
    """De cada lugar, el valor del token siguiente: (B, T − 1)."""
    return values[:, :-1].gather(2, ids[:, 1:, None])[..., 0]


def prediction_loss(logits, ids):
    return -chosen(logits.log_softmax(dim=-1), ids).mean()


TOTAL = 163_009_536
XL = {**GPT2_CONFIGS["gpt2-xl"], "tie_weights": False, "qkv_bias": False}


ANSWERS = {
    "modelo.1": {
        "right": [
            count({**GPT_CONFIG_124M, "context_length": 4096}) - TOTAL,
            2_359_296,
        ],
        "wrong": [
            (4096 * 768, "de más"),
            (1024 * 768, "es la tabla de ahora"),
            (3072, "son las filas nuevas"),
            (TOTAL + 2_359_296, "es el total"),
            (9_437_184, "bytes"),
            (0, "no se extienden solas"),
            (28_311_552, "no en cada bloque"),
            (2_359_297, "demasiado grande"),
        ],
    },
    "modelo.2": {
        "right": [count({**GPT_CONFIG_124M, "emb_dim": 1536}) / TOTAL, 3.04],
        "wrong": [
            (2, "en los bloques hay matrices"),
            (4.0, "las tablas miden"),
            (495_888_384, "cuánto se ha multiplicado"),
            (332_878_848, "es la diferencia"),
            (0.3287, "al revés"),
            (3, "dos decimales"),
            (3.37, "una sola matriz"),
            (3.5, "demasiado grande"),
        ],
    },
    "modelo.3": {
        "right": [count(XL), 1_637_792_000],
        "wrong": [
            (1_557_611_200, "es el publicado"),
            (1_557_380_800, "sigue compartida"),
            (1_638_022_400, "quedan los sesgos"),
            (1_637_792_000 + 50257 * 1600, "dos veces"),
            (TOTAL, "modelo pequeño"),
            (838_220_800, "36 bloques"),
        ],
    },
    "modelo.4": {
        "right": [[False, True, True, True]],
        "wrong": [
            ([False, True, False, False], "quién más lee"),
            ([True] * 4, "viendo el futuro"),
            ([True, True, False, False], "al revés"),
            ([False, False, True, True], "su propio token"),
            ([False, False, False, True], "repasa cada fila"),
            ([False] * 4, "no serviría de nada"),
            ([False, True, True, False], "dejan de leerlo"),
            (torch.tensor([0, 1, 0, 1]), "dejan de leerlo"),
            ([False, True, True], "se esperaban 4 números"),
            ([True, False, False, False], "no lo de antes"),
            ([True, False, True, True], "¿Y la fila 0?"),
            ([1, 2, 3], "no los números de las filas"),
        ],
    },
    "modelo.5": {
        "right": [
            prediction_loss,
            lambda logits, ids: F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:]),
            lambda logits, ids: F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item(),
        ],
        "wrong": [
            (lambda z, ids: F.cross_entropy(z.flatten(0, 1), ids.flatten()), "su propio token"),
            (lambda z, ids: F.cross_entropy(z[:, 1:].flatten(0, 1), ids[:, :-1].flatten()), "al revés"),
            (lambda z, ids: F.cross_entropy(z.flatten(0, 1)[:-1], ids.flatten()[1:]), "de la siguiente"),
            (lambda z, ids: prediction_loss(z.softmax(-1), ids), "ya hace softmax"),
            (lambda z, ids: prediction_loss(z, ids) * ids[:, 1:].numel(), "es la suma"),
            (lambda z, ids: prediction_loss(z, ids) * (ids.shape[1] - 1), "el número de frases"),
            (lambda z, ids: prediction_loss(z, ids) * (1 - 1 / ids.shape[1]), "entre B · T"),
            (lambda z, ids: -chosen(z.log_softmax(-1), ids).flatten(), "falta la media"),
            (lambda z, ids: F.cross_entropy(z[0, :-1], ids[0, 1:]), "la primera frase"),
            (lambda z, ids: F.cross_entropy(z[:, -2], ids[:, -1]), "la última predicción"),
            (lambda z, ids: prediction_loss(z, ids) / math.log(2), "son bits"),
            (lambda z, ids: chosen(z.log_softmax(-1), ids).mean(), "el signo"),
            (lambda z, ids: prediction_loss(z, ids).exp(), "perplejidad"),
            (lambda z, ids: chosen(z.softmax(-1), ids).mean(), "la probabilidad media"),
            (lambda z, ids: -chosen(z.softmax(-1), ids).mean().log(), "va antes que la media"),
            (lambda z, ids: -chosen(z, ids).mean(), "falta softmax"),
            (lambda z, ids: math.log(z.shape[-1]), "se esperaba 0.2877"),
            (lambda z, ids: F.cross_entropy(z[:, :-1], ids[:, 1:]), "dio un error en su línea"),
        ],
    },
}

FIGURES = [
    partial(draw_map, ["modelo"]),
    partial(draw_architecture, GPT_CONFIG_124M),
    partial(draw_generation, [["a", "b"], ["a", "b", "c"]], n_prompt=2),
    partial(plot_parameters, {"entrada": 38_597_376, "salida": 1_500_000}, "Título"),
    partial(plot_probabilities, ["a", "b", "a"], [0.2, 0.5, 0.3], "Título"),
    partial(plot_shared_matrix, ["perro", "casa"], torch.tensor([[1.0, 0.5], [-1.0, 1.0]]), read="perro"),
]


def fact_the_numbers_of_the_mistakes_are_those_of_the_model():
    published = GPT2_CONFIGS["gpt2-xl"]
    assert count(published) == 1_557_611_200
    assert count({**published, "qkv_bias": False}) == 1_557_380_800
    assert count({**published, "tie_weights": False}) == 1_638_022_400
    assert count({**GPT_CONFIG_124M, "emb_dim": 1536}) == 495_888_384
    assert count({**GPT2_CONFIGS["gpt2-large"], "tie_weights": False, "qkv_bias": False}) == 838_220_800


def fact_the_rows_that_change_are_those():
    model = GPTModel({**GPT_CONFIG_124M, "emb_dim": 24, "n_layers": 2}).eval()
    before = torch.tensor([[6109, 3626, 6100, 345]])
    after = before.clone()
    after[0, 1] = 50256
    with torch.no_grad():
        rows = zip(model(before)[0], model(after)[0], strict=True)
        changed = [not torch.equal(old, new) for old, new in rows]
    assert changed == ANSWERS["modelo.4"]["right"][0]
