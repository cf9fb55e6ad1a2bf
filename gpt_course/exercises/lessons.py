"""Qué lecciones hay, y en qué celdas de un cuaderno están sus ejercicios."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECK = re.compile(r'^check\("([^".]+\.\d+)", ', flags=re.M)


@dataclass(frozen=True)
class Lesson:
    """Una lección con cuaderno: `file` está en `notebooks/`; `topic` va antes del punto en sus ejercicios."""

    number: str
    title: str
    file: str
    topic: str


def read_lessons(root=ROOT):
    """Las lecciones con cuaderno, en orden. Errores: `OSError` o `ValueError` si el manifiesto no se lee."""
    entries = tomllib.loads((root / "notebooks" / "lecciones.toml").read_text(encoding="utf-8"))["lesson"]
    return [
        Lesson(entry["number"], entry["title"], entry["file"], entry["topic"])
        for entry in entries
        if "file" in entry
    ]


def exercise_cells(cells):
    """(ejercicio, celda del enunciado, celda de la respuesta) de cada uno, salvo los de muestra, los `.0`.

    `cells`: las de un cuaderno leído con `json`. El enunciado es la celda de texto anterior a la respuesta.
    """
    before = None
    for cell in cells:
        if cell["cell_type"] == "markdown":
            before = cell
        elif cell["cell_type"] == "code":
            found = CHECK.search("".join(cell["source"]))
            if found and not found[1].endswith(".0"):
                yield found[1], before, cell
