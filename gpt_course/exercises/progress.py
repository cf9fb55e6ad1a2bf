"""Enseñar lo que dice el registro: cuántos ejercicios de cada lección llevas, y cómo va cada uno."""

import builtins
import html
from collections import Counter

from gpt_course.exercises import core, record
from gpt_course.exercises.lessons import read_lessons

LEGEND = "✓ resuelto · ✗ intentado · ○ sin intentar"
NOTHING = "Todavía no hay nada apuntado: resuelve un ejercicio en su cuaderno y vuelve a mirar."


def progreso(leccion=None):
    """Enseña qué ejercicios llevas; con `leccion="03"`, cómo va cada uno de esa. No devuelve nada.

    Errores: `ValueError` si no hay tal lección.
    """
    getattr(builtins, "display", print)(Progress(record.read(record.ROOT / record.FILE), leccion))


class Progress:
    """La tabla que sale de unos intentos apuntados: por lecciones, o los ejercicios de una."""

    def __init__(self, events, lesson=None):
        self.tries = Counter(each["exercise"] for each in events)
        self.solved = {each["exercise"] for each in events if each["event"] == "solved"}
        self.last = {each["exercise"]: each for each in events}
        lessons = read_lessons()
        if lesson is not None:
            lessons = [each for each in lessons if each.number == str(lesson).zfill(2)]
            if not lessons:
                raise ValueError(f"No hay lección {lesson!r}: se espera su número, como 03.")
        names = {each: core.exercises_of(each.topic) for each in lessons}
        self.header, self.rows = self._lessons(names) if lesson is None else self._exercises(names)
        self.done = sum(name in self.solved for found in names.values() for name in found)
        self.total = sum(map(len, names.values()))

    def _lessons(self, names):
        rows = [
            (
                f"{lesson.number} · {lesson.title}",
                f"{sum(name in self.solved for name in found)} de {len(found)}",
                " ".join(map(self.sign, found)),
            )
            for lesson, found in names.items()
        ]
        return ("Lección", "Llevas", "Ejercicios"), rows

    def _exercises(self, names):
        rows = [
            (f"{self.sign(name)} {name}", str(self.tries[name]), *self._when_and_told(name))
            for found in names.values()
            for name in found
        ]
        return ("Ejercicio", "Intentos", "El último", "Lo que contestó"), rows

    def sign(self, name):
        return "✓" if name in self.solved else "✗" if self.tries[name] else "○"

    def _when_and_told(self, name):
        last = self.last.get(name, {})
        hint = f"(pista {last['hint']}) " if last.get("hint") else ""
        return str(last.get("when", "—"))[:16].replace("T", " "), f"{hint}{last.get('message', '—')}"

    @property
    def total_line(self):
        return f"En total, {self.done} de {self.total}. {LEGEND}."

    def __repr__(self):
        table = [self.header, *self.rows]
        widths = [max(len(row[place]) for row in table) for place in range(len(self.header) - 1)]
        lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in table]
        return "\n".join([*lines, "", self.total_line, *([] if self.tries else [NOTHING])])

    def _repr_html_(self):
        cells = [
            "".join(f'<{tag} style="text-align:left">{html.escape(text)}</{tag}>' for text in row)
            for tag, row in [("th", self.header), *(("td", row) for row in self.rows)]
        ]
        rows = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table>{rows}</table><div>{self.total_line}{'' if self.tries else ' ' + NOTHING}</div>"
