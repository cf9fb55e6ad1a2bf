"""Ejercicios de la lección 08: bytes, identidad, gradiente por los dos extremos y un detector."""

import math

import torch
from torch import nn

from gpt_course.exercises.core import ANY, function, number, table

MATRIX = 50257 * 1024  # la de `gpt2-medium`

number(
    "vinculacion.1",
    4 * MATRIX / 2**20,
    "casi 200 MiB, y son solo los pesos.",
    unit="MiB",
    decimals=2,
    hints=[
        (MATRIX, "eso son números; cada uno ocupa 4 bytes, y se piden MiB."),
        (MATRIX / 2**20, "falta multiplicar por los 4 bytes de cada número."),
        (2 * MATRIX, "eso son bytes, y con 2 por número; se piden MiB, con 4."),
        (2 * MATRIX / 2**20, "contaste 2 bytes por número, como en bfloat16; en float32 son 4."),
        (8 * MATRIX / 2**20, "contaste las dos matrices; al vincular se ahorra una."),
        (16 * MATRIX / 2**20, "contaste lo que cuesta al entrenar; se piden solo los pesos."),
        (4 * 50257 * 768 / 2**20, "esa es la del GPT-2 pequeño: en `gpt2-medium`, C = 1024."),
    ],
)

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

ROWS = torch.tensor([[1, 0], [0, math.log(2)], [-1, 0], [2, 0]])  # sol, mar, luz, pez
LEAVING, ENTERING = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0], [1.0], [0.0], [0.0]])


def _gradients(*errors):
    """Lo que llega por la cabeza y lo que llega por la incrustación: (V, C) y (V, C)."""
    errors = torch.tensor(errors)[:, None]
    return errors * LEAVING, ENTERING * (errors * ROWS).sum(dim=0)


HEAD, ENTRY = _gradients(0.2, 0.4, 0.2, -0.8)
HEAD_OF_ALL, ENTRY_OF_ALL = _gradients(0.2, 0.4, 0.2, 0.2)  # sin el −1 de la respuesta
HEAD_OF_READ, ENTRY_OF_READ = _gradients(0.2, -0.6, 0.2, 0.2)  # con el −1 en la fila leída
table(
    "vinculacion.3",
    HEAD + ENTRY,
    "la fila leída recibe por los dos extremos; las demás, solo por la cabeza.",
    hints=[
        (HEAD, "eso llega por la cabeza. Falta lo que llega por la incrustación a la fila leída."),
        (ENTRY, "eso llega por la incrustación. Falta lo que la cabeza manda a las cuatro filas."),
        (-(HEAD + ENTRY), "los signos están al revés: el error es la probabilidad menos 1, no 1 menos ella."),
        (HEAD - ENTRY, "los dos gradientes se suman; restaste uno."),
        (
            torch.where(ENTERING == 1, ENTRY, HEAD),
            "en la fila leída falta lo que le llega por la cabeza: se suman los dos.",
        ),
        (HEAD + ENTRY.roll(2, dims=0), "por la incrustación recibe la fila leída, no la de la respuesta."),
        (HEAD_OF_ALL + ENTRY_OF_ALL, "falta restar 1 a la probabilidad de la respuesta correcta."),
        (HEAD_OF_ALL, "falta restar 1 a la probabilidad de la respuesta, y falta la incrustación."),
        (HEAD_OF_READ + ENTRY_OF_READ, "el 1 se resta a la palabra que era la respuesta, no a la leída."),
        ((HEAD + ENTRY).T, "la tabla está tumbada: una fila por palabra, (4, 2)."),
        ([0.2, 0.4, 0.2, -0.8], "esos son los errores. ¿Qué gradiente le da cada uno a su fila?"),
    ],
)

number(
    "vinculacion.4",
    1 / 64,
    "0,5 entre la longitud de h, que es √C. Con 1/√C, la de los logits sería 1.",
    decimals=4,
    hints=[
        (1 / 32, "con esa, la de los logits sería 1; se pide la mitad."),
        (32, "eso mide h. Los números de la matriz deben compensarlo, no repetirlo."),
        (16, "esa sería la de los logits si la de la matriz fuera 0,5."),
        (64, "esa es la cuenta al revés: cuanto mayor es h, menores deben ser los números."),
        (1 / 1024, "las varianzas se suman 1024 veces, pero se pide la desviación, que es su raíz."),
        (1 / 2048, "las varianzas se suman 1024 veces, pero se pide la desviación, que es su raíz."),
        (0.02, "eso usa GPT-2. Con 0,02 los logits tendrían 0,64."),
        (0.5, "con 0,5, cada logit tendría la mitad de la longitud de h."),
        (0.5 / math.sqrt(768), "eso vale para C = 768, y aquí C = 1024."),
    ],
)

table(
    "vinculacion.5",
    [4, 10, 10],
    "con una sola matriz, también se mueven las filas que nadie leyó.",
    hints=[
        ([6, ANY, ANY], "en la entrada cuentan las filas distintas: un token leído dos veces es una fila."),
        ([5, ANY, ANY], "a la entrada solo le llega gradiente en las filas leídas. ¿Se lee el token 5?"),
        ([10, ANY, ANY], "a la matriz de entrada solo le llega gradiente en las filas que se leyeron."),
        ([4, 10, 14], "se suman los gradientes, no las filas: la matriz tiene 10."),
        ([4, 10, ANY], "en la vinculada, cada fila recibe lo de los dos extremos. ¿Queda alguna sin nada?"),
        ([4, ANY, ANY], "softmax reparte probabilidad entre todos los tokens. ¿Qué filas tienen error cero?"),
    ],
    otherwise="se esperan tres números: la entrada, la cabeza y la vinculada. ¿A qué filas les llega algo?",
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
