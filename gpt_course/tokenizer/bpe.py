"""Un tokenizador BPE sobre bytes que se lee entero."""

from heapq import heapify, heappop, heappush
from itertools import pairwise

from gpt_course.config import is_whole
from gpt_course.tokenizer.pieces import BYTES, END_OF_TEXT, check_text, split_text, to_parts

_REMEMBERED = 2**16  # trozos: unos 20 MB


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
        self._known = {}  # {trozo: sus números}: un texto repite casi todos los suyos
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
            for piece in split_text(document):
                ids += self._known.get(piece) or self._learn(piece)
        return ids

    def _learn(self, piece):
        """Los números de un trozo, que se recuerdan para la próxima vez."""
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[piece] = ids = tuple(self.number[part] for part in self._merged(to_parts(piece)))
        return ids

    def _merged(self, parts):
        """Lo último de `steps`, sin guardar los pasos: cada fusión mira solo a sus vecinas."""
        parts, end = [*parts, b""], len(parts)  # el −1, vacío, no se une con nadie
        after, before = [*range(1, end + 1), end], list(range(-1, end))
        queue = [(self.rank[pair], i) for i, pair in enumerate(pairwise(parts)) if pair in self.rank]
        heapify(queue)
        while queue:
            rank, touched = queue[0][0], []
            while (
                queue and queue[0][0] == rank
            ):  # la que se aprendió antes, donde esté, de izquierda a derecha
                i = heappop(queue)[1]
                j = after[i]
                if self.rank.get((parts[i], parts[j])) == rank:  # si no, otra fusión se llevó una mitad
                    parts[i], parts[j] = parts[i] + parts[j], b""
                    after[i] = after[j]
                    before[after[j]] = i
                    touched += [before[i], i]
            for i in touched:
                pair = (parts[i], parts[after[i]])
                if pair in self.rank:
                    heappush(queue, (self.rank[pair], i))
        return [part for part in parts if part]

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
