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

# Cada módulo cuelga de otro (el banco de pruebas, de varios) y puede importar de él y de todos los que están
# por encima: config ─► layers ─► attention ─► block ─► model ─► generation…
PARENTS = {
    "layers": ["config"],
    "attention": ["layers"],
    "block": ["attention"],
    "model": ["block"],
    "generation": ["model"],
    "training": ["model"],
    "fast": ["training"],
    "checkpoint": ["training"],
    "weights": ["model"],
    "memory": ["config"],
    "plotting": ["config"],
    "bench": ["fast", "generation", "weights", "memory", "plotting"],
}
# Las hojas las usa quien las necesite; ellas solo importan config y files (las comprobaciones).
LEAVES = {"cache", "dropout", "sampling", "tokenizer", "data", "exercises", "files"}


def allowed_imports(module):
    if module in LEAVES:
        return {"config", "files"}
    parents = PARENTS.get(module, [])
    return set().union(parents, LEAVES if parents else [], *map(allowed_imports, parents))


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


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_every_module_is_in_the_picture(module):
    assert module in {"config", *PARENTS, *LEAVES}, (
        f"gpt_course/{module} no está en el dibujo de {relative(Path(__file__))}. Si usa otros módulos, "
        "añádelo a PARENTS con aquel del que cuelga; si no importa nada nuestro, a LEAVES. "
        "Dibújalo también en el README."
    )


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_arrows_point_one_way(path):
    package = ".".join(path.relative_to(ROOT).parent.parts)
    imported = our_modules(imported_names(path.read_text(encoding="utf-8"), package))
    wrong = imported - allowed_imports(module_of(path)) - {module_of(path)}
    assert not wrong, (
        f"{relative(path)} importa {sorted(wrong)}, en contra de las flechas. Puede importar: "
        f"{sorted(allowed_imports(module_of(path)))}. Mueve lo común a un módulo anterior."
    )


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
