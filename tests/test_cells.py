"""La celda de un ejercicio que falla antes de llegar a `check`."""

import builtins
import importlib
import json
import subprocess
import sys
import tomllib

import pytest
from IPython.core.interactiveshell import InteractiveShell
from repository import ROOT
from traitlets.config import Config

CELLS = (
    'respuesta_1 = 3\ncheck("capas.2", respuesta_1)',
    'respuesta_1 = 20\u202f488\ncheck("capas.2", respuesta_1)',
    'respuesta_1 = 1 / 0\ncheck("capas.2", respuesta_1)',
    'from gpt_course.exercises import check\ncheck("capas.2", 6)',
    "1 / 0",
)


@pytest.fixture
def shell(monkeypatch):
    """Un IPython sin historia en el disco, que no deja nada puesto."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    for name in ("display", "__IPYTHON__"):
        monkeypatch.setattr(builtins, name, None, raising=False)
    shell = InteractiveShell(config=Config(HistoryManager={"hist_file": ":memory:"}))
    shell.extension_manager.load_extension("gpt_course.cells")
    return shell


def test_a_cell_that_fails_before_check_is_told_in_spanish_and_the_others_as_ever(shell, capsys):
    for cell in CELLS:
        shell.run_cell(cell, store_history=True)
    first, second, third, fourth, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("✗ capas.2: la celda dio un error en su línea 2") and "Si has reiniciado" in first
    assert second.startswith("✗ capas.2: Python no entiende la línea 1") and "entre comillas" in second
    assert "en su línea 1, «respuesta_1 = 1 / 0»: divides entre cero" in third
    assert fourth.startswith("✓ capas.2")
    assert "ZeroDivisionError" in rest[-1] and any("Traceback" in line for line in rest)


def test_pip_copies_where_ipython_reads_that_the_extension_is_loaded():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folder = ROOT / project["tool"]["flit"]["external-data"]["directory"]
    settings = json.loads((folder / "etc/ipython/ipython_config.json").read_text(encoding="utf-8"))
    (extension,) = settings["InteractiveShellApp"]["extensions"]
    assert hasattr(importlib.import_module(extension), "load_ipython_extension")


def test_the_extension_does_not_make_the_kernel_wait_for_torch():
    code = "import sys, gpt_course.cells; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
