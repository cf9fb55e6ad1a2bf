"""Qué archivos son del curso y qué guarda git de ellos.

Las pruebas de estructura y de estilo miran lo que git guarda, no la copia de trabajo: quien resuelve un
ejercicio, guarda desde JupyterLab o deja apuntes en la carpeta no enrojece la suite. Sin git (un zip, o
dentro del repositorio de otro) se miran los archivos, y de los cuadernos se quita lo que dejó el lector.
"""

import functools
import os
import subprocess
from pathlib import Path

import manifest

ROOT = Path(__file__).resolve().parent.parent
# Sin git, los archivos del curso son los de estas carpetas y, de las demás, estos.
FOLDERS = {"gpt_course", "tests", "imgs", "docs"}
LOOSE = {"ajustes.py", "conftest.py", "curso.py", "CONTRIBUTING.md", "README.md", "glosario.md", "indice.md"}
# Al vaciar una celda, ni sobra lo que solo ella usaba ni falta lo que definía.
EMPTIED = "# ruff: noqa: F401, F821, RUF100"


def git(*arguments):
    """Salida de una orden de git en la raíz, o None si no hay git o la raíz no es la de un repositorio."""
    return _git(*arguments) if _is_a_repository(ROOT) else None


def answers_are_hidden():
    """Si no hay git: lo que el curso traía en las celdas que escribe quien estudia no se puede saber."""
    return git("rev-parse") is None


@functools.cache
def _is_a_repository(root):
    return _git("rev-parse", "--show-prefix") == b"\n"


def _git(*arguments):
    # safe.directory: la carpeta puede ser de otro usuario (un aula, un contenedor). GIT_DIR y las demás
    # variables dirían otro repositorio.
    command = ["git", "-C", str(ROOT), "-c", "safe.directory=*", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, env=env, capture_output=True)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def tracked(suffix):
    """Rutas de los archivos del curso que acaban en `suffix`, en orden."""
    listed = git("ls-files", "-z")
    if listed is None:
        paths = unlisted(suffix)
    else:
        paths = [ROOT / name for name in listed.decode("utf-8").split("\0") if name]
    paths = [path for path in paths if path.name.endswith(suffix) and path.exists()]
    ours = manifest.notebooks(ROOT)
    return sorted(path for path in paths if path.suffix != ".ipynb" or path in ours)


def unlisted(suffix):
    """Los archivos del curso que acaban en `suffix`, sin git que los diga."""
    # Solo donde pueden estar: en .venv hay decenas de miles.
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob(f"*{suffix}")]
    around = [path for folder in (ROOT, ROOT / "notebooks") for path in folder.glob(f"*{suffix}")]
    paths = [*inside, *(path for path in around if path.name in LOOSE)]
    visible = [path for path in paths if path.is_file() and not is_hidden(path.relative_to(ROOT))]
    return {*visible, *manifest.notebooks(ROOT)}


def is_hidden(path):
    return any(part.startswith((".", "__pycache__")) for part in path.parts)


def committed(path):
    """Los bytes que git guarda de un archivo (los del índice); sin git, los del archivo."""
    kept = saved(path)
    if kept is not None:
        return kept
    return without_the_reader(path) if path.suffix == ".ipynb" else path.read_bytes()


def saved(path):
    """Los bytes que git guarda de un archivo, o None."""
    return git("show", f":{path.relative_to(ROOT).as_posix()}") if ROOT in path.parents else None


def without_the_reader(path):
    """Un cuaderno sin lo que escribe quien lo usa: el ruido de JupyterLab y las celdas de ejercicio."""
    import nbformat  # tarda en cargarse
    from canonical import is_not_compared, normalise

    notebook = normalise(nbformat.read(path, as_version=4))
    for cell in notebook.cells:
        if is_not_compared(cell):
            cell.source, cell.outputs = EMPTIED, []
            cell.metadata.tags = ["nbval-ignore-output"]
    return nbformat.writes(notebook).encode("utf-8")
