"""Cuándo dos salidas de un cuaderno son la misma.

Dos procesadores suman en otro orden y difieren en los últimos bits, así que los decimales se comparan con una
tolerancia: una unidad de la última cifra impresa o 1e-4 relativo. Lo demás (palabras, acentos, signos y
enteros, también los escritos «12.» o «12.0») debe ser idéntico, y también los números con una sola cifra
decimal, donde una unidad sería una décima entera. Las figuras se comparan punto a punto.
"""

import base64
import io
import math
import re

# El espacio de «[ 0.5, -0.5]» ocupa el lugar del signo y no cuenta.
DECIMAL = re.compile(r"(?:(?<=[\[\s]) )?(?<![\w.])([-+]?\d+\.(\d*)(?:e([-+]?\d+))?)(?!\d|\.\d)")
RELATIVE_TOLERANCE = 1e-4
PNG = "iVBORw0KGgo"  # así empieza, en base 64, todo PNG
# Con otro procesador una curva se mueve una fracción de punto y cambian un poco los de su borde. Medido:
# moverla 0,0002 de su eje cambia un 0,5 % de los puntos en 12 partes de 255; otra cifra en un rótulo, en 200.
SEEN, BLATANT, CHANGED_PIXELS = 4 / 255, 32 / 255, 0.01


class TolerantText(str):
    """Texto que es igual a otro cuando solo difieren en el redondeo; un PNG, si se ve igual."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        same = same_picture if self.startswith(PNG) and other.startswith(PNG) else same_output
        return same(str(self), str(other))

    def __ne__(self, other):
        return not self == other


def same_output(reference, computed):
    """Compara dos salidas: el texto entre decimales, exacto; cada decimal, con tolerancia."""
    if DECIMAL.sub("\0", reference) != DECIMAL.sub("\0", computed):
        return False
    references, tests = list(DECIMAL.finditer(reference)), list(DECIMAL.finditer(computed))
    return len(references) == len(tests) and all(map(_close, references, tests))


def same_picture(reference, computed):
    """¿Se ven igual dos PNG en base 64? Misma forma y casi los mismos colores."""
    import matplotlib.pyplot as plt  # aquí: pytest sin cuadernos no lo necesita

    old, new = (plt.imread(io.BytesIO(base64.b64decode(data))) for data in (reference, computed))
    if old.shape != new.shape:
        return False
    difference = abs(old - new)
    changed = (difference.max(axis=-1) >= SEEN).mean()
    return bool(difference.max() < BLATANT and changed <= CHANGED_PIXELS)


def _close(ref, test):
    reference, computed = float(ref[1]), float(test[1])
    if not (ref[2] + test[2]).strip("0"):  # dos enteros: «12.» como los escribe torch, o «12.0»
        return reference == computed
    if math.isinf(reference) or math.isinf(computed):  # un exponente que no cabe en un decimal
        return ref[1] == test[1]
    decimals = max(len(ref[2]), len(test[2]))
    if decimals == 1 and not (ref[3] or test[3]):
        return reference == computed
    unit = float(f"1e{max(int(ref[3] or 0), int(test[3] or 0)) - decimals}")
    # 1.5: las cifras impresas distan un número entero de unidades; uno pasa, dos no.
    return abs(reference - computed) <= max(1.5 * unit, RELATIVE_TOLERANCE * abs(reference))
