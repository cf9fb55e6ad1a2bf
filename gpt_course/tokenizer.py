"""BPE sobre bytes: uno pequeño que se entrena y se lee entero, y el de GPT-2, sin red.

`train_bpe` aprende fusiones de un texto y devuelve un `BPETokenizer`. `load_gpt2_tokenizer` da el de GPT-2:
un `tiktoken.Encoding` hecho con las tablas que trae el curso.
`tiktoken.get_encoding("gpt2")` descarga sus tablas la primera vez, y detrás del proxy de una escuela
fallaría. Aquí salen de `gpt_course/gpt2/vocab.bpe` (licencia al lado), comprobadas antes de usarse.
"""

import functools
from collections import Counter
from itertools import pairwise
from pathlib import Path

import regex
import tiktoken

from gpt_course.config import check_count, is_whole
from gpt_course.files import read_checked

VOCAB_BPE = Path(__file__).parent / "gpt2" / "vocab.bpe"
VOCAB_BPE_SHA256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"

# Cómo corta GPT-2 el texto antes de fusionar: contracciones inglesas, letras, cifras, otros signos y
# espacios. Es el patrón de Radford et al. (2019), apartado 2.2, en la forma rápida de tiktoken.
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""

END_OF_TEXT = "<|endoftext|>"  # el token especial, que separa un documento del siguiente
# GPT-2 numera primero los bytes que se pueden imprimir y luego los demás.
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTE_ORDER = [*PRINTABLE, *(byte for byte in range(256) if byte not in PRINTABLE)]
BYTES = [bytes([byte]) for byte in BYTE_ORDER]
# Sus archivos escriben cada byte con una letra visible: los imprimibles con la suya, los demás desde 256.
LETTERS = [*map(chr, PRINTABLE), *map(chr, range(256, 512 - len(PRINTABLE)))]


def split_text(text):
    """Corta un texto en trozos, como GPT-2; ninguna fusión cruza de un trozo a otro."""
    return regex.findall(PATTERN, text)


def count_pairs(words):
    """Cuenta las parejas de vecinos. words: diccionario {tupla de bytes: veces que aparece}."""
    counts = Counter()
    for parts, times in words.items():
        for pair in pairwise(parts):
            counts[pair] += times
    return counts


def merge_pair(parts, pair):
    """Devuelve la tupla `parts` con cada aparición de `pair` unida, de izquierda a derecha."""
    merged = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return tuple(merged)


def train_bpe(text, vocab_size, *, min_frequency=2):
    """Aprende las fusiones de un texto y devuelve su `BPETokenizer`.

    vocab_size: tokens en total, con los 256 bytes y el especial; se queda corto si ninguna pareja llega a
    `min_frequency` apariciones. A igualdad de veces gana la pareja con los números de token menores.
    Errores: `ValueError` si el texto está vacío o una cuenta no sirve.
    Fuente: Sennrich et al. (2016), algoritmo 1; sobre bytes, Radford et al. (2019), apartado 2.2.
    """
    check_count("min_frequency", min_frequency)
    check_count("vocab_size", vocab_size)
    if vocab_size < 257:
        raise ValueError(
            f"vocab_size debe ser 257 o más (256 bytes y {END_OF_TEXT}); llegó {vocab_size}. "
            "Pide 300, por ejemplo."
        )
    if not isinstance(text, str) or not text:
        raise ValueError(f"Se esperaba un texto con algo dentro; llegó {text!r}. Pasa una cadena no vacía.")
    # Un texto es un diccionario de trozos: cada uno se trabaja una vez, por muchas que aparezca.
    words = {to_parts(piece): times for piece, times in Counter(split_text(text)).items()}
    number = {part: index for index, part in enumerate(BYTES)}
    merges = []
    while len(number) < vocab_size - 1:
        counts = count_pairs(words)
        pair = min(counts, key=lambda p: (-counts[p], number[p[0]], number[p[1]]), default=None)
        if pair is None or counts[pair] < min_frequency:
            break
        merges.append(pair)
        number.setdefault(pair[0] + pair[1], len(number))  # dos caminos pueden dar el mismo token
        words = {merge_pair(parts, pair): times for parts, times in words.items()}
    return BPETokenizer(merges)


def to_parts(piece):
    """Los bytes de un texto, cada uno por separado: una tupla de bytes."""
    _check_text(piece)
    try:
        data = piece.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"El texto lleva un sustituto suelto (U+{ord(piece[error.start]):04X}), media letra de UTF-16, "
            "que no existe en UTF-8. Une las mitades que van juntas y quita las que no con: "
            '`texto.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")`'
        ) from error
    return tuple(data[i : i + 1] for i in range(len(data)))


def _check_text(text):
    if not isinstance(text, str):
        raise ValueError(f"Se esperaba un texto; llegó {type(text).__name__}. Ponle comillas o .decode().")


class BPETokenizer:
    """Tokenizador BPE sobre bytes: 256 bytes, una fusión por línea y <|endoftext|> al final.

    merges: lista ordenada de parejas (bytes, bytes). tokens: lista con los bytes de cada token, por número.
    """

    def __init__(self, merges):
        self.merges = list(merges)
        _check_merges(self.merges)
        joined = [left + right for left, right in self.merges]
        self.tokens = list(dict.fromkeys([*BYTES, *joined]))  # sin repetir, en orden
        self.number = {token: index for index, token in enumerate(self.tokens)}
        self.rank = {pair: index for index, pair in enumerate(self.merges)}
        self.eot_token = len(self.tokens)
        self.n_vocab = len(self.tokens) + 1

    def steps(self, piece):
        """Las fusiones de un trozo, una a una: lista de tuplas de bytes, de los bytes al resultado."""
        history = [to_parts(piece)]
        while True:
            known = [pair for pair in pairwise(history[-1]) if pair in self.rank]
            if not known:
                return history
            history.append(merge_pair(history[-1], min(known, key=self.rank.get)))  # la que se aprendió antes

    def encode(self, text, *, special=False):
        """Lista de números de token. Con `special=True`, <|endoftext|> es el token especial, no texto."""
        _check_text(text)
        ids = []
        for index, document in enumerate(text.split(END_OF_TEXT) if special else [text]):
            ids += [self.eot_token] * (index > 0)
            ids += [self.number[part] for piece in split_text(document) for part in self.steps(piece)[-1]]
        return ids

    def decode_bytes(self, ids):
        """Los bytes de una lista de números de token, aunque corten una letra por la mitad."""
        ids = list(ids)  # se recorre dos veces, y un generador solo se deja recorrer una
        wrong = [i for i in ids if not is_whole(i) or not 0 <= i < self.n_vocab]
        if wrong:
            raise ValueError(
                f"Un número de token es un entero de 0 a {self.n_vocab - 1}; llegó {wrong[0]!r}. "
                "Comprueba que son de este tokenizador; de un tensor, pasa ids.tolist()."
            )
        return b"".join(self.tokens[i] if i < self.eot_token else END_OF_TEXT.encode() for i in ids)

    def decode(self, ids, *, errors="strict"):
        """El texto de una lista de números. Con `errors="replace"`, lo que no es UTF-8 sale como �."""
        data = self.decode_bytes(ids)
        try:
            return data.decode(errors=errors)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"Esos tokens dan los bytes {data!r}, que no son UTF-8: falta parte de una letra. "
                'Añade los tokens que faltan, o usa errors="replace" para ver � en su lugar.'
            ) from error


def _check_merges(merges):
    known = set(BYTES)  # y después, lo que une cada fusión
    for pair in merges:
        halves = pair if isinstance(pair, tuple) else ()
        if len(halves) != 2 or not all(isinstance(half, bytes) and half in known for half in halves):
            raise ValueError(
                f"Cada fusión une dos tokens que ya existen; llegó {pair!r}. Déjalas en el orden en que se "
                'aprendieron, cada una como (b"p", b"a").'
            )
        known.add(pair[0] + pair[1])


@functools.cache
def load_gpt2_tokenizer():
    """Devuelve el `tiktoken.Encoding` llamado gpt2: 50 257 tokens, con <|endoftext|> = 50256.

    Errores: `OSError` si la tabla no se puede leer; `ValueError` si está dañada.
    """
    tokens = BPETokenizer(load_gpt2_merges()).tokens
    return tiktoken.Encoding(
        name="gpt2",
        pat_str=PATTERN,
        mergeable_ranks={token: rank for rank, token in enumerate(tokens)},
        special_tokens={END_OF_TEXT: len(tokens)},
    )


def load_gpt2_merges():
    """Las 50 000 fusiones de GPT-2, en orden: lista de parejas (bytes, bytes). Errores: los de arriba."""
    byte_of = dict(zip(LETTERS, BYTE_ORDER, strict=True))
    lines = read_checked(VOCAB_BPE, VOCAB_BPE_SHA256).splitlines()[1:]  # la primera línea dice la versión
    return [tuple(bytes(byte_of[letter] for letter in half) for half in line.split()) for line in lines]
