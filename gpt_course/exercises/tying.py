"""Ejercicios de la lección 08: identidad y un detector. Los demás, en `varied`."""

import torch
from torch import nn

from gpt_course.exercises.core import ANY, function, table

table(
    "vinculacion.2",
    [1, 0, 0, 1],
    "se vincula dando el objeto, en un sentido o en el otro; los valores no vinculan.",
    hints=[
        (
            [0, ANY, ANY, ANY],
            "en (a), el atributo `weight` de la cabeza pasa a ser el de la incrustación. ¿Cuántos quedan?",
        ),
        ([ANY, 1, ANY, ANY], "en (b) se copian valores de un tensor a otro. ¿Deja de haber dos?"),
        ([ANY, ANY, 1, ANY], "en (c), `clone()` hace un tensor nuevo con los mismos valores. ¿Cuántos hay?"),
        ([ANY, ANY, ANY, 0], "en (d), ¿importa cuál de los dos nombres se queda con el objeto del otro?"),
    ],
    otherwise="se esperaban cuatro valores, True o False, uno por línea.",
)


class _Model(nn.Module):
    """Modelo de mentira: dos matrices del mismo tamaño, quizá una sola, y otra más."""

    def __init__(self, tied=False, device="cpu"):
        super().__init__()
        self.tok_emb = nn.Embedding(6, 3, device=device)
        self.ff = nn.Linear(3, 2, device=device)
        self.out_head = nn.Linear(3, 6, bias=False, device=device)
        if tied:
            self.out_head.weight = self.tok_emb.weight


def _models(random):
    """Una matriz, dos, dos iguales, tres nombres de un tensor, dos parejas; y una o dos, sin números."""
    equal = _Model()
    equal.out_head.weight.data.copy_(equal.tok_emb.weight.data)
    three = nn.ModuleDict({"a": _Model(tied=True), "b": _Model()})
    three["b"].out_head.weight = three["a"].tok_emb.weight
    pairs = nn.ModuleDict({"a": _Model(tied=True), "b": _Model(tied=True)})
    models = [_Model(tied=True), _Model(), equal, three, pairs]
    return [(model,) for model in [*models, _Model(device="meta"), _Model(tied=True, device="meta")]]


def _names(model, same=lambda a, b: a is b):
    """Los nombres que comparten tensor, en el orden en que salen."""
    found = list(model.named_parameters(remove_duplicate=False))
    return [name for name, a in found if any(name != other and same(a, b) for other, b in found)]


def _groups(model):
    """Una lista de nombres por cada tensor compartido."""
    found = dict(model.named_parameters(remove_duplicate=False))
    groups = {id(a): [other for other, b in found.items() if a is b] for a in found.values()}
    return [names for names in groups.values() if len(names) > 1]


_REPEATED = "cada nombre va una sola vez."
_MISSING, _EXTRA = "faltan nombres: cuentan todos los de cada tensor.", "hay nombres que no comparten tensor."


@function(
    "vinculacion.6",
    "la identidad del objeto es lo único que no engaña.",
    cases=_models,
    hints=[
        (lambda m: [], "no encontró ninguno. ¿Recorres también los nombres repetidos?"),
        (_names, "los nombres son esos, pero se piden en orden alfabético."),
        (lambda m: set(_names(m)), "un conjunto no tiene orden: se pide una lista, en orden alfabético."),
        (lambda m: _groups(m), "se pide una sola lista de nombres, no una por tensor."),
        (lambda m: bool(_names(m)), "se piden los nombres, no si los hay."),
        (lambda m: sorted(group[0] for group in _groups(m)), _MISSING),
        (lambda m: sorted(name for group in _groups(m) for name in group[1:]), _MISSING),
        (lambda m: sorted(name for group in _groups(m) for name in group[:2]), _MISSING),
        (lambda m: sorted(a for group in _groups(m) for a in group for b in group if a != b), _REPEATED),
        (lambda m: sorted(name for name, _ in m.named_parameters()), _EXTRA),
        (lambda m: sorted(name for name, _ in m.named_parameters(remove_duplicate=False)), _EXTRA),
        (
            lambda m: sorted(_names(m, torch.equal)),
            "tener lo mismo no es ser lo mismo: dos matrices de iguales valores son dos.",
        ),
        (
            lambda m: sorted(_names(m, lambda a, b: a.data_ptr() == b.data_ptr())),
            "en una maqueta `data_ptr()` vale 0 para todos. ¿Qué no engaña nunca?",
        ),
        (
            lambda m: sorted(_names(m, lambda a, b: a.shape == b.shape)),
            "tener la misma forma no es ser el mismo tensor.",
        ),
    ],
)
def shared_names(model):
    return sorted(_names(model))
