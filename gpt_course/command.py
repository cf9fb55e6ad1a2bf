"""Lo común a las órdenes de la terminal: leer sus opciones y decir en una frase qué no sirve."""

import argparse
import sys


class BadInput(Exception):
    """Lo que se escribió en la terminal no sirve; el texto es la única frase que se muestra."""


class Parser(argparse.ArgumentParser):
    """Las opciones de una orden, en español. example: una orden completa, para los errores.

    program: un módulo, como `gpt_course.memory`, o una orden de curso.py, como `curso.py progreso`.
    """

    def __init__(self, program, description, example):
        start = ["python3"] if program.startswith("curso.py ") else ["python", "-m"]
        usage = " ".join([*start, program, "[opciones]"])
        super().__init__(usage=usage, description=description, allow_abbrev=False, add_help=False)
        self.example = example
        self.add = self.add_argument_group("Opciones").add_argument
        self.add("-h", "--help", action="help", help="muestra esta ayuda")

    def read(self, arguments):
        """Las opciones escritas. Errores: `BadInput`, con una frase."""
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            raise BadInput(
                f"No existe la opción {unknown[0]!r}. Míralas con `--help`. Por ejemplo: {self.example}"
            )
        return options

    def error(self, message):  # por ejemplo, `argument --batch: expected one argument`
        option, _, names = message.removeprefix("argument ").partition(": ")
        if option == "the following arguments are required":
            raise BadInput(f"Falta {names}. Por ejemplo: {self.example}")
        raise BadInput(f"No se entiende {option}: le falta su valor o le sobra. Por ejemplo: {self.example}")

    def format_help(self):
        return super().format_help().replace("usage:", "Uso:", 1).replace("positional arguments:", "Qué:", 1)


def to_number(name, text, kind):
    """El valor de la opción `name`, en `kind` (`int` o `float`), o None si no se escribió; o `BadInput`."""
    try:
        return None if text is None else kind(text)
    except ValueError:
        expected = "un entero" if kind is int else "un número, con punto decimal"
        raise BadInput(f"`--{name.replace('_', '-')}` debe ser {expected}; llegó {text!r}.") from None


def prepare_streams():
    """Una terminal sin acentos recibe «?» y no un error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
