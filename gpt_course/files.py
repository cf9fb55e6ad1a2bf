"""Leer un archivo y no fiarse: ni de que esté entero ni de que diga lo que debe."""

import hashlib
import json


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


def read_json(path, limit=10**6):
    """El diccionario que guarda `path`, un archivo JSON de hasta `limit` bytes.

    Errores: `OSError` si no se puede leer; `ValueError` si no es un JSON entero o no guarda un diccionario.
    """
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(limit))
    except (ValueError, RecursionError):
        raise ValueError(f"{path.name} no es un JSON completo. Descárgalo otra vez o bórralo.") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} debe ser un diccionario; llegó {type(found).__name__}.")
    return found
