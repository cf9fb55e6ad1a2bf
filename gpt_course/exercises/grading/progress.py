"""Qué ejercicios llevas: una línea de JSON por acierto, en un archivo oculto junto a los cuadernos.

Añadir una línea corta es una sola escritura: dos cuadernos a la vez no se pisan. Si el archivo no se puede
leer o escribir, no pasa nada: se cuenta lo que haya.
"""

import builtins
import contextlib
import json
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
FILE = ".progreso.jsonl"


def advance(name, others):
    """«Llevas 4 de 6.» tras acertar `name`; `others` son los ejercicios de su lección.

    Solo cuenta en un cuaderno de las lecciones: las soluciones y las pruebas del paquete no dejan rastro.
    """
    if not hasattr(builtins, "display") or Path.cwd() != NOTEBOOKS:
        return ""
    solved = record(NOTEBOOKS / FILE, name)
    return f" Llevas {len(solved & {*others})} de {len(others)}."


def record(path, name):
    """Apunta un acierto, si no lo estaba, y devuelve todos."""
    solved = read(path)
    if name not in solved:
        line = json.dumps({"ejercicio": name}) + "\n"
        with contextlib.suppress(OSError), path.open("a+b", buffering=0) as file:
            if _is_cut_short(file):  # un corte a media línea no debe estropear también la nueva
                line = "\n" + line
            file.write(line.encode())
    return solved | {name}


def _is_cut_short(file):
    if file.seek(0, 2) == 0:  # vacío
        return False
    file.seek(-1, 2)
    return file.read(1) != b"\n"


def read(path):
    """Los ejercicios apuntados; las líneas que no se entienden se saltan."""
    solved = set()
    with contextlib.suppress(OSError):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                solved.add(str(json.loads(line)["ejercicio"]))
    return solved
