"""Aprender las fusiones de un texto."""

from collections import Counter
from itertools import pairwise

from gpt_course.config import check_count
from gpt_course.tokenizer.bpe import BPETokenizer, merge_pair
from gpt_course.tokenizer.pieces import BYTES, END_OF_TEXT, split_text, to_parts


def count_pairs(words):
    """Cuenta las parejas de vecinos. words: diccionario {tupla de bytes: veces que aparece}."""
    counts = Counter()
    for parts, times in words.items():
        for pair in pairwise(parts):
            counts[pair] += times
    return counts


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
