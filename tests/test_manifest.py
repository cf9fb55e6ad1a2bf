"""Una lección es una entrada de `notebooks/lecciones.toml`: de lo que sale de ella nada falta ni difiere."""

import re
import shutil
import subprocess
import sys

import manifest
import nbformat
import pytest
from answers import DECLARED
from manifest import MANIFEST, ROOT, Lesson, read
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from gpt_course.plotting.diagrams import MAP_PIECES

ANSWERS = "tests/answers/{}.py"  # las respuestas con que se prueba un módulo de ejercicios
WITHOUT_TOPIC = {"core", "lessons", "progress", "record", "variants"}  # de gpt_course/exercises


def problems(root):
    """Lo que al curso le falta o le sobra según el manifiesto, en frases; ninguna si está completo."""
    yield from _notebooks(root)
    yield from _exercises(root)
    yield from _figures(root)
    try:
        for path, cell, old, new in manifest.source_texts(root):
            if old != new:
                yield f"{path.name}, celda {cell}: no dice lo que sale de {MANIFEST}; ejecuta regenerar"
    except ValueError as error:
        yield str(error)


def _notebooks(root):
    """Los que faltan. Uno de más puede ser de quien estudia; una lección sin entrada la delata su tema."""
    for path in manifest.notebooks(root):
        if not path.is_file():
            yield f"falta {path.relative_to(root).as_posix()}, que {MANIFEST} nombra"


def _exercises(root):
    topics = {lesson.topic for lesson in read(root) if lesson.ready}
    corrected = {}
    for path in sorted((root / "gpt_course/exercises").glob("[a-z]*.py")):
        if path.stem in WITHOUT_TOPIC:
            continue
        names = sorted({topic for topic, _ in DECLARED.findall(path.read_text(encoding="utf-8"))})
        if len(names) != 1:
            yield f"exercises/{path.name} debe corregir un tema y corrige {names}"
        corrected.update(dict.fromkeys(names, path.stem))
        answers = ANSWERS.format(path.stem)
        if not (root / answers).is_file():
            yield f"falta {answers}, con las respuestas a los ejercicios de {path.name}"
    yield from (f"ningún módulo corrige el tema «{topic}»" for topic in sorted(topics - set(corrected)))
    yield from (f"ninguna lección tiene el tema «{topic}»" for topic in sorted(set(corrected) - topics))


def _figures(root):
    code = [path.read_text(encoding="utf-8") for path in (root / "gpt_course").rglob("*.py")]
    code += [(root / "tests/regenerate.py").read_text(encoding="utf-8")]
    for lesson in filter(lambda lesson: lesson.ready, read(root)):
        paths = [path for path in manifest.notebooks(root) if path.name == lesson.file and path.is_file()]
        text = "".join(path.read_text(encoding="utf-8") for path in paths)
        code.append(text)
        if f"(../imgs/{lesson.number}_mapa.svg)" not in text:
            yield f"{lesson.file} no enseña su mapa, ../imgs/{lesson.number}_mapa.svg"
        if not set(lesson.map) <= set(MAP_PIECES):
            yield f"la lección {lesson.number} enciende {lesson.map}; las piezas son {', '.join(MAP_PIECES)}"
    used = set(re.findall(r"gpt_course\.plotting(?:\.| import )(\w+)", "".join(code)))
    there_are = {path.stem for path in (root / "gpt_course/plotting").glob("[a-z]*.py")}
    yield from (f"falta plotting/{name}.py, que alguien importa" for name in sorted(used - there_are))
    yield from (f"nadie usa las figuras de plotting/{name}.py" for name in sorted(there_are - used))


def test_the_course_is_the_one_in_the_manifest():
    found = list(problems(ROOT))
    assert not found, "\n".join(found)


# --- Una lección nueva, en una copia del curso ------------------------------------------------------

ENTRY = """
[[lesson]]
number = "77"
title = "Prueba"
file = "77_prueba.ipynb"
question = "¿Basta con seis archivos?"
minutes = 40
map = ["tokens"]
topic = "prueba"
status = "lista"
"""
LESSON = [
    new_markdown_cell(
        "# 77 · Otro título\n\n> **¿Otra pregunta?**\n\n"
        "- **Tiempo:** mucho, con papel.\n- **Anterior:** nada. **Siguiente:** nada."
    ),
    new_markdown_cell("![Mapa](../imgs/77_mapa.svg)"),
    new_code_cell("from gpt_course.plotting.prueba import draw"),
    new_markdown_cell("**Siguiente:** nada. Y ya está."),
]
EXERCISES = '''"""Ejercicios de la lección 77."""

from gpt_course.exercises.core import number

number("prueba.1", 3, "tres.")
'''


def notebook_text(cells):
    return nbformat.writes(new_notebook(cells=cells))


NEW_FILES = {
    "notebooks/77_prueba.ipynb": notebook_text(LESSON),
    "notebooks/soluciones/77_prueba.ipynb": notebook_text([new_markdown_cell("# Soluciones · 77 · Prueba")]),
    "gpt_course/exercises/trial.py": EXERCISES,
    "gpt_course/plotting/prueba.py": '"""Las figuras de la lección 77."""\n',
    ANSWERS.format("trial"): '"""Respuestas de la lección 77."""\n',
}


@pytest.fixture
def course(tmp_path):
    """Una copia del curso: lo que el manifiesto, las tablas y los ejercicios tocan."""
    ignored = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__", "*.pyc")
    for folder in ("notebooks", "gpt_course", "tests", "imgs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def add_lesson(course, without=None):
    """Añade la lección 77 con sus seis archivos, menos uno; después, lo que haría `regenerar`."""
    if without != MANIFEST:
        path = course / MANIFEST
        path.write_text(path.read_text(encoding="utf-8") + ENTRY, encoding="utf-8")
    for name, text in NEW_FILES.items():
        if name != without:
            (course / name).write_text(text, encoding="utf-8")
    manifest.write(course)


def run_in(course, code):
    """Lo que imprime un Python que importa el curso y las pruebas de la copia."""
    paths = f"import sys; sys.path[:0] = [{str(course)!r}, {str(course / 'tests')!r}]\n"
    paths += "sys.modules['rfc3987_syntax'] = None\n"  # jsonschema se pasa sin ella, y tarda en cargarse
    done = subprocess.run([sys.executable, "-c", paths + code], capture_output=True, check=True, cwd=course)
    return done.stdout.decode("utf-8")


def test_a_lesson_is_added_with_six_files(course, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    assert len(NEW_FILES) + 1 <= 6
    add_lesson(course)
    assert list(problems(course)) == []
    link = "[77 · Prueba]({}77_prueba.ipynb)"
    assert f"| {link.format('notebooks/')} | 40 min | lista |" in (course / "README.md").read_text("utf-8")
    index = (course / "notebooks/indice.md").read_text("utf-8")
    assert f"| {link.format('')} | ¿Basta con seis archivos? | 40 min |" in index
    new = nbformat.read(course / "notebooks/77_prueba.ipynb", 4).cells
    last = read(ROOT)[-1]
    assert new[0].source == (
        "# 77 · Prueba\n\n> **¿Basta con seis archivos?**\n\n- **Tiempo:** 40 minutos, con papel.\n"
        f"- **Anterior:** {last.link()}. **Siguiente:** de momento, esta es la última. "
        "**Todas:** [índice](indice.md)."
    )
    assert new[-1].source == "**Siguiente:** de momento, esta es la última lección. Y ya está."
    before = nbformat.read(course / "notebooks" / last.file, 4).cells
    assert f"**Siguiente:** {link.format('')}. **Todas:**" in before[0].source
    assert sum(f"**Siguiente:** {link.format('')}." in cell.source for cell in before[1:]) == 1
    out = run_in(
        course,
        "import regenerate, test_notebooks\n"
        "print('77_mapa.svg' in regenerate.FIGURES, len(regenerate.lessons()))\n"
        "print(sum(path.name == '77_prueba.ipynb' for path in test_notebooks.PATHS))\n"
        "from gpt_course.exercises import check\ncheck('prueba.1', 3)",
    )
    assert out.splitlines() == [f"True {len(manifest.notebooks(ROOT)) + 2}", "2", "✓ prueba.1: tres."]


@pytest.mark.parametrize("without", [MANIFEST, *NEW_FILES])
def test_a_forgotten_file_is_named(course, without):
    add_lesson(course, without)
    told = "\n".join(problems(course))
    expected = {
        MANIFEST: "ninguna lección tiene el tema «prueba»",
        "gpt_course/exercises/trial.py": "corrige el tema «prueba»",
    }
    assert expected.get(without, without.removeprefix("gpt_course/")) in told


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("README.md", "| 60 min | lista |", "| 61 min | lista |"),
        (
            "README.md",
            "| [12 · Los pesos de GPT-2](notebooks/12_pesos_de_gpt2.ipynb) | 75 min | lista |\n",
            "",
        ),
        ("notebooks/indice.md", "¿Cabe en mi equipo?", "¿Cabe?"),
        (
            "notebooks/03_atencion.ipynb",
            "(04_capas_del_bloque.ipynb). **T",
            "(05_bloque_transformer.ipynb). **T",
        ),
        ("notebooks/03_atencion.ipynb", "**Tiempo:** hora y media", "**Tiempo:** una hora"),
        ("notebooks/03_atencion.ipynb", "# 03 · Atención", "# 03 · La atención"),
        ("notebooks/03_atencion.ipynb", "imgs/03_mapa.svg", "imgs/04_mapa.svg"),
        ("notebooks/03_atencion.ipynb", "- **Tiempo:**", "- **Duración:**"),
        (MANIFEST, "minutes = 75", "minutes = 80"),
        (MANIFEST, 'topic = "capas"', 'topic = "capa"'),
        (MANIFEST, 'map = ["capas"]', 'map = ["capa"]'),
        ("gpt_course/exercises/layers.py", '"capas.3"', '"bloque.3"'),
    ],
)
def test_a_text_that_disagrees_turns_red(course, name, old, new):
    path = course / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert list(problems(course))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('status = "lista"', 'status = "quizá"', "status «lista» o «próximamente»"),
        ("minutes = 60\n", "", "debe tener los campos"),
        ('number = "01"', 'number = "00"', "«number» no puede repetirse"),
        ('topic = "capas"', 'topic = "bloque"', "«topic» no puede repetirse"),
        ('number = "00"', 'number = "55"', "van en orden"),
    ],
)
def test_an_entry_that_cannot_be_is_named(tmp_path, old, new, told):
    (tmp_path / "notebooks").mkdir()
    text = (ROOT / MANIFEST).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / MANIFEST).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        read(tmp_path)


def test_a_lesson_to_come_has_no_link_and_its_neighbours_say_where_to_go_meanwhile():
    ready = {"question": "¿?", "status": "lista", "minutes": 60}
    lessons = [
        Lesson("01", "Una", file="01.ipynb", topic="a", **ready),
        Lesson("02", "Dos", "¿?", "próximamente"),
        Lesson("03", "Tres", file="03.ipynb", topic="b", **ready),
        Lesson("04", "Cuatro", "¿?", "próximamente"),
    ]
    soon = "02 · Dos (próximamente); mientras tanto, "
    assert manifest.neighbours(lessons, "01") == (None, soon + "[03 · Tres](03.ipynb)")
    assert manifest.neighbours(lessons, "03") == (soon + "[01 · Una](01.ipynb)", "04 · Cuatro (próximamente)")
    assert "| 02 · Dos | | próximamente |" in manifest.readme_table(lessons)
    text = "**Siguiente:** 02 · Dos (próximamente); mientras tanto, [03 · Tres](03.ipynb). Sigue."
    assert manifest.farewell(text, lessons[0], lessons) == text
