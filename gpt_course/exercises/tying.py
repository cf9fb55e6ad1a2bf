"""Ejercicios de la lección 08: bytes, identidad, gradiente por los dos extremos y un detector."""

import math
import numbers

import torch
from torch import nn

from gpt_course.exercises.core import Wrong, exercise, expect_number, expect_tensor, run


@exercise("vinculacion.1")
def saved_mib(answer):
    matrix = 50257 * 1024
    expect_number(
        answer,
        4 * matrix / 2**20,
        [
            (4 * matrix / 10**6, "eso son MB. Un MiB son 2²⁰ bytes."),
            (matrix, "eso son números; cada uno ocupa 4 bytes, y se piden MiB."),
            (4 * matrix, "eso son bytes: falta pasarlos a MiB."),
            (matrix / 2**20, "falta multiplicar por los 4 bytes de cada número."),
            (2 * matrix / 2**20, "contaste 2 bytes por número, como en bfloat16; en float32 son 4."),
            (8 * matrix / 2**20, "contaste las dos matrices; al vincular se ahorra una."),
            (16 * matrix / 2**20, "contaste lo que cuesta al entrenar; se piden solo los pesos."),
            (2 * matrix, "eso son bytes, y con 2 por número; se piden MiB, con 4."),
            (4 * 50257 * 768 / 2**20, "esa es la del GPT-2 pequeño: en `gpt2-medium`, C = 1024."),
        ],
        decimals=2,
        tolerance=5e-5,
    )
    return "casi 200 MiB, y son solo los pesos."


@exercise("vinculacion.2")
def what_ties(answer):
    if not isinstance(answer, (list, tuple)) or len(answer) != 4:
        raise Wrong("se esperaba una lista de cuatro valores, True o False, uno por línea.")
    if not all(isinstance(value, bool) for value in answer):
        raise Wrong("cada valor debe ser True o False: ni texto entre comillas ni 1 y 0.")
    hints = [
        "en (a), el atributo weight de la cabeza pasa a ser el objeto de la incrustación. ¿Cuántos quedan?",
        "en (b) se copian valores de un tensor a otro. ¿Deja de haber dos?",
        "en (c), clone() hace un tensor nuevo con los mismos valores. ¿Cuántos hay?",
        "en (d), ¿importa cuál de los dos nombres se queda con el objeto del otro?",
    ]
    for value, right, hint in zip(answer, (True, False, False, True), hints, strict=True):
        if value != right:
            raise Wrong(hint)
    return "se vincula dando el objeto, en un sentido o en el otro; los valores no vinculan."


@exercise("vinculacion.3")
def two_gradients(answer):
    ln2 = math.log(2)
    head = torch.tensor([[0, 0.2], [0, 0.4], [0, 0.2], [0, -0.8]])
    entering = torch.zeros(4, 2)
    entering[1] = torch.tensor([-1.6, 0.4 * ln2])
    wrong_row = head.clone()
    wrong_row[3] += entering[1]
    only_entering = head.clone()
    only_entering[1] = entering[1]
    hints = [
        (head, "eso llega por la cabeza. Falta lo que llega por la incrustación a la fila leída."),
        (entering, "eso llega por la incrustación. Falta lo que la cabeza manda a las cuatro filas."),
        (
            -(head + entering),
            "los signos están al revés: el error es la probabilidad menos 1, no 1 menos ella.",
        ),
        (head - entering, "los dos gradientes se suman; restaste uno."),
        (only_entering, "en la fila leída falta lo que le llega por la cabeza: se suman los dos."),
        (wrong_row, "por la incrustación recibe la fila que se leyó, no la de la respuesta."),
        (
            head + torch.tensor([[0.0, 0], [0, 0], [0, 0], [0, 1]]),
            "falta restar 1 a la probabilidad de la respuesta correcta, y falta la incrustación.",
        ),
    ]
    expect_tensor(answer, head + entering, hints, tolerance=1e-3)
    return "la fila leída recibe por los dos extremos; las demás, solo por la cabeza."


@exercise("vinculacion.4")
def initial_deviation(answer):
    expect_number(
        answer,
        1 / 32,
        [
            (32, "eso mide h. Los números de la matriz deben compensarlo, no repetirlo."),
            (1 / 1024, "las varianzas se suman 1024 veces, pero se pide la desviación, que es su raíz."),
            (0.02, "eso usa GPT-2; aquí se pide justo la que da 1. Con 0,02 los logits tendrían 0,64."),
            (1.0, "con 1, cada logit tendría la desviación de la longitud de h."),
            (1 / math.sqrt(768), "eso vale para C = 768, y aquí C = 1024."),
        ],
        decimals=4,
        tolerance=1e-4,
    )
    return "uno entre la longitud de h: 1/32, no muy lejos del 0,02 de GPT-2."


@exercise("vinculacion.5")
def rows_that_move(answer):
    whole = isinstance(answer, (list, tuple)) and len(answer) == 3
    if not whole or not all(isinstance(v, numbers.Integral) and not isinstance(v, bool) for v in answer):
        raise Wrong("se esperaba una tupla de tres enteros: (entrada, cabeza, vinculada).")
    entering, leaving, shared = answer
    if entering == 6:
        raise Wrong("en la entrada cuentan las filas distintas: dos lugares con el mismo token son una fila.")
    if entering != 4:
        raise Wrong("a la matriz de entrada solo le llega gradiente en las filas que se leyeron.")
    if leaving != 10:
        raise Wrong("softmax reparte probabilidad entre todos los tokens. ¿Qué filas tienen error cero?")
    if shared == 14:
        raise Wrong("se suman los gradientes, no las filas: la matriz tiene 10.")
    if shared != 10:
        raise Wrong("en la vinculada, cada fila recibe lo de los dos extremos. ¿Queda alguna sin nada?")
    return "cuatro, diez y diez: con una sola matriz, también se mueven las filas que nadie leyó."


class _Model(nn.Module):
    """Modelo de mentira: dos matrices del mismo tamaño, quizá una sola, y una pieza más."""

    def __init__(self, tied, device="cpu"):
        super().__init__()
        self.tok_emb = nn.Embedding(6, 3, device=device)
        self.norm = nn.LayerNorm(3, device=device)
        self.out_head = nn.Linear(3, 6, bias=False, device=device)
        if tied:
            self.out_head.weight = self.tok_emb.weight


@exercise("vinculacion.6")
def shared_names(answer):
    equal, three = _Model(tied=False), nn.ModuleDict({"a": _Model(tied=True), "b": _Model(tied=False)})
    three["b"].out_head.weight = three["a"].tok_emb.weight
    with torch.no_grad():
        equal.out_head.weight.copy_(equal.tok_emb.weight)
    cases = [
        (_Model(tied=True), "en un modelo vinculado"),
        (_Model(tied=False), "en un modelo de dos matrices distintas"),
        (equal, "con dos matrices de iguales valores (tener lo mismo no es ser lo mismo)"),
        (_Model(tied=False, device="meta"), "en una maqueta de dos matrices"),
        (_Model(tied=True, device="meta"), "en una maqueta vinculada"),
        (three, "con tres nombres de un mismo tensor"),
    ]
    for model, where in cases:
        names = dict(model.named_parameters(remove_duplicate=False))
        shared = sorted(a for a in names if any(a != b and names[a] is names[b] for b in names))
        result = run(answer, model)
        if not isinstance(result, (list, tuple, set)) or not all(isinstance(name, str) for name in result):
            raise Wrong(f"debe devolver una lista de nombres y devolvió {type(result).__name__}.")
        if shared and not result:
            raise Wrong(f"{where} no encontró ninguno. ¿Recorres también los nombres repetidos?")
        if set(result) < set(shared):
            raise Wrong(f"{where} faltan nombres: cuentan todos los del grupo, también el primero.")
        if set(result) != set(shared):
            raise Wrong(f"{where} sobran nombres: no todos los que dio comparten tensor.")
        if list(result) != shared and not isinstance(result, set):
            raise Wrong("los nombres son esos, pero se piden en orden alfabético y sin repetir.")
    return "la identidad del objeto es lo único que no engaña."
