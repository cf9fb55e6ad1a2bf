"""Leer con huella: lo entero se lee; lo cortado, lo cambiado y lo que falta se dice cómo recuperarlo."""

import hashlib

import pytest

from gpt_course.files import read_checked, read_json

TEXT = "El niño y la cigüeña\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "datos" / "tabla.txt"
    path.parent.mkdir()
    path.write_bytes(TEXT.encode())
    return path, hashlib.sha256(TEXT.encode()).hexdigest()


def test_what_is_whole_is_read(table):
    assert read_checked(*table) == TEXT


@pytest.mark.parametrize("content", [b"", TEXT.encode()[:-1], TEXT.encode() + b" ", b"\xff"])
def test_what_changed_is_refused(table, content):
    path, digest = table
    path.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    with pytest.raises(ValueError) as error:
        read_checked(path, digest)
    for piece in (
        f"El archivo tabla.txt está dañado: se esperaba SHA-256 {digest} y llegó {found}",
        f"({len(content)} bytes)",
        "Recupéralo con: git checkout -- gpt_course/datos/tabla.txt",
    ):
        assert piece in str(error.value)


def test_what_is_not_there_is_an_error_of_the_system(table):
    path, digest = table
    path.unlink()
    with pytest.raises(OSError, match=r"No se puede leer .*tabla\.txt: .*\. Recupéralo con"):
        read_checked(path, digest)
    with pytest.raises(OSError, match="Recupéralo con"):
        read_checked(path.parent, digest)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1} x', "[" * 10**5], ids=len)
def test_half_a_json_is_refused(text, tmp_path):
    (tmp_path / "datos.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"^datos\.json no es un JSON completo\."):
        read_json(tmp_path / "datos.json")
