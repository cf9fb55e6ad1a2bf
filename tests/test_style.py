"""El formato y las reglas de ruff (pyproject.toml) en lo que git guarda."""

import subprocess
import sys

import pytest
from repository import ROOT, committed, tracked

FILES = [*tracked(".py"), *tracked(".ipynb")]


@pytest.mark.parametrize("command", [["format", "--check"], ["check"]], ids=" ".join)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_ruff(path, command):
    # Por la entrada estándar, con su nombre: así se mira lo que git guarda y no la copia de trabajo.
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "--stdin-filename", path, "-"]
    done = subprocess.run(ruff, cwd=ROOT, input=committed(path), capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode("utf-8")
