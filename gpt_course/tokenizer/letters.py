"""Los bytes escritos con letras: así se leen un vocabulario y unas fusiones en un archivo de texto."""

from gpt_course.tokenizer.bpe import BPETokenizer
from gpt_course.tokenizer.pieces import BYTE_ORDER, END_OF_TEXT, PRINTABLE

# Los archivos de GPT-2 escriben cada byte con una letra visible: los imprimibles con la suya, los demás
# desde 256. El espacio es «Ġ».
LETTERS = [*map(chr, PRINTABLE), *map(chr, range(256, 512 - len(PRINTABLE)))]
_LETTER = dict(zip(BYTE_ORDER, LETTERS, strict=True))
_BYTE = {letter: byte for byte, letter in _LETTER.items()}


def merge_lines(merges):
    """Las fusiones, una por línea, con un espacio entre sus mitades: [(b"h", b"e")] → ["h e"]."""
    return [" ".join(map(_visible, pair)) for pair in merges]


def read_merges(lines):
    """Las fusiones de unas líneas como las de `merge_lines`: lista de parejas (bytes, bytes).

    Errores: `ValueError` si una no es un texto con dos mitades escritas con esas letras.
    """
    merges = []
    for line in lines:
        try:
            left, right = map(letter_bytes, line.split(" "))
        except (KeyError, ValueError):
            raise ValueError(
                f"Cada fusión son dos mitades y un espacio, como «h e»; llegó {line!r}."
            ) from None
        merges.append((left, right))
    return merges


def letter_bytes(text):
    """Los bytes que escriben esas letras: «Ġel» es b" el". Errores: `KeyError` si una no es de las suyas."""
    return bytes(_BYTE[letter] for letter in text)


def visible_vocabulary(merges):
    """{token escrito con letras: su número}, con el especial al final."""
    tokens = [*map(_visible, BPETokenizer(merges).tokens), END_OF_TEXT]
    return {token: index for index, token in enumerate(tokens)}


def _visible(token):
    return "".join(_LETTER[byte] for byte in token)
