"""Ejercicios de la lección 00: formas, tipos, difusión, gradientes, bytes y una media con pesos."""

import torch

from gpt_course.exercises.core import Wrong, exercise, expect_choice, expect_number, expect_tensor, run


@exercise("bienvenida.0")
def check_demo(answer):
    expect_number(answer, 6, [(5, "has sumado los tamaños. Dibuja la tabla y cuenta sus casillas.")])
    return "dos filas de tres números son seis."


@exercise("bienvenida.1")
def check_shape(answer):
    if not isinstance(answer, (list, tuple, torch.Size)):
        raise Wrong(f"se esperaba una forma, como [4, 7], y llegó {type(answer).__name__}.")
    shape = list(answer)
    hints = {
        (3, 3): "esos son los dos tamaños de dentro, que desaparecen al multiplicar y sumar.",
        (5, 2): "los tamaños son esos, pero al revés: las filas vienen de la primera matriz.",
        (2, 3, 5): "el producto de dos tablas es otra tabla: dos tamaños, no tres.",
        (2, 5, 3): "el producto de dos tablas es otra tabla: dos tamaños, no tres.",
        (6, 15): "los tamaños no se multiplican: uno de cada matriz se conserva.",
    }
    if tuple(shape) in hints:
        raise Wrong(hints[tuple(shape)])
    if shape != [2, 5]:
        raise Wrong("no es esa. Escribe las dos formas seguidas y tacha los tamaños que coinciden.")
    return "quedan los tamaños de fuera; los de dentro coinciden y se suman."


@exercise("bienvenida.2")
def check_dtype(answer):
    hints = {
        "a": "un entero no puede guardar 0.5. ¿Qué le pasaría a 1 / 2?",
        "c": "eso hace NumPy. El tipo decimal de PyTorch, si no pides otro, es más corto.",
        "d": "PyTorch no falla: convierte él los enteros antes de dividir.",
    }
    expect_choice(answer, "b", hints)
    return "la división convierte los enteros en float32, el tipo decimal habitual de PyTorch."


@exercise("bienvenida.3")
def check_broadcast(answer):
    expected = torch.tensor([[11, 12, 13], [21, 22, 23]])
    if isinstance(answer, torch.Tensor):
        if answer.shape == (3, 2):
            raise Wrong("es la tabla tumbada: la columna da las filas del resultado.")
        if answer.shape == (2,) or answer.shape == (3,):
            raise Wrong("la suma tiene dos dimensiones: cada número de uno se suma con todos los del otro.")
    product = torch.tensor([[10, 20, 30], [20, 40, 60]])
    expect_tensor(answer, expected, [(product, "has multiplicado; aquí se suma.")])
    return "cada número de la columna se suma con todos los de la fila."


@exercise("bienvenida.4")
def check_gradient(answer):
    hints = [
        (9, "ese es el valor de la función, no su pendiente."),
        (-6, "falta multiplicar por lo que crece el interior, 3w − 6, cuando w crece 1."),
        (18, "el tamaño es ese. Si w crece un poco desde 1, ¿la función sube o baja?"),
        (-9, "falta el 2 que baja del exponente."),
    ]
    expect_number(answer, -18, hints)
    return "si w crece un poco, la función baja dieciocho veces ese poco."


@exercise("bienvenida.5")
def check_bytes(answer):
    hints = [
        (6.291456, "esos son MB, de 10⁶ bytes. Un MiB son 2²⁰."),
        (1.5, "esos son los números, ya divididos entre 2²⁰. ¿Cuántos bytes ocupa cada uno?"),
        (48, "esa cuenta es en bits; un byte son ocho."),
        (3, "es justo la mitad: o falta el primer tamaño de la forma, o contaste dos bytes por número."),
        (6291456, "esos son los bytes. Divide entre los bytes de un MiB."),
    ]
    expect_number(answer, 6, hints)
    return "tantos números como dice la forma, por 4 bytes, entre 2²⁰."


@exercise("bienvenida.6")
def check_weighted_mean(answer):
    values = torch.tensor([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]])  # (T, C)
    weights = torch.tensor([1.0, 1.0, 2.0])  # (T,)
    result = run(answer, values.clone(), weights.clone())
    total = weights @ values
    hints = [
        (total, "has sumado bien, pero falta dividir: los pesos del ejemplo no suman 1."),
        (total / 3, "has dividido entre el número de filas, no entre la suma de los pesos."),
        (values.mean(dim=0), "esa es la media corriente: todos los pesos valen lo mismo."),
    ]
    if isinstance(result, torch.Tensor) and result.shape == (3,):
        raise Wrong("llegó un número por fila y se esperaba uno por columna: suma a lo largo de las filas.")
    expect_tensor(result, total / weights.sum(), hints)
    square = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    result = run(answer, square, torch.tensor([4.0, 1.0]))
    expect_tensor(result, torch.tensor([1.4, 2.6]))
    return "has escrito la operación con la que la atención mezcla tokens."
