"""La tolerancia de `pytest --nbval`: qué diferencias acepta y cuáles no, también en cuadernos de verdad."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import ajustes
from conftest import TolerantText, same_output

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]

ACCEPTED = [
    ("0.1257", "0.1258"),
    ("0.1257", "0.1256"),
    ("-0.0000", "0.0000"),
    ("-0.0001", "0.0000"),
    ("tensor([ 0.1381, -0.1963])", "tensor([ 0.1382, -0.1962])"),
    ("[-0.0001,  0.5000]", "[ 0.0000,  0.5000]"),
    ("9.9999", "10.0000"),
    ("1.", "1.0000"),
    ("tensor([1., 2.])", "tensor([1.0000, 2.0000])"),
    ("1.2345e-05", "1.2346e-05"),
    ("9.9999e-05", "1.0000e-04"),
    ("0.30000000000000004", "0.3"),
    ("12345.6789", "12345.9"),  # 1e-4 relativo
    ("La pérdida es 3.1416.", "La pérdida es 3.1417."),
    ("99.98 %, 621.83 MiB", "99.99 %, 621.82 MiB"),
    ("[0.5, ..., 0.1257]...", "[0.5, ..., 0.1258]..."),
    ("# 0.5000", "# 0.5001"),
    ("[[ 0.5000,  0.2500],\n [ 1.0000, -0.0000]]", "[[0.5000, 0.2500],\n [1.0000, 0.0000]]"),
    ("621.83MiB, 12.53x, 1.5000j", "621.84MiB, 12.54x, 1.5001j"),
    ("nan", "nan"),
]
REFUSED = [
    ("0.1257", "0.1357"),
    ("0.1257", "0.1260"),
    ("0.1257", "-0.1257"),
    ("-0.8408", "0.8408"),
    ("0.1257", "nan"),
    ("nan", "0.1257"),
    ("inf", "1.0000"),
    ("768", "767"),
    ("768.", "767."),
    ("768.0", "767.0"),
    ("50257.0", "50256.0"),
    ("163,009,536", "163,009,537"),
    ("163,009,536", "163,009,53"),
    ("-1", "1"),
    ("1e-05", "1e-06"),
    ("1.2345e-05", "1.2345e-06"),
    ("1.0000e-04", "2.0000e-04"),
    ("2.13.0", "2.13.1"),
    ("torch 2.13.0", "torch 2.13"),
    ("Son 12.", "Son 13."),
    ("Son 12.", "Son 12"),
    ("[0.1, 0.2]", "[0.1]"),
    ("[0.1]", "[0.1, 0.2]"),
    ("x = 0.5", "x = "),
    ("a 0.5", "a     0.5"),
    ("x: 0.5", "x:0.5"),
    ("a\n    0.5", "a\n0.5"),
    ("\0", "0.5"),
    ("1.5e400", "2.5"),
    ("x = #", "x = 0.5"),
    ("camión", "camion"),
    ("camión", "Camión"),
    ("pérdida: 0.5", "perdida: 0.5"),
    ("a\n0.5", "a 0.5"),
    ("capa0.5", "capa0.6"),
    ("True", "False"),
    ("", "0.5"),
]


@pytest.mark.parametrize(("reference", "computed"), ACCEPTED)
def test_same_output(reference, computed):
    assert same_output(reference, computed)
    assert same_output(computed, reference)


@pytest.mark.parametrize(("reference", "computed"), REFUSED)
def test_different_output(reference, computed):
    assert not same_output(reference, computed)
    assert not same_output(computed, reference)


def test_tolerant_text_is_still_text():
    text = TolerantText("pérdida 0.1257")
    assert text == "pérdida 0.1258"
    assert text != "pérdida 0.1357"
    assert not text.__ne__("pérdida 0.1258")  # nbval compara con !=
    assert hash(text) == hash("pérdida 0.1257")


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
def run_notebook(pytester):
    """Ejecuta un cuaderno con el conftest del curso: (¿pasa cada celda?, texto del informe)."""

    def run(cells):
        kernel = {"name": "python3", "display_name": "Python 3"}
        notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, pytester.path / "cuaderno.ipynb")
        shutil.copy(ROOT / "conftest.py", pytester.path)
        done = pytester.inline_run("--nbval", "-p", "no:cacheprovider", "-p", "no:xdist", "cuaderno.ipynb")
        reports = [report for report in done.getreports("pytest_runtest_logreport") if report.when == "call"]
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


def test_notebook_cells(run_notebook):
    cells = [
        make(stored, printed) for make in (stream_cell, result_cell) for stored, printed, _ in CELLS.values()
    ]
    passed, report = run_notebook(cells)
    names = [f"{kind}: {name}" for kind in ("impresa", "valor") for name in CELLS]
    expected = [passes for _, _, passes in CELLS.values()] * 2
    assert dict(zip(names, passed, strict=True)) == dict(zip(names, expected, strict=True))
    assert "0.1357" in report  # el informe enseña la diferencia


def test_the_settings_of_who_runs_pytest_do_not_reach_the_notebooks():
    for name, folder in ajustes.OWN_FOLDERS.items():
        assert os.environ[name] == str(Path(ajustes.settings_folder(str(ROOT)), folder))
    assert not {"MATPLOTLIBRC", "MPLBACKEND", "JUPYTER_PATH", "PYTHONSTARTUP"} & set(os.environ)
