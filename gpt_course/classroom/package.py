"""`python3 curso.py paquete-alumno --out DIR`: el curso para repartir, sin respuestas a la vista."""

import datetime
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

from gpt_course.classroom import handout
from gpt_course.classroom.selection import select
from gpt_course.classroom.version import course_version
from gpt_course.command import BadInput, Parser
from gpt_course.exercises.lessons import ROOT

EXAMPLE = " ".join(["python3", "curso.py", "paquete-alumno", "--out", "grupo_b.zip", "--lecciones", "00-07"])
TEXT = (
    "Prepara el curso para repartirlo: sin las soluciones, sin las salidas de los ejercicios ni de los "
    "«Predice», y con un lugar para el nombre y la fecha. Se abre y se comprueba como este. Las soluciones "
    "de referencia que `check` necesita para corregir siguen en `gpt_course/exercises`."
)
MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
    *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)
LOOSE = (
    "curso.py",
    "ajustes.py",
    "conftest.py",
    "pyproject.toml",
    "constraints.txt",
    "environment.yml",
    "LICENSE",
)
# Las pruebas del modelo y lo que hace falta para comprobar cuadernos. Las demás miran el curso entero.
TESTS = (
    *("browser", "canonical", "conftest", "explorer_page", "kernels", "manifest", "reference", "regenerate"),
    *("built", "repository", "tolerance"),
    *("test_attention", "test_block", "test_config", "test_layers", "test_model"),
)
MANIFEST = "notebooks/lecciones.toml"


def main(arguments):
    """Escribe el paquete. Errores: `BadInput`, con una frase."""
    options = read(arguments)
    target, lessons = Path(options.out), select(options.lecciones)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".paquete-") as temporary:
        folder = Path(temporary, target.stem if target.suffix == ".zip" else target.name)
        build(folder, lessons, seed=options.semilla, name=options.nombre)
        if target.suffix == ".zip":
            _zip(folder, Path(temporary, "paquete.zip")).replace(target)
        else:
            if target.exists():
                target.rmdir()
            folder.rename(target)
    seed = f", con la semilla {options.semilla!r}" if options.semilla else ""
    print(f"{len(lessons)} lecciones en {target}{seed}. Repártelo y corrige lo que entreguen con esta copia.")


def read(arguments):
    parser = Parser("curso.py paquete-alumno", TEXT, EXAMPLE)
    parser.add("--out", help="carpeta nueva, o archivo .zip, en que se escribe")
    parser.add("--lecciones", help="solo estas, como 02 o 00-07 (de serie, todas)")
    parser.add("--semilla", help="un texto, por estudiante o por grupo: cambia los números de los ejercicios")
    parser.add("--nombre", default="GPT a lápiz", help="cómo se llama el paquete, por ejemplo el del grupo")
    options = parser.read(arguments)
    if not options.out:
        raise BadInput(f"Falta `--out`, la carpeta o el .zip en que se escribe. Por ejemplo: {EXAMPLE}")
    if options.semilla is not None and not options.semilla.strip():
        raise BadInput(
            "`--semilla` espera un texto que no esté vacío. Sin ella, los números son los de siempre."
        )
    _check_target(Path(options.out))
    return options


def _check_target(path):
    if not path.parent.is_dir():
        raise BadInput(f"`--out`: no existe la carpeta {str(path.parent)!r}. Créala antes.")
    if path.is_file() or (path.is_dir() and (path.suffix == ".zip" or any(path.iterdir()))):
        raise BadInput(f"`--out`: {str(path)!r} ya existe y no se borra nada. Elige otro nombre.")
    if ROOT in path.resolve().parents:
        raise BadInput(f"`--out`: {str(path)!r} está dentro del curso. Elige una carpeta de fuera.")


def build(folder, lessons, *, seed=None, name="GPT a lápiz", today=None, root=ROOT):
    """Escribe el paquete en una carpeta que no existe. Errores: `BadInput` si hay ejercicios resueltos."""
    label = f"«{name}», del {date(today or datetime.date.today())}"
    stamp = {"version": course_version(root), **({"semilla": seed} if seed else {})}
    names = {lesson.file for lesson in lessons}
    written = {}
    for lesson in lessons:
        notebook = json.loads((root / "notebooks" / lesson.file).read_text(encoding="utf-8"))
        ours = {**stamp, "lesson": lesson.number}
        made = handout.prepare(notebook, names, ours, label, seed)
        written[f"notebooks/{lesson.file}"] = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    for page in ("indice.md", "glosario.md"):
        text = (root / "notebooks" / page).read_text(encoding="utf-8")
        written[f"notebooks/{page}"] = handout.without_absent(text, names | {"indice.md", "glosario.md"})
    written[MANIFEST] = _manifest((root / MANIFEST).read_text(encoding="utf-8"), lessons)
    written["LEEME.md"] = README.format(
        paquete=label, lecciones="\n".join(f"- {e.number} · {e.title}" for e in lessons)
    )
    for path in _copied(root, "".join(written.values())):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, folder / path)
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")


def date(day):
    return f"{day.day} de {MONTHS[day.month - 1]} de {day.year}"


def _manifest(text, lessons):
    """El manifiesto, con las entradas de las lecciones que van."""
    start, *entries = text.split("[[lesson]]")
    kept = [
        entry for entry in entries if any(f'number="{e.number}"' in entry.replace(" ", "") for e in lessons)
    ]
    return "[[lesson]]".join([start, *kept])


def _copied(root, texts):
    """Lo que va tal cual: el paquete, lo suelto, las pruebas del modelo y las imágenes que se nombran."""
    code = sorted((root / "gpt_course").rglob("*"))
    hidden = {
        path
        for path in code
        if any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts)
    }
    yield from (path.relative_to(root) for path in code if path.is_file() and path not in hidden)
    yield from map(Path, LOOSE)
    yield from (Path("tests", f"{name}.py") for name in TESTS)
    yield from (
        path.relative_to(root) for path in sorted((root / "imgs").iterdir()) if f"imgs/{path.name}" in texts
    )


def _zip(folder, path):
    """Los mismos archivos dan siempre los mismos bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder.parent).as_posix())
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return path


README = """# GPT a lápiz

Paquete {paquete}.

{lecciones}

En esta carpeta, con Python 3.11 o posterior:

```
python3 curso.py
```

La primera vez prepara el entorno (necesita red y unos minutos) y abre el índice. En Windows escribe `py` en
lugar de `python3`. Con `python3 curso.py probar` se vuelve a ejecutar todo y se comprueba lo que imprime.

Escribe tu nombre al principio de cada cuaderno, resuelve sus ejercicios, guárdalo y entrega el archivo
`.ipynb`. Si te lo piden, entrega también `progreso.jsonl`, donde `check` apunta tus intentos.
"""
