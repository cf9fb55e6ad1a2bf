"""Cómo acaba una corrección que no es un acierto."""


class Wrong(Exception):
    """La respuesta no es correcta; el texto es la pista que verá quien estudia."""


class Unsolved(Exception):
    """La respuesta sigue siendo los puntos suspensivos, o una función que los devuelve."""
