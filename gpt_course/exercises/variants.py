"""El enunciado de un ejercicio con los números de una semilla, para repartir uno distinto a cada cual."""

import re

from gpt_course.exercises import core

STATEMENT = re.compile(
    r"^\*\*\d+\. ★", flags=re.M
)  # donde empieza; lo de antes, en la misma celda, no cambia
CALL = r'(?<=^check\("{}", )(.+)\)$'


def has_variants(name):
    return hasattr(core.grader(name), "variants")


def restated(name, text, semilla):
    """La celda de texto con el enunciado de `name`, con los números de esa semilla."""
    start = max((found.start() for found in STATEMENT.finditer(text)), default=0)
    return text[:start] + _rewritten(name, text[start:], semilla, code=False)


def reseeded(name, code, semilla):
    """La celda de respuesta de `name`, con los números de esa semilla y `check` avisado de ella."""
    call = CALL.format(re.escape(name))
    code = _rewritten(name, code, semilla, code=True)
    return re.sub(call, lambda found: f"{found[1]}, semilla={_quoted(semilla)})", code, flags=re.M)


def _rewritten(name, text, semilla, *, code):
    if not has_variants(name):
        return text
    values, _ = core._seeded(name, str(semilla))
    return core.EXERCISES[name].variants.rewrite(text, values, code=code)


def _quoted(text):
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
