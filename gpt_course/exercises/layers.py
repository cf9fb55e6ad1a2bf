"""Ejercicios de la lección 04: normalización de capa, red feed-forward y conexiones residuales."""

import math

import torch

from gpt_course.exercises.core import Wrong, exercise, expect_choice, expect_number, expect_tensor, run


@exercise("capas.1")
def _by_hand(answer):
    x = torch.tensor([3.0, 9.0, 11.0, 17.0])
    centred = x - x.mean()
    hints = [
        (centred, "has restado la media, pero falta dividir entre la desviación típica."),
        (centred / 25, "has dividido entre la varianza; la desviación típica es su raíz."),
        (centred / x.std(), "has dividido entre C − 1 al calcular la varianza; aquí se divide entre C."),
        (x / 5, "has dividido sin restar antes la media."),
    ]
    if isinstance(answer, (list, tuple)):
        answer = torch.tensor(answer)
    expect_tensor(answer, centred / 5, hints, tolerance=1e-3)
    return "media 0, varianza 1 y las mismas proporciones entre las distancias a la media."


@exercise("capas.2")
def _how_many_means(answer):
    hints = [
        (1, "una sola media mezclaría todas las frases y todos los tokens."),
        (2, "eso sería una media por frase, y cada token se normaliza por su cuenta."),
        (3, "eso sería una media por lugar, mezclando las frases. La normalización no mira el lote."),
        (4, "eso sería una media por componente, a lo largo del lote: eso lo hace otra capa, BatchNorm."),
        (24, "esos son todos los números del tensor; una media resume varios."),
    ]
    expect_number(answer, 6, hints, tolerance=0)
    return "una por cada token de cada frase: se normaliza cada vector, no el lote."


@exercise("capas.3")
def _which_one_changes(answer):
    hints = {
        "a": "multiplicar por un número positivo multiplica igual las distancias a la media y su desviación.",
        "b": "sumar lo mismo a todos mueve también la media, y al restarla desaparece.",
        "d": "es combinar una suma y un producto por un número positivo, y se deshacen los dos.",
    }
    expect_choice(answer, "c", hints)
    return "un factor negativo da la vuelta a las distancias, y la desviación típica no lleva signo."


@exercise("capas.4")
def _feed_forward_parameters(answer):
    width = 1600
    hints = [
        (8 * width**2, "has contado las dos matrices, pero no sus sesgos."),
        (4 * width**2 + 4 * width, "esa es solo la primera capa lineal; falta la que vuelve a C."),
        (4 * width**2 + width, "esa es solo la segunda capa lineal; falta la que ensancha."),
        (8 * width**2 + 2 * width, "un sesgo por cada *salida*: la primera capa lineal tiene 4C salidas."),
        (8 * width**2 + 8 * width, "un sesgo por cada *salida*: la segunda capa lineal tiene C, no 4C."),
        (8 * 768**2 + 5 * 768, "esa es la de GPT-2 pequeño; en el XL, C = 1600."),
        (48 * (8 * width**2 + 5 * width), "esas son las de los 48 bloques; se pide la de uno."),
    ]
    expect_number(answer, 8 * width**2 + 5 * width, hints, tolerance=0)
    return "ocho matrices de C × C y cinco vectores de C: 8C² + 5C."


@exercise("capas.5")
def _rms_norm(answer):
    x = torch.tensor([[[3.0, 4.0, 0.0, 0.0], [1.0, -2.0, 2.0, 4.0]], [[5.0, 5.0, 5.0, 5.0], [0.1, 9, 3, -7]]])
    square = x.square().mean(dim=-1, keepdim=True)
    centred = x - x.mean(dim=-1, keepdim=True)
    var = centred.square().mean(dim=-1, keepdim=True)
    hints = [
        (centred / torch.sqrt(var + 1e-5), "esa es la normalización de capa: aquí no se resta la media."),
        (x / torch.sqrt(var + 1e-5), "la varianza resta la media; aquí se promedian los cuadrados de x."),
        (x / (square + 1e-5), "falta la raíz cuadrada."),
        (x / torch.sqrt(x.square().sum(-1, keepdim=True) + 1e-5), "has sumado los cuadrados: promédialos."),
        (
            x / torch.sqrt(x.square().mean() + 1e-5),
            "has promediado todo el tensor: promedia cada vector por separado, con dim=-1.",
        ),
        (
            x / torch.sqrt(x.square().mean(0, keepdim=True) + 1e-5),
            "has promediado a lo largo del lote: promedia cada vector por separado, con dim=-1.",
        ),
    ]
    result = run(answer, x.clone())
    expect_tensor(result, x / torch.sqrt(square + 1e-5), hints)
    zeros = torch.zeros(2, 4)
    if not torch.equal(run(answer, zeros), zeros):
        raise Wrong("con un vector de ceros no da ceros: suma 1e-5 dentro de la raíz.")
    return "cada vector queda con media de cuadrados 1, sin restarle la media."


@exercise("capas.6")
def _alternating_slopes(answer):
    hints = [
        (1.0, "1,1 · 0,9 no es 1: subir un 10 % y bajar un 10 % no se compensan."),
        (0.0, "eso ocurre sin conexión residual; con ella, cada capa multiplica por 1 + su pendiente."),
        (1.1**48, "la mitad de las capas tienen pendiente negativa: multiplican por 0,9."),
        (0.9**48, "la mitad de las capas tienen pendiente positiva: multiplican por 1,1."),
        (0.99**48, "son 24 parejas de capas, no 48."),
        (48.0, "las derivadas de una cadena se multiplican, no se suman."),
    ]
    expect_number(answer, 0.99**24, hints, tolerance=1e-3)
    return "24 parejas que multiplican por 0,99: el gradiente llega casi entero."


@exercise("capas.7")
def _paths(answer):
    hints = [
        (48 * 47, "has contado cada pareja dos veces: pasar por la 3 y la 7 es un solo camino."),
        (48**2, "las dos capas son distintas, y cada pareja cuenta una vez."),
        (48, "esos son los que atraviesan una sola capa."),
        (96, "no es el doble de los que atraviesan una: hay que elegir dos capas entre 48."),
        (2**48, "esos son todos los caminos, atraviesen las capas que atraviesen."),
        (49 * 24, "has contado también las parejas de una capa consigo misma."),
    ]
    expect_number(answer, math.comb(48, 2), hints, tolerance=0)
    return "son las maneras de elegir 2 capas entre 48; las otras 46 se saltan."
