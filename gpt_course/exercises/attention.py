"""Ejercicios de la lección 03: promedios, cabezas, máscara, coste y lo que los pesos no explican."""

import math

import torch

from gpt_course.exercises.core import Wrong, exercise, expect_number, expect_tensor, run

LN2 = math.log(2)
SCORES = LN2 * torch.tensor([[0.0, 3.0, 1.0], [0.0, 2.0, 5.0], [2.0, 0.0, 1.0]])  # las del ejercicio 3
VALUES = torch.tensor([[5.0, 0.0], [0.0, 5.0], [5.0, 0.0]])  # los del ejercicio 6


@exercise("atencion.1")
def _running_mean(answer):
    hints = [
        ([5, 5, 5], "cada token promedia también su futuro. ¿Qué ha leído ya el primero cuando le toca?"),
        ([2, 6, 15], "eso son las sumas. Los pesos de cada fila deben sumar 1: falta dividir."),
        ([0, 2, 3], "cada token se mira también a sí mismo, no solo a los anteriores."),
        ([5, 6.5, 9], "esos son los promedios del futuro: lo leíste de derecha a izquierda."),
    ]
    expect_tensor(answer, torch.tensor([2.0, 3.0, 5.0]), [(torch.tensor(w), hint) for w, hint in hints])
    return "cada token promedia lo que ha leído hasta él, él incluido."


@exercise("atencion.2")
def _shape(answer):
    if not isinstance(answer, (tuple, list, torch.Size)) or len(answer) != 4:
        raise Wrong("se esperaban cuatro números entre paréntesis: (…, …, …, …).")
    hints = {
        (
            2,
            3,
            2,
            12,
        ): "repartiste los tokens. Cada cabeza ve las seis posiciones; ¿qué se reparte, entonces?",
        (2, 6, 3, 4): "los cuatro números están, pero falta intercambiar dos ejes: las cabezas van delante.",
        (2, 3, 6, 12): "si cada cabeza midiera 12, habría tres veces más números que antes de repartir.",
        (2, 4, 6, 3): "confundes cuántas cabezas hay con lo que mide cada una.",
    }
    shape = tuple(answer)
    if shape != (2, 3, 6, 4):
        raise Wrong(hints.get(shape, "no es esa. Los cuatro números multiplicados deben dar 2 · 6 · 12."))
    return "cada cabeza ve todos los tokens y un trozo de la anchura."


@exercise("atencion.3")
def _masked_weights(answer):
    future = torch.ones(3, 3, dtype=torch.bool).triu(1)
    masked = SCORES.masked_fill(future, -torch.inf)
    zeroed = SCORES.masked_fill(future, 0)
    hints = [
        (SCORES.softmax(-1), "falta la máscara: el primer token está mirando a los que vienen después."),
        (SCORES.softmax(-1).tril(), "tapaste después del softmax: suma cada fila y mira si da 1."),
        (zeroed.softmax(-1), "pusiste 0 donde iba −∞. ¿Cuánto vale e⁰? Un 0 todavía cuenta."),
        (zeroed.softmax(-1).tril(), "pusiste 0 donde iba −∞, y e⁰ se cuela en el total de cada fila."),
        (masked.softmax(0), "repartiste por columnas. Quien mira es la fila: cada fila suma 1."),
        (
            SCORES.masked_fill(future.T, -torch.inf).softmax(-1),
            "tapaste el pasado. Con la máscara causal se tapa lo que queda por encima de la diagonal.",
        ),
    ]
    for first in (0.0, 1.0):  # la primera fila, 0 entre 0, cada cual la arregla a su manera
        linear = torch.tensor([[first, 0, 0], [0, 1, 0], [2 / 3, 0, 1 / 3]])
        hints.append((linear, "repartiste las puntuaciones mismas: falta elevar 2 a cada número."))
    expect_tensor(answer, masked.softmax(-1), hints, tolerance=2e-3)
    return "lo tapado vale 0 y lo demás se reparte un total de 1."


@exercise("atencion.4")
def _scale(answer):
    hints = [
        (128, "esa es la anchura de una cabeza; falta un paso. ¿Qué crece como d, y qué como su raíz?"),
        (12288**0.5, "usaste la anchura del modelo entero, pero cada cabeza suma solo sus productos."),
        (12288, "esa es la anchura del modelo. ¿Cuántos productos suma una sola cabeza?"),
        (96**0.5, "eso es la raíz del número de cabezas. ¿Cuánto mide cada una?"),
        (1 / 128**0.5, "ese es el factor que multiplica. Se pregunta entre qué número se divide."),
    ]
    expect_number(answer, 128**0.5, hints, tolerance=1e-3)
    return "cada cabeza divide entre la raíz de su propia anchura."


@exercise("atencion.5")
def _memory(answer):
    hints = [
        (768, "te falta un factor 12: hay 12 bloques y, en cada uno, 12 cabezas con su propia matriz."),
        (64, "eso es una sola matriz. ¿Cuántas cabezas hay, contando todos los bloques?"),
        (2304, "multiplicaste por 4, pero la matriz crece a lo alto y a lo ancho."),
        (9663.6764, "eso son MB, de 10⁶ bytes. En MiB se divide entre 2²⁰."),
        (9663676416, "eso son bytes. Pásalos a MiB dividiendo entre 2²⁰."),
        (4608, "contaste 2 bytes por número; en float32 son 4."),
        (9, "eso son GiB: se pedían MiB."),
    ]
    expect_number(answer, 9216, hints)
    return "cuatro veces más tokens, dieciséis veces más memoria."


@exercise("atencion.6")
def _same_context(answer):
    if not isinstance(answer, torch.Tensor) or answer.shape != (2, 3):
        came = tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
        raise Wrong(f"se esperaba un tensor de forma (2, 3), una fila por reparto; llegó {came}.")
    first, second = answer.detach().float()
    if (answer < 0).any():
        raise Wrong("hay pesos negativos, y softmax nunca los da.")
    if not torch.allclose(answer.sum(-1).float(), torch.ones(2), atol=1e-3):
        raise Wrong("cada fila debe sumar 1: comprueba las dos.")
    if (first - second).abs().max() < 0.099:
        raise Wrong("las dos filas son casi la misma. Busca repartos que se distingan en 0,1 o más.")
    if not torch.allclose(first @ VALUES, second @ VALUES, atol=1e-3):
        raise Wrong("las dos filas dan contextos distintos. ¿Qué dos tokens entregan el mismo value?")
    return "dos repartos distintos, un mismo contexto: mirar los pesos no basta para saber por qué."


@exercise("atencion.7")
def _window_mask(answer):
    for size, window in ((5, 2), (4, 1), (6, 4), (3, 8)):
        mask = run(answer, size, window)
        if not isinstance(mask, torch.Tensor) or mask.shape != (size, size):
            came = tuple(mask.shape) if isinstance(mask, torch.Tensor) else type(mask).__name__
            raise Wrong(f"con T = {size} se esperaba un tensor de forma ({size}, {size}) y llegó {came}.")
        _compare_window(mask.bool(), size, window)
    return "con una ventana fija, las parejas a la vista crecen con T y no con T²."


def _compare_window(mask, size, window):
    ones = torch.ones(size, size, dtype=torch.bool)
    future = ones.triu(1)
    expected = future | ones.tril(-window)
    if torch.equal(mask, expected):
        return
    if torch.equal(mask, ~expected):
        raise Wrong("está del revés: True señala lo que se tapa.")
    if torch.equal(mask, future):
        raise Wrong("tapaste el futuro, pero no lo que queda demasiado atrás.")
    if torch.equal(mask, ones.tril(-window)):
        raise Wrong("tapaste lo lejano, pero el futuro se ve.")
    if torch.equal(mask, future | ones.tril(-window - 1)):
        raise Wrong(f"con ventana {window} dejas ver {window + 1} tokens: el propio también cuenta.")
    if torch.equal(mask, future | ones.tril(-window + 1)):
        raise Wrong(f"con ventana {window} dejas ver uno de menos: el propio también cuenta.")
    if torch.equal(mask, ones.triu(window) | ones.tril(-window)):
        raise Wrong("la ventana mira a los dos lados; la causal mira solo hacia atrás.")
    bad = (mask != expected).sum().item()
    raise Wrong(f"con T = {size} y ventana {window}, {bad} de las {size * size} casillas no son como deben.")
