"""Leer con huella: lo entero se lee; lo cortado, lo cambiado y lo que falta se dice cómo recuperarlo."""

import hashlib

import pytest

from gpt_course.files import read_checked

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
