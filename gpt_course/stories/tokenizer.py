"""Un token por palabra: el tokenizador de los cuentos, y los cuentos en lotes.

Es lo que da el BPE si fusiona hasta que no queda nada que unir, sin los tokens de paso. Así la pérdida por
token de un modelo y la entropía por palabra de la gramática se comparan tal cual.
"""

import difflib
from functools import cache

import torch

from gpt_course.config import check_count, is_whole
from gpt_course.stories.grammar import load_grammar
from gpt_course.tokenizer import END_OF_TEXT, split_text


class StoryTokenizer:
    """Números para unas palabras, en su orden; la última es `END_OF_TEXT`. Con la forma de `BPETokenizer`."""

    def __init__(self, words):
        self.words = tuple(words)
        repeated = len(set(self.words)) != len(self.words)
        if not self.words or self.words[-1] != END_OF_TEXT or repeated:
            raise ValueError(
                f"Se esperaban palabras sin repetir y, la última, {END_OF_TEXT}; llegaron {len(self.words)}"
                f"{', alguna repetida' if repeated else ''}. Usa las de una gramática: load_grammar().words."
            )
        self.number = {word: index for index, word in enumerate(self.words)}
        self.n_vocab, self.eot_token = len(self.words), len(self.words) - 1

    def encode(self, text, *, special=False):
        """Lista de números, uno por palabra. Con `special=True`, <|endoftext|> es el final, no texto.

        Errores: `ValueError` si una palabra no es de estos cuentos.
        """
        if not isinstance(text, str):
            raise ValueError(f"Se esperaba un texto; llegó {type(text).__name__}. Ponle comillas.")
        ids = []
        for index, document in enumerate(text.split(END_OF_TEXT) if special else [text]):
            ids += [self.eot_token] * (index > 0)
            ids += [self._number_of(word) for word in split_text(document)]
        return ids

    def decode(self, ids):
        """El texto de una lista de números."""
        ids = list(ids)
        wrong = [i for i in ids if not is_whole(i) or not 0 <= i < self.n_vocab]
        if wrong:
            raise ValueError(
                f"Un número de token es un entero de 0 a {self.n_vocab - 1}; llegó {wrong[0]!r}. "
                "Comprueba que son de este tokenizador; de un tensor, pasa ids.tolist()."
            )
        return "".join([self.words[i] for i in ids])

    def _number_of(self, word):
        if word not in self.number:
            near = difflib.get_close_matches(word, self.words, n=3, cutoff=0.5)
            advice = f"Prueba con {', '.join(map(repr, near))}." if near else "Mira cuáles hay en .words."
            raise ValueError(
                f"En estos cuentos no existe {word!r} (el espacio de delante también cuenta). {advice}"
            )
        return self.number[word]


@cache
def load_story_tokenizer():
    """El tokenizador de los cuentos del curso."""
    return StoryTokenizer(load_grammar().words)


def story_batch(start, count, seed=0):
    """`count` cuentos de la serie `seed`, desde el número `start`, uno por fila: `(x, y, mask)`, (B, T).

    En x, el final y las palabras; en y, las palabras y el final. Lo que sobra a la derecha de los cortos se
    llena con el final y lleva False en `mask`: como queda después, ningún token de verdad lo lee.
    """
    start, count = check_count("start", start, minimum=0), check_count("count", count)
    grammar, tokenizer = load_grammar(), load_story_tokenizer()
    stories = [grammar.story_words(index, seed) for index in range(start, start + count)]
    rows = [[tokenizer.number[word] for word in words] for words in stories]
    lengths, end = [len(row) for row in rows], tokenizer.eot_token
    ids = [[end, *row, *[end] * (max(lengths) - len(row) + 1)] for row in rows]
    ids = torch.tensor(ids, device="cpu")  # (B, T + 1)
    mask = torch.arange(max(lengths) + 1, device="cpu") <= torch.tensor(lengths, device="cpu")[:, None]
    return ids[:, :-1], ids[:, 1:], mask
