"""Comparar lo leído con lo esperado, con las cifras que se escribieron y no con más."""

import torch

ANY = float("nan")  # en una pista, un número cualquiera
CLOSE = 1e-2  # redondear se admite hasta un 1 %
CLOSE_TO_A_MISTAKE = 5e-2  # y reconocer un error redondeado, hasta un 5 %


def agrees(reading, expected, *, tolerance=1e-4, limit=CLOSE):
    """Si lo leído es `expected`, o `expected` redondeado o truncado con los decimales que se escribieron.

    `tolerance` y `limit` son relativas al mayor número esperado: lo que siempre se admite y lo más que
    puede alejar un redondeo. Donde `expected` es ANY, cualquier número vale.
    """
    values, decimals = reading
    expected = as_values(expected)
    if values.shape != expected.shape:
        return False
    free = expected.isnan()
    scale = expected[~free].abs().max().item() if (~free).any() else 0.0
    away = (expected - values) * torch.where(expected < 0, -1.0, 1.0)  # positivo: se quedó corto
    unit = 10.0**-decimals
    rounded = (away >= -0.5000001 * unit) & (away < 0.999999 * unit) & (away.abs() <= limit * scale)
    return bool((free | rounded | (away.abs() <= max(tolerance * scale, 1e-9))).all())


def flat(value):
    """(forma, números) de un número o de listas de números, sin crear un tensor."""
    if not isinstance(value, list | tuple):
        return (), [value]
    if not value or not isinstance(value[0], list | tuple):
        return (len(value),), list(value)
    parts = [flat(part) for part in value]
    return (len(parts), *parts[0][0]), [number for _, found in parts for number in found]


def agreeing(guess, right):
    """Si `guess` pasaría por `right`, leídos con `flat`: los decimales, a menos de un redondeo."""
    if guess[0] != right[0]:
        return False
    scale = 1e-9
    if not all(number == int(number) for number in right[1]):
        scale += CLOSE * max(map(abs, right[1]))
    return all(abs(a - b) <= scale for a, b in zip(guess[1], right[1], strict=True))


def distance(reading, expected):
    """Lo lejos que está lo leído de algo con lo que concuerda."""
    return (reading[0] - as_values(expected)).nan_to_num(0.0).abs().max().item()


def enough_decimals(reading, expected, decimals):
    """Si se escribieron al menos `decimals` decimales, o los que bastan para que sea exacto."""
    return reading[1] >= decimals or agrees(reading, expected, tolerance=1e-9, limit=0)


def as_values(expected):
    return torch.as_tensor(expected, dtype=torch.float64)


def same(result, expected, tolerance=1e-5):
    """Si una función devuelve lo mismo que la de referencia: números, textos y listas de ellos."""
    if isinstance(expected, str | bytes):
        return type(result) is type(expected) and result == expected
    if isinstance(expected, dict):
        keys = isinstance(result, dict) and result.keys() == expected.keys()
        return keys and all(same(result[key], expected[key], tolerance) for key in expected)
    if isinstance(expected, list | tuple):
        result = result.tolist() if hasattr(result, "tolist") else result
        fits = isinstance(result, list | tuple) and len(result) == len(expected)
        return fits and all(same(*pair, tolerance) for pair in zip(result, expected, strict=True))
    try:
        values = as_values(expected)
    except (TypeError, ValueError, RuntimeError):  # un conjunto, por ejemplo
        return type(result) is type(expected) and result == expected
    return _same_numbers(result, values, tolerance, index=getattr(expected, "dtype", None) == torch.int64)


def _same_numbers(result, expected, tolerance, *, index):
    """`index`: un tensor de enteros, con el que se busca en otro; con decimales no serviría."""
    try:
        result = torch.as_tensor(result).detach()
    except (TypeError, ValueError, RuntimeError):
        return False
    if result.is_complex() or result.shape != expected.shape or (index and result.is_floating_point()):
        return False
    scale = expected[expected.isfinite()].abs().max().item() if expected.isfinite().any() else 0.0
    return torch.allclose(result.double(), expected, rtol=0, atol=tolerance * scale, equal_nan=True)
