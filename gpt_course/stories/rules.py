"""Leer la gramática: de las reglas escritas a un grafo de pasos, que dice qué puede venir después de qué.

No sabe nada de español: reglas, tablas, rasgos y etiquetas salen del archivo, que explica cómo se escribe.
"""

import re
import tomllib
from functools import cache

from gpt_course.stories.steps import END, Branch, Emit, Steps
from gpt_course.tokenizer import split_text

_WEIGHT, _OTHERWISE = "peso", "*"  # la columna que no es una forma, y la que vale si no hay una más precisa
_OPTION = re.compile(r"(?:(\d+) \| )?(?:\[([\w.]+)=(\w+)\] )?(.*)", re.DOTALL)
_ITEM = re.compile(r"\{([^{}]+)\}|[^{}]+")
_DRAW = re.compile(r"(\w+)=(\w+)(?: (\w+)(!?=)([\w.]+))?")


def read_rules(text):
    """De lo escrito en un archivo de gramática, sus pasos (`Steps`) y las etiquetas libre y fija."""
    builder = _Builder(tomllib.loads(text))
    start = builder.node("", (("call", builder.source["inicio"]),))
    return Steps(builder.steps, start), builder.source["libre"], builder.source["fija"]


class _Builder:
    def __init__(self, source):
        self.source = source
        rules = source["reglas"]
        self.tables = {name: _read_table(text) for name, text in source["tablas"].items()}
        self.table_of = {variable: name for variable, name, *_ in _DRAW.findall(str(rules))}
        self.rules = {name: [self._option(text) for text in options] for name, options in rules.items()}
        self.steps = [None]
        self.node = cache(self._node)

    def _option(self, text):
        weight, feature, value, body = _OPTION.fullmatch(text).groups()
        guard = (tuple(feature.split(".")), value) if feature else None
        return int(weight or 1), guard, tuple(self._item(match) for match in _ITEM.finditer(body))

    def _item(self, match):
        if match[1] is None:
            return "text", match[0], None
        inside, _, label = match[1].partition("|")
        if inside in self.source["reglas"]:
            return "call", inside
        if inside.startswith('"'):
            return "text", inside.strip('"'), label
        if drawing := _DRAW.fullmatch(inside):
            return "draw", *drawing.groups()
        return "form", tuple(inside.split()), label

    def _node(self, before, items):
        """El número del paso que escribe `items`; `before` es el espacio que les toca delante."""
        if not items:
            return END
        (kind, *details), rest = items[0], items[1:]
        return getattr(self, f"_{kind}")(before, rest, *details)

    def _add(self, step):
        self.steps.append(step)
        return len(self.steps) - 1

    def _text(self, before, rest, text, label):
        words = split_text(before + text)
        after = words.pop() if words[-1] == " " else ""  # ese espacio es de la palabra que venga
        then = self.node(after, rest)
        text = "".join(words)
        return self._add(Emit((), lambda drawn: text, [text], "", label, then)) if words else then

    def _call(self, before, rest, rule):
        options = [
            (weight, guard, self.node(before, body + rest)) for weight, guard, body in self.rules[rule]
        ]
        if len(options) == 1:
            return options[0][2]
        reads = tuple({guard[0] for _, guard, _ in options if guard})

        def candidates(drawn):
            for weight, guard, then in options:
                if guard is None or drawn[guard[0][0]][guard[0][1]] == guard[1]:
                    yield weight, then, None

        return self._add(Branch(reads, candidates, [then for _, _, then in options]))

    def _draw(self, before, rest, variable, table, column, sign, other):
        rows, _ = self.tables[table]
        then = self.node(before, rest)
        reads = (tuple(other.split(".")),) if column else ()

        def candidates(drawn):
            for row in rows:
                if not column or (row[column] == drawn[reads[0][0]][reads[0][1]]) == (sign == "="):
                    yield row[_WEIGHT], then, row

        return self._add(Branch(reads, candidates, [then], variable))

    def _form(self, before, rest, parts, label):
        base, _, prefix = parts[0].partition(".")
        features = tuple(tuple(part.split(".")) for part in parts[1:])
        drawn_here = base in self.table_of
        rows, labels = (
            self.tables[self.table_of[base]] if drawn_here else ([self.source["palabras"][base]], {})
        )
        columns = [c for c in rows[0] if c != _WEIGHT and (c.startswith(prefix) if features else c == prefix)]
        own = tuple((base, column) for column in columns) if drawn_here else ()

        def form(drawn):
            row = drawn[base] if own else rows[0]
            exact = prefix + "".join([drawn[variable][column] for variable, column in features])
            return row[exact] if exact in row else row[prefix + _OTHERWISE]

        texts = [row[column] for row in rows for column in columns]
        label = label or labels.get(columns[0]) or (self.source["acuerdo"] if features else None)
        return self._add(Emit(own + features, form, texts, before, label, self.node("", rest)))


def _read_table(text):
    """(filas, {columna: etiqueta}) de una tabla escrita con columnas separadas por dos espacios o más."""
    header, *lines = (re.split(r"  +", line.strip()) for line in text.strip().splitlines())
    names, _, labels = zip(*(name.partition(":") for name in header), strict=True)
    rows = [{_WEIGHT: 1, **dict(zip(names, cells, strict=True))} for cells in lines]
    return [{**row, _WEIGHT: int(row[_WEIGHT])} for row in rows], dict(zip(names, labels, strict=True))
