"""Comparación de las salidas de los cuadernos (`pytest --nbval`).

Dos procesadores suman en otro orden y difieren en los últimos bits, así que los decimales se comparan
con una tolerancia: una unidad de la última cifra impresa o 1e-4 relativo. Lo demás (palabras, acentos,
signos y enteros, también los escritos «12.» o «12.0») debe ser idéntico. nbval no ofrece este ajuste:
se cambian dos métodos de cada celda.
"""

import re

DECIMAL = re.compile(r" *(?<![\w.])([-+]?\d+\.(\d*)(?:e([-+]?\d+))?)(?!\w|\.\d)")
RELATIVE_TOLERANCE = 1e-4


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
    pairs = zip(DECIMAL.finditer(reference), DECIMAL.finditer(computed), strict=True)
    return all(_close(ref, test) for ref, test in pairs)


def _close(ref, test):
    reference, computed = float(ref[1]), float(test[1])
    if not (ref[2] + test[2]).strip("0"):  # dos enteros: «12.» como los escribe torch, o «12.0»
        return reference == computed
    decimals = max(len(ref[2]), len(test[2]))
    unit = 10.0 ** (max(int(ref[3] or 0), int(test[3] or 0)) - decimals)
    # 1.5: las cifras impresas distan un número entero de unidades; uno pasa, dos no.
    return abs(reference - computed) <= max(1.5 * unit, RELATIVE_TOLERANCE * abs(reference))


def _tolerant(value):
    return TolerantText(value) if isinstance(value, str) else value


def _plain(value):
    return str(value) if isinstance(value, str) else value
