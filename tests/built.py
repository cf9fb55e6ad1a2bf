"""El sitio que `.ci/run` acaba de construir con `curso.py libro`: las pruebas lo usan y no hacen otro.

`.ci/run` guarda en GPT_CURSO_SITIO la huella que escribe `python tests/built.py`, del sitio y de todo aquello
de que sale. Si después cambia o falta algo, la huella ya es otra y las pruebas construyen el suyo. Que es el
que dan estas fuentes lo comprueba `test_two_builds_give_the_same_bytes`, byte a byte.
"""

import hashlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_site"
SOURCES = ("docs", "notebooks", "gpt_course", "constraints.txt", "pyproject.toml")


def fingerprint():
    """La huella del sitio construido, de sus fuentes y del Python que las lee."""
    digest = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    for path in (SITE, *(ROOT / name for name in SOURCES)):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def ready():
    """La carpeta del sitio, si es la que vio `.ci/run` y nada ha cambiado desde entonces; si no, None."""
    expected = os.environ.get("GPT_CURSO_SITIO")
    return SITE if expected and expected == fingerprint() else None


if __name__ == "__main__":
    print(fingerprint())
