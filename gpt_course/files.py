"""Leer un archivo del curso y no fiarse: sus bytes deben tener la huella SHA-256 que esperamos."""

import hashlib


def read_checked(path, sha256):
    """El texto UTF-8 de `path`, un archivo que viene con el curso, si sus bytes tienen esa huella.

    Errores: `OSError` si no se puede leer; `ValueError` si está cortado o cambiado.
    """
    folder = path.parent.name
    remedy = (
        f"Recupéralo con: git checkout -- gpt_course/{folder}/{path.name} (o descarga otra vez el curso)."
    )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OSError(f"No se puede leer {path}: {error.strerror}. {remedy}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise ValueError(
            f"El archivo {path.name} está dañado: se esperaba SHA-256 {sha256} y llegó {digest} "
            f"({len(data)} bytes). {remedy}"
        )
    return data.decode()
