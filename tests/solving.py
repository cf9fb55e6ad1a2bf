"""Resolver los ejercicios con variantes a partir de lo que lee quien estudia: el enunciado y nada más.

`SOLVERS`: ejercicio → (dónde están sus números en el enunciado, la cuenta). Cada cuenta está escrita aparte
de la que corrige, y en Python corriente: se repite miles de veces.
"""

import ast
import math
import re
from fractions import Fraction

FIGURE = r"(\u2212?[\d\u202f]+(?:,\d+)?)"  # un número de un texto
WORDS = "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
ORDINALS = [
    "primer",
    "segundo",
    "tercer",
    "cuarto",
    "quinto",
    "sexto",
    "séptimo",
    "octavo",
    "noveno",
    "décimo",
]
POWERS = {"dos": 1, "cuatro": 2, "dieciséis": 4, "treinta y dos": 5, "sesenta y cuatro": 6}
POWERS |= {"ciento veintiocho": 7}


def read(text):
    """El número que dice un texto; lo que no es un número se queda como está."""
    plain = text.replace("\u202f", "").replace("\u2212", "-").replace(",", ".")
    try:
        return int(plain)
    except ValueError:
        pass
    try:
        return float(plain)
    except ValueError:
        return text


def row(text):
    """La lista de números de «3, 9 y 11» o «0,4; 0,3 y 0,1»."""
    return [read(part) for part in re.split("; | y " if ";" in text else ", | y ", text)]


def word(text):
    return WORDS.split().index(text)


def solve(name, statement):
    """La respuesta al enunciado. Errores: `AssertionError` si no se encuentran sus números."""
    pattern, answer = SOLVERS[name]
    found = re.search(pattern.replace("#", FIGURE), statement.replace("\u00a0", " "))
    assert found, (name, statement)
    return answer(*map(read, found.groups()))


# --- 00 a 02 ----------------------------------------------------------------------------------------


def gradient_rows(batch):
    (first, second) = ast.literal_eval(batch)
    return len(set(first) | set(second))


TOY = {"perro": (1, 0), "muerde": (0, 2), "hombre": (3, 1), "hoy": (-1, 1)}


def toy(words):
    places = ((0, 1), (1, 0), (1, 1))
    return [[TOY[w][0] + p[0], TOY[w][1] + p[1]] for w, p in zip(words.split(), places, strict=True)]


def windows(tokens, length, stride):
    return sum(1 for start in range(0, tokens, stride) if start + length <= tokens - 1)


# --- 03 ---------------------------------------------------------------------------------------------


def running_means(text):
    values, found = row(text), []
    for place in range(len(values)):
        found.append(sum(values[: place + 1]) / (place + 1))
    return found


def causal(*texts):
    found = []
    for place, text in enumerate(texts):
        powers = [2**n for n in row(text)[: place + 1]]
        found.append([float(Fraction(p, sum(powers))) for p in powers] + [0] * (2 - place))
    return found


def two_ways(*texts):
    a, b = (i for i in range(3) if sum(texts[i] == other for other in texts) == 2)
    one, other = [0.2] * 3, [0.2] * 3
    one[a] = other[b] = 0.6
    return [one, other]


# --- 04 a 06 ----------------------------------------------------------------------------------------


def normalised(text):
    x = row(text)
    mean = sum(x) / len(x)
    std = math.sqrt(sum(n * n for n in x) / len(x) - mean**2)
    return [(n - mean) / std for n in x]


def chain(layers, up, down):
    product = 1.0
    for place in range(layers):
        product *= 1 + (up if place % 2 else -down)
    return product


def block_parameters(C, heads):
    attention, network = 3 * C * C + (C * C + C), (C * 4 * C + 4 * C) + (4 * C * C + C)
    return attention + network + 2 * (2 * C)


def post_norm(first, second):
    tokens, found = [row(first), row(second)], []
    for token in tokens:
        x = [a + b for a, b in zip(tokens[0], token, strict=True)]
        mean = sum(x) / 2
        std = math.sqrt(sum((n - mean) ** 2 for n in x) / 2)
        x = [(n - mean) / std for n in x]
        found.append([n + 2 * max(n, 0) for n in x])
    return found


def widened(times, width):
    def count(C):
        return 2 * 50257 * C + 1024 * C + 12 * block_parameters(C, 12) + 2 * C

    return count(width) / count(768)


# --- 07 a 14 ----------------------------------------------------------------------------------------


def logit(text):
    return math.log(int(text[3:])) if isinstance(text, str) else text


def softmax(logits):
    powers = [math.exp(z) for z in logits]
    return [p / sum(powers) for p in powers]


def nucleus(text, p):
    shares, kept = row(text), []
    for share in sorted(shares, reverse=True):
        if sum(kept) < p - 1e-9:
            kept.append(share)
    return [share / sum(kept) if share in kept else 0 for share in shares]


def two_ends(sol, luz, pez, right):
    names, rows = ["sol", "mar", "luz", "pez"], [(sol, 0), (0, math.log(2)), (luz, 0), (pez, 0)]
    chances = softmax([second for _, second in rows])
    errors = [p - (name == right) for p, name in zip(chances, names, strict=True)]
    found = [[0.0, error] for error in errors]
    for place in range(2):
        found[1][place] += sum(e * r[place] for e, r in zip(errors, rows, strict=True))
    return found


def files_bytes(header, rows, columns, short):
    return 8 + header + rows * columns * 32 // 8 + short * 16 // 8 + 32 // 8


def column(place):
    matrix, rest = divmod(place, 768)
    return (("query", "key", "value")[matrix], *divmod(rest, 64))


def read_by_the_model(prompt, new):
    steps = [prompt + step for step in range(new)]
    return [sum(steps), prompt + new - 1]


def sentences(room, parameters, blocks, width):
    left = room * 2**30 - 2 * parameters
    return left // (2 * blocks * 1024 * width * 2)


def perplexity(*under):
    return math.exp(sum(math.log(n) for n in under) / len(under))


def entropy(choices):
    bits, words = 0.5 * 1 + 0.5 * (1 + POWERS[choices]), 0.5 * 2 + 0.5 * 3
    return bits / words


def divergence(truth, model):
    p, q = ([1 / int(part[2:]) for part in re.split(", | y ", text)] for text in (truth, model))
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def after_copies(text):
    letters = text.split()
    return [place + 1 for place in range(len(letters) - 1) if letters[place] == letters[-1]]


def lens(*texts):
    (a, b), found = (0, 0), []
    for text in texts:
        a, b = a + row(text)[0], b + row(text)[1]
        mean = (a + b) / 2
        std = abs(a - mean)
        scores = ((a - mean) / std, (b - mean) / std, 0)
        found.append(scores.index(max(scores)))
    return found


def root_mean_square(x, scale):
    numbers = row(x)
    size = math.sqrt(sum(n * n for n in numbers) / len(numbers))
    return [n / size * s for n, s in zip(numbers, row(scale), strict=True)]


def turned(q, k, degrees, *places):
    """El producto de dos vectores ya girados, en cada pareja de lugares, y los lugares de una vuelta."""

    def at(text, place):
        (a, b), angle = row(text), math.radians(degrees * place)
        return a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle)

    found = []
    for mine, theirs in (places[:2], places[2:4]):
        found.append(sum(a * b for a, b in zip(at(q, mine), at(k, theirs), strict=True)))
    return [*found, next(n for n in range(1, 361) if n * degrees % 360 == 0)]


def shared_cache(blocks, _width, _queries, heads, size, tokens):
    numbers = sum(2 * heads * size for _ in range(blocks))  # por token
    return [numbers * 16 / 8 / 1024, numbers * tokens * 16 / 8 / 1024**2]


PAIR = r"\(([^()]+)\)"
SOLVERS = {
    "bienvenida.1": (r"\(#, (\d+)\) y `b` tiene forma \(\d+, #\)", lambda m, _, n: [m, n]),
    "bienvenida.3": (
        rf"números # y #, de forma \(2, 1\), y la fila {PAIR}",
        lambda a, b, text: [[n + r for r in row(text)] for n in (a, b)],
    ),
    "bienvenida.4": (r"\((\d+)w - (\d+)\)\^2\$ en \$w = (\d+)\$", lambda a, b, w: 2 * a**2 * w - 2 * a * b),
    "bienvenida.5": (r"forma \(#, #, #\)", lambda *sizes: math.prod(sizes) * 4 / 1024 / 1024),
    "tokenizacion.1": (r"el texto `(\S+)`\?", lambda text: len(text.encode())),
    "tokenizacion.3": (r"con # fusiones", lambda merges: 256 + merges + 1),
    "incrustaciones.1": (r"texto de # tokens se corta con T = # y \*stride\* #\.", windows),
    "incrustaciones.2": (r"en el modelo con \*([\w ]+)\*\?", toy),
    "incrustaciones.4": (r"lote `(\[\[.*?\]\])`", gradient_rows),
    "atencion.1": (r"tokens valen ([\d, y]+), y cada uno", running_means),
    "atencion.2": (r"B = #, T = # y C = #, y hay H = # cabezas", lambda B, T, C, H: [B, H, T, C // H]),
    "atencion.3": (rf"son {PAIR}, {PAIR} y {PAIR},", causal),
    "atencion.4": (r"tiene C = # y # cabezas", lambda C, H: math.sqrt(C / H)),
    "atencion.5": (r"leyera # tokens", lambda T: T * T * 4 * 12 * 12 / 2**20),
    "atencion.6": (rf"\*values\* {PAIR}, {PAIR} y {PAIR}\.", two_ways),
    "capas.1": (rf"el vector {PAIR}", normalised),
    "capas.2": (r"forma \(#, #, #\)", lambda B, T, C: B * T),
    "capas.4": (r"C = #\.", lambda C: (C * 4 * C + 4 * C) + (4 * C * C + C)),
    "capas.6": (r"cadena de # capas .* tienen pendiente # y la otra mitad, −#\.", chain),
    "capas.7": (r"Con # capas, ¿cuántos", lambda n: sum(range(n))),
    "bloque.1": (r"con C = # y # cabezas", block_parameters),
    "bloque.3": (rf"los tokens {PAIR} y {PAIR} en", post_norm),
    "bloque.4": (
        r"entra en (\w+) bloques pre-LN con longitud #\. Cada una de las notas mide # y",
        lambda blocks, start, note: math.hypot(start, *[note] * (2 * word(blocks))),
    ),
    "bloque.5": (r"Con C = #, ", lambda C: 24 * C * C / (4 * C)),
    "modelo.1": (r"`context_length` fuera #,", lambda T: (T - 1024) * 768),
    "modelo.2": (r"El (\w+) de ancho.*Lleva `emb_dim` a #, el", widened),
    "generacion.1": (
        r"Con logits (0|ln \d+), (0|ln \d+) y (0|ln \d+), ¿",
        lambda *texts: softmax(map(logit, texts)),
    ),
    "generacion.2": (
        r"logits (0), (ln \d+) y (ln \d+), .* a temperatura #\?",
        lambda *given: softmax([logit(text) / given[-1] for text in given[:-1]])[-1],
    ),
    "generacion.3": (r"probabilidades ([\d,; y]+)\. Aplica top-p con p = # y", nucleus),
    "vinculacion.1": (r"\(V = #, C = #\)", lambda V, C: V * C * 32 / 8 / 2**20),
    "vinculacion.3": (
        r"\*sol\* \(#, 0\), .* \*luz\* \(#, 0\) y \*pez\* \(#, 0\)\..*correcta es \*(\w+)\*",
        two_ends,
    ),
    "vinculacion.4": (r"con C = #, recién .* de los logits sea #\?", lambda C, t: t / math.sqrt(C)),
    "vinculacion.5": (
        r"con V = #, .* lee los tokens ([\d, y]+); las respuestas correctas son ([\d, y]+)\. Se",
        lambda V, x, _: [len(set(row(x))), V, V],
    ),
    "memoria.1": (r"tiene # parámetros", lambda parameters: parameters * 16 / 8 / 1024**2),
    "memoria.2": (r"tiene # parámetros", lambda parameters: parameters * 2 * 32 // 8),
    "memoria.3": (
        r"\(# bloques, anchura #\) con # frases de # tokens en fp16",
        lambda blocks, width, B, T: (2 * B * T * width) * blocks * 16 / 8 / 2**20,
    ),
    "entrenamiento.1": (r"les dio 1/(\d+), 1/(\d+), 1/(\d+) y 1/(\d+)\.", perplexity),
    "entrenamiento.2": (r"igual entre # tokens", lambda V: -math.log(1 / V)),
    "entrenamiento.4": (r"elegido al azar entre ([\w ]+), y después", entropy),
    "cache.1": (r"Entran # tokens y escribes # más", read_by_the_model),
    "cache.2": (
        r"frase de # tokens .* el \*\*(\w+)\*\* token",
        lambda _, place: ORDINALS.index(place),
    ),
    "cache.3": (r"tiene # GiB libres.*\(# parámetros, # bloques, anchura #\)", sentences),
    "pesos.1": (r"mide # bytes .* forma \[#, #\]; `b`, F16 de forma \[#\], y", files_bytes),
    "pesos.3": (r"la columna # de", column),
    "dentro.1": (r"con probabilidades ([\d/, y]+)\. Un modelo les da ([\d/, y]+)\. ¿", divergence),
    "dentro.2": (r"última letra de \*([a-c ]+)\*\.", after_copies),
    "dentro.3": (rf"empieza en {PAIR}; el bloque 0 escribe {PAIR}, y el bloque 1, {PAIR}\.", lens),
    "modernas.1": (rf"RMSNorm de {PAIR}, si su escala aprendida es {PAIR}\?", root_mean_square),
    "modernas.2": (r"tiene C = # y 4C", lambda C: (C * 4 * C + 4 * C * C) / (3 * C)),
    "modernas.3": (
        rf"\*, {PAIR}, y una \*key\*, {PAIR}, giran #° .* lugar # y la .* en el #\? ¿Y en el # y el #\?",
        turned,
    ),
    "modernas.4": (
        r"Tiene # bloques, C = #, # cabezas de \*query\* y # de .*, de # números .* con # tokens\?",
        shared_cache,
    ),
}
