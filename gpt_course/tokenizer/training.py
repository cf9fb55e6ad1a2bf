"""Aprender las fusiones de un texto."""

from collections import Counter, defaultdict
from heapq import heappop, heappush
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
    # Un texto son trozos: cada uno se trabaja una vez, por muchas que aparezca.
    pieces = Counter(split_text(text))
    words = _Words({to_parts(piece): times for piece, times in pieces.items()})
    number = {part: index for index, part in enumerate(BYTES)}
    merges, queue = [], []  # en la cola, de la más frecuente a la menos: (−veces, números, pareja)
    changed = list(words.counts)
    while len(number) < vocab_size - 1:
        for pair in changed:
            heappush(queue, (-words.counts[pair], number[pair[0]], number[pair[1]], pair))
        while queue and -queue[0][0] != words.counts[queue[0][3]]:
            heappop(queue)  # una cuenta de antes: la de ahora también está en la cola
        if not queue or -queue[0][0] < min_frequency:
            break
        pair = heappop(queue)[3]
        merges.append(pair)
        number.setdefault(pair[0] + pair[1], len(number))  # dos caminos pueden dar el mismo token
        changed = words.merge(pair)
    return BPETokenizer(merges)


class _Words:
    """Los trozos de un texto y la cuenta de cada pareja: al unir una, solo cambian los que la tienen."""

    def __init__(self, words):
        self.parts, self.times = list(words), list(words.values())
        self.counts = count_pairs(words)
        self.places = defaultdict(set)  # {pareja: en qué trozos está, o estuvo}
        for index, parts in enumerate(self.parts):
            for pair in pairwise(parts):
                self.places[pair].add(index)

    def merge(self, pair):
        """Une `pair` en todos los trozos y devuelve las parejas cuya cuenta ha cambiado y no es 0."""
        changed = set()
        for index in self.places.pop(pair):
            old, new = self.parts[index], merge_pair(self.parts[index], pair)
            for parts, times in ((old, -self.times[index]), (new, self.times[index])):
                for each in pairwise(parts):
                    self.counts[each] += times
                    changed.add(each)
            for each in pairwise(new):
                self.places[each].add(index)
            self.parts[index] = new
        return [each for each in changed if self.counts[each]]
