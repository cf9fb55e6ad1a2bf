"""`python3 curso.py diapositivas`: las figuras y las frases clave de cada lección, sin red."""

from gpt_course.classroom.slides.command import main

__all__ = ["main"]
