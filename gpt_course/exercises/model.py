"""Ejercicios de la lección 06: el modelo GPT."""

import math

import torch

from gpt_course.exercises.core import Wrong, exercise, expect_number, expect_tensor

TOTAL = 163_009_536  # parámetros de GPT-2 pequeño con dos matrices


@exercise("modelo.1")
def more_positions(answer):
    """Parámetros de más con un contexto de 4096."""
    expected = 3072 * 768
    hints = [
        (4096 * 768, "eso ocupa la tabla nueva entera; se preguntan los que hay de más."),
        (3072, "son las filas nuevas. ¿Cuántos números guarda cada fila?"),
        (TOTAL + expected, "ese es el total del modelo nuevo; se preguntan los que hay de más."),
        (4 * expected, "eso son bytes en float32; se preguntan parámetros."),
        (0, "las posiciones no se extienden solas: cada lugar tiene su fila, y se aprende."),
        (12 * expected, "la tabla de posiciones está a la entrada, no en cada bloque."),
    ]
    expect_number(answer, expected, hints, tolerance=1e-9)
    return "solo crece la tabla de posiciones. Los bloques no saben cuánto mide el contexto."


@exercise("modelo.2")
def double_width(answer):
    """Por cuánto se multiplican los parámetros al doblar la anchura."""
    doubled = 495_888_384
    hints = [
        (2, "se doblan las tablas, pero en los bloques hay matrices de C × C."),
        (4, "se cuadruplican las matrices de los bloques, pero las tablas miden V × C y T × C."),
        (doubled, "ese es el número de parámetros; se pregunta por cuánto se ha multiplicado."),
        (doubled - TOTAL, "esa es la diferencia; se pregunta el cociente."),
        (TOTAL / doubled, "has dividido al revés: el grande entre el pequeño."),
        (3, "es casi eso: da el cociente con dos decimales."),
    ]
    expect_number(answer, doubled / TOTAL, hints, tolerance=2e-3)
    return "entre 2 y 4: las tablas se doblan y las matrices de los bloques se cuadruplican."


@exercise("modelo.3")
def untied_xl(answer):
    """Parámetros de GPT-2 XL con dos matrices y sin sesgos en query, key y value."""
    expected, biases, head = 1_637_792_000, 3 * 1600 * 48, 50257 * 1600
    hints = [
        (expected - head + biases, "ese es el publicado: falta cambiar las dos claves."),
        (expected - head, "has quitado los sesgos, pero la matriz sigue compartida."),
        (expected + biases, "ya son dos matrices, pero quedan los sesgos de query, key y value."),
        (expected + head, "has sumado la cabeza de salida dos veces."),
        (TOTAL, "ese es el modelo pequeño: parte de la configuración de GPT-2 XL."),
    ]
    expect_number(answer, expected, hints, tolerance=1e-9)
    return "diez veces el pequeño, y la maqueta lo cuenta sin ocupar memoria."


@exercise("modelo.4")
def rows_that_change(answer):
    """Filas de logits que cambian al cambiar el token del lugar 1."""
    if isinstance(answer, (list, tuple)) and all(isinstance(value, bool) for value in answer):
        answer = torch.tensor(answer)
    expected = torch.tensor([False, True, True, True])
    hints = [
        ([False, True, False, False], "la fila 1 cambia, sí. Pero ¿quién más lee el lugar 1?"),
        ([True, True, True, True], "si todas cambiaran, la fila 0 estaría viendo el futuro."),
        ([True, False, False, False], "al revés: la máscara tapa lo que viene después, no lo de antes."),
        ([True, True, False, False], "al revés: la máscara tapa lo que viene después, no lo de antes."),
        ([False, False, True, True], "cada fila lee también su propio token."),
        ([True, False, True, True], "cada fila lee también su propio token, y ninguno posterior."),
        ([False, False, False, True], "no lee el lugar 1 solo la última: repasa cada fila."),
        ([True, False, False, True], "repasa fila a fila qué lugares lee cada una."),
    ]
    if isinstance(answer, torch.Tensor) and answer.dtype != torch.bool:
        raise Wrong("se esperaban cuatro valores True o False, uno por fila; llegaron números.")
    expect_tensor(answer, expected, [(torch.tensor(wrong), hint) for wrong, hint in hints])
    return "la fila 0 sale idéntica, bit a bit: la máscara causal le tapa lo que viene después."


@exercise("modelo.5")
def untrained_loss(answer):
    """Pérdida del modelo sin entrenar (semilla 124, en evaluación) en las seis predicciones."""
    expected = 11.0273
    hints = [
        (math.log(50257), "eso es ln V, lo que cuesta repartir por igual. Falta medir este modelo."),
        (1, "un modelo sin entrenar no tiene pérdida 1: su sorpresa está cerca de ln V."),
        (6 * expected, "esa es la suma de las seis sorpresas; la pérdida es su media."),
        (expected / math.log(2), "eso son bits (logaritmo en base 2); aquí se usa ln."),
        (-expected, "el signo: la sorpresa es −ln de la probabilidad, siempre positiva."),
        (11.0292, "has comparado cada lugar con su propio token: el lugar t predice el t + 1."),
        (11.5253, "los has desplazado al revés: el lugar t predice el t + 1."),
        (11.1666, "esos son los pesos de la semilla 123: antes, ejecuta el apartado 8."),
    ]
    if isinstance(answer, (int, float, torch.Tensor)) and _close_but_not_equal(answer, expected):
        raise Wrong("te acercas mucho. Da cuatro decimales, o el tensor, y en evaluación, sin dropout.")
    expect_number(answer, expected, hints, tolerance=3e-5)
    return "cerca de ln 50257 ≈ 10,82, y algo por encima: no sabe nada, y encima tiene manías."


def _close_but_not_equal(answer, expected):
    if isinstance(answer, torch.Tensor) and answer.numel() != 1:
        return False
    distance = abs(float(answer) - expected)
    return 3e-4 < distance < 0.06 and abs(float(answer) - 11.0292) > 3e-4
