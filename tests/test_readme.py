"""Lo que dicen README.md y el índice es lo que hay."""

import json
import os
import re
import subprocess
import sys

import pytest
from regenerate import MEASURED, NOTEBOOKS, ROOT
from repository import tracked

from gpt_course.bench.report import tables

README = (ROOT / "README.md").read_text(encoding="utf-8")
INDEX = (NOTEBOOKS / "indice.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```\n(.*?)^```", README, flags=re.M | re.S) for line in block.splitlines()
]


def lessons(text, folder):
    """Filas de una tabla de lecciones: título → cuaderno enlazado, o None si aún no existe."""
    rows = {}
    for cell in re.findall(r"^\| (\[?\d\d · [^|]*) \|", text, flags=re.M):
        title, target = re.fullmatch(r"\[?([^\]]*)\]?(?:\((.*)\))?", cell).groups()
        rows[title] = target and (folder / target)
    return rows


def test_the_first_two_commands_are_the_ones_that_ci_runs():
    assert COMMANDS[:2] == ["python3 curso.py", "python3 curso.py probar"]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert COMMANDS[1] in script


@pytest.mark.parametrize("option", ["--sin-navegador", "--indice-torch", "probar", "regenerar"])
def test_every_command_named_exists(option):
    text = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"curso.py {option}" in text
    command = [sys.executable, ROOT / "curso.py", "--ayuda"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    shown = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert option in shown.stdout.decode("utf-8")


def test_both_tables_list_the_lessons_that_exist():
    in_readme, in_index = lessons(README, ROOT), lessons(INDEX, NOTEBOOKS)
    assert list(in_readme) == list(in_index) and len(in_readme) == 13
    linked = [path.resolve() for path in in_readme.values() if path]
    assert linked == [path.resolve() for path in in_index.values() if path]
    assert linked == [path for path in tracked(".ipynb") if path.parent == NOTEBOOKS]


def test_titles_agree_with_the_notebooks():
    for title, path in lessons(README, ROOT).items():
        if path:
            assert f'"# {title}' in path.read_text(encoding="utf-8")


def test_the_map_of_the_repository_names_what_there_is():
    tree = README.split("## El repositorio por dentro")[1].split("```")[1]
    named, folder = set(), ""
    for line in tree.strip().splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = name if name.endswith("/") else ""
            named.add(name)
        else:
            named.add(folder + name)
    for name in named:
        assert (ROOT / name).exists(), f"el mapa nombra {name}, que no existe"
    modules = {f"gpt_course/{path.name}" for path in (ROOT / "gpt_course").glob("[a-z]*.py")}
    top = {path.name for path in tracked("") if path.parent == ROOT and not path.name.startswith(".")}
    assert modules | top - {"README.md"} <= named, "falta en el mapa del repositorio"


def test_the_speed_table_is_the_one_that_was_measured():
    results = json.loads(MEASURED.read_text(encoding="utf-8"))
    expected = tables(results)
    assert expected in README, f"Las tablas de velocidad de README.md deben ser:\n{expected}"
    processors = [result["machine"]["processor"] for result in results]
    assert all(f"**{name}**" in README for name in processors) and len(set(processors)) == len(processors)
