"""Cada nombre de PyTorch se explica en media línea la primera vez que sale: dónde, en `tests/glosas.toml`."""

import ast
import builtins
import functools
import tomllib

import manifest
import nbformat
import pytest
import repository
import torch
from repository import ROOT

MODULES = {"torch", "nn", "F"}
LESSONS = [lesson for lesson in manifest.read() if lesson.ready]
GLOSSES = tomllib.loads((ROOT / "tests" / "glosas.toml").read_text(encoding="utf-8"))
# Los métodos que también tiene un texto, una lista, un diccionario… son de Python, no de PyTorch.
PYTHON = {name for kind in vars(builtins).values() if isinstance(kind, type) for name in dir(kind)} | {"name"}


def names_of(code):
    """Los nombres de PyTorch de un código: `torch.arange`, `nn.Linear`, `.backward`…"""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Attribute):
            continue
        root, parts = node, []
        while isinstance(root, ast.Attribute):
            parts, root = [root.attr, *parts], root.value
        if isinstance(root, ast.Name) and root.id in MODULES:
            path = root.id + "." + ".".join(parts)
            if not isinstance(_find(path), type(torch)):  # torch.optim solo lleva a otro nombre
                yield path
        elif node.attr not in PYTHON and (
            hasattr(torch.Tensor, node.attr) or hasattr(torch.nn.Module, node.attr)
        ):
            yield "." + node.attr


def _find(path):
    root, *parts = path.split(".")
    found = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}[root]
    return functools.reduce(lambda thing, part: getattr(thing, part, None), parts, found)


@functools.cache
def first_uses():
    """Por lección, los nombres que estrena y el texto y el código que hay hasta la celda en que salen."""
    seen, uses = set(), {}
    for lesson in LESSONS:
        saved = repository.committed(ROOT / "notebooks" / lesson.file)
        before, uses[lesson.number] = "", {}
        for cell in nbformat.reads(saved.decode("utf-8"), as_version=4).cells:
            before += "\n" + cell.source
            for name in names_of(cell.source) if cell.cell_type == "code" else ():
                if name not in seen:
                    seen.add(name)
                    uses[lesson.number][name] = before
    return uses


@pytest.mark.parametrize("number", [lesson.number for lesson in LESSONS])
def test_each_name_is_glossed_at_its_first_use(number):
    uses, glosses = first_uses()[number], GLOSSES[number]
    if repository.answers_are_hidden():  # un nombre que sale antes en una de ellas parece estrenarse después
        explained = {name for lesson in LESSONS if lesson.number <= number for name in GLOSSES[lesson.number]}
        assert set(uses) <= explained, f"nombres que la lección {number} estrena"
        glosses = {name: gloss for name, gloss in glosses.items() if name in uses}
    else:
        assert set(uses) == set(glosses), f"nombres que la lección {number} estrena, o que ya no estrena"
    for name, gloss in glosses.items():
        word = name.split(".")[-1]
        assert word in gloss and len(gloss) > len(word) + 12, f"{name}: «{gloss}» no lo explica"
        assert gloss in uses[name], f"{name}: «{gloss}» no está antes de su primer uso"


def test_the_names_are_those_of_pytorch():
    code = "x = torch.arange(3); nn.init.normal_(x); F.gelu(x).mean(); words.index('a'); path.name"
    assert set(names_of(code)) == {"torch.arange", "nn.init.normal_", "F.gelu", ".mean"}
