"""El formato y las reglas de ruff (pyproject.toml) en lo que git guarda."""

import subprocess
import sys

import pytest
from repository import ROOT, committed, tracked

FILES = [*tracked(".py"), *tracked(".ipynb")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Los archivos como los guarda git, con su misma ruta: un solo proceso de ruff los mira todos."""
    folder = tmp_path_factory.mktemp("curso")
    for path in [*FILES, ROOT / "pyproject.toml"]:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(committed(path))
    return folder


def ruff(folder, *command):
    """(código de salida, lo que dice) de ruff en una carpeta; nombra cada archivo que no cumple."""
    done = subprocess.run([sys.executable, "-m", "ruff", *command], cwd=folder, capture_output=True)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8")


def test_format(copy):
    code, text = ruff(copy, "format", "--check", "--no-cache", ".")
    assert code == 0, text
    assert text.split()[0] == str(len(FILES)), "ruff debe mirar todos los archivos"


def test_rules(copy):
    code, text = ruff(copy, "check", "--no-cache", ".")
    assert code == 0, text
    shown = ruff(copy, "check", "--show-files", ".")[1].split("\n")
    looked_at = {path for path in FILES if str(copy / path.relative_to(ROOT)) in shown}
    assert looked_at == set(FILES), "ruff debe mirar todos los archivos"


@pytest.mark.parametrize(
    ("command", "source"),
    [(["format", "--check"], "x=1\n"), (["check"], "import os\n"), (["check"], "import torch\nimport os\n")],
)
def test_the_file_that_fails_is_named(tmp_path, command, source):
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "bien.py").write_text("x = 1\n")
    (tmp_path / "mal.py").write_text(source)
    code, text = ruff(tmp_path, *command, "--no-cache", ".")
    assert code == 1
    assert "mal.py" in text
    assert "bien.py" not in text
