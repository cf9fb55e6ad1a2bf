"""Escribir: pedir logits, elegir un token, añadirlo y repetir; en tokens o en texto."""

from gpt_course.generation.loop import generate, stream
from gpt_course.generation.text import stream_text

__all__ = ["generate", "stream", "stream_text"]
