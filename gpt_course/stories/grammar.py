"""Una lengua con todo a la vista: cuenta cuentos, y sabe con qué probabilidad viene cada palabra.

Una gramática probabilística reparte 1 entre todos sus cuentos. De ahí sale, sin estimar nada, lo que un
modelo perfecto aún se sorprendería: su entropía. Ningún modelo puede bajar de ahí.
"""

import math
import random
from bisect import bisect
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from gpt_course.stories.following import Reader
from gpt_course.stories.rules import read_rules
from gpt_course.stories.steps import END, Branch, with_row
from gpt_course.tokenizer import END_OF_TEXT, split_text

STORIES = Path(__file__).parent / "cuentos.toml"
_SURE = 1 - 1e-9  # desde aquí, una palabra no podía ser otra


class Entropy(NamedTuple):
    """Cuánto sorprende un cuento, de media, a quien sabe toda la gramática."""

    nats: float  # por cuento
    words: float  # palabras esperadas por cuento, con el final

    @property
    def bits(self):
        """Bits por cuento."""
        return self.nats / math.log(2)

    @property
    def nats_per_word(self):
        """Nats por palabra: la pérdida más baja posible."""
        return self.nats / self.words


class Parse(NamedTuple):
    """Si un texto es un cuento y, si no, desde qué palabra deja de serlo."""

    belongs: bool
    position: int  # cuántas palabras van bien
    word: str | None  # la primera que no puede ir ahí
    expected: dict  # las que podían ir ahí, con su probabilidad


class Word(NamedTuple):
    """Una palabra de un cuento, con su etiqueta y el logaritmo de su probabilidad (en nats)."""

    word: str
    label: str
    log_probability: float


class Grammar:
    """Una gramática, escrita como explica `cuentos.toml`.

    Una palabra es un trozo de `split_text`, con el espacio que lleva delante.
    """

    def __init__(self, text):
        self._steps, self._free, self._fixed = read_rules(text)
        self._reader = Reader(self._steps)

    def sample(self, rng):
        """Un cuento, sorteado con `rng`, un `random.Random`."""
        return "".join(self.derive(rng)[0])

    def derive(self, rng):
        """Las palabras de un cuento y el logaritmo (en nats) de la probabilidad de las elecciones hechas."""
        number, drawn, words, nats = self._steps.start, {}, [], 0.0
        while number != END:
            step = self._steps[number]
            if isinstance(step, Branch):
                sums, ways = step.ways(drawn)
                p, number, row = ways[bisect(sums, rng.random(), hi=len(sums) - 1)]
                nats += math.log(p)
                if row is not None:
                    drawn[step.variable] = row
            else:
                words += step.words(drawn)
                number = step.then
        return words, nats

    def story(self, index, seed=0):
        """El cuento número `index` de la serie sin fin `seed`: el mismo en todas las máquinas."""
        return "".join(self.story_words(index, seed))

    def story_words(self, index, seed=0):
        """Las palabras de ese cuento: juntas, son su texto."""
        return self.derive(random.Random(f"{seed}/{index}"))[0]

    @cached_property
    def words(self):
        """Todas las palabras, en orden de número: la última, `END_OF_TEXT`."""
        return *sorted(
            {w for step in self._steps.emits() for form in step.all_words for w in form}
        ), END_OF_TEXT

    def entropy(self):
        """La `Entropy` de la gramática, exacta: una suma por paso, del final al principio."""
        nats, words, _ = self._totals
        return Entropy(nats, words)

    def count(self):
        """Cuántos cuentos distintos hay: un entero exacto."""
        return self._totals[2]

    @cached_property
    def _totals(self):
        known = {}

        def total(number, drawn):  # de un paso en adelante
            if number == END:
                return 0.0, 1, 1  # queda por leer el final
            key = self._steps.state(number, drawn, to_choose=True)
            if key not in known:
                step = self._steps[number]
                if isinstance(step, Branch):
                    ways = [
                        (p, total(then, with_row(step, row, drawn))) for p, then, row in step.ways(drawn)[1]
                    ]
                    nats = sum(p * (nats - math.log(p)) for p, (nats, _, _) in ways)
                    words = sum(p * words for p, (_, words, _) in ways)
                    known[key] = nats, words, sum(count for _, (_, _, count) in ways)
                else:
                    nats, words, count = total(step.then, drawn)
                    known[key] = nats, words + len(step.words(drawn)), count
            return known[key]

        return total(self._steps.start, {})

    def follow(self, text):
        """Antes de cada palabra de `text`, y al final, las que podían venir: {palabra: probabilidad}.

        Acaba antes si una palabra no puede ir donde está.
        """
        return (dict(distribution) for distribution, _ in self._reader.follow(split_text(text)))

    def next_words(self, prefix):
        """La distribución exacta de la palabra que sigue: {palabra: probabilidad}; la última, `END_OF_TEXT`.

        Errores: `ValueError` si ningún cuento empieza así.
        """
        words, found = split_text(prefix), list(self.follow(prefix))
        if len(found) <= len(words):
            raise ValueError(_impossible(len(found), words[len(found) - 1], found[-1]))
        return found[-1]

    def parse(self, text):
        """¿Es un cuento? Un `Parse`, que dice también desde qué palabra deja de serlo y qué se esperaba."""
        words = [*split_text(text), END_OF_TEXT]
        for position, (word, (expected, _)) in enumerate(
            zip(words, self._reader.follow(words), strict=False)
        ):
            if word not in expected:
                return Parse(False, position, word, dict(expected))
        return Parse(True, len(words), None, {})

    def reading(self, story):
        """Cada palabra del cuento, y el final, con su etiqueta y su probabilidad: lista de `Word`.

        Lo que no lleva etiqueta es de la clase libre si podía ser otra cosa y, si no, de la fija.
        Errores: `ValueError` si el texto no es un cuento.
        """
        words, found = [*split_text(story), END_OF_TEXT], []
        for word, (expected, labels) in zip(words, self._reader.follow(words), strict=False):
            if word not in expected:
                raise ValueError(_impossible(len(found) + 1, word, expected))
            unmarked = self._fixed if expected[word] >= _SURE else self._free
            found.append(Word(word, labels[word] or unmarked, math.log(expected[word])))
        return found

    def log_probability(self, story):
        """Logaritmo (en nats) de la probabilidad del cuento; −∞ si el texto no es un cuento."""
        try:
            return sum(word.log_probability for word in self.reading(story))
        except ValueError:
            return -math.inf


@cache
def load_grammar():
    """La gramática de los cuentos del curso."""
    return Grammar(STORIES.read_text(encoding="utf-8"))


def _impossible(position, word, expected):
    several = ", ".join(repr(word) for word in list(expected)[:5])
    return (
        f"Ningún cuento sigue así: la palabra número {position}, {word!r}, no puede ir ahí. Se esperaba una "
        f"de {len(expected)}: {several}{'…' if len(expected) > 5 else ''}"
    )
