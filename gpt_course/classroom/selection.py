"""Elegir lecciones en una orden: «02», «00-07», «00,03-06»."""

import re

from gpt_course.command import BadInput
from gpt_course.exercises.lessons import read_lessons


def select(text):
    """Las lecciones que nombra `--lecciones`, en orden; todas si es None. Errores: `BadInput`."""
    lessons = read_lessons()
    if text is None:
        return lessons
    chosen = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,2})(?:\s*-\s*(\d{1,2}))?\s*", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        numbers = {f"{number:02d}" for number in range(first, last + 1)}
        known = {lesson.number for lesson in lessons}
        if not numbers or not numbers <= known:
            raise BadInput(
                f"`--lecciones` espera números de lección, como 02, 00-07 o 00,03-06, de {min(known)} a "
                f"{max(known)}; llegó {text!r}."
            )
        chosen |= numbers
    return [lesson for lesson in lessons if lesson.number in chosen]
