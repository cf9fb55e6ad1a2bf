"""Enseñar una corrección: con color y letra de código en un cuaderno; texto corriente en una terminal."""

import builtins
import html
import re

COLOURS = {"✓": "var(--jp-success-color1,#2e7d32)", "✗": "var(--jp-error-color1,#d32f2f)"}
EMPHASIS = r"(?<![\w*])\*{1,2}(\w(?:[^*]*[\w.])?)\*{1,2}(?![\w*])"


class Verdict:
    """El signo, el ejercicio y la frase, con código entre acentos graves y énfasis entre asteriscos.

    `hint` es el número de la pista, o None si la frase no es una de las que tiene el ejercicio.
    """

    def __init__(self, sign, name, text, hint=None):
        self.sign, self.name, self.text, self.hint = sign, name, text.replace("\n", " "), hint

    @property
    def solved(self):
        return self.sign == "✓"

    def show(self):
        """En un cuaderno, `display` es una función más de Python; fuera de él, no existe."""
        getattr(builtins, "display", print)(self)

    def __repr__(self):
        return f"{self.sign} {self.name}: {_formatted(self.text, '«{}»', '{}')}"

    def _repr_html_(self):
        text = _formatted(html.escape(self.text, quote=False), "<code>{}</code>", "<em>{}</em>")
        mark = f"{self.sign} {self.name}:"
        if self.sign in COLOURS:
            mark = f'<b style="color:{COLOURS[self.sign]}">{mark}</b>'
        return f"<div>{mark} {text}</div>"


def _formatted(text, code, emphasis):
    parts = text.split("`")  # los impares son código
    for place, part in enumerate(parts):
        parts[place] = (
            code.format(part) if place % 2 else re.sub(EMPHASIS, lambda m: emphasis.format(m[1]), part)
        )
    return "".join(parts)
