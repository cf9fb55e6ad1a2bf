"""Lo que comparten las pruebas del explorador: su carpeta, la página abierta y cómo se lee lo que enseña."""

import base64
import importlib.util
import shutil
import sys

import pytest
from browser import ROOT, watch

SOURCES = ROOT / "docs" / "sitio" / "explorador"
PATIENCE = 120_000  # ms: una máquina ocupada no es una página rota


def load_explorer_data():
    """docs/sitio/explorer_data.py, que no es de ningún paquete."""
    name = "explorer_data"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "sitio" / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def explorer_folder(tmp_path_factory):
    """La página con sus datos, recién hechos del paquete, en una carpeta con espacio y acento."""
    made = tmp_path_factory.mktemp("página del") / "explorador"
    shutil.copytree(SOURCES, made, ignore=shutil.ignore_patterns("story_*.js"))
    load_explorer_data().write_data(made)
    return made


@pytest.fixture(scope="session")
def engine(chromium, explorer_folder):
    """La página abierta una vez, para las cuentas, con su estado en `explorer`."""
    opened = chromium.new_page()
    opened.set_default_timeout(PATIENCE)
    faults = watch(opened)
    opened.goto((explorer_folder / "explorador.html").as_uri())
    opened.evaluate("globalThis.explorer = new Explorer(STORY_MODEL, STORY_RULES); null")
    yield opened
    opened.close()
    assert not faults, faults


@pytest.fixture
def explorer(page, explorer_folder):
    """La página recién abierta, para usarla."""
    page.set_default_timeout(PATIENCE)
    page.goto((explorer_folder / "explorador.html").as_uri())
    return page


@pytest.fixture(scope="session")
def rounded_model():
    """El modelo de la página, en PyTorch, y su tokenizador."""
    return load_explorer_data().story_model()


def floats(tensor):
    """Un tensor en base64, para que JavaScript lo lea como Float32Array."""
    return base64.b64encode(tensor.float().contiguous().numpy().tobytes()).decode()


def beginning(page, text):
    """Lee en la página un comienzo escrito y enseña las barras."""
    page.fill("#beginning", text)
    page.press("#beginning", "Enter")
    if page.is_visible("#reveal"):
        page.click("#reveal")


def bars(page):
    """{palabra: (verdad, modelo)} de lo que se ve; la verdad es None si no la hay."""
    rows = page.eval_on_selector_all(
        "#bars tbody tr",
        """rows => rows.filter(row => row.querySelector("button")).map(row => [
            row.querySelector("button").dataset.add,
            ...[1, 2].map(i => row.cells[i].querySelector(".number")?.firstChild.data ?? null)])""",
    )
    return {word: tuple(value and float(value.replace(",", ".")) for value in cells) for word, *cells in rows}
