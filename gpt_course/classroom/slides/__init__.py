"""`python3 curso.py diapositivas`: de cada lección, sus figuras y sus frases clave, para proyectar sin red."""

from gpt_course.classroom.slides.command import main

__all__ = ["main"]
