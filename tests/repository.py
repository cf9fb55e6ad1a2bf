"""Qué archivos son del curso y qué guarda git de ellos.

Las pruebas de estructura y de estilo miran lo que git guarda, no la copia de trabajo: quien resuelve un
ejercicio, guarda desde JupyterLab o deja apuntes en la carpeta no enrojece la suite. Sin git (un zip) se
miran los archivos, y de los cuadernos se quita antes lo que pudo dejar el lector.
"""

import subprocess
from pathlib import Path

import nbformat
import regenerate

ROOT = Path(__file__).resolve().parent.parent


def git(*arguments):
    """Salida de una orden de git en la raíz, o None si no hay git o esto no es un repositorio."""
    # safe.directory: la carpeta puede ser de otro usuario (un aula, un contenedor).
    command = ["git", "-C", str(ROOT), "-c", "safe.directory=*", *arguments]
    try:
        done = subprocess.run(command, capture_output=True)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def tracked(suffix):
    """Rutas de los archivos del curso que acaban en `suffix`, en orden."""
    listed = git("ls-files", "-z")
    if listed is None:
        paths = [path for path in ROOT.rglob("*") if path.is_file()]
        paths = [path for path in paths if not regenerate.is_hidden(path.relative_to(ROOT))]
    else:
        paths = [ROOT / name for name in listed.decode("utf-8").split("\0") if name]
    return sorted(path for path in paths if path.name.endswith(suffix) and path.exists())


def committed(path):
    """Los bytes que git guarda de un archivo (los del índice); sin git, los del archivo."""
    saved = git("show", f":{path.relative_to(ROOT).as_posix()}")
    if saved is not None:
        return saved
    return without_the_reader(path) if path.suffix == ".ipynb" else path.read_bytes()


def without_the_reader(path):
    """Un cuaderno sin lo que escribe quien lo usa: el ruido de JupyterLab y las celdas de ejercicio."""
    notebook = regenerate.normalise(nbformat.read(path, as_version=4))
    for cell in notebook.cells:
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            cell.source = ""
            cell.metadata.tags = ["nbval-ignore-output"]
    return nbformat.writes(notebook).encode("utf-8")
