"""Qué se ejecuta, dónde y con qué tolerancia (conftest.py), también en cuadernos de verdad."""

import ast
import gc
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import forks
import mutations
import nbformat
import psutil
import pytest
import repository
from matrix import SAME_ON_EVERY_PROCESSOR
from nbformat.v4 import new_code_cell, new_notebook, new_output
from repository import ROOT, tracked
from test_architecture import imported_names
from test_tolerance import figure

import ajustes
import curso

pytest_plugins = ["pytester"]

# El de la raíz: para Python, «conftest» es el de esta carpeta.
SPEC = importlib.util.spec_from_file_location("course_conftest", ROOT / "conftest.py")
conftest = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(conftest)

# --- En cuadernos que se ejecutan ----------------------------------------------------------------

CELLS = {  # lo que la celda guarda, lo que imprime y si debe pasar
    "igual": ("camión 0.1257", "camión 0.1257", True),
    "última cifra": ("[ 0.1257, -0.3000]", "[ 0.1258, -0.2999]", True),
    "otro decimal": ("0.1257", "0.1357", False),
    "otro entero": ("768", "767", False),
    "sin acento": ("camión", "camion", False),
    "falta un número": ("0.5 0.1257", "0.5", False),
    "sobra un número": ("0.5", "0.5 0.1257", False),
    "nan": ("0.1257", "nan", False),
    "signo cambiado": ("-0.1257", "0.1257", False),
    "salida perdida": ("0.1257", "", False),
}


@pytest.fixture
def course(pytester):
    """Una carpeta con la configuración de pytest del curso."""
    (pytester.path / "tests").mkdir()
    helpers = [f"tests/{name}.py" for name in ("canonical", "kernels", "manifest", "repository", "tolerance")]
    for name in ("ajustes.py", "conftest.py", "pyproject.toml", *helpers):
        shutil.copy(ROOT / name, pytester.path / name)
    before = dict(os.environ)  # su conftest pone los ajustes de esa carpeta
    yield pytester
    conftest._set_environment(before)


def write_notebook(path, cells):
    """Guardado con un núcleo que no existe: se ejecuta siempre con el del curso."""
    metadata = {"kernelspec": {"name": "otro-entorno", "display_name": "Otro"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


@pytest.fixture
def run_notebook(course):
    """Ejecuta un cuaderno con el conftest del curso: (¿pasa cada celda?, texto del informe)."""

    def run(cells, *options):
        write_notebook(course.path / "cuaderno.ipynb", cells)
        done = course.inline_run("--nbval", "-p", "no:xdist", *options, "cuaderno.ipynb")
        reports = [
            report
            for report in done.getreports("pytest_runtest_logreport")
            if report.when == "call" or (report.when == "setup" and report.failed)
        ]
        return [report.passed for report in reports], "\n".join(str(report.longrepr) for report in reports)

    return run


def stream_cell(stored, printed):
    outputs = [new_output("stream", name="stdout", text=stored + "\n")]
    return new_code_cell(f"if {printed!r}:\n    print({printed!r})", outputs=outputs, execution_count=1)


def result_cell(stored, printed):
    """La salida como valor de la última línea (execute_result) en lugar de impresa."""
    source = f"class Shown:\n    def __repr__(self):\n        return {printed!r}\nShown()"
    output = new_output("execute_result", data={"text/plain": stored}, execution_count=1)
    return new_code_cell(source, outputs=[output], execution_count=1)


def figure_cell(stored, drawn):
    source = f"import base64\nfrom IPython.display import Image\nImage(base64.b64decode({drawn!r}))"
    data = {"image/png": stored, "text/plain": "<IPython.core.display.Image object>"}
    return new_code_cell(
        source, outputs=[new_output("execute_result", data=data, execution_count=1)], execution_count=1
    )


def test_notebook_cells(run_notebook):
    """Un solo núcleo para todas: arrancarlo es casi todo lo que cuesta."""
    cells = {
        f"{kind}: {name}": (make(stored, printed), passes)
        for kind, make in (("impresa", stream_cell), ("valor", result_cell))
        for name, (stored, printed, passes) in CELLS.items()
    }
    cells["figura: la misma"] = figure_cell(figure(), figure()), True
    cells["figura: otra"] = figure_cell(figure(), figure(label="0.128")), False
    passed, report = run_notebook([cell for cell, _ in cells.values()])
    assert dict(zip(cells, passed, strict=True)) == {name: passes for name, (_, passes) in cells.items()}
    assert "0.1357" in report  # el informe enseña la diferencia


# --- El núcleo ------------------------------------------------------------------------------------

DIES = "import os; os.kill(os.getpid(), 9)"
LATER = "import os, threading; threading.Timer(1, os._exit, [3]).start()"
NEVER_ENDS = "import time\nwhile True: time.sleep(9)"
STOPPED, TOO_LONG = "el núcleo se detuvo, quizá por falta de memoria", "pasó de 2 s y se detuvo"


def run_cells(*sources, tags=()):
    return [new_code_cell(source, execution_count=1, metadata={"tags": list(tags)}) for source in sources]


@pytest.mark.parametrize(
    ("sources", "passed", "sentence"),
    [
        (["x = 1", DIES, "x", "x"], [True, False, False, False], f"celda 1: {STOPPED}"),
        ([LATER, "import time; time.sleep(9)", "x = 2"], [True, False, False], f"celda 1: {STOPPED}"),
        ([NEVER_ENDS, "x = 2"], [False, False], f"celda 0: {TOO_LONG}"),
    ],
    ids=["muere", "muere entre celdas", "no acaba"],
)
def test_a_kernel_that_stops_is_told_in_a_sentence(run_notebook, sources, passed, sentence):
    result, report = run_notebook(run_cells(*sources), "--nbval-cell-timeout=2")
    assert result == passed
    assert sentence in report
    assert f"celda {len(sources) - 1}: no se ejecutó, porque el núcleo se detuvo antes" in report
    assert "Traceback" not in report and "Timeout" not in report


def test_a_kernel_that_does_not_start_is_told_in_a_sentence(run_notebook, monkeypatch):
    def dies(*_, **__):
        raise RuntimeError("Kernel died before replying")

    monkeypatch.setattr("nbval.plugin.RunningKernel", dies)
    result, report = run_notebook(run_cells("x = 1", "x = 2"))
    assert result == [False, False]
    assert "cuaderno.ipynb: el núcleo no arrancó" in report
    assert len(report.splitlines()) == 2


def test_a_cell_has_minutes_and_no_more(course):
    assert 60 < course.parseconfig().option.nbval_cell_timeout <= 600


HALF_WRITTEN = ["raise ValueError('a medias')", "def respuesta(:", NEVER_ENDS]


def test_a_half_written_answer_is_not_a_failure(run_notebook):
    """Sin git, ninguna celda de ejercicio puede fallar; las que se comparan, sí."""
    cells = run_cells(*HALF_WRITTEN, tags=["nbval-ignore-output"]) + run_cells("x = 2", "y")
    result, report = run_notebook(cells, "--nbval-cell-timeout=2")
    assert result == [True, True, True, True, False], report


def kept_in_git(folder, name, cells):
    """Escribe un cuaderno en un repositorio nuevo y lo añade."""
    write_notebook(folder / name, cells)
    for command in (["init", "-q"], ["add", name]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def test_a_cell_of_the_course_that_fails_is_a_failure_although_it_is_not_compared(
    run_notebook, course, monkeypatch
):
    """Con git se sabe qué escribió el curso: una medida que da error no se perdona."""
    monkeypatch.setattr(repository, "ROOT", course.path)
    cells = run_cells("1 / 0", tags=["nbval-ignore-output"])
    kept_in_git(course.path, "cuaderno.ipynb", cells)
    result, _ = run_notebook(cells + run_cells("1 / 1 / 0", tags=["nbval-ignore-output"]))
    assert result == [False, True]


@pytest.mark.parametrize(("root", "kept"), [("", {"1 / 0"}), ("curso", set())])
def test_what_the_repository_of_another_keeps_was_not_written_by_the_course(
    tmp_path, monkeypatch, root, kept
):
    kept_in_git(tmp_path, "curso/cuaderno.ipynb", run_cells("1 / 0"))
    monkeypatch.setattr(repository, "ROOT", tmp_path / root)
    assert conftest._kept_by_git(tmp_path / "curso" / "cuaderno.ipynb") == kept


# --- Qué se recoge --------------------------------------------------------------------------------


@pytest.fixture
def collected(course, monkeypatch):
    """Los archivos que recoge pytest en un curso con apuntes de quien estudia."""
    for name in ("test_model", "test_fast"):  # los de verdad, que este proceso pudo importar
        monkeypatch.delitem(sys.modules, name, raising=False)
    (course.path / "notebooks" / "soluciones").mkdir(parents=True)
    (course.path / conftest.manifest.MANIFEST).write_text(
        "".join(ENTRY.format(number=name[:2], file=name) for name in [*LESSONS, SLOW]), encoding="utf-8"
    )
    for name in (
        "00_uno",
        "01_dos",
        "00_uno-Copy1",
        "apuntes",
        "soluciones/00_uno",
        "mias/00_uno",
        SLOW[:-6],
    ):
        write_notebook(course.path / "notebooks" / f"{name}.ipynb", run_cells("x = 1"))
    for name in ("test_model", "test_fast"):
        path = course.path / "tests" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("def test_it(): pass")
        monkeypatch.delitem(sys.modules, name, raising=False)  # las de verdad, si este proceso las importó

    def collect(*arguments):
        items, _ = course.inline_genitems("--nbval", "-p", "no:xdist", *arguments)
        return [item.nodeid.split("::")[0].removeprefix("notebooks/") for item in items]

    return collect


ENTRY = """[[lesson]]
number = "{number}"
title = "{file}"
file = "{file}"
question = "¿?"
minutes = 60
map = []
topic = "{file}"
status = "lista"
"""
LESSONS = ["00_uno.ipynb", "01_dos.ipynb"]
SLOW = next(name for name in conftest.SLOWEST if name.endswith(".ipynb"))
TESTS = ["tests/test_fast.py", "tests/test_model.py"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [*TESTS, *LESSONS, SLOW, "soluciones/00_uno.ipynb"]),
        (["notebooks"], [*LESSONS, SLOW, "soluciones/00_uno.ipynb"]),
        (["notebooks/apuntes.ipynb"], ["apuntes.ipynb"]),
        (["notebooks/mias/00_uno.ipynb::Cell 0"], ["mias/00_uno.ipynb"]),
        (["--rapido"], ["tests/test_model.py", *LESSONS]),
        (["--rapido", "tests/test_fast.py"], ["tests/test_fast.py"]),
    ],
    ids=" ".join,
)
def test_only_the_notebooks_of_the_course_are_collected(collected, arguments, expected):
    assert sorted(collected(*arguments)) == sorted(expected)


def test_the_quick_check_says_what_it_leaves_out(course):
    (course.path / "test_model.py").write_text("def test_it(): pass")
    done = course.runpytest_inprocess("--rapido", "-p", "no:xdist")
    assert "Con --rapido no se ejecutan las lecciones 07, 08, 10 y 13, las soluciones" in done.stdout.str()


def test_the_names_in_conftest_exist():
    names = {path.name for path in [*tracked(".py"), *tracked(".ipynb")]}
    assert {*conftest.SLOWEST, *(f"test_{name}.py" for name in conftest.QUICK_TESTS)} <= names


def test_the_copies_broken_on_purpose_have_what_conftest_imports():
    tree = ast.parse((ROOT / "conftest.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {f"{name}.py" for name in names if (ROOT / f"{name}.py").exists()} == {"ajustes.py"}
    assert "ajustes.py" in forks.COPIED


@pytest.mark.parametrize("module", sorted({fault[0] for fault in mutations.FAULTS}))
def test_every_fault_broken_on_purpose_has_its_place(module):
    source = (ROOT / "gpt_course" / f"{module}.py").read_text(encoding="utf-8")
    found = {name: source.count(text) for path, name, text, _ in mutations.FAULTS if path == module}
    assert {name: count for name, count in found.items() if count != 1} == {}


def test_the_slowest_start_first():
    names = [*conftest.SLOWEST, "00_bienvenida.ipynb", "test_a.py"]
    items = [SimpleNamespace(path=Path(name), number=n) for name in reversed(names) for n in range(2)]
    conftest.pytest_collection_modifyitems(items)
    assert [(item.path.name, item.number) for item in items] == [
        (name, n) for name in names for n in range(2)
    ]


# Lo que puede usar una prueba que el ensayo no repite: con PyTorch, hacer tensores y ver si son iguales, y lo
# del paquete que no calcula con ellos. Lo demás (también lo que se añada) y el modelo de `reference`, no.
EXACT = {
    *(f"gpt_course.{name}" for name in ("bench.table", "command", "config", "data", "exercises.grading")),
    *(f"gpt_course.{name}" for name in ("files", "memory", "plotting", "stories", "tokenizer")),
    *(f"torch.{name}" for name in ("arange", "equal", "float64", "full", "int64", "linspace", "ones")),
    *("torch.tensor", "torch.zeros"),
}


def computing(source):
    """Lo que usa una prueba y puede calcular con PyTorch."""
    used = {name for name in imported_names(source) if "." in name or name == "reference"}
    attributes = (
        ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)
    )
    used |= {name for name in attributes if re.fullmatch(r"torch(\.\w+)+", name)}
    return {
        name
        for name in used
        if name.split(".")[0] in ("gpt_course", "reference", "torch")
        and not any(f"{name}.".startswith(f"{exact}.") for exact in EXACT)
    }


@pytest.mark.parametrize("name", SAME_ON_EVERY_PROCESSOR)
def test_what_the_rehearsal_leaves_out_computes_nothing(name):
    assert computing((ROOT / "tests" / name).read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch, gpt_course\nfrom gpt_course.plotting.style import BLUE\ntorch.ones(2)", set()),
        ("import torch\ntorch.ones(2) @ torch.randn(2)", {"torch.randn"}),
        ("from torch import nn", {"torch.nn"}),
        ("def f():\n    from reference import TINY", {"reference.TINY"}),
        ("from gpt_course import config, layers", {"gpt_course.layers"}),
        ("from gpt_course.configuration import x", {"gpt_course.configuration.x"}),
        ("import gpt_course.bench.rounds", {"gpt_course.bench.rounds"}),
    ],
)
def test_what_computes_is_told_apart(source, found):
    assert computing(source) == found


# --- Dónde ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cores", "gibibytes", "changes", "workers"),
    [
        (2, 16, {}, 2),
        (8, 64, {}, 8),
        (1, 16, {}, 0),
        (8, 5, {}, 2),
        (8, 1, {}, 0),
        (2, 16, {"args": ["README.md"]}, 0),
        (2, 16, {"args": ["README.md", "LICENSE"]}, 2),
        (2, 16, {"collectonly": True}, 0),
        (2, 16, {"capture": "no"}, 0),
    ],
)
def test_one_worker_for_each_core_if_there_is_memory(monkeypatch, cores, gibibytes, changes, workers):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    memory = SimpleNamespace(available=gibibytes * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    option = SimpleNamespace(**{"collectonly": False, "capture": "fd", **changes})
    config = SimpleNamespace(option=option, args=changes.get("args", ["tests", "notebooks"]))
    assert conftest.pytest_xdist_auto_num_workers(config) == workers


TOGETHER = """
import os
import pytest
ran = []

@pytest.mark.parametrize("number", range(8))
def test_the_file_runs_whole_in_one_worker_with_one_thread(number):
    ran.append(number)
    assert ran == list(range(number + 1))
    assert os.environ["OMP_NUM_THREADS"] == "1"
"""


def test_two_workers_given_by_hand_take_whole_files(course, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name in ("test_a", "test_b"):
        (course.path / f"{name}.py").write_text(TOGETHER)
    light = ("-o", "addopts=", "-p", "no:nbval", "-p", "no:hypothesispytest")  # arrancan antes
    done = course.runpytest_subprocess(*light, "-n", "2", "test_a.py", "test_b.py")
    done.assert_outcomes(passed=16)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["-n", "auto"]),
        (["-k", "x"], ["-n", "auto", "-k", "x"]),
        (["-n", "0"], ["-n", "auto", "-n", "0"]),  # manda lo que va detrás
        (["-p", "no:xdist"], ["-p", "no:xdist"]),
        (["-pno:xdist"], ["-pno:xdist"]),
    ],
)
def test_the_course_asks_for_the_workers_unless_told_otherwise(monkeypatch, arguments, expected):
    monkeypatch.chdir(ROOT)
    config = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    assert curso.test_arguments(arguments) == [*config, *expected]


LOADED = """
import gc
assert not gc.isenabled()  # mientras se carga

def test_it():
    assert gc.isenabled()
"""


def test_what_is_loaded_is_frozen_once_and_what_the_tests_leave_is_collected(course):
    (course.path / "test_it.py").write_text(LOADED)
    frozen = gc.get_freeze_count()
    assert frozen and course.inline_run("-p", "no:xdist", "test_it.py").ret == 0
    assert gc.isenabled() and gc.get_freeze_count() <= frozen


@pytest.mark.parametrize(
    ("options", "dist"),
    [
        ({"numprocesses": 2, "dist": "no"}, "loadfile"),
        ({"numprocesses": "auto", "dist": "no"}, "loadfile"),
        ({"numprocesses": 2, "dist": "worksteal"}, "worksteal"),
        ({"numprocesses": None, "dist": "no"}, "no"),
        ({"numprocesses": 0, "dist": "no"}, "no"),
        ({"dist": None}, None),  # sin xdist
    ],
)
def test_how_the_tests_are_shared_out_is_the_users_if_given(options, dist):
    config = SimpleNamespace(option=SimpleNamespace(**options))
    conftest.pytest_cmdline_main(config)
    assert config.option.dist == dist


def test_the_settings_of_who_runs_pytest_are_gone_before_matplotlib_reads_them(course, monkeypatch):
    monkeypatch.setenv("MATPLOTLIBRC", "ajeno")
    (course.path / "tests" / "conftest.py").write_text("import os\nassert 'MATPLOTLIBRC' not in os.environ\n")
    (course.path / "tests" / "test_it.py").write_text("def test_it(): pass")
    assert course.inline_run("-p", "no:xdist").ret == 0
    assert os.environ["MATPLOTLIBRC"] == "ajeno"  # al acabar, vuelven


def test_the_settings_of_who_runs_pytest_do_not_reach_the_notebooks():
    for name, folder in ajustes.OWN_FOLDERS.items():
        assert os.environ[name] == str(Path(ajustes.settings_folder(str(ROOT)), folder))
    assert not {"MATPLOTLIBRC", "MPLBACKEND", "JUPYTER_PATH", "PYTHONSTARTUP"} & set(os.environ)
