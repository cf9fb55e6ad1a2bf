"""El dibujo del paquete: quién puede importar a quién, cuánto mide cada pieza y dónde está su prueba."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gpt_course"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
)

# Quién importa a quién, de abajo arriba: cada módulo, solo de los que ya han salido. Es lo que hay, ni más
# ni menos: una flecha que nadie usa sobra, y una que falta se dibuja (o se piensa si hace falta).
PICTURE = {
    "config": [],
    "command": [],
    # las piezas
    "dropout": ["config"],
    "layers": ["config"],
    "attention": ["config", "dropout"],
    "checks": [],
    "padding": ["checks", "config"],
    # las de los modelos de hoy, cada una por otra de GPT-2, y quién dice cuáles van
    "rmsnorm": ["config"],
    "rope": ["config"],
    "swiglu": ["config"],
    "experts": ["checks", "config", "swiglu"],
    "grouped_attention": ["attention", "config", "dropout", "padding", "rmsnorm", "rope"],
    "pieces": [
        *("attention", "config", "experts", "grouped_attention", "layers", "rmsnorm", "rope", "swiglu"),
    ],
    # el modelo y lo que lo ayuda
    "block": ["config", "dropout", "pieces"],
    "tying": ["config"],
    "model": ["block", "checks", "config", "dropout", "padding", "pieces", "tying"],
    "initialization": [],
    "inspection": ["dropout"],
    # escribir
    "cache": ["config"],
    "sampling": ["config"],
    # el texto
    "files": [],
    "tokenizer": ["config", "files"],
    "data": ["command", "config", "files", "tokenizer"],
    "stories": ["config", "tokenizer"],
    # alrededor del modelo, que no sabe nada de esto
    "plotting": ["config"],
    "loss": ["checks", "padding"],
    "fast": ["attention", "block", "checks", "config", "dropout", "layers", "loss", "model", "padding"],
    "weights": ["config", "dropout", "files", "model", "tokenizer"],
    "models": ["config", "files", "stories", "tokenizer", "weights"],
    "generation": [
        *("cache", "checks", "command", "config", "models", "padding", "sampling", "stories", "tokenizer"),
    ],
    "training": [
        *("block", "command", "config", "data", "fast", "initialization", "inspection", "loss", "model"),
        *("models", "plotting", "stories", "tokenizer"),
    ],
    "memory": ["command", "config"],
    "exercises": [],
    "cells": ["exercises"],
    "classroom": ["command", "exercises"],
    "bench": [
        *("config", "data", "fast", "generation", "initialization", "memory", "model", "plotting"),
        *("stories", "tokenizer", "training", "weights"),
    ],
}


def imported_names(source, package="gpt_course"):
    """Nombres completos que importa un código, también dentro de sus funciones."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            start = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def our_modules(names):
    """De los nombres importados, los módulos de gpt_course (su primera parte)."""
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == "gpt_course" and part[1:2] and part[1] in MODULES}


def module_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def relative(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import torch", set()),
        ("import gpt_course.model", {"model"}),
        ("from gpt_course import block, layers", {"block", "layers"}),
        ("from gpt_course.model import GPTModel", {"model"}),
        ("from . import dropout", {"dropout"}),
        ("from .config import check_rate", {"config"}),
        ("def f():\n    from gpt_course.attention import x", {"attention"}),
        ("from gpt_course import __version__", set()),
    ],
)
def test_imports_are_read_in_every_form(source, modules):
    assert our_modules(imported_names(source)) == modules


def real_imports(module):
    """Los módulos nuestros que importa `module`: un archivo, o todos los de su carpeta."""
    found = set()
    for path in FILES:
        if module_of(path) == module:
            package = ".".join(path.relative_to(ROOT).parent.parts)
            found |= our_modules(imported_names(path.read_text(encoding="utf-8"), package))
    return found - {module}


def test_every_module_is_in_the_picture():
    modules = {name for name in MODULES if name != "__init__"}
    assert set(PICTURE) == modules, (
        f"PICTURE, en {relative(Path(__file__))}, y gpt_course/ no tienen los mismos módulos: "
        f"{sorted(set(PICTURE) ^ modules)}. Dibuja el nuevo debajo de lo que importa, y también en el README."
    )


@pytest.mark.parametrize("module", PICTURE)
def test_the_picture_is_what_is_imported(module):
    drawn, real = set(PICTURE[module]), real_imports(module)
    assert drawn == real, (
        f"gpt_course/{module} importa {sorted(real)} y el dibujo dice {sorted(drawn)}. Quita la flecha que "
        "sobra; antes de añadir una, mira si lo común cabe en un módulo anterior."
    )


def test_arrows_point_one_way():
    order = list(PICTURE)
    wrong = [(a, b) for a, arrows in PICTURE.items() for b in arrows if order.index(b) >= order.index(a)]
    assert not wrong, f"Cada módulo importa solo de los que están por encima de él en el dibujo: {wrong}."


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_the_package_knows_nothing_of_notebooks_or_tests(path):
    first_parts = {name.split(".")[0] for name in imported_names(path.read_text(encoding="utf-8"))}
    assert not first_parts & {"notebooks", "tests", "conftest", "curso", "reference", "pytest", "IPython"}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_pieces_are_small(path):
    source = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno - f.lineno >= 40}
    assert len(source.splitlines()) <= 200, f"{relative(path)} pasa de 200 líneas: divídelo en una carpeta."
    assert not long, f"{relative(path)}: funciones de más de 40 líneas: {long}."


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_every_module_has_its_tests(module):
    mirror = ROOT / "tests" / f"test_{module}.py"
    assert mirror.exists(), f"Falta {relative(mirror)}: cada módulo tiene su archivo de pruebas."


def test_importing_the_package_only_defines_names():
    code = "import sys, gpt_course; print({'torch', 'tiktoken', 'numpy', 'matplotlib'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
