"""Los números de un ejercicio con variantes: los que sortea una semilla y cómo se enseñan en su enunciado.

La misma semilla da los mismos números en todas partes. Un sorteo en el que un error previsto daría la
respuesta buena, o en el que dos errores distintos darían lo mismo, se repite.
"""

import functools
import random
import re

from gpt_course.exercises.grading.comparing import ANY, agreeing, flat

ATTEMPTS = 1000
# Los números que un enunciado escribe con letras.
WORDS = (
    *("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once"),
    *("doce", "trece", "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve", "veinte"),
    *("veintiuno", "veintidós", "veintitrés", "veinticuatro", "veinticinco", "veintiséis", "veintisiete"),
    *("veintiocho", "veintinueve", "treinta", "treinta y uno", "treinta y dos"),
)


class Variants:
    """declare(**valores) → quien corrige con esos valores. shown: los trozos del enunciado que los llevan.

    choices: nombre → valores posibles; el primero es el de siempre. when(**valores): si sirven juntos.
    also(**valores): lo que el enunciado enseña además, calculado con ellos.
    """

    def __init__(self, declare, shown, choices, when, also):
        self.declare, self.shown, self.choices = declare, shown, choices
        self.when, self.also = when or (lambda **_: True), also or (lambda **_: {})
        self.today = {name: values[0] for name, values in choices.items()}

    def draw(self, name, seed):
        """(valores, quien corrige) del ejercicio `name` con esa semilla."""
        # De `random`, solo lo que su manual promete que no cambiará: sembrar con un texto y `random()`.
        dice = random.Random(f"{seed}\n{name}")
        for _ in range(ATTEMPTS):
            values = {key: found[int(dice.random() * len(found))] for key, found in self.choices.items()}
            if self.when(**values):
                grade = self.declare(**values)
                if is_clear(grade):
                    return values, grade
        raise RuntimeError(f"Ningún sorteo de {name} sirve con la semilla {seed!r}.")

    def rewrite(self, text, values, *, code=False):
        """`text`, el enunciado o la celda de respuesta, con `values` en lugar de los números de siempre."""
        places, before = self._before[code]
        pairs = dict(zip(before, self.parts(values, code=code), strict=True))
        return places.sub(lambda found: pairs[found[0]], text)

    @functools.cached_property
    def _before(self):
        """Los trozos con los números de siempre, en un texto y en una celda, y cómo se buscan."""
        both = [self.parts(self.today, code=code) for code in (False, True)]
        return [
            (re.compile("|".join(map(re.escape, sorted(parts, key=len, reverse=True)))), parts)
            for parts in both
        ]

    def parts(self, values, *, code=False):
        """Los trozos del enunciado, o de la celda, con esos valores."""
        values = {**values, **self.also(**values)}
        return [filled(part, values, code=code) for part in self.shown]


def first(value, others):
    """Los valores posibles: el de siempre y, detrás, los demás."""
    return [value, *(other for other in others if other != value)]


def is_clear(grade):
    """Si ningún error con pista da lo mismo que la respuesta buena ni que otro error con otra pista.

    Y si la respuesta buena, redondeada con los decimales que se piden, se aceptaría.
    """
    if not hasattr(grade, "right"):
        return True
    right, told = flat(grade.right), {}
    if grade.decimals and not agreeing(((), [round(right[1][0], grade.decimals)]), right):
        return False
    for mistake, hint in grade.hints:
        shape, numbers = mistake = flat(mistake)
        if ANY in numbers:  # lo que no tenga otra pista
            continue
        if agreeing(mistake, right) or told.setdefault((shape, *numbers), hint) != hint:
            return False
    return True


def filled(part, values, *, code=False):
    """Un trozo con sus valores: `{x}`, separados por comas; `{x:y}`, «2, 4 y 9»; `{x:;}`, por «;».

    En un texto, los números van a la española y las filas entre paréntesis; con `code`, como en Python.
    """
    return part.format_map({name: _Shown(value, code) for name, value in values.items()})


class _Shown:
    """Un valor que sabe escribirse, y cuyos elementos también: `{x[0]}`."""

    def __init__(self, value, code):
        self.value, self.code = value, code

    def __getitem__(self, place):
        return _Shown(self.value[place], self.code)

    def __format__(self, spec):
        if isinstance(self.value, str):
            return self.value
        if not isinstance(self.value, list | tuple):
            return python(self.value) if self.code else spanish(self.value)
        parts = [self._inside(part) for part in self.value]
        comma = "; " if ";" in spec else ", "
        return f"{comma.join(parts[:-1])} y {parts[-1]}" if "y" in spec else comma.join(parts)

    def _inside(self, value):
        text = format(_Shown(value, self.code))
        if not isinstance(value, list | tuple):
            return text
        return f"[{text}]" if self.code else f"({text})"


MARKS = str.maketrans({",": "\u202f", ".": ",", "-": "\u2212"})


def spanish(value, spec=""):
    """Un número en un texto: coma decimal, espacio fino desde cinco cifras y el menos de imprenta."""
    if isinstance(value, int) and 0 <= value < 10**4:
        return str(value)
    return format(value, spec or ("," if isinstance(value, int) and abs(value) >= 10**4 else "")).translate(
        MARKS
    )


def python(value):
    """Un número en una celda: con guiones bajos desde seis cifras."""
    return f"{value:_}" if isinstance(value, int) and abs(value) >= 10**5 else str(value)
