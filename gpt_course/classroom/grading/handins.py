"""Encontrar las entregas: cuadernos sueltos, en carpetas o en zips. Nada se extrae ni se ejecuta."""

import io
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath

from gpt_course.classroom.grading.notebook import LARGEST, events, read, too_big

MOST = 5000  # archivos que se miran
TOTAL = 20 * LARGEST  # bytes que se leen de un zip
RECORD = "progreso.jsonl"
LINK = "no es un archivo corriente (¿un enlace?), y no se sigue: pide el cuaderno mismo."


def find(path):
    """Las entregas de una carpeta, un zip o un cuaderno, en orden. Lo que no se puede leer dice por qué."""
    notebooks, records = [], {}
    for name, content in _files(Path(path)):
        place = PurePosixPath(name)
        if place.name == RECORD and isinstance(content, bytes) and len(place.parts) > 1:
            records[place.parent] = content
        elif place.suffix == ".ipynb" or isinstance(content, str):
            notebooks.append((name, content))
    handins = [read(name, content) for name, content in sorted(notebooks, key=lambda pair: pair[0])]
    for handin in handins:
        nearest = next((records[each] for each in PurePosixPath(handin.path).parents if each in records), b"")
        handin.record = events(nearest)
    return handins


def _files(path, limit=MOST):
    """(ruta dentro de la entrega, bytes o motivo de que no se lean) de lo que puede importar."""
    if path.is_file():
        content = path.read_bytes()
        yield from _inside_zip("", content) if path.suffix == ".zip" else [(path.name, content)]
        return
    found = []
    for folder, folders, files in os.walk(path):  # no sigue los enlaces
        folders[:] = sorted(name for name in folders if not _is_noise(name))
        found += [Path(folder, name) for name in sorted(files) if not _is_noise(name)]
    for file in found[:limit]:
        name = file.relative_to(path).as_posix()
        if file.suffix in (".ipynb", ".zip") or file.name == RECORD:
            yield from _one_file(name, file)


def _one_file(name, file):
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            yield name, LINK
        elif file.suffix == ".zip":
            yield from _inside_zip(name + "/", file.read_bytes())
        elif file.stat().st_size > LARGEST:
            yield name, too_big(file.stat().st_size)
        else:
            yield name, file.read_bytes()
    except OSError as error:
        yield name, f"no se puede leer ({error.strerror})."


def _inside_zip(prefix, content, depth=2):
    label = prefix.rstrip("/") or "el zip"
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        yield label, "no es un zip entero: vuelve a pedirlo."
        return
    left = TOTAL
    for entry in archive.infolist()[:MOST]:
        name, kind = entry.filename.replace("\\", "/"), PurePosixPath(entry.filename).suffix
        interesting = kind in (".ipynb", ".zip") or PurePosixPath(name).name == RECORD
        if entry.is_dir() or not interesting or any(map(_is_noise, PurePosixPath(name).parts)):
            continue
        if name.startswith("/") or ".." in PurePosixPath(name).parts or ":" in name:
            yield prefix + name, "su ruta se sale del zip: no se lee."
        elif stat.S_ISLNK(entry.external_attr >> 16):
            yield prefix + name, LINK
        elif entry.file_size > (LARGEST if kind != ".zip" else left) or entry.file_size > left:
            yield prefix + name, too_big(entry.file_size)
        else:
            left -= entry.file_size
            yield from _one_entry(prefix + name, archive, entry, depth)


def _one_entry(name, archive, entry, depth):
    try:
        with archive.open(entry) as file:
            content = file.read(entry.file_size + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError):
        yield name, "está dañado o lleva contraseña: vuelve a pedirlo."
        return
    if not name.endswith(".zip"):
        yield name, content
    elif depth > 1:
        yield from _inside_zip(name + "/", content, depth - 1)


def _is_noise(name):
    return (name.startswith(".") and name != "..") or name in ("__MACOSX", "__pycache__")
