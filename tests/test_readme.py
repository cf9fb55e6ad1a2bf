"""Lo que dice README.md es lo que hay."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from regenerate import MEASURED, ROOT
from repository import tracked

from gpt_course.bench.table import tables
from gpt_course.data.__main__ import read as read_data
from gpt_course.generation.__main__ import read as read_generation
from gpt_course.stories import load_grammar
from gpt_course.training.__main__ import read as read_training

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"^```\n(.*?)^```", README, flags=re.M | re.S) for line in block.splitlines()
]


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


def test_the_story_is_the_one_that_the_block_writes(capsys):
    section = README.split("## Un modelo que escribe")[1].split("\n## ")[0]
    [code] = re.findall(r"^```python\n(.*?)^```", section, flags=re.M | re.S)
    [story] = re.findall(r"^```text\n(.*?)^```", section, flags=re.M | re.S)
    assert len(code.splitlines()) < 10
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == story
    assert load_grammar().parse(story.removesuffix("\n")).belongs


def test_the_commands_of_the_section_are_understood():
    section = README.split("## Un modelo que escribe")[1].split("\n## ")[0]
    readers = {"generation": read_generation, "data": read_data, "training": read_training}
    named = re.findall(r"^python -m gpt_course\.(\w+) (.*)$", section, flags=re.M)
    assert {name for name, _ in named} == set(readers)
    for name, arguments in named:
        readers[name](shlex.split(arguments))
