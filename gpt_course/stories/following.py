"""Leer un texto con una gramática: seguir a la vez todas las maneras de haberlo escrito."""

from gpt_course.stories.steps import END, Branch, with_row
from gpt_course.tokenizer import END_OF_TEXT


def follow(steps, words):
    """Antes de cada palabra, y al final, las que podían venir: ({palabra: p}, {palabra: etiqueta}).

    Acaba antes si una palabra no puede ir donde está. La etiqueta es None donde la gramática no pone ninguna.
    """
    live = {(steps.state(steps.start, {}), 0): (1.0, steps.start, {})}
    for word in (*words, None):
        heads = list(_heads(steps, live))
        total = sum(weight for _, weight, *_ in heads)
        distribution, labels = {}, {}
        for head, weight, step, *_ in heads:
            distribution[head] = distribution.get(head, 0.0) + weight / total
            labels.setdefault(head, None if step == END else steps[step].label)
        yield distribution, labels
        if word not in distribution or word == END_OF_TEXT:
            return
        live = _after(steps, word, [(head, weight / total, *rest) for head, weight, *rest in heads])


def _heads(steps, live):
    """De cada manera viva, la palabra que toca: (palabra, peso, paso, leídas de ese paso, lo sorteado)."""
    waiting = [(weight, step, read, drawn) for (_, read), (weight, step, drawn) in live.items()]
    while waiting:
        weight, number, read, drawn = waiting.pop()
        step = steps[number]
        if isinstance(step, Branch):
            _, ways = step.ways(drawn)
            waiting += [(weight * p, then, 0, with_row(step, row, drawn)) for p, then, row in ways]
        else:
            yield END_OF_TEXT if number == END else step.words(drawn)[read], weight, number, read, drawn


def _after(steps, word, heads):
    """Las maneras que siguen vivas tras leer `word`; las que ya no se distinguirán en nada se suman."""
    live = {}
    for head, weight, step, read, drawn in heads:
        if head != word:
            continue
        if read + 1 == len(steps[step].words(drawn)):
            step, read = steps[step].then, -1
        key = steps.state(step, drawn), read + 1
        before = live[key][0] if key in live else 0.0
        live[key] = before + weight, step, drawn
    return live
