"""Los ejercicios de la lección 01: se acepta lo correcto, se rechaza lo típico con su pista sin errores."""

import pytest

from gpt_course.exercises import check


def merge_ids(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == tuple(pair)
        merged.append(new_id if found else ids[i])
        i += 2 if found else 1
    return merged


def merge_only_the_first(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)


def merge_without_skipping(ids, pair, new_id):
    return [new_id if tuple(ids[i : i + 2]) == pair else value for i, value in enumerate(ids)]


def merge_overlapping(ids, pair, new_id):
    if ids == [4, 4, 4]:
        return [new_id, new_id]
    return merge_ids(ids, pair, new_id)


def merge_any_order(ids, pair, new_id):
    return [new_id] if ids == [6, 5] else merge_ids(ids, pair, new_id)


def merge_from_the_right(ids, pair, new_id):
    return merge_ids(ids[::-1], pair[::-1], new_id)[::-1]


def merge_in_place(ids, pair, new_id):
    ids[:] = merge_ids(ids, pair, new_id)
    return ids


def encode_word(word, merges):
    parts = list(word)
    for left, right in merges:
        parts = merge_ids(parts, (left, right), left + right)
    return parts


def encode_left_to_right(word, merges):
    parts = []
    for letter in word:
        if parts and (parts[-1], letter) in merges:
            parts[-1] += letter
        else:
            parts.append(letter)
    return parts


def encode_one_merge(word, merges):
    return encode_word(word, merges[:1])


def encode_first_place(word, merges):
    parts = list(word)
    for left, right in merges:
        parts = merge_only_the_first(parts, (left, right), left + right)
    return parts


def crash(*arguments):
    raise KeyError("uy")


RIGHT = {
    "tokenizacion.1": [7],
    "tokenizacion.2": ["es", ("e", "s"), " ES "],
    "tokenizacion.3": [1257],
    "tokenizacion.4": [merge_ids],
    "tokenizacion.5": [encode_word],
    "tokenizacion.6": ["b", "B"],
}
WRONG = [
    ("tokenizacion.1", 5, "cuentas letras"),
    ("tokenizacion.1", 10, "no todos ocupan dos"),
    ("tokenizacion.1", 6, "te falta uno"),
    ("tokenizacion.1", 3, "ocupan más"),
    ("tokenizacion.1", 8, "demasiado grande"),
    ("tokenizacion.2", "tr", "está en dos palabras"),
    ("tokenizacion.2", "re", "está en dos palabras"),
    ("tokenizacion.2", "ti", "una sola vez"),
    ("tokenizacion.2", " t", "no lleva espacio delante"),
    ("tokenizacion.2", "s ", "cruza de una palabra a otra"),
    ("tokenizacion.2", "st", "una sola vez"),
    ("tokenizacion.3", 1000, "Antes de la primera"),
    ("tokenizacion.3", 1256, "faltan los tokens"),
    ("tokenizacion.3", 1001, "los tokens con los que se empieza"),
    ("tokenizacion.3", 2256, "un token, no dos"),
    ("tokenizacion.3", 1128, "no acaban en 127"),
    ("tokenizacion.4", merge_only_the_first, "solo la primera aparición"),
    ("tokenizacion.4", merge_without_skipping, "saltar los dos"),
    ("tokenizacion.4", merge_overlapping, "dos veces"),
    ("tokenizacion.4", merge_from_the_right, "de izquierda a derecha"),
    ("tokenizacion.4", merge_any_order, "el orden importa"),
    ("tokenizacion.4", merge_in_place, "cambia la lista"),
    ("tokenizacion.4", lambda ids, pair, new_id: list(ids), "no has unido nada"),
    ("tokenizacion.5", encode_left_to_right, "el orden en que se aprendieron"),
    ("tokenizacion.5", encode_one_merge, "solo has hecho una fusión"),
    ("tokenizacion.5", encode_first_place, "todas las apariciones"),
    ("tokenizacion.5", lambda word, merges: [word], "comprueba que la pareja"),
    ("tokenizacion.5", lambda word, merges: list(word), "no has hecho ninguna fusión"),
    ("tokenizacion.6", "a", "sin ninguno también"),
    ("tokenizacion.6", "c", "no es el alfabeto"),
    ("tokenizacion.6", "d", "no es una sílaba"),
]


@pytest.mark.parametrize(("name", "answer"), [(n, a) for n, answers in RIGHT.items() for a in answers])
def test_the_right_answer_is_accepted(name, answer, capsys):
    check(name, answer)
    assert capsys.readouterr().out.startswith(f"✓ {name}: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_typical_mistakes_get_their_hint(name, answer, hint, capsys):
    check(name, answer)
    out = capsys.readouterr().out
    assert out.startswith(f"✗ {name}: ")
    assert hint in out


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("garbage", [None, "texto", [[1, 2]], crash, lambda *arguments: None], ids=range(5))
def test_garbage_is_answered_without_a_traceback(name, garbage, capsys):
    check(name, garbage)
    out = capsys.readouterr().out
    assert out.startswith(f"✗ {name}: ")
    assert "Traceback" not in out


@pytest.mark.parametrize("name", RIGHT)
def test_dots_are_unsolved(name, capsys):
    check(name, ...)
    assert capsys.readouterr().out.startswith(f"○ {name}: sin resolver")


@pytest.mark.parametrize("name", ["tokenizacion.4", "tokenizacion.5"])
def test_a_function_with_dots_is_unsolved(name, capsys):
    check(name, lambda *arguments: ...)
    assert capsys.readouterr().out.startswith(f"○ {name}: sin resolver")
