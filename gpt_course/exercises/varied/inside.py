"""Ejercicios de la lección 13 con variantes: la divergencia, la inducción y la lente, a mano."""

import math
from itertools import permutations, product

from gpt_course.exercises.core import number, table, varied
from gpt_course.exercises.grading.drawing import first

LN2 = math.log(2)
ORDERS = list(dict.fromkeys(permutations((1, 2, 3, 3))))


def _fractions(bits):
    return [f"1/{2**n}" for n in bits]


@varied(
    *("con probabilidades {truths:y}.", "les da {models:y}.", "truth_1, model_1 = [{code[0]}], [{code[1]}]"),
    truth=first((1, 2, 3, 3), ORDERS),
    model=first((3, 1, 2, 3), ORDERS),
    when=lambda truth, model: truth != model,
    also=lambda truth, model: {
        "truths": _fractions(truth),
        "models": _fractions(model),
        "code": [", ".join(f"1 / {2**n}" for n in bits) for bits in (truth, model)],
    },
)
def _divergence(truth, model):
    pairs = list(zip(truth, model, strict=True))
    right = sum((m - t) / 2**t for t, m in pairs)  # en bits
    return number(
        "dentro.1",
        right * LN2,
        "el modelo gasta probabilidad en lo que casi no pasa, y lo paga en lo que pasa más.",
        decimals=2,
        hints=[
            (
                sum((m - t) / 2**m for t, m in pairs) * -LN2,
                "has promediado con las probabilidades del modelo: quien decide qué sale es la verdad.",
            ),
            (
                sum(m / 2**t for t, m in pairs) * LN2,
                "eso es todo lo que pierde el modelo; réstale lo que pierde quien sabe la verdad.",
            ),
            (7 / 4 * LN2, "eso es lo que pierde quien sabe la verdad: su entropía."),
            (-right * LN2, "una divergencia no es negativa: el cociente es verdad entre modelo."),
            (right, "eso son bits; se piden nats: cada uno de esos vale ln 2."),
            (0, "los cuatro logaritmos suman 0, pero no todos pesan lo mismo: promédialos con la verdad."),
            (
                sum(abs(m - t) / 2**t for t, m in pairs) * LN2,
                "hay términos negativos: donde el modelo da más que la verdad, el logaritmo baja de 0.",
            ),
        ],
    )


def _copies(text):
    return [place for place, letter in enumerate(text[:-1]) if letter == text[-1]]


def _is_readable(text):
    """Si la última letra salió dos veces, y lo que sigue a cada una es distinto y no es ella."""
    found = _copies(text)
    if len(found) != 2 or found[1] + 2 >= len(text):
        return False
    after = [text[place + 1] for place in found]
    return after[0] != after[1] and text[-1] not in after


TEXTS = ["".join(letters) for size in (7, 8) for letters in product("abc", repeat=size)]


@varied(
    *("última letra de *{spaced}*.", "las <em>{last}</em>:", 'list("{text}")'),
    text=first("abcacba", filter(_is_readable, TEXTS)),
    also=lambda text: {"spaced": " ".join(text), "last": text[-1]},
)
def _induction(text):
    (p, q), last, size = _copies(text), text[-1], len(text)
    two_later = " y ".join(f"las *{letter}*" for letter in dict.fromkeys((text[p + 2], text[q + 2])))
    from_0 = "cuenta los dos desde 0"
    one_more = f"esa es una; hay otra *{last}* antes de la última."
    return table(
        "dentro.2",
        [p + 1, q + 1],
        "mira detrás de cada copia anterior, y de ahí salen sus dos candidatas: "
        f"*{text[p + 1]}* y *{text[q + 1]}*.",
        hints=[
            (
                [p, q],
                f"ahí están las copias de *{last}*. La cabeza mira a lo que vino justo después de cada una.",
            ),
            ([p + 2, q + 2], f"ahí están {two_later} que vienen dos lugares después: cuenta uno solo."),
            ([p + 2, q + 2, size], "cuenta los lugares desde 0."),
            ([p + 2, q + 1], f"{from_0}: la primera *{last}* está en el lugar {p}."),
            ([p + 1, q + 2], f"{from_0}: la segunda *{last}* está en el lugar {q}."),
            ([size - 2], "ese es el anterior: así mira la cabeza del bloque 0, no la de inducción."),
            (
                [size - 2, size - 1],
                f"esos son los últimos; la cabeza de inducción busca atrás otra *{last}*.",
            ),
            ([p + 1], one_more),
            ([q + 1], one_more),
            ([q + 1, p + 1], "son esos; escríbelos de menor a mayor."),
            ([p + 1, q + 1, size], f"el lugar {size} aún no existe: el último es el {size - 1}."),
        ],
        otherwise=f"no es eso. Busca las *{last}* anteriores a la última y anota el lugar que sigue a cada "
        "una.",
    )


def _heights(stream, notes):
    """El camino antes de los bloques y tras cada nota."""
    path = [list(stream)]
    for note in notes:
        path.append([a + b for a, b in zip(path[-1], note, strict=True)])
    return path


def _winner(pair):
    """La palabra que gana tras normalizar: *sol* lee el primer número y *mar*, el segundo."""
    return int(pair[1] > pair[0])


def _turns_at_the_end(stream, one, two):
    path = _heights(stream, (one, two))
    won = [_winner(pair) for pair in path]
    return won[0] == won[1] != won[2] and all(a != b for a, b in [*path, one, two])


NOTES = [(a, b) for a in range(-3, 4) for b in range(-3, 4)]


@varied(
    *("empieza en ({stream});", "escribe ({one}), y el bloque 1, ({two}).", "[{stream}], [[{one}], [{two}]]"),
    stream=first((3, 1), [(a, b) for a in range(1, 5) for b in range(1, 5)]),
    one=first((-1, 0), NOTES),
    two=first((-3, 2), NOTES),
    when=_turns_at_the_end,
)
def _lens(stream, one, two):
    path = _heights(stream, (one, two))
    right = [_winner(pair) for pair in path]
    notes = [right[0], _winner(one), _winner(two)]
    plain = [max(range(3), key=[a, b, a + b].__getitem__) for a, b in path]
    after = ", ".join(map(str, path[1])).replace("-", "−")
    read = "la lente lee el camino, no la nota sola:"
    unnormalised = "eso sale sin normalizar: la lente pasa antes por la normalización final."
    return table(
        "dentro.3",
        right,
        "hasta la segunda nota no cambia de idea: la lente dice a qué altura, no por qué.",
        hints=[
            *([] if notes == right else [(notes, f"{read} tras la primera, es ({after}).")]),
            (
                [1 - word for word in right],
                "parece que restaste al revés: normalizar deja 1 en el número mayor y −1 en el menor.",
            ),
            ([right[0]] * 3, "la segunda nota le da la vuelta: vuelve a sumar el camino."),
            (
                [right[0], right[2]],
                "son tres alturas: antes de los bloques, tras el primero y tras el segundo.",
            ),
            ([*right[:2], 2], "*luz* suma los dos números, que tras normalizar siempre dan 0."),
            *([] if plain == right else [(plain, unnormalised)]),
            ([word + 1 for word in right], "las palabras se numeran desde 0."),
        ],
        otherwise="no es eso. A cada altura: suma la nota al camino, normaliza y mira qué palabra puntúa "
        "más.",
    )
