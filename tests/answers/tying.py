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


def in_order(model):
    """Los mismos nombres, en el orden en que aparecen."""
    return [
        name for name in dict(model.named_parameters(remove_duplicate=False)) if name in shared_names(model)
    ]


def by_tensor(model):
    """Una lista de nombres por tensor."""
    groups = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def only_of_a_gpt(model):
    tied = model.out_head.weight is model.tok_emb.weight
    return ["out_head.weight", "tok_emb.weight"] if tied else []


def wrong_names(same):
    return lambda model: shared_names(model, same)


def is_meta(model):
    return next(model.parameters()).is_meta


ANSWERS = {
    "vinculacion.1": {
        "right": [196.32],
        "wrong": [
            (205.85, "MB"),
            (201_028, "KiB"),
            (0.19, "GiB"),
            (50257 * 1024, "4 bytes"),
            (4 * 50257 * 1024, "son bytes"),
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
            (["sí", "no", "no", "sí"], "se esperaba una lista"),
            ([True, False, False], "cuatro valores"),
            ([1, 4], "cuatro valores"),
        ],
    },
    "vinculacion.3": {
        "right": [by_hand(), by_hand().round(decimals=2)],
        "wrong": [
            (rows([0, 0.2], [-1.6, 0.4 * LN2], [0, 0.2], [0, -0.8]), "se suman los dos"),
            (rows(*HEAD), "por la incrustación a la fila"),
            (by_hand() - rows(*HEAD), "las cuatro filas"),
            (-by_hand(), "signos"),
            (rows(*HEAD) * 2 - by_hand(), "restaste"),
            (rows([0, 0.2], [0, 0.4], [0, 0.2], [-1.6, 0.4 * LN2 - 0.8]), "no la de la respuesta"),
            (rows([0, 0.2], [0, 0.4], [0, 0.2], [0, 0.2]), "y falta la incrustación"),
            (rows([0, 0.2], [0.4, 0.4 + 0.4 * LN2], [0, 0.2], [0, 0.2]), "de la respuesta correcta"),
            (rows([0, 0.2], [0.4, -0.6 - 0.6 * LN2], [0, 0.2], [0, 0.2]), "no a la leída"),
            (by_hand().T, "tumbada"),
            ([0.2, 0.4, 0.2, -0.8], "son los errores"),
            (by_hand() * 2, "5 de 8"),
        ],
    },
    "vinculacion.4": {
        "right": [0.015625, 0.0156],
        "wrong": [
            (1 / 32, "se pide 0,5"),
            (0.016, "cuatro decimales"),
            (32, "eso mide h"),
            (16, "sería la de los logits"),
            (64, "al revés"),
            (1 / 1024, "raíz"),
            (1 / 2048, "raíz"),
            (0.02, "0,64"),
            (0.5, "longitud de h"),
            (0.5 * 768**-0.5, "C = 768"),
            (0.012, "demasiado pequeño"),
        ],
    },
    "vinculacion.5": {
        "right": [(4, 10, 10)],
        "wrong": [
            ((6, 10, 10), "filas distintas"),
            ((5, 10, 10), "¿Se lee"),
            ((10, 10, 10), "que se leyeron"),
            ((4, 4, 4), "softmax"),
            ((4, 10, 14), "no las filas"),
            ((4, 10, 4), "sin nada"),
            ((4, 10), "se esperan tres números"),
            ((3, 10, 10), "¿A qué filas"),
        ],
    },
    "vinculacion.6": {
        "right": [shared_names, lambda model: tuple(shared_names(model))],
        "wrong": [
            (lambda model: [], "nombres repetidos"),
            (lambda model: shared_names(model)[::-1], "se esperaba"),
            (in_order, "en orden alfabético"),
            (lambda model: set(shared_names(model)), "un conjunto no tiene orden"),
            (by_tensor, "no una por tensor"),
            (lambda model: len(shared_names(model)) > 0, "no si los hay"),
            (lambda model: sorted(names[0] for names in by_tensor(model)), "faltan nombres"),
            (
                lambda model: sorted(name for names in by_tensor(model) for name in names[1:]),
                "faltan nombres",
            ),
            (
                lambda model: sorted(name for names in by_tensor(model) for name in names[:2]),
                "faltan nombres",
            ),
            (lambda model: sorted(dict(model.named_parameters())), "que no comparten"),
            (lambda model: sorted(dict(model.named_parameters(remove_duplicate=False))), "que no comparten"),
            (
                lambda model: sorted(a for names in by_tensor(model) for a in names for b in names if a != b),
                "una sola vez",
            ),
            (wrong_names(lambda a, b: a.equal(b)), "iguales valores"),
            (wrong_names(lambda a, b: a.data_ptr() == b.data_ptr()), "en una maqueta"),
            (wrong_names(lambda a, b: a.shape == b.shape), "la misma forma"),
            (lambda model: [1, 2], "llegó `[1, 2]`"),
            (lambda model: shared_names(model) if is_meta(model) else [], "nombres repetidos"),
            (lambda model: [] if is_meta(model) else shared_names(model), "se esperaba"),
            (lambda model: shared_names(model)[:2], "se esperaba"),
            (only_of_a_gpt, "no tiene `out_head`"),
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
    x, y = torch.tensor([[1, 2, 3, 4, 1, 2], [2, 3, 4, 1, 2, 5]])
    torch.nn.functional.cross_entropy(head(emb(x)), y).backward()
    torch.nn.functional.cross_entropy(tied(x) @ tied.weight.T, y).backward()
    moved = [int(p.grad.abs().sum(dim=1).gt(0).sum()) for p in (emb.weight, head.weight, tied.weight)]
    assert moved == [*ANSWERS["vinculacion.5"]["right"][0]]
