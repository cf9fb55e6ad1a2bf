"""Leer textos más grandes que la memoria, en trozos de los que se sacan los tokens por separado.

Se corta delante de un espacio o un salto que sigue a algo que no lo es. Ahí no cruza ningún token: el patrón
de GPT-2 solo admite un espacio al principio de un trozo o en una fila de ellos, y lo que mira detrás de una
fila (si sigue algo que no es un espacio) queda en su mismo lado. Por eso los tokens de los trozos, juntos,
son los del texto entero.
"""

import codecs
from pathlib import Path

from gpt_course.tokenizer import END_OF_TEXT

BLOCK = 2**20  # bytes que se leen de una vez
LONGEST = 2**26  # letras seguidas sin un sitio donde cortar: más no es texto


def check_files(paths):
    """Exige archivos que se puedan leer y con algo dentro; devuelve cuántos bytes suman.

    Errores: `OSError` si uno falta, no es un archivo o no se deja leer; `ValueError` si está vacío.
    """
    total = 0
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"No existe {path}. Comprueba el nombre y la carpeta.")
        if not path.is_file():  # una carpeta, o una tubería, que no se puede leer dos veces
            raise OSError(f"{path} no es un archivo. Da archivos de texto, uno por uno.")
        try:
            with open(path, "rb") as file:
                empty = not file.read(1)
        except OSError as error:
            raise OSError(f"No se puede leer {path}: {error.strerror}. Comprueba los permisos.") from None
        if empty:
            raise ValueError(f"{path} está vacío: no hay nada que convertir en tokens. Quítalo de la orden.")
        total += path.stat().st_size
    return total


def read_documents(paths, block=BLOCK, seen=lambda count: None):
    """Los trozos de varios archivos UTF-8, en orden, con `END_OF_TEXT` entre un archivo y el siguiente.

    seen: función que recibe cuántos bytes se acaban de leer. La marca BOM y los saltos de Windows, si los
    hay, se quedan: los bytes de los tokens son los del archivo.
    Errores: los de `read_pieces`.
    """
    for index, path in enumerate(paths):
        separator = END_OF_TEXT if index else ""
        for piece in read_pieces(path, block, seen):
            yield separator + piece
            separator = ""


def read_pieces(path, block=BLOCK, seen=lambda count: None):
    """Los trozos de un archivo UTF-8: juntos son su texto.

    Errores: `OSError` si no se puede leer; `ValueError` si no es UTF-8 o si en `LONGEST` letras no hay dónde
    cortar.
    """
    decoder, kept, done = codecs.getincrementaldecoder("utf-8")(), "", 0
    with open(path, "rb") as file:
        while data := file.read(block):
            tail = len(kept)
            kept += _decode(decoder, data, done, path)
            done += len(data)
            seen(len(data))
            if cut := _last_cut(kept, max(tail, 1)):
                yield kept[:cut]
                kept = kept[cut:]
            elif len(kept) > LONGEST:
                raise ValueError(
                    f"{path} tiene más de {LONGEST:,} letras seguidas sin un espacio ni un salto de línea. "
                    "Ponle saltos de línea, si es texto."
                )
    _decode(decoder, b"", done, path)
    if kept:
        yield kept


def _decode(decoder, data, done, path):
    """El texto de `data`, que empieza en el byte `done`; sin datos, exige que no quede media letra."""
    pending = len(decoder.getstate()[0])  # bytes de una letra cortada, que se leyeron antes
    try:
        return decoder.decode(data, final=not data)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} no es UTF-8: falla en el byte {done - pending + error.start:,}. Conviértelo antes, por "
            "ejemplo con: `iconv -f latin1 -t utf-8`"
        ) from None


def _last_cut(text, start):
    """El último lugar desde `start` donde un espacio sigue a lo que no lo es; None si no hay ninguno."""
    for place in range(len(text) - 1, start - 1, -1):
        if text[place] in " \t\r\n" and not text[place - 1].isspace():
            return place
    return None
