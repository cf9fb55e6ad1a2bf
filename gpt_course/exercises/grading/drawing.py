"""Los números de un ejercicio con variantes: los que sortea una semilla y cómo se enseñan en su enunciado.

La misma semilla da los mismos números en todas partes. Un sorteo en el que un error previsto daría la
respuesta buena, o en el que dos errores distintos darían lo mismo, se repite.
"""

import math
import random
import re
import string

from gpt_course.exercises.grading.comparing import agreeing, flat

ATTEMPTS = 1000


class Variants:
    """declare(**valores) → quien corrige con esos valores. shown: los trozos del enunciado que los llevan.

    choices: nombre → valores posibles; el primero es el de siempre. when(**valores): si sirven juntos.
    """

    def __init__(self, declare, shown, choices, when):
        self.declare, self.shown, self.choices, self.when = declare, shown, choices, when
        self.today = {name: values[0] for name, values in choices.items()}

    def draw(self, name, seed):
        """(valores, quien corrige) del ejercicio `name` con esa semilla."""
        # De `random`, solo lo que su manual promete que no cambiará: sembrar con un texto y `random()`.
        dice = random.Random(f"{seed}\n{name}")
        for _ in range(ATTEMPTS):
            values = {key: found[int(dice.random() * len(found))] for key, found in self.choices.items()}
            if self.when is None or self.when(**values):
                grade = self.declare(**values)
                if is_clear(grade):
                    return values, grade
        raise RuntimeError(f"Ningún sorteo de {name} sirve con la semilla {seed!r}.")

    def rewrite(self, text, values, *, code=False):
        """`text`, el enunciado o la celda de respuesta, con `values` en lugar de los números de siempre."""
        write = (PYTHON if code else SPANISH).vformat
        pairs = {write(part, (), self.today): write(part, (), values) for part in self.shown}
        places = "|".join(map(re.escape, sorted(pairs, key=len, reverse=True)))
        return re.sub(places, lambda found: pairs[found[0]], text)


def is_clear(grade):
    """Si ningún error con pista da lo mismo que la respuesta buena ni que otro error con otra pista."""
    if not hasattr(grade, "right"):
        return True
    right, told = flat(grade.right), {}
    for mistake, hint in grade.hints:
        mistake = flat(mistake)
        if agreeing(mistake, right):
            return False
        if not any(map(math.isnan, mistake[1])) and told.setdefault(repr(mistake), hint) != hint:
            return False
    return True


class _Writer(string.Formatter):
    """Escribe los valores de un trozo. `{x}`: separados por comas; `{x:y}`: «2, 4 y 9»; `{x:;}`: por «;»."""

    def __init__(self, number, brackets):
        self.number, self.brackets = number, brackets

    def format_field(self, value, spec):
        if isinstance(value, list | tuple):
            parts = [self._inside(part) for part in value]
            comma = "; " if ";" in spec else ", "
            if "y" in spec:
                return f"{comma.join(parts[:-1])} y {parts[-1]}"
            return comma.join(parts)
        return self.number(value, spec) if isinstance(value, int | float) else format(value, spec)

    def _inside(self, value):
        text = self.format_field(value, "")
        return self.brackets.format(text) if isinstance(value, list | tuple) else text


def _spanish(value, spec):
    """Coma decimal, espacio fino entre millares desde cinco cifras y el menos de imprenta."""
    text = format(value, spec or (",d" if isinstance(value, int) and abs(value) >= 10**4 else ""))
    return text.translate(str.maketrans({",": "\u202f", ".": ",", "-": "\u2212"}))


def _python(value, spec):
    return format(value, spec or ("_d" if isinstance(value, int) and abs(value) >= 10**5 else ""))


SPANISH, PYTHON = _Writer(_spanish, "({})"), _Writer(_python, "[{}]")
