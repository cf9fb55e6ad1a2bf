"""Entregas de muestra, hechas con las soluciones del curso: buenas, a medias, rotas y hostiles.

    python tests/handins.py CARPETA [LECCIÓN] [CUÁNTAS]

escribe en CARPETA las de una lección (de serie, 60 de la 02), para medir `python3 curso.py corregir CARPETA`.
"""

import copy
import io
import json
import random
import stat
import sys
import zipfile
from pathlib import Path

from gpt_course.exercises.lessons import ROOT, exercise_cells, read_lessons

# Lo que se pone en la celda de un ejercicio en vez de la respuesta. {check} es su última línea; {home}, una
# carpeta de quien enseña, que debe seguir como estaba.
ATTACKS = {
    "bucle sin fin": "while True:\n    pass\n{check}",
    "bucle que no se deja": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n{check}"
    ),
    "exit": "exit()\n{check}",
    "sale del proceso": "import os\nos._exit(0)\n{check}",
    "salida enorme": "for _ in range(20_000_000):\n    print('x' * 1000)\n{check}",
    "bomba de procesos": "import os\nwhile True:\n    os.fork()\n{check}",
    "borra archivos": "import shutil\nshutil.rmtree('{home}')\n{check}",
    "escribe en lo ajeno": "open('{home}/nota', 'w').write('10')\n{check}",
    "escribe sin Python": "import torch\ntorch.save(torch.ones(3), '{home}/nota')\n{check}",
    "abre la red": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9')\n{check}",
    "cambia check": "def check(*anything):\n    print('✓ todo bien')\n{check}",
    "cambia torch": "import torch\ntorch.equal = torch.allclose = lambda *a, **k: True\n{check}",
    "cambia los correctores": (
        "import gpt_course.exercises.core as core\nfor name in core.EXERCISES:\n"
        "    core.EXERCISES[name] = lambda answer: None\n{check}"
    ),
    "cambia Python": (
        "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.len = lambda x: 0\n{check}"
    ),
    "pide toda la memoria": "hoard = []\nwhile True:\n    hoard.append(bytearray(2**27))\n{check}",
    "mata procesos": "import os, signal\nos.kill(-1, signal.SIGKILL)\n{check}",
    "guion": "respuesta = '<script>alert(1)</script>'\n{call}, respuesta)",
    "fórmula": "=HYPERLINK(1)\n{check}",
    "se miente al tubo": (
        "import gc, json\nfor found in gc.get_objects():\n    if type(found).__name__ == 'Connection':\n"
        "        found.send_bytes(json.dumps({{'verdicts': {{}}}}).encode())\n{check}"
    ),
}


def lesson(number):
    """El cuaderno de una lección, la primera celda de sus soluciones y {ejercicio: celda que lo resuelve}."""
    file = next(each.file for each in read_lessons() if each.number == number)
    notebook, solved = (
        json.loads((ROOT / folder / file).read_text(encoding="utf-8"))
        for folder in ("notebooks", "notebooks/soluciones")
    )
    setup = next("".join(cell["source"]) for cell in solved["cells"] if cell["cell_type"] == "code")
    answers = {name: "".join(cell["source"]) for name, _, cell in exercise_cells(solved["cells"])}
    return notebook, setup, answers


def hand_in(number, changes=None, *, solved=True, name=""):
    """Los bytes de una entrega. changes: {ejercicio: código}; los demás van resueltos o sin tocar."""
    notebook, setup, answers = lesson(number)
    notebook = copy.deepcopy(notebook)
    first = True
    for exercise, _, cell in exercise_cells(notebook["cells"]):
        code = (changes or {}).get(exercise)
        if code is None and solved and exercise in answers:
            code = f"{setup}\n\n{answers[exercise]}" if first else answers[exercise]
            first = False
        if code is not None:
            cell["source"] = code
    if name:
        notebook["cells"].insert(
            1, {"cell_type": "markdown", "id": "n", "metadata": {}, "source": f"**Nombre:** {name}"}
        )
    return json.dumps(notebook).encode()


def attack(number, kind, home, exercise=None):
    """Una entrega resuelta salvo un ejercicio, en el que ataca."""
    _, _, answers = lesson(number)
    exercise = exercise or next(iter(answers))
    call = f'check("{exercise}"'
    return hand_in(number, {exercise: ATTACKS[kind].format(home=home, call=call, check=f"{call}, 0)")})


def broken(number):
    """{nombre de archivo: bytes} de lo que no se puede leer o no es lo que se espera."""
    whole = hand_in(number)
    notebook = json.loads(whole)
    without_imports, renamed, deleted = (copy.deepcopy(notebook) for _ in range(3))
    code = [cell for cell in without_imports["cells"] if cell["cell_type"] == "code"]
    code[0]["source"] = ""
    other = next(each.number for each in read_lessons() if each.number != number)
    last = list(exercise_cells(deleted["cells"]))[-1][2]
    deleted["cells"].remove(last)
    for _, _, cell in exercise_cells(renamed["cells"]):
        cell["source"] = "".join(cell["source"]).replace("def ", "def mi_")
    older = {**notebook, "metadata": {**notebook["metadata"], "gpt_course": {"version": "antigua"}}}
    return {
        "vacío.ipynb": b"",
        "cortado.ipynb": whole[: len(whole) // 2],
        "binario.ipynb": bytes(range(256)) * 9,
        "lista.ipynb": b"[1, 2]",
        "hondo.ipynb": b"[" * 100_000,
        "de otra.ipynb": hand_in(other),
        "de otra versión.ipynb": json.dumps(older).encode(),
        "sin importaciones.ipynb": json.dumps(without_imports).encode(),
        "función con otro nombre.ipynb": json.dumps(renamed).encode(),
        "sin una celda.ipynb": json.dumps(deleted).encode(),
        "roto.zip": b"PK\x03\x04 nada",
        "se sale.zip": zipped(
            {"../fuera.ipynb": whole, "Begoña Núñez/la mía.ipynb": whole}, link="enlace.ipynb"
        ),
    }


def zipped(files, link=None):
    """Los bytes de un zip; `link` es una entrada que es un enlace simbólico."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def write_class(folder, number="02", count=60):
    """Una clase entera en `folder`: los ataques, lo roto y, hasta `count`, entregas buenas y a medias."""
    home = folder.parent / "ajena"
    home.mkdir(parents=True, exist_ok=True)
    (home / "apuntes.txt").write_text("intacto", encoding="utf-8")
    files = {f"{kind}/entrega.ipynb": attack(number, kind, home.as_posix()) for kind in ATTACKS} | broken(
        number
    )
    names, place, draw = list(lesson(number)[2]), 0, random.Random(0)
    while len(files) < count:
        place += 1
        left = {name: None for name in draw.sample(names, draw.randrange(len(names)))}
        half = {name: f'respuesta = ...\ncheck("{name}", respuesta)' for name in left}
        files[f"Ángela Ñíguez {place:02}/Lección {number} (copia).ipynb"] = hand_in(
            number, half, name=f"Ana {place}"
        )
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return home


if __name__ == "__main__":
    target, number, count = (
        [*sys.argv[1:], "02", "60"][:3] if len(sys.argv) < 3 else [*sys.argv[1:], "60"][:3]
    )
    write_class(Path(target), number, int(count))
