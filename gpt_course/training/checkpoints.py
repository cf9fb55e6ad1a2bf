"""Puntos de control: carpetas con todo lo que hace falta para seguir, que están enteras o no están.

Cada uno se escribe aparte, se espera a que esté en el disco y solo entonces recibe su nombre. Dentro,
`huellas.json` guarda la SHA-256 de los demás archivos: uno cortado o cambiado se nota, y se usa el anterior.
Solo hay números y texto (safetensors y JSON): abrirlos no ejecuta nada.
"""

import hashlib
import json
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

DIGESTS = "huellas.json"
_NAME = re.compile(r"paso-(\d{6,})")
_WRITING, _DELETING, _ASIDE = ".escribiendo-", ".borrando-", "apartado-"


class Checkpoints:
    """Los puntos de control de una carpeta. keep: cuántos de los últimos se conservan."""

    def __init__(self, folder, keep):
        self.folder, self.keep = Path(folder), keep

    def path(self, step):
        return self.folder / f"paso-{step:06d}"

    def steps(self):
        """Los pasos de los que hay uno, en orden."""
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)

    def save(self, step, fill, best=None):
        """Guarda el del paso `step`, con los archivos que `fill` escribe en la carpeta que recibe.

        best: el paso del mejor, que se conserva además de los últimos.
        Errores: `OSError` si el disco no deja; los de antes siguen en su sitio.
        """
        temporary = self.folder / f"{_WRITING}{step}"
        try:
            temporary.mkdir(parents=True)
            fill(temporary)
            digests = {path.name: _digest(path) for path in sorted(temporary.iterdir())}
            (temporary / DIGESTS).write_text(json.dumps(digests, indent=1), encoding="utf-8")
            for path in [*temporary.iterdir(), temporary]:
                _sync(path)
            os.rename(temporary, self.path(step))
            _sync(self.folder)
        except (OSError, SafetensorError) as error:
            last = self.steps()
            left = f"Sigue entero el de antes, {self.path(last[-1])}" if last else "Aún no había ninguno"
            raise OSError(
                f"No se pudo guardar el punto de control del paso {step}: {error}. {left}. Comprueba el "
                "espacio y los permisos, y sigue con --resume."
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # si ya tiene su nombre, no hay nada que borrar
        self.prune(best)

    def latest(self, stranger, say):
        """El paso del último que sirve, o None si no hay ninguno. Deja limpia la carpeta.

        stranger: función (carpeta) → qué tiene de otra corrida, o None. Los que no sirven se apartan con otro
        nombre; `say` recibe una frase por cada uno.
        """
        for path in self.folder.glob(".*-*"):  # lo que dejó a medias un proceso que murió
            if path.name.startswith((_WRITING, _DELETING)):
                shutil.rmtree(path)
        for step in reversed(self.steps()):
            fault = self._fault(step) or stranger(self.path(step))
            if fault is None:
                return step
            aside = self.folder / f"{_ASIDE}{step:06d}"
            shutil.rmtree(aside, ignore_errors=True)
            os.rename(self.path(step), aside)
            say(f"El punto de control {self.path(step)} no sirve, porque {fault}: se aparta en {aside.name}.")
        return None

    def _fault(self, step):
        """Qué le pasa al punto de control de ese paso, o None si está entero."""
        folder = self.path(step)
        try:
            digests = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))
            changed = [name for name, digest in digests.items() if _digest(folder / name) != digest]
        except FileNotFoundError as error:
            return f"falta {Path(error.filename).name}"
        except (ValueError, AttributeError):
            digests = None
        if not digests:
            return f"{DIGESTS} no es un JSON entero"
        return f"{changed[0]} está cortado o cambiado" if changed else None

    def prune(self, best):
        """Quita los que no son de los últimos ni el del paso `best`."""
        kept = {*self.steps()[-self.keep :], best}
        for step in self.steps():
            if step not in kept:
                doomed = self.folder / f"{_DELETING}{step}"
                os.rename(self.path(step), doomed)  # de una vez: un proceso que muera aquí no deja medio
                shutil.rmtree(doomed)


@contextmanager
def only_one(folder):
    """Impide que otro proceso escriba en `folder` mientras dure; si este muere, el sistema lo suelta.

    Errores: `OSError` si ya hay otro.
    """
    with open(Path(folder) / ".en-uso", "a+") as file:
        try:
            _lock(file)
        except OSError:
            raise OSError(
                f"Otro proceso está entrenando en {folder}. Espera a que acabe o elige otra carpeta."
            ) from None
        yield


def _lock(file):
    try:
        import fcntl
    except ImportError:  # en Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path):
    """Espera a que un archivo, o la lista de una carpeta, esté en el disco."""
    if path.is_dir() and os.name == "nt":  # Windows no abre carpetas
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
