"""Los pasos de una gramática: escribir unas palabras o elegir por dónde seguir."""

import itertools
from functools import cache

from gpt_course.tokenizer import split_text

END = 0  # el número del paso en que no queda nada que escribir


class Emit:
    """Un paso que escribe palabras: siempre las mismas, o la forma que dicen los rasgos de lo sorteado."""

    def __init__(self, reads, form, texts, before, label, then):
        self.reads, self.label, self.then = reads, label, then
        self.all_words = [split_text(before + text) for text in texts]  # de cada forma posible
        self._form, self._before, self._known = form, before, {}

    def words(self, drawn):
        """Las palabras que escribe, según lo sorteado: {variable: fila}."""
        key = tuple([drawn[variable][column] for variable, column in self.reads])
        if key not in self._known:
            self._known[key] = split_text(self._before + self._form(drawn))
        return self._known[key]


class Branch:
    """Un paso que elige: una opción de una regla o, si tiene `variable`, una fila de una tabla."""

    def __init__(self, reads, candidates, targets, variable=None):
        self.reads, self.targets, self.variable = reads, targets, variable
        self._candidates, self._known = candidates, {}  # de cada una, (peso, paso, fila)

    def ways(self, drawn):
        """(probabilidades acumuladas, [(probabilidad, paso, fila o None)]), según lo sorteado."""
        key = tuple([drawn[variable][column] for variable, column in self.reads])
        if key not in self._known:
            found = list(self._candidates(drawn))
            total = sum(weight for weight, _, _ in found)
            ways = [(weight / total, then, row) for weight, then, row in found]
            self._known[key] = list(itertools.accumulate(p for p, _, _ in ways)), ways
        return self._known[key]


class Steps:
    """Los pasos, por su número, y qué importa en cada uno de lo sorteado antes."""

    def __init__(self, steps, start):
        self.start, self._steps = start, steps
        self.columns = cache(self._columns)

    def __getitem__(self, number):
        return self._steps[number]

    def emits(self):
        """Los que escriben."""
        return [step for step in self._steps if isinstance(step, Emit)]

    def state(self, number, drawn, *, to_choose=False):
        """Lo que hay que saber para seguir desde un paso: dos estados iguales siguen igual.

        to_choose: solo lo que cambia las elecciones o cuántas palabras se escriben, y no cuáles.
        """
        columns = self.columns(number, to_choose)
        return number, *[drawn[variable][column] for variable, column in columns if variable in drawn]

    def _columns(self, number, to_choose):
        if number == END:
            return ()
        step = self._steps[number]
        if isinstance(step, Branch):
            after = {pair for then in step.targets for pair in self.columns(then, to_choose)}
            after = {(variable, column) for variable, column in after if variable != step.variable}
            return tuple(sorted(after | set(step.reads)))
        same_length = len({len(words) for words in step.all_words}) == 1
        own = () if to_choose and same_length else step.reads
        return tuple(sorted({*self.columns(step.then, to_choose), *own}))


def with_row(branch, row, drawn):
    """Lo sorteado, con la fila que se acaba de elegir (o tal cual, si se eligió una opción)."""
    return drawn if row is None else {**drawn, branch.variable: row}
