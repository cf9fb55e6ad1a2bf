"""Leer el cuaderno de una entrega sin fiarse de nada de lo que lleve."""

import json
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gpt_course.classroom.grading.slicing import checks

LARGEST = 20 * 2**20  # bytes de un cuaderno
LONGEST = 600  # letras que se guardan de un mensaje
NAME = re.compile(r"\*\*Nombre:\*\*[ \t]*([^\n*]{2,80})")
VERDICT = re.compile(r"^([✓✗○]) ([\w.]+): (.*)", flags=re.S)


@dataclass
class HandIn:
    """Una entrega: de dónde salió y su cuaderno, o por qué no se pudo leer."""

    path: str
    reason: str = ""
    codes: list = field(default_factory=list)
    student: str = ""
    metadata: dict = field(default_factory=dict)
    seen: dict = field(default_factory=dict)  # ejercicio → lo último que se ve en el cuaderno
    record: list = field(default_factory=list)  # los sucesos de su registro, si lo entregó


def read(path, content):
    """La entrega, leída sin fiarse de nada de lo que lleve."""
    if isinstance(content, str):
        return HandIn(path, content, student=_from_path(path))
    try:
        notebook, reason = _parse(content)
    except RecursionError:
        notebook, reason = None, "no es un cuaderno: tiene demasiadas cosas unas dentro de otras."
    if reason:
        return HandIn(path, reason, student=_from_path(path))
    cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    texts = [_joined(cell.get("source")) for cell in cells]
    codes = [text for cell, text in zip(cells, texts, strict=True) if cell.get("cell_type") == "code"]
    written = NAME.search("\n".join(text for text, cell in zip(texts, cells, strict=True) if _is_text(cell)))
    metadata = notebook.get("metadata")
    ours = metadata.get("gpt_course") if isinstance(metadata, dict) else {}
    return HandIn(
        path,
        "" if any(map(checks, codes)) else "no tiene ejercicios del curso: mira si es otro cuaderno.",
        codes,
        written[1].strip() if written and written[1].strip(" .…_") else _from_path(path),
        {str(key): str(value)[:100] for key, value in ours.items()} if isinstance(ours, dict) else {},
        _last_messages(cells),
    )


def _parse(content):
    if len(content) > LARGEST:
        return None, too_big(len(content))
    if not content.strip():
        return None, "está vacío."
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return None, "no es un cuaderno: no es texto."
    except ValueError as error:
        line = f" (línea {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        return None, f"está cortado o estropeado: no es un cuaderno entero{line}."
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        return None, "no es un cuaderno, o es de un formato anterior a 2015: que lo guarde otra vez."
    return notebook, ""


def _is_text(cell):
    return cell.get("cell_type") == "markdown"


def _joined(source):
    parts = source if isinstance(source, list) else [source]
    return "".join(part for part in parts if isinstance(part, str))


def _from_path(path):
    """Sin nombre escrito, el de su carpeta; si no la hay, el del archivo."""
    place = PurePosixPath(path)
    return place.parts[0].removesuffix(".zip") if len(place.parts) > 1 else place.stem


def _last_messages(cells):
    found = {}
    for cell in cells:
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else []:
            data = output.get("data") if isinstance(output, dict) else None
            match = VERDICT.match(_joined(data.get("text/plain")) if isinstance(data, dict) else "")
            if match:
                found[match[2]] = f"{match[1]} {match[3].strip()}"[:LONGEST]
    return found


def events(content):
    """Los sucesos de un registro; las líneas que no se entienden se saltan."""
    events = []
    for line in content.decode("utf-8", "replace").splitlines()[:20_000]:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("exercise"), str):
            events.append({str(key): str(value)[:LONGEST] for key, value in event.items()})
    return events


def too_big(size):
    return (
        f"pesa {size / 2**20:.0f} MiB y se admiten {LARGEST // 2**20}: que borre las salidas y lo entregue."
    )
