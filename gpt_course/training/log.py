"""El registro de una corrida: una línea JSON por paso y otra por evaluación, y delante, los ajustes."""

import json
import os
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "log.jsonl"
CLOCK = ("seconds", "machine")  # lo que depende del reloj y del equipo: lo demás se repite bit a bit


def read_log(path):
    """Las líneas de un registro, como diccionarios. path: el archivo o la carpeta de la corrida.

    Si la última quedó a medias, porque el proceso murió al escribirla, no cuenta.
    Errores: `OSError` si no se puede leer; `ValueError` si no es un registro.
    """
    path = Path(path)
    path = path / NAME if path.is_dir() else path
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")  # tras el último salto, nada
    try:
        rows = [json.loads(line) for line in lines]
    except ValueError:
        rows = [None]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path} no es el registro de un entrenamiento: una de sus líneas no es JSON.")
    return rows


def curve(rows, key):
    """Dos listas: los pasos y los valores de `key` (`loss`, `validation`…) en las líneas que lo llevan."""
    points = [(row["step"], row[key]) for row in rows if key in row and "step" in row]
    return [step for step, _ in points], [value for _, value in points]


def best_step(rows):
    """El paso de la menor pérdida de validación, el primero si hay empate; None si no se ha medido."""
    steps, values = curve(rows, "validation")
    return steps[values.index(min(values))] if values else None


def without_clock(rows):
    """Las mismas líneas sin lo que depende del reloj y del equipo: lo que dos corridas iguales comparten."""
    return [{key: value for key, value in row.items() if key not in CLOCK} for row in rows]


class Log:
    """Las líneas de una corrida, en memoria y, si hay `path`, en un archivo.

    Errores: `OSError` si el disco no deja.
    """

    def __init__(self, path=None, rows=()):
        self.rows, self._path, self._file = list(rows), path, None
        if path is None:
            return
        new = path.with_name(f".{path.name}.nuevo")
        with self._writing():
            with open(new, "w", encoding="utf-8", newline="\n") as file:
                file.writelines(map(_line, self.rows))
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
            self._file = open(path, "a", encoding="utf-8", newline="\n")  # noqa: SIM115 - hasta `close`

    def add(self, row):
        self.rows.append(row)
        if self._file:
            with self._writing():
                self._file.write(_line(row))
                self._file.flush()

    def sync(self):
        """Espera a que lo escrito esté en el disco."""
        if self._file:
            with self._writing():
                os.fsync(self._file.fileno())

    def close(self):
        if self._file:
            with suppress(OSError):  # lo que no se pudo escribir ya se dijo
                self._file.close()

    @contextmanager
    def _writing(self):
        try:
            yield
        except OSError as error:
            raise OSError(
                f"No se pudo escribir el registro {self._path}: {error.strerror}. Lo que había sigue en su "
                "sitio. Comprueba el espacio y los permisos, y sigue con --resume."
            ) from error


def _line(row):
    return json.dumps(row, ensure_ascii=False) + "\n"
