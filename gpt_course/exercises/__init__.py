"""Ejercicios que se corrigen solos: `check("modelo.1", respuesta)` dice qué está bien, qué no y una pista."""

from gpt_course.exercises.core import EXERCISES, check

__all__ = ["EXERCISES", "check"]
