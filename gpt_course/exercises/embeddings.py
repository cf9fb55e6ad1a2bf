"""Ejercicios de la lección 02: ventanas, tablas de incrustaciones y posiciones."""

import torch

from gpt_course.exercises.core import Wrong, exercise, expect_choice, expect_number, expect_tensor, run

# Las tablas del juguete de la lección: perro, muerde, hombre y hoy; y los lugares 0, 1 y 2.
TOKENS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0], [-1.0, 1.0]])  # (V, C)
PLACES = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (T, C)
PERRO, MUERDE, HOMBRE, HOY = range(4)


@exercise("incrustaciones.1")
def windows_by_hand(answer):
    """20 tokens, T = 4, stride = 4."""
    hints = [
        (5, "5 × 4 = 20 gasta todos los tokens en x. ¿Y qué token sería el último de la última y?"),
        (16, "esas son las ventanas si cada una empieza un token después de la anterior (stride = 1)."),
        (17, "ese es el número de trozos de 4 tokens seguidos; aquí el stride es 4, y falta sitio para y."),
        (3, "aún cabe una más: escribe dónde empieza cada ventana y hasta qué token llega su y."),
    ]
    expect_number(answer, 4, hints)
    return "la última ventana empieza en el 12 y su y termina en el 16; del 17 al 19 no llega para otra."


@exercise("incrustaciones.2")
def input_by_hand(answer):
    """La entrada de «hoy muerde hombre», con las tablas de la lección: (3, 2)."""
    ids = [HOY, MUERDE, HOMBRE]
    right = TOKENS[ids] + PLACES
    hints = [
        (TOKENS[ids], "esas son las filas de los tokens; falta sumar la de cada lugar."),
        (PLACES, "esas son las filas de los lugares; falta sumar la de cada token."),
        (right.flip(0), "están las tres filas, pero en orden inverso: la primera es la de «hoy»."),
        (TOKENS[ids] + PLACES.flip(0), "los lugares van de izquierda a derecha: a «hoy» le toca el 0."),
        (TOKENS[ids] * PLACES, "las dos filas se suman; tú las has multiplicado."),
        (TOKENS[:3] + PLACES, "esa es la entrada de «perro muerde hombre»."),
    ]
    expect_tensor(answer, right, hints)
    return "cada fila es la del token más la de su lugar."


@exercise("incrustaciones.3")
def cut_windows(answer):
    """Función (ids, context_length, stride) → lista de parejas (x, y) de listas."""
    for count, length, stride in ((9, 4, 4), (8, 4, 4), (10, 3, 2), (13, 5, 1), (7, 6, 2)):
        ids = [100 + 3 * k for k in range(count)]
        starts = range(0, count - length, stride)
        expected = [(ids[s : s + length], ids[s + 1 : s + length + 1]) for s in starts]
        pairs = _pairs(run(answer, list(ids), length, stride))
        if pairs != expected:
            raise Wrong(_windows_hint(pairs, expected, f"con {count} tokens, T = {length} y stride {stride}"))
    return "cada y va un lugar por delante de su x, y ninguna ventana se queda corta."


@exercise("incrustaciones.4")
def rows_with_gradient(answer):
    """Filas de tok_emb con gradiente distinto de cero tras leer [[5, 2, 5, 7], [2, 2, 9, 5]]."""
    hints = [
        (8, "hay 8 lugares, pero dos lugares con el mismo token leen la misma fila."),
        (12, "12 son las filas de la tabla. ¿Cómo podría cambiar algo una fila que nadie leyó?"),
        (2, "no va por frases: mira qué filas de la tabla se copiaron."),
        (6, "has contado cada frase por separado (3 y 3): la tabla es la misma para las dos."),
        (3, "esos son los tokens distintos de una frase; cuenta los de las dos juntas."),
    ]
    expect_number(answer, 4, hints)
    return "solo reciben gradiente las filas que se leyeron, y cada una suma el de todos sus lugares."


@exercise("incrustaciones.5")
def similarity_before_training(answer):
    """Un coseno de 0,93 entre dos filas de una tabla recién creada con C = 2."""
    hints = {
        "a": "¿de dónde lo sabría? La tabla se sorteó sin leer una sola frase.",
        "c": "la semilla no tiene culpa: mira en la figura 2.4 qué cosenos salen al azar cuando C es 2.",
        "d": "el número de un token dice qué fila se lee, no qué hay escrito en ella.",
    }
    expect_choice(answer, "b", hints)
    return "con dos números por fila, el azar da a menudo cosenos así de grandes."


@exercise("incrustaciones.6")
def collision(answer):
    """Tabla de posiciones (3, 2) con filas no todas iguales que deja sin distinguir las dos frases."""
    if not isinstance(answer, torch.Tensor):
        raise Wrong(f"se esperaba un tensor de forma (3, 2) y llegó {type(answer).__name__}.")
    if answer.shape != PLACES.shape:
        raise Wrong(f"se esperaba la forma (3, 2), una fila por lugar, y llegó {tuple(answer.shape)}.")
    places = answer.detach().double()
    if not places.isfinite().all():
        raise Wrong("la tabla debe llevar números finitos.")
    if (places == places[0]).all():
        raise Wrong("con todas las filas iguales vale, pero eso es no tener posiciones. Haz alguna distinta.")
    first, second = (_sorted_rows(TOKENS[ids] + places) for ids in ([0, 1, 2], [2, 1, 0]))
    if not torch.allclose(first, second):
        raise Wrong(
            "con esta tabla los vectores de una frase no son los de la otra, así que se distinguen. "
            "¿Qué palabras cambian de lugar? Mira solo esos lugares."
        )
    return "dos lugares con la misma fila son, para el modelo, el mismo lugar."


def _pairs(result):
    """La respuesta como lista de parejas de listas, o una pista sobre su forma."""
    if isinstance(result, torch.Tensor) or not hasattr(result, "__iter__"):
        raise Wrong(
            f"tu función debe devolver una lista de parejas (x, y); devolvió {type(result).__name__}."
        )
    pairs = list(result)
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise Wrong("cada elemento de la lista debe ser una pareja (x, y), las dos con la misma longitud.")
    return [tuple(list(map(int, part)) for part in pair) for pair in pairs]


def _windows_hint(pairs, expected, case):
    if not pairs:
        return f"{case}, no devolvió ninguna ventana y caben {len(expected)}."
    if pairs[0][0] == pairs[0][1]:
        return f"{case}, y es igual que x: debe ir un lugar por delante."
    if any(len(x) != len(expected[0][0]) or len(y) != len(expected[0][0]) for x, y in pairs):
        return (
            f"{case}, hay una ventana con x o y más corta o más larga que T. ¿Dónde está la última que cabe?"
        )
    if len(pairs) != len(expected):
        return f"{case}, salen {len(pairs)} ventanas y caben {len(expected)}. Revisa el comienzo de cada una."
    if [x for x, _ in pairs] == [x for x, _ in expected]:
        return f"{case}, las x son correctas, pero las y no: y[i] es el token que sigue a x[i]."
    return f"{case}, las ventanas no empiezan en 0, stride, 2 · stride…"


def _sorted_rows(rows):
    return torch.tensor(sorted(rows.round(decimals=6).tolist()), dtype=torch.float64)
