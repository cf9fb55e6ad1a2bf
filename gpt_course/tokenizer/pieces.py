"""Lo primero: cortar un texto en trozos, y cada trozo en bytes."""

import regex

# Cómo corta GPT-2 el texto antes de fusionar: contracciones inglesas, letras, cifras, otros signos y
# espacios. Es el patrón de Radford et al. (2019), apartado 2.2, en la forma rápida de tiktoken.
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""

END_OF_TEXT = "<|endoftext|>"  # el token especial, que separa un documento del siguiente
# GPT-2 numera primero los bytes que se pueden imprimir y luego los demás.
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTE_ORDER = [*PRINTABLE, *(byte for byte in range(256) if byte not in PRINTABLE)]
BYTES = [bytes([byte]) for byte in BYTE_ORDER]


def split_text(text):
    """Corta un texto en trozos, como GPT-2; ninguna fusión cruza de un trozo a otro."""
    return regex.findall(PATTERN, text)


def to_parts(piece):
    """Los bytes de un texto, cada uno por separado: una tupla de bytes."""
    data = utf8(piece)
    return tuple(data[i : i + 1] for i in range(len(data)))


def utf8(text):
    """Los bytes de un texto. Errores: `ValueError` si no es un texto o no se puede escribir en UTF-8."""
    check_text(text)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"El texto lleva un sustituto suelto (U+{ord(text[error.start]):04X}), media letra de UTF-16, "
            "que no existe en UTF-8. Une las mitades que van juntas y quita las que no con: "
            '`texto.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")`'
        ) from error


def check_text(text):
    if not isinstance(text, str):
        raise ValueError(f"Se esperaba un texto; llegó {type(text).__name__}. Ponle comillas o .decode().")
