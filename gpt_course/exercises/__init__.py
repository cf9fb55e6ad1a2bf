"""Ejercicios que se corrigen solos: `check("modelo.1", respuesta)` dice qué está bien, qué no y una pista.

`progreso()` enseña los que llevas, y `judge` corrige sin enseñar ni apuntar nada.
"""

from gpt_course.exercises.core import EXERCISES, check, judge
from gpt_course.exercises.progress import progreso

__all__ = ["EXERCISES", "check", "judge", "progreso"]
