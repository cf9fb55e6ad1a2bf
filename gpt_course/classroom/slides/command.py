"""La orden: qué lecciones, en qué carpeta, y lo que las páginas necesitan a su lado."""

import shutil
from html import escape
from pathlib import Path

from tqdm import tqdm

from gpt_course.classroom.selection import select
from gpt_course.classroom.slides.outline import outline
from gpt_course.classroom.slides.page import SOURCES, make_page
from gpt_course.command import BadInput, Parser
from gpt_course.exercises.lessons import ROOT

EXAMPLE = " ".join(["python3", "curso.py", "diapositivas", "--lecciones", "00-07", "--out", "clase"])
ASSETS = [
    SOURCES / "reveal" / "reveal.js",
    SOURCES / "reveal" / "reveal.css",
    SOURCES / "reveal" / "LICENSE",
    SOURCES / "diapositivas.css",
    SOURCES / "diapositivas.js",
    ROOT / "docs" / "sitio" / "estaticos" / "fuentes" / "noto-sans-math.woff",
]


def main(arguments):
    parser = Parser(
        "curso.py diapositivas", "Hace diapositivas con las figuras y las frases de cada lección.", EXAMPLE
    )
    parser.add("--lecciones", help="solo estas, como 02 o 00-07 (de serie, todas)")
    parser.add("--out", default=str(ROOT / "_diapositivas"), help="la carpeta (de serie, `_diapositivas`)")
    options = parser.read(arguments)
    target, lessons = Path(options.out), select(options.lecciones)
    if target.exists() and not target.is_dir():
        raise BadInput(f"`--out` espera una carpeta y {target} es un archivo. Elige otro nombre.")
    missing = [path for path in ASSETS if not path.exists()]
    if missing:
        raise BadInput(f"Falta {missing[0]}: esta orden necesita la carpeta del curso entera.")
    pages = {"index.html": index(lessons)}  # todo, antes de escribir nada
    for lesson in tqdm(lessons, unit="lección", leave=False):
        slides = outline(ROOT / "notebooks" / lesson.file)
        pages[f"{Path(lesson.file).stem}.html"] = make_page(f"{lesson.number} · {lesson.title}", slides)
    write(target, pages)
    print(f"{len(lessons)} lecciones en {target}. Abre con el navegador {target / 'index.html'}.")


def index(lessons):
    """La página que lleva a cada lección: la plantilla, con una línea por lección."""
    items = "\n".join(
        f'<li><a href="{Path(each.file).stem}.html">{each.number} · {escape(each.title)}</a></li>'
        for each in lessons
    )
    return (SOURCES / "index.html").read_text(encoding="utf-8").replace("<!-- lecciones -->", items)


def write(target, pages):
    """Escribe las páginas y, en `diapositivas/`, lo que usan."""
    (target / "diapositivas").mkdir(parents=True, exist_ok=True)
    for path in ASSETS:
        shutil.copyfile(path, target / "diapositivas" / path.name)
    for name, text in pages.items():
        (target / name).write_text(text, encoding="utf-8", newline="\n")
