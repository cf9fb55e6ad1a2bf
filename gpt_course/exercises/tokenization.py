"""Ejercicios de la lección 01: fusiones y el precio de cada idioma. Los demás, en `varied`."""

import torch

from gpt_course.exercises.core import Wrong, choice, exercise, function

_TWO = "está en dos palabras; busca una pareja que esté en las tres."
_ONE = "aparece una sola vez; busca una pareja que esté en las tres palabras."
PAIRS = {
    **dict.fromkeys(("tr", "re"), _TWO),
    **dict.fromkeys(("ri", "is", "st", "te", "ti", "ig", "gr"), _ONE),
    " t": "sale dos veces: la primera palabra no lleva espacio delante.",
    "s ": "cruza de una palabra a otra. El espacio va con la palabra que sigue.",
}


@exercise("tokenizacion.2", "es la única pareja que aparece tres veces.")
def first_merge(answer):
    parts = answer if isinstance(answer, tuple | list) else [answer]
    if not parts or not all(isinstance(part, str | bytes) for part in parts):
        raise Wrong('se esperaban dos letras entre comillas, como `"ab"`.')
    text = "".join(part.decode(errors="replace") if isinstance(part, bytes) else part for part in parts)
    text = text.lower().replace("␣", " ")
    text = text if text in PAIRS else text.strip(" ().«»\"'")
    if text in PAIRS:
        raise Wrong(f"la pareja «{text.replace(' ', '␣')}» {PAIRS[text]}")
    if len(text) != 2:
        raise Wrong("una fusión junta dos vecinos, y al empezar cada uno es una letra: escribe dos.")
    if text != "es":
        raise Wrong("esa pareja no sale. Escribe los tres trozos y cuenta cada pareja de vecinos.")


def _lists(random):
    """Listas con varias apariciones, solapadas, al revés, ninguna, de un número y vacías."""
    yield [5, 6, 7, 5, 6], (5, 6), 9
    yield [4, 4, 4], (4, 4), 9
    yield from (([6, 5], (5, 6), 9), ([1, 5, 6], (5, 6), 9), ([5], (5, 6), 9), ([], (5, 6), 9))
    for length in (6, 8, 12, 15):
        ids = torch.randint(1, 3, (length,), generator=random).tolist()
        yield ids, tuple(ids[:2]), 9
    yield [4, 4, 4, 4, 4], (4, 4), 9


def _starts(ids, pair):
    return [i for i in range(len(ids)) if tuple(ids[i : i + 2]) == tuple(pair)]


def _joined(ids, starts, new):
    """Con `new` donde empieza una pareja, y sin lo que la sigue, si no empieza otra."""
    return [new if i in starts else ids[i] for i in range(len(ids)) if i in starts or i - 1 not in starts]


def _first_only(ids, pair, new):
    return _joined(ids, _starts(ids, pair)[:1], new)


@function(
    "tokenizacion.4",
    "une de izquierda a derecha, sin solaparse y sin cambiar la lista que recibe.",
    cases=_lists,
    hints=[
        (_first_only, "has unido solo la primera aparición; sigue hasta el final de la lista."),
        (lambda ids, pair, new: list(ids), "no has unido nada. Ojo: una lista nunca es igual a una tupla."),
        (
            lambda ids, pair, new: [new if i in _starts(ids, pair) else n for i, n in enumerate(ids)],
            "al unir has dejado el segundo número de la pareja: hay que saltar los dos.",
        ),
        (
            lambda ids, pair, new: _joined(ids, _starts(ids, pair), new),
            "has usado un número dos veces. Lo que ya se ha unido no se vuelve a usar.",
        ),
        (
            lambda ids, pair, new: merge_ids(ids[::-1], pair[::-1], new)[::-1],
            "has empezado por la derecha; se une de izquierda a derecha.",
        ),
        (
            lambda ids, pair, new: merge_ids(ids, pair, new, also=pair[::-1]),
            "el orden importa: (5, 6) no es (6, 5).",
        ),
        (
            lambda ids, pair, new: (m := merge_ids(ids, pair, new))[: len(m) - (m[-1:] == ids[-1:])],
            "has perdido el último número, cuando no queda otro con quien unirlo.",
        ),
        (lambda ids, pair, new: merge_ids(ids, pair, new)[:-1], "te falta el final de la lista."),
    ],
)
def merge_ids(ids, pair, new_id, also=None):
    merged, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) in (pair, also)
        merged.append(new_id if found else ids[i])
        i += 2 if found else 1
    return merged


def _words(random):
    """Palabras y fusiones: primero las que se siguen con lápiz; después, sorteadas, todas distintas."""
    yield "abc", [("b", "c"), ("a", "b")]
    yield "hola", [("l", "a"), ("o", "la"), ("h", "ola")]
    yield from (("lala", [("l", "a")]), ("xyz", [("l", "a")]), ("a", [("l", "a")]), ("", [("l", "a")]))
    for length in (6, 8, 9, 11, 13):
        tokens, merges = list("abc"), []
        while len(merges) < 5:
            left, right = (tokens[i] for i in torch.randint(len(tokens), (2,), generator=random).tolist())
            if left + right not in tokens and len(left + right) < 5:
                tokens.append(left + right)
                merges.append((left, right))
        yield "".join("abc"[i] for i in torch.randint(3, (length,), generator=random).tolist()), merges


def _left_to_right(word, merges):
    parts = []
    for letter in word:
        if parts and (parts[-1], letter) in merges:
            parts[-1] += letter
        else:
            parts.append(letter)
    return parts


def _longest(word, merges):
    known, parts = {left + right for left, right in merges}, []
    while word:
        size = max([k for k in range(1, len(word) + 1) if word[:k] in known], default=1)
        parts, word = [*parts, word[:size]], word[size:]
    return parts


def _in_order(word, merges, join=merge_ids):
    parts = list(word)
    for left, right in merges:
        parts = join(parts, (left, right), left + right)
    return parts


@function(
    "tokenizacion.5",
    "aplicas las fusiones en el orden en que se aprendieron, como GPT-2.",
    cases=_words,
    hints=[
        (_left_to_right, "has avanzado de izquierda a derecha. Manda el orden en que se aprendieron."),
        (_longest, "has buscado el token más largo. Manda el orden en que se aprendieron las fusiones."),
        (lambda word, merges: list(word), "no has hecho ninguna fusión."),
        (
            lambda word, merges: [word] if word else [],
            "has devuelto la palabra entera: empieza por sus letras.",
        ),
        (lambda word, merges: _in_order(word, merges[:1]), "solo has hecho la primera fusión de la lista."),
        (lambda word, merges: _in_order(word, merges[::-1]), "has recorrido las fusiones al revés."),
        (
            lambda word, merges: _in_order(word, merges, _first_only),
            "une todas las apariciones de cada pareja.",
        ),
    ],
)
def encode_word(word, merges):
    return _in_order(word, merges)


choice(
    "tokenizacion.6",
    "b",
    "quien elige el texto de entrenamiento del tokenizador decide qué idioma sale barato.",
    hints={
        "a": "los acentos cuentan algo, pero una frase sin ninguno también sale cara: mira la figura 1.3.",
        "c": "no es el alfabeto: con las mismas letras, el BPE entrenado con el cuento gasta menos.",
        "d": "un token no es una sílaba: las fusiones salen de contar parejas, sin saber gramática.",
    },
)
