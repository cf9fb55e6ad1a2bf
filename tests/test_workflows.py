"""Los flujos de GitHub Actions: las órdenes del README, los Python prometidos y permisos, los justos."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from repository import ROOT
from test_environment import CONSTRAINTS, PROJECT

import curso

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TWO = [["python3", "curso.py"], ["python3", "curso.py", "probar"]]  # las del README
# Lo que puede llevar una orden delante sin dejar de ser ella: el índice, si lo hay, y no abrir un navegador.
ADDITIONS = ["--sin-navegador", "${INDICE_TORCH:+--indice-torch", "$INDICE_TORCH}"]


def flow(name):
    # BaseLoader: todo es texto, también «on» y 3.10, que de otro modo serían un sí y un 3.1.
    path = ROOT / ".github" / "workflows" / f"{name}.yml"
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)


def steps(document):
    return [step for job in document["jobs"].values() for step in job["steps"]]


def course_commands(document):
    """Las órdenes de curso.py que ejecuta un flujo, sin lo que se les puede añadir."""
    lines = [line for step in steps(document) for line in step.get("run", "").splitlines()]
    for line in lines:
        words = shlex.split(line.removesuffix(" &"))
        if "curso.py" in words:
            yield [word for word in words if word not in ADDITIONS]


def unpinned(document):
    """Acciones sin versión mayor (v6) ni confirmación completa: lo que hacen podría cambiar cualquier día."""
    used = [step["uses"] for step in steps(document) if "uses" in step]
    return [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", name)]


def test_there_is_one_that_tests_and_one_that_publishes():
    assert [path.stem for path in FILES] == ["pruebas", "sitio"]


def test_every_system_and_python_runs_the_two_commands_of_the_readme():
    job = flow("pruebas")["jobs"]["curso"]
    matrix = job["strategy"]["matrix"]
    systems = {name.split("-")[0] for name in matrix["os"]}
    assert systems == {"ubuntu", "macos", "windows"}
    assert job["runs-on"] == "${{ matrix.os }}"
    assert list(course_commands({"jobs": {"curso": job}})) == TWO
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert [block.split() for block in blocks[:2]] == TWO
    [python] = [step for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python@")]
    assert python["with"] == {"python-version": "${{ matrix.python }}"}


def test_the_pythons_start_at_the_oldest_that_the_course_promises_and_leave_no_gap():
    pythons = [
        tuple(map(int, text.split(".")))
        for text in flow("pruebas")["jobs"]["curso"]["strategy"]["matrix"]["python"]
    ]
    assert pythons[0] == curso.OLDEST_PYTHON
    assert PROJECT["requires-python"] == ">={}.{}".format(*pythons[0])
    assert pythons == [(3, minor) for minor in range(pythons[0][1], pythons[-1][1] + 1)]
    assert pythons[-1] >= (3, 13)


def test_the_site_that_is_published_is_the_one_that_the_command_builds():
    document = flow("sitio")
    assert list(course_commands(document)) == [["python3", "curso.py", "libro"]]
    assert "libro" in curso.PROGRAMS
    build, publish = document["jobs"]["construir"], document["jobs"]["publicar"]
    [upload] = [step for step in build["steps"] if "upload-pages-artifact" in step.get("uses", "")]
    assert f"{upload['with']['path']}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert publish["needs"] == "construir"
    assert build["if"] == "github.event.repository.has_pages"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_the_job_that_publishes_may_write(path):
    document = flow(path.stem)
    assert document["permissions"] == {"contents": "read"}
    allowed = {name: job["permissions"] for name, job in document["jobs"].items() if "permissions" in job}
    assert allowed == ({"publicar": {"pages": "write", "id-token": "write"}} if path.stem == "sitio" else {})
    assert all("timeout-minutes" in job for job in document["jobs"].values())
    # Un dato ajeno dentro de una orden podría ejecutarse: va en una variable.
    assert not [step["run"] for step in steps(document) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_actions_are_pinned(path):
    assert unpinned(flow(path.stem)) == []


@pytest.mark.parametrize(
    "name", ["actions/checkout", "actions/checkout@main", "actions/checkout@6", "./algo"]
)
def test_an_action_without_its_version_is_found(name):
    assert unpinned({"jobs": {"a": {"steps": [{"uses": name}]}}}) == [name]


def test_actionlint_is_an_extra_with_its_exact_version():
    [requirement] = map(Requirement, PROJECT["optional-dependencies"]["flujos"])
    assert requirement.specifier.contains(CONSTRAINTS[requirement.name])
    assert f"python3 -m pip install -c constraints.txt {requirement.name}" in {
        step.get("run") for step in flow("pruebas")["jobs"]["flujos"]["steps"]
    }


def actionlint(*arguments):
    """(código de salida, lo que dice) de actionlint, sin las herramientas que llamaría si estuvieran."""
    program = shutil.which(
        "actionlint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    if not program:
        pytest.skip('Para revisar los flujos falta actionlint: pip install -e ".[flujos]"')
    command = [program, "-no-color", "-shellcheck=", "-pyflakes=", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    return done.returncode, done.stdout + done.stderr


def test_actionlint_finds_nothing():
    assert actionlint(*FILES) == (0, "")


def test_actionlint_finds_a_mistake(tmp_path):
    wrong = tmp_path / "mal.yml"
    wrong.write_text(FILES[0].read_text(encoding="utf-8").replace("matrix.python }}", "matrix.pyton }}"))
    code, text = actionlint(wrong)
    assert code == 1
    assert "pyton" in text
