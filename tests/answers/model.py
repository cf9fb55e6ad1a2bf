"""Lección 06: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import math
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M
from gpt_course.model import GPTModel
from gpt_course.plotting.charts import plot_parameters, plot_probabilities, plot_shared_matrix
from gpt_course.plotting.diagrams import draw_architecture, draw_generation, draw_map


def count(cfg):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in GPTModel(cfg).parameters())


TOTAL = 163_009_536
XL = {**GPT2_CONFIGS["gpt2-xl"], "tie_weights": False, "qkv_bias": False}


ANSWERS = {
    "modelo.1": {
        "right": [
            count({**GPT_CONFIG_124M, "context_length": 4096}) - TOTAL,
            2_359_296,
            torch.tensor(2_359_296),
        ],
        "wrong": [
            (4096 * 768, "de más"),
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
        ],
    },
    "modelo.4": {
        "right": [
            [False, True, True, True],
            torch.tensor([False, True, True, True]),
            (False, True, True, True),
        ],
        "wrong": [
            ([False, True, False, False], "quién más lee"),
            ([True] * 4, "viendo el futuro"),
            ([True, True, False, False], "al revés"),
            ([False, False, True, True], "su propio token"),
            ([False, False, False, True], "fila"),
            ([False] * 4, "3 de 4"),
            (torch.tensor([0, 1, 1, 1]), "True o False"),
            ([False, True, True], "se esperaban 4 números"),
            ([True, False, False, False], "no lo de antes"),
            ([True, False, True, True], "y ninguno posterior"),
            ([True, False, False, True], "repasa fila a fila"),
        ],
    },
    "modelo.5": {
        "right": [11.0273],
        "wrong": [
            (math.log(50257), "es ln V"),
            (1, "no tiene pérdida 1"),
            (11.0273 * 6, "es la suma"),
            (11.0273 / math.log(2), "son bits"),
            (-11.0273, "el signo"),
            (11.0292, "su propio token"),
            (11.5253, "al revés"),
            (11.1666, "semilla 123"),
            (11.0181, "sin dropout"),  # en modo de entrenamiento
            (11.03, "cuatro decimales"),
            (torch.zeros(2), "se esperaba un número"),
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


def fact_the_rows_that_change_are_those():
    model = GPTModel({**GPT_CONFIG_124M, "emb_dim": 24, "n_layers": 2}).eval()
    before = torch.tensor([[6109, 3626, 6100, 345]])
    after = before.clone()
    after[0, 1] = 50256
    with torch.no_grad():
        rows = zip(model(before)[0], model(after)[0], strict=True)
        changed = [not torch.equal(old, new) for old, new in rows]
    assert changed == ANSWERS["modelo.4"]["right"][0]


def fact_the_loss_is_that_of_the_notebook():
    batch = torch.tensor([[6109, 3626, 6100, 345], [6109, 1110, 6622, 257]])
    torch.manual_seed(124)
    model = GPTModel(GPT_CONFIG_124M).eval()
    with torch.no_grad():
        logits = model(batch)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())
        itself = F.cross_entropy(logits.flatten(0, 1), batch.flatten())
        backwards = F.cross_entropy(logits[:, 1:].flatten(0, 1), batch[:, :-1].flatten())
    measured = [loss.item(), itself.item(), backwards.item()]
    assert measured == pytest.approx([11.0273, 11.0292, 11.5253], abs=3e-4)
