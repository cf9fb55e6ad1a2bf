"""Lo que comparten las pruebas: las figuras, sin ventanas, y el navegador."""

import contextlib
import os
import sys

import matplotlib
import pytest
from browser import chromium, page, server, site, tab  # noqa: F401
from explorer_page import engine, explorer, explorer_folder, rounded_model  # noqa: F401

matplotlib.use("Agg")
pytest.register_assert_rewrite("answers")  # antes de importarlos: un `assert` que falla dice qué comparaba


def pytest_runtest_teardown():
    """Cierra las figuras; sin pyplot cargado no hay ninguna, y cargarlo cuesta a quien solo reparte."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(autouse=True, scope="module")
def same_environment():
    """Las variables que ponga un archivo de pruebas no llegan al siguiente."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def disk_full_at(monkeypatch):
    """`with disk_full_at(n):` el n-ésimo archivo que cambia de sitio encuentra el disco lleno."""

    @contextlib.contextmanager
    def fails(last):
        real, moved = os.replace, []

        def replace(origin, target):
            moved.append(target)
            if len(moved) == last:
                raise OSError(28, "No space left on device")
            real(origin, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            yield

    return fails
