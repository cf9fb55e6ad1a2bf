"""Un tokenizador BPE sobre bytes que se lee entero."""

from itertools import pairwise

from gpt_course.config import is_whole
from gpt_course.tokenizer.pieces import BYTES, END_OF_TEXT, check_text, split_text, to_parts


def merge_pair(parts, pair):
    """Devuelve la tupla `parts` con cada aparición de `pair` unida, de izquierda a derecha."""
    merged = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return tuple(merged)


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
        check_text(text)
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
