"""Lección 01: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial
from itertools import pairwise

from gpt_course.plotting.tokenization import draw_merge_tree, plot_compression, plot_language_cost


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
    merged, used = [], False
    for i, value in enumerate(ids):
        found = tuple(ids[i : i + 2]) == pair
        if found or not used:
            merged.append(new_id if found else value)
        used = found
    return merged


def merge_any_order(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        found = set(ids[i : i + 2]) == set(pair) and len(ids[i : i + 2]) == 2
        merged.append(new_id if found else ids[i])
        i += 2 if found else 1
    return merged


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
    parts, i = list(word), 0
    while i + 1 < len(parts):
        if (parts[i], parts[i + 1]) in merges:
            parts[i : i + 2] = [parts[i] + parts[i + 1]]  # y sigue en el mismo lugar
        else:
            i += 1
    return parts


def encode_one_merge(word, merges):
    return encode_word(word, merges[:1])


def encode_first_place(word, merges):
    parts = list(word)
    for left, right in merges:
        parts = merge_only_the_first(parts, (left, right), left + right)
    return parts


def merge_without_the_last(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids) - 1:
        found = (ids[i], ids[i + 1]) == pair
        merged.append(new_id if found else ids[i])
        i += 2 if found else 1
    return merged


def merge_as_text(ids, pair, new_id):
    """Con `replace`, que vale mientras los números tengan una cifra."""
    text = "".join(map(str, ids)).replace("".join(map(str, pair)), str(new_id))
    return [int(letter) for letter in text]


def encode_longest(word, merges):
    known, parts = [left + right for left, right in merges], []
    while word:
        best = max([word[0], *filter(word.startswith, known)], key=len)
        parts.append(best)
        word = word[len(best) :]
    return parts


def encode_by_rank(word, merges):
    parts = list(word)
    while known := [pair for pair in pairwise(parts) if pair in merges]:
        best = min(known, key=merges.index)
        parts = merge_ids(parts, best, best[0] + best[1])
    return parts


ANSWERS = {
    "tokenizacion.1": {
        "right": [7],
        "wrong": [
            (5, "cuentas letras"),
            (10, "no todos ocupan dos"),
            (6, "te falta uno"),
            (3, "ocupan más"),
            (4, "faltan los demás"),
            (56, "eso son bits"),
            (8, "demasiado grande"),
        ],
    },
    "tokenizacion.2": {
        "right": ["es", ("e", "s"), " ES ", (b"e", b"s"), b"es", ["e", "s"]],
        "wrong": [
            ("tr", "está en dos palabras"),
            ("re", "está en dos palabras"),
            ("ti", "la pareja «ti» aparece una sola vez"),
            ((b"i", b"s"), "una sola vez"),
            (" t", "no lleva espacio delante"),
            ("␣t", "la pareja «␣t» sale dos veces"),
            ((" ", "t"), "no lleva espacio delante"),
            ("s ", "cruza de una palabra a otra"),
            ("st", "una sola vez"),
            ("ga", "esa pareja no sale"),
            ("tres", "escribe dos"),
            (3, "dos letras entre comillas"),
        ],
    },
    "tokenizacion.3": {
        "right": [1257],
        "wrong": [
            (1000, "Antes de la primera"),
            (1256, "te falta uno"),
            (1129, "no acaban en 127"),
            (2257, "un token, no dos"),
            (1255, "falta el token especial"),
            (1001, "los tokens con los que se empieza"),
            (2256, "un token, no dos"),
            (1128, "no acaban en 127"),
        ],
    },
    "tokenizacion.4": {
        "right": [
            merge_ids,
            lambda *given: tuple(merge_ids(*given)),
            lambda *given: iter(merge_ids(*given)),
            merge_as_text,
        ],
        "wrong": [
            (merge_only_the_first, "solo la primera aparición"),
            (merge_without_skipping, "saltar los dos"),
            (merge_overlapping, "dos veces"),
            (merge_from_the_right, "de izquierda a derecha"),
            (merge_any_order, "el orden importa"),
            (merge_in_place, "tu función cambia"),
            (lambda ids, pair, new_id: list(ids), "no has unido nada"),
            (lambda *given: merge_ids(*given)[:-1], "te falta el final"),
            (merge_without_the_last, "has perdido el último"),
            (lambda *given: merge_ids(*given) or [9], "se esperaba [] y llegó [9]"),
            (lambda *given: set(merge_ids(*given)), "se esperaba [9, 7, 9] y llegó {"),
            (lambda ids, pair, new_id: [9, 7, 9], "se esperaba [9, 4] y llegó [9, 7, 9]"),
            (lambda ids, pair, new_id: ids[len(ids)], "el índice se sale"),
        ],
    },
    "tokenizacion.5": {
        "right": [encode_word, encode_by_rank],
        "wrong": [
            (encode_left_to_right, "de izquierda a derecha"),
            (encode_longest, "el token más largo"),
            (encode_one_merge, "solo has hecho la primera"),
            (encode_first_place, "todas las apariciones"),
            (lambda word, merges: encode_word(word, merges[::-1]), "al revés"),
            (lambda word, merges: [word] if word else [], "la palabra entera"),
            (lambda word, merges: list(word), "no has hecho ninguna fusión"),
            (
                lambda word, merges: encode_word(word, merges) if word != "xyz" else [word],
                "La probé con word = 'xyz'",
            ),
            (lambda word, merges: " ".join(encode_word(word, merges)), "y llegó 'a bc'"),
        ],
    },
    "tokenizacion.6": {
        "right": ["b", "B"],
        "wrong": [
            ("a", "sin ninguno también"),
            ("c", "no es el alfabeto"),
            ("d", "no es una sílaba"),
        ],
    },
}

FIGURES = [
    partial(draw_merge_tree, [(b"a", b"b"), (b"ab",)], "Título"),
    partial(plot_language_cost, ["Hola.", "Adiós."], [3, 5], [1, 2], "Título"),
    partial(plot_compression, [257, 1000], [20000, 6000], ("GPT-2", 8373), "Título"),
]
