"""Ejercicios de la lección 02: preguntas, un coseno y posiciones inútiles. Los demás, en `varied`."""

import torch

from gpt_course.exercises.core import Wrong, choice, exercise, function, read_values

# Las tablas del juguete de la lección: perro, muerde, hombre y hoy; y los lugares 0, 1 y 2.
TOKENS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0], [-1.0, 1.0]])  # (V, C)
PLACES = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (T, C)


def _texts(random):
    """Tokens del texto, T y stride: sin huecos y con ellos, ventanas que se pisan y textos muy cortos."""
    yield from ((10, 4, 4), (20, 4, 4), (9, 4, 4), (12, 3, 5), (10, 4, 1), (4, 4, 1), (3, 5, 2), (1, 1, 1))
    for _ in range(6):
        length, stride = torch.randint(1, 7, (2,), generator=random).tolist()
        yield torch.randint(6, 30, (), generator=random).item(), length, stride


def _outside(n_tokens, places):
    return [place for place in range(n_tokens) if place not in set(places)]


def _answers(n_tokens, length, starts):
    return [place for start in starts for place in range(start + 1, start + length + 1)]


@function(
    "incrustaciones.3",
    "el primero no se pregunta nunca; los demás, según dónde caen las ventanas.",
    cases=_texts,
    hints=[
        (
            lambda n, t, s: _outside(n, [p - 1 for p in _answers(n, t, range(0, n - t, s))]),
            "esos son los que no salen en ninguna x; las respuestas están en y.",
        ),
        (
            lambda n, t, s: _outside(n, _answers(n, t, range(0, n - t + 1, s))),
            "cuentas una ventana que no cabe: su y se sale del texto.",
        ),
        (
            lambda n, t, s: _outside(n, _answers(n, t, range(0, n, s))),
            "cuentas también ventanas cortadas por el final: solo valen las que caben enteras.",
        ),
        (
            lambda n, t, s: [p for p in never_asked(n, t, s) if p or n <= t],
            "falta el lugar 0: sale en una x, pero nadie pregunta por él.",
        ),
        (
            lambda n, t, s: [p for p in range(n) if p not in never_asked(n, t, s)],
            "esos son los que sí se preguntan; se piden los demás.",
        ),
        (
            lambda n, t, s: [0, *range(max(_answers(n, t, range(0, n - t, s)), default=0) + 1, n)],
            "con un *stride* mayor que T quedan huecos también en medio.",
        ),
        (
            lambda n, t, s: _outside(n, [start + t for start in range(0, n - t, s)]),
            "cada ventana hace T preguntas, no una: una por cada lugar de y.",
        ),
        (
            lambda n, t, s: never_asked(n, t, t),
            "has movido las reglas T lugares cada vez; se mueven `stride`.",
        ),
        (lambda n, t, s: never_asked(n, t, 1), "has movido las reglas de uno en uno; se mueven `stride`."),
        (lambda n, t, s: len(never_asked(n, t, s)), "se piden los lugares, no cuántos son."),
        (
            lambda n, t, s: set(never_asked(n, t, s)),
            "los lugares son esos, pero en un conjunto, que no tiene orden: pásalo por `sorted`.",
        ),
    ],
)
def never_asked(n_tokens, context_length, stride):
    starts = range(0, n_tokens - context_length, stride)
    return _outside(n_tokens, _answers(n_tokens, context_length, starts))


choice(
    "incrustaciones.5",
    "b",
    "con dos números por fila, el azar da a menudo cosenos así de grandes.",
    hints={
        "a": "¿de dónde lo sabría? La tabla se sorteó sin leer una sola frase.",
        "c": "la semilla no tiene culpa: mira en la figura 2.4 qué cosenos salen al azar cuando C es 2.",
        "d": "el número de un token dice qué fila se lee, no qué hay escrito en ella.",
    },
)


@exercise("incrustaciones.6", "dos lugares con la misma fila son, para el modelo, el mismo lugar.")
def collision(answer):
    """Tabla de posiciones (3, 2) con filas no todas iguales que deja sin distinguir las dos frases."""
    places, _ = read_values(answer)
    if places.shape == (2, 3):
        raise Wrong("está tumbada: va una fila por lugar, de dos números.")
    if places.shape != PLACES.shape:
        raise Wrong(f"se esperaba la forma (3, 2), una fila por lugar, y llegó {tuple(places.shape)}.")
    if not places.isfinite().all():
        raise Wrong("la tabla debe llevar números finitos.")
    if (places == places[0]).all():
        raise Wrong("con todas las filas iguales vale, pero eso es no tener posiciones. Haz alguna distinta.")
    first, second = (_pile(TOKENS[ids] + places) for ids in ([0, 1, 2], [2, 1, 0]))
    if not torch.allclose(first, second):
        raise Wrong(
            "con esta tabla los vectores de una frase no son los de la otra, así que se distinguen. "
            "¿Qué palabras cambian de lugar? Mira solo esos lugares."
        )


def _pile(rows):
    return torch.tensor(sorted(rows.round(decimals=6).tolist()), dtype=torch.float64)
