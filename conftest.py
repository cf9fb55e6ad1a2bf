"""Comparación de las salidas de los cuadernos (`pytest --nbval`).

Dos procesadores suman en otro orden y difieren en los últimos bits, así que los decimales se comparan
con una tolerancia: una unidad de la última cifra impresa o 1e-4 relativo. Lo demás (palabras, acentos,
signos y enteros, también los escritos «12.» o «12.0») debe ser idéntico. nbval no ofrece este ajuste:
se cambian dos métodos de cada celda.
"""

import math
import os
import re
from pathlib import Path

import ajustes

# El espacio de «[ 0.5, -0.5]» ocupa el lugar del signo y no cuenta.
DECIMAL = re.compile(r"(?:(?<=[\[\s]) )?(?<![\w.])([-+]?\d+\.(\d*)(?:e([-+]?\d+))?)(?!\d|\.\d)")
RELATIVE_TOLERANCE = 1e-4


def pytest_configure(config):
    """Los ajustes de quien escribe «pytest» a mano tampoco llegan a los cuadernos."""
    config.add_cleanup(lambda before=dict(os.environ): _set_environment(before))
    _set_environment(ajustes.environment(str(Path(__file__).resolve().parent)))


def _set_environment(variables):
    os.environ.clear()
    os.environ.update(variables)


def pytest_itemcollected(item):
    if type(item).__name__ == "IPyNbCell":
        sanitize, format_output_compare = item.sanitize, item.format_output_compare
        item.sanitize = lambda value: _tolerant(sanitize(value))
        # El informe de una diferencia se hace con texto corriente, que pytest sabe comparar.
        item.format_output_compare = lambda key, ref, test: format_output_compare(
            key, _plain(ref), _plain(test)
        )


class TolerantText(str):
    """Texto que es igual a otro cuando solo difieren en el redondeo de sus decimales."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return same_output(str(self), str(other))

    def __ne__(self, other):
        return not self == other


def same_output(reference, computed):
    """Compara dos salidas: el texto entre decimales, exacto; cada decimal, con tolerancia."""
    if DECIMAL.sub("\0", reference) != DECIMAL.sub("\0", computed):
        return False
    references, tests = list(DECIMAL.finditer(reference)), list(DECIMAL.finditer(computed))
    return len(references) == len(tests) and all(map(_close, references, tests))


def _close(ref, test):
    reference, computed = float(ref[1]), float(test[1])
    if not (ref[2] + test[2]).strip("0"):  # dos enteros: «12.» como los escribe torch, o «12.0»
        return reference == computed
    if math.isinf(reference) or math.isinf(computed):  # un exponente que no cabe en un decimal
        return ref[1] == test[1]
    decimals = max(len(ref[2]), len(test[2]))
    unit = float(f"1e{max(int(ref[3] or 0), int(test[3] or 0)) - decimals}")
    # 1.5: las cifras impresas distan un número entero de unidades; uno pasa, dos no.
    return abs(reference - computed) <= max(1.5 * unit, RELATIVE_TOLERANCE * abs(reference))


def _tolerant(value):
    return TolerantText(value) if isinstance(value, str) else value


def _plain(value):
    return str(value) if isinstance(value, str) else value
