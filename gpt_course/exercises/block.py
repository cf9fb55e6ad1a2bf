"""Ejercicios de la lección 05: cuentas, camino intacto, orden y bloque en paralelo."""

import torch
from torch import nn

from gpt_course.exercises.core import Wrong, exercise, expect_choice, expect_number, expect_tensor, run


@exercise("bloque.1")
def block_parameters(answer):
    width = 512
    right = 12 * width**2 + 10 * width
    expect_number(
        answer,
        right,
        [
            (12 * width**2, "están las doce matrices, pero faltan los vectores: sesgos y normalizaciones."),
            (12 * width**2 + 6 * width, "faltan las normalizaciones: cada una guarda dos vectores."),
            (12 * width**2 + 8 * width, "falta una normalización: el bloque tiene dos."),
            (
                12 * width**2 + 13 * width,
                "contaste sesgos en query, key y value, y este bloque no los lleva.",
            ),
            (
                right // 8,
                "dividiste entre las 8 cabezas. Las cabezas se reparten la anchura: no cambian la cuenta.",
            ),
            (
                8 * right,
                "multiplicaste por las 8 cabezas. Las cabezas se reparten la anchura: no cambian la cuenta.",
            ),
            (4 * right, "eso son bytes en float32; se piden parámetros."),
        ],
        tolerance=1e-9,
    )
    return "eso es: doce matrices y diez vectores, con las cabezas que sea."


@exercise("bloque.2")
def silent_sublayers(answer):
    if not isinstance(answer, str):
        raise Wrong(f'se esperaba una letra entre comillas, como "a", y llegó {type(answer).__name__}.')
    expect_choice(
        answer,
        "b",
        {
            "a": "las dos notas son ceros, sí. Pero ¿a qué se suman?",
            "c": "eso saldría de un bloque post-LN. Aquí la normalización está en la rama, no en el camino.",
            "d": "lo que calculen query, key y value pasa después por out_proj. ¿Qué queda de ello?",
        },
    )
    return "sin notas, el camino pasa intacto: el bloque no hace nada, y no estorba."


@exercise("bloque.3")
def post_ln_by_hand(answer):
    right = torch.tensor([[-1.0, 1.0], [1.0, -1.0]])
    hints = [
        (
            torch.tensor([[-1.0, 3.0], [3.0, -1.0]]),
            "falta la última normalización: en post-LN hay una después de cada suma, y son dos.",
        ),
        (
            torch.tensor([[1.0, 7.0], [10.0, 4.0]]),
            "eso es pre-LN: se normalizó lo que leen las subcapas. En post-LN se normaliza el camino, "
            "después de sumar.",
        ),
        (
            torch.tensor([[12.0, 24.0], [33.0, 21.0]]),
            "no normalizaste nunca: en post-LN hay una normalización después de cada suma.",
        ),
    ]
    expect_tensor(answer, right, hints, tolerance=1e-3)
    return "el camino acaba normalizado: ya no se ve que un token era más largo que el otro."


@exercise("bloque.4")
def stream_length(answer):
    expect_number(
        answer,
        15.0,
        [
            (57.0, "sumaste las longitudes. Si son perpendiculares, se suman los cuadrados."),
            (153**0.5, "hay dos notas por bloque y contaste una."),
            (225.0, "eso es la longitud al cuadrado: falta la raíz."),
            (12.0, "eso miden las notas juntas: falta lo que ya había en el camino."),
            (99**0.5, "esa es la longitud tras el primer bloque, y hay ocho."),
        ],
        tolerance=1e-3,
    )
    return "dieciséis notas de longitud 3 solo alargan el camino de 9 a 15."


@exercise("bloque.5")
def break_even_length(answer):
    width = 768
    expect_number(
        answer,
        6 * width,
        [
            (6, "te falta C: iguala 4·T²·C con 24·T·C² y simplifica lo que se repite, pero no todo."),
            (2 * width, "comparaste solo con las matrices de la atención (8·T·C²); cuenta también la red."),
            (4 * width, "comparaste solo con la red feed-forward (16·T·C²); cuenta también la atención."),
            (12 * width, "la parte de la atención son dos productos, T×T por C cada uno: 4·T²·C en total."),
            (
                3 * width,
                "contaste la mitad del trabajo de las matrices: cada peso es una suma y un producto.",
            ),
        ],
        tolerance=1e-9,
    )
    return "hasta ahí mandan las matrices; más allá, la atención T²."


class _Affine(nn.Module):
    """Pieza de mentira: escala y, si es la atención, mezcla con los tokens anteriores."""

    def __init__(self, factor, offset, mix=False):
        super().__init__()
        self.factor, self.offset, self.mix = factor, offset, mix

    def forward(self, x):
        return self.factor * (x.cumsum(dim=-2) if self.mix else x) + self.offset


def _fake_block():
    block = nn.Module()
    block.att, block.ff = _Affine(3.0, 0.5, mix=True), _Affine(-2.0, 1.0)
    block.norm1, block.norm2 = _Affine(0.5, 0.25), _Affine(0.1, -1.0)
    block.drop_shortcut = nn.Identity()
    return block


@exercise("bloque.6")
def parallel_block(answer):
    block = _fake_block()
    x = torch.arange(12.0).view(1, 3, 4)
    result = run(answer, block, x.clone())
    att, ff = block.att(block.norm1(x)), block.ff(block.norm2(x))
    middle = x + att
    hints = [
        (
            middle + block.ff(block.norm2(middle)),
            "eso es el bloque de siempre, en serie: la red leyó el camino después de la nota de la atención. "
            "En paralelo las dos leen lo mismo.",
        ),
        (att + ff, "faltó el camino: x no se sustituye; las dos notas se le suman."),
        (2 * x + att + ff, "sumaste x dos veces: el camino es uno solo."),
        (x + block.att(x) + block.ff(x), "las subcapas leen a través de su normalización: norm1 y norm2."),
        (x + att + block.ff(block.norm1(x)), "la red feed-forward lee a través de norm2, no de norm1."),
        (x + att, "falta la nota de la red feed-forward."),
        (x + ff, "falta la nota de la atención."),
    ]
    expect_tensor(result, x + att + ff, hints)
    return "las dos subcapas leen el mismo camino y sus notas se suman a la vez."
