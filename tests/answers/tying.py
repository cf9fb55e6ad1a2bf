"""Lección 08: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import math
from functools import partial

import torch

from gpt_course.plotting.tying import plot_gaps, plot_shares, plot_two_ends

LN2 = math.log(2)
HEAD = [[0, 0.2], [0, 0.4], [0, 0.2], [0, -0.8]]


def rows(*values):
    return torch.tensor(values, dtype=torch.float32)


def by_hand():
    """El ejercicio 3, con autograd."""
    W = torch.tensor([[1, 0], [0, LN2], [-1, 0], [2, 0]], requires_grad=True)
    h = W[1] + torch.tensor([0, 1 - LN2])
    torch.nn.functional.cross_entropy(W @ h, torch.tensor(3)).backward()
    return W.grad


def shared_names(model, same=lambda a, b: a is b):
    names = dict(model.named_parameters(remove_duplicate=False))
    return sorted(a for a in names if any(a != b and same(names[a], names[b]) for b in names))


def wrong_names(same):
    return lambda model: shared_names(model, same)


def is_meta(model):
    return next(model.parameters()).is_meta


ANSWERS = {
    "vinculacion.1": {
        "right": [196.32],
        "wrong": [
            (205.85, "MB"),
            (50257 * 1024, "4 bytes"),
            (4 * 50257 * 1024, "falta pasarlos"),
            (49.08, "falta multiplicar"),
            (98.16, "bfloat16"),
            (392.63, "se ahorra una"),
            (147.24, "GPT-2 pequeño"),
            (196, "dos decimales"),
            (196.3, "dos decimales"),
            (785.27, "al entrenar"),
            (102_926_336, "2 por número"),
            (190, "demasiado pequeño"),
        ],
    },
    "vinculacion.2": {
        "right": [[True, False, False, True]],
        "wrong": [
            ([False, False, False, True], "en (a)"),
            ([True, True, False, True], "en (b)"),
            ([True, False, True, True], "en (c)"),
            ([True, False, False, False], "en (d)"),
            (["sí", "no", "no", "sí"], "entre comillas"),
            ((1, 0, 0, 1), "1 y 0"),
            ([True, False, False], "una lista de cuatro"),
        ],
    },
    "vinculacion.3": {
        "right": [by_hand()],
        "wrong": [
            (rows([0, 0.2], [-1.6, 0.4 * LN2], [0, 0.2], [0, -0.8]), "se suman los dos"),
            (rows(*HEAD), "por la incrustación a la fila"),
            (by_hand() - rows(*HEAD), "las cuatro filas"),
            (-by_hand(), "signos"),
            (rows(*HEAD) * 2 - by_hand(), "restaste"),
            (rows([0, 0.2], [0, 0.4], [0, 0.2], [-1.6, 0.4 * LN2 - 0.8]), "no la de la respuesta"),
            (rows([0, 0.2], [0, 0.4], [0, 0.2], [0, 0.2]), "restar 1"),
        ],
    },
    "vinculacion.4": {
        "right": [0.03125],
        "wrong": [
            (0.031, "cuatro decimales"),
            (32, "eso mide h"),
            (1 / 1024, "raíz"),
            (0.02, "0,64"),
            (1, "longitud de h"),
            (768**-0.5, "C = 768"),
            (0.03, "cuatro decimales"),
        ],
    },
    "vinculacion.5": {
        "right": [(4, 10, 10)],
        "wrong": [
            ((6, 10, 10), "filas distintas"),
            ((10, 10, 10), "que se leyeron"),
            ((4, 4, 4), "softmax"),
            ((4, 10, 14), "no las filas"),
            ((4, 10, 4), "sin nada"),
            ((4, 10), "tres enteros"),
        ],
    },
    "vinculacion.6": {
        "right": [shared_names],
        "wrong": [
            (lambda model: [], "nombres repetidos"),
            (lambda model: [name for name, _ in model.named_parameters()], "sobran nombres"),
            (wrong_names(lambda a, b: a.equal(b)), "iguales valores"),
            (wrong_names(lambda a, b: a.data_ptr() == b.data_ptr()), "una maqueta de dos matrices"),
            (lambda model: shared_names(model)[1:], "faltan nombres"),
            (lambda model: shared_names(model)[:2], "tres nombres de un mismo tensor"),
            (lambda model: shared_names(model)[::-1], "orden alfabético"),
            (lambda model: True, "una lista de nombres"),
            (lambda model: [1, 2], "una lista de nombres"),
            (lambda model: shared_names(model) if is_meta(model) else [], "en un modelo vinculado"),
            (wrong_names(lambda a, b: a.shape == b.shape and a.dim() == 2), "de dos matrices distintas"),
            (lambda model: [] if is_meta(model) else shared_names(model), "en una maqueta vinculada"),
        ],
    },
}

FIGURES = [
    partial(plot_two_ends, ["el", "luz"], [0.5, 0.0], [0.2, 0.1], "Título"),
    partial(plot_gaps, ["0,02", "1/√C"], {"una": [0.5, 0.25], "otra": [0.125, -0.25]}, "Título"),
    partial(plot_shares, {"pequeño": 0.237, "grande": 0.05}, "Título"),
]


def fact_the_answer_of_the_fifth_is_measured():
    torch.manual_seed(0)
    emb, head = torch.nn.Embedding(10, 3), torch.nn.Linear(3, 10, bias=False)
    tied = torch.nn.Embedding(10, 3)
    x = torch.tensor([1, 2, 3, 4, 1, 2])
    torch.nn.functional.cross_entropy(head(emb(x)), x.roll(-1)).backward()
    torch.nn.functional.cross_entropy(tied(x) @ tied.weight.T, x.roll(-1)).backward()
    moved = [int(p.grad.abs().sum(dim=1).gt(0).sum()) for p in (emb.weight, head.weight, tied.weight)]
    assert moved == [*ANSWERS["vinculacion.5"]["right"][0]]
