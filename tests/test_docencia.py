"""La guía para quien da clase dice lo que hay: lecciones, minutos, preguntas, figuras y órdenes."""

import importlib.util
import json
import re
from functools import cache

import manifest
import pytest
from repository import ROOT

GUIDE = ROOT / "docs" / "docencia" / "guia.md"
TEXT = GUIDE.read_text(encoding="utf-8")
LESSONS = [lesson for lesson in manifest.read() if lesson.ready]
NOTEBOOKS = "../../notebooks/"
PLANS = ("Un día", "Dos días", "Seis semanas", "Un trimestre")
PARTS = [
    *("Tiempo", "Necesita", "Dos ideas", "Tres confusiones", "En la pizarra", "Dónde se atasca"),
    *("Si sobra tiempo", "Si falta"),
]
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
each_plan = pytest.mark.parametrize("plan", PLANS)


def section(title, text=TEXT):
    """Lo que hay debajo de `### title`, hasta el título que sigue."""
    found = re.findall(rf"^### {re.escape(title)}\n(.*?)(?=^##|\Z)", text, flags=re.M | re.S)
    assert len(found) == 1, f"se esperaba un apartado «{title}» en la guía y hay {len(found)}"
    return found[0]


def of(lesson):
    return section(lesson.link(NOTEBOOKS))


def parts(text):
    """{nombre de la parte: su texto}, en el orden en que están."""
    pieces = re.split(r"^\*\*([^*\n]+)\.\*\*", text, flags=re.M)
    return dict(zip(pieces[1::2], map(str.strip, pieces[2::2]), strict=True))


@cache
def notebook(lesson):
    """El texto del cuaderno, sin sus salidas."""
    cells = json.loads((ROOT / "notebooks" / lesson.file).read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def questions():
    """Los números de todas las preguntas del banco."""
    files = (GUIDE.parent / "preguntas").glob("*.yml")
    return {
        name for file in files for name in re.findall(r"^ *- id: (\S+)$", file.read_text("utf-8"), flags=re.M)
    }


def rows(plan):
    """Las filas de la tabla de un plan: (lecciones, minutos); la última es la del total."""
    lines = re.findall(r"^\|([^|\n]+)\|([^|\n]*)\|([^|\n]+)\|$", section(plan), flags=re.M)[2:]
    return [(re.findall(r"\d+", numbers), int(minutes.strip(" *"))) for _, numbers, minutes in lines]


def test_there_is_a_section_for_each_lesson_in_order_and_no_other():
    titles = re.findall(r"^### (.*\.ipynb\))$", TEXT, flags=re.M)
    assert titles == [lesson.link(NOTEBOOKS) for lesson in LESSONS]


@each_lesson
def test_every_lesson_has_the_same_parts(lesson):
    found = parts(of(lesson))
    assert list(found) == PARTS
    assert found["Tiempo"] == f"{lesson.minutes} min."
    assert all(len(text.split()) >= 6 for name, text in found.items() if name != "Tiempo")


@each_lesson
def test_two_ideas_and_three_confusions_with_their_question(lesson):
    found = parts(of(lesson))
    assert re.findall(r"^(\d)\. \S", found["Dos ideas"], flags=re.M) == ["1", "2"]
    confusions = found["Tres confusiones"].splitlines()
    assert len(confusions) == 3
    for line in confusions:
        assert re.fullmatch(r"- «[^»]+»\. .*¿[^?]+\?(?: `[a-z]+-\d\d`)?", line), line


def test_what_a_notebook_needs_is_measured_and_agrees_with_the_readme():
    pattern = r"Memoria: (\d,\d\d) GiB; cálculo: \d+ s\.$"
    needs = [re.findall(pattern, parts(of(lesson))["Necesita"]) for lesson in LESSONS]
    assert [len(found) for found in needs] == [1] * len(LESSONS)
    largest = f"{max(float(found[0].replace(',', '.')) for found in needs):.1f}".replace(".", ",")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for text in (readme, TEXT):
        assert f"{largest} GiB" in re.sub(r"\s", " ", text)  # README lleva ahí un espacio que no se parte


@each_lesson
def test_a_lesson_fits_in_a_screen(lesson):
    assert len(of(lesson).split()) <= 280


def needs(lesson):
    """Los números de las lecciones que pide la guía para dar esta."""
    return set(re.findall(r"\b[01]\d\b", parts(of(lesson))["Necesita"].partition("Memoria:")[0]))


@each_lesson
def test_a_lesson_needs_at_least_what_its_notebook_says(lesson):
    said = re.search(r"^- \*\*Necesitas:\*\*(.*)$", notebook(lesson), flags=re.M)[1]
    assert set(re.findall(r"\b[01]\d\b", said)) <= needs(lesson)


@each_lesson
def test_what_a_section_names_is_in_its_notebook(lesson):
    text, source = of(lesson), notebook(lesson)
    # «apartado 1 de la 03» es de otro cuaderno: lo mira la prueba de abajo.
    own = re.sub(r"apartados? \d+ de la \d\d", "", text)
    for numbers in re.findall(r"\bapartados? (\d+(?:(?:, | y | o )\d+)*)", own):
        for number in re.findall(r"\d+", numbers):
            assert f"\n## {number}. " in source, f"la lección {lesson.number} no tiene apartado {number}"
    for numbers in re.findall(r"\bejercicios? (\d+(?:(?:, | y | o )\d+)*)", text):
        for number in re.findall(r"\d+", numbers):
            assert f"\n**{number}. ★" in source, f"la lección {lesson.number} no tiene ejercicio {number}"
    assert "Para quien quiera más" not in text or "\n## Para quien quiera más" in source


def test_sections_and_figures_of_any_lesson_exist():
    by_number = {lesson.number: lesson for lesson in LESSONS}
    for number, other in re.findall(r"apartado (\d+) de la (\d\d)", TEXT):
        assert f"\n## {number}. " in notebook(by_number[other]), f"apartado {number} de la {other}"
    figures = re.findall(r"figura (\d+)\.(\d+)", TEXT)
    assert figures
    for other, number in figures:
        assert f"**Figura {other}.{number}.**" in notebook(by_number[other.zfill(2)]), (other, number)


def test_cited_questions_are_in_the_bank():
    cited = re.findall(r"`([a-z]+-\d\d)`", TEXT)
    assert cited and not set(cited) - questions()


@each_plan
def test_a_plan_adds_up(plan):
    minutes = {lesson.number: lesson.minutes for lesson in LESSONS}
    *sessions, (none, total) = rows(plan)
    assert not none and sessions
    for numbers, announced in sessions:
        assert announced == sum(minutes[number] for number in numbers), numbers
    assert total == sum(announced for _, announced in sessions)


@each_plan
def test_a_plan_goes_in_order_and_repeats_nothing(plan):
    given = [number for numbers, _ in rows(plan) for number in numbers]
    assert given == sorted(set(given))


@each_plan
def test_a_plan_gives_first_what_a_lesson_needs_or_says_how_to_do_without(plan):
    by_number = {lesson.number: lesson for lesson in LESSONS}
    given = [number for numbers, _ in rows(plan) for number in numbers]
    below = section(plan).rpartition("|\n")[2]
    excused = set(re.findall(r"\b[01]\d\b", below))
    for place, number in enumerate(given):
        assert needs(by_number[number]) <= set(given[:place]) or number in excused, number


def test_the_term_gives_every_lesson():
    given = [number for numbers, _ in rows("Un trimestre") for number in numbers]
    assert given == [lesson.number for lesson in LESSONS]


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)\s]+)\)", TEXT)
    assert links
    assert not [link for link in links if not (GUIDE.parent / link).resolve().is_file()]


def test_the_orders_exist_and_none_for_the_classroom_is_missing():
    spec = importlib.util.spec_from_file_location("curso_of_the_guide", ROOT / "curso.py")
    course = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(course)
    table = TEXT.partition("## Las órdenes")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([a-z-]+)", table, flags=re.M)
    assert sorted(named) == sorted(set(course.PROGRAMS) - {"regenerar"})


def test_the_options_of_the_orders_exist():
    code = "".join(path.read_text("utf-8") for path in (ROOT / "gpt_course" / "classroom").rglob("*.py"))
    table = TEXT.partition("## Las órdenes")[2].partition("\n## ")[0]
    named = set(re.findall(r"--[a-z]+", table)) - {"--help"}
    assert named
    assert not {option for option in named if f'"{option}"' not in code}
