"""Leer un texto con una gramática: seguir a la vez todas las maneras de haberlo escrito."""

from functools import cache
from typing import NamedTuple

from gpt_course.stories.steps import END, Branch, with_row
from gpt_course.tokenizer import END_OF_TEXT


class Ahead(NamedTuple):
    """Lo que puede venir desde un sitio de la gramática."""

    distribution: dict  # {palabra: probabilidad}
    labels: dict  # {palabra: etiqueta}
    ways: dict  # {palabra: [(probabilidad, paso, leídas de ese paso, lo que se sorteó al llegar)]}


class Reader:
    """Lee textos con unos pasos, y recuerda lo que ya sabe que puede venir desde cada sitio.

    Para la palabra siguiente importa muy poco de lo sorteado: los sitios distintos son pocos y se repiten.
    """

    def __init__(self, steps):
        self._steps, self._known = steps, {}
        self._columns = cache(self._find_columns)

    def follow(self, words):
        """Antes de cada palabra, y al final, las que podían venir: ({palabra: p}, {palabra: etiqueta}).

        Acaba antes si una palabra no puede ir donde está. La etiqueta es None donde la gramática no pone
        ninguna. Los dos diccionarios se comparten: quien los dé a otro, que dé copias.
        """
        live = [(1.0, self._steps.start, 0, {})]  # las maneras vivas: peso, paso, leídas de él, lo sorteado
        for word in (*words, None):
            places = [(weight, self._ahead(*place), place[-1]) for weight, *place in reversed(live)]
            distribution, labels = _together(places)
            yield distribution, labels
            if word not in distribution or word == END_OF_TEXT:
                return
            live = [
                (weight * p / distribution[word], step, read, {**drawn, **rows} if rows else drawn)
                for weight, ahead, drawn in places
                for p, step, read, rows in ahead.ways.get(word, ())
            ]
            if len(live) > 1:
                live = self._merged(live)

    def _ahead(self, number, read, drawn):
        columns = self._columns(number)
        key = number, read, *[drawn[variable][column] for variable, column in columns if variable in drawn]
        if key not in self._known:
            self._known[key] = self._look(number, read, drawn)
        return self._known[key]

    def _look(self, number, read, drawn):
        ahead, waiting = Ahead({}, {}, {}), [(1.0, number, read, {})]
        while waiting:
            p, number, read, rows = waiting.pop()
            step, known = self._steps[number], {**drawn, **rows}
            if isinstance(step, Branch):
                waiting += [
                    (p * q, then, 0, with_row(step, row, rows)) for q, then, row in step.ways(known)[1]
                ]
                continue
            words = (END_OF_TEXT,) if number == END else step.words(known)
            word, label = words[read], None if number == END else step.label
            after = (number, read + 1) if read + 1 < len(words) else (END if number == END else step.then, 0)
            ahead.distribution[word] = ahead.distribution.get(word, 0.0) + p
            ahead.labels.setdefault(word, label)
            ahead.ways.setdefault(word, []).append((p, *after, rows))
        return ahead

    def _find_columns(self, number):
        """Lo que hay que saber de lo sorteado antes para decir qué palabra puede venir."""
        if number == END:
            return ()
        step = self._steps[number]
        if not isinstance(step, Branch):
            return step.reads
        found = {pair for then in step.targets for pair in self._columns(then)}
        return tuple(sorted({*step.reads, *(pair for pair in found if pair[0] != step.variable)}))

    def _merged(self, live):
        """Las mismas maneras: las que ya no se distinguirán en nada, sumadas."""
        merged = {}
        for weight, number, read, drawn in live:
            key = self._steps.state(number, drawn), read
            before = merged[key][0] if key in merged else 0.0
            merged[key] = before + weight, number, read, drawn
        return list(merged.values())


def _together(places):
    """La distribución y las etiquetas de varios sitios, cada uno con su peso; los pesos suman 1."""
    if len(places) == 1:
        return places[0][1][:2]
    distribution, labels = {}, {}
    for weight, ahead, _ in places:
        for word, p in ahead.distribution.items():
            distribution[word] = distribution.get(word, 0.0) + weight * p
            labels.setdefault(word, ahead.labels[word])
    return distribution, labels
