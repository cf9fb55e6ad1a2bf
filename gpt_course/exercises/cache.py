"""Ejercicios de la lección 11: la caché KV, sus cuentas, su memoria, sus posiciones y qué lee cada token."""

import torch

from gpt_course.exercises.core import ANY, Wrong, exercise, function, number, run, table

table(
    "cache.1",
    [60, 14],
    "el último token escrito no se lee de ninguna de las dos maneras.",
    hints=[
        ([14, 60], "has puesto los dos números al revés: primero, sin caché."),
        ([15, ANY], "sin caché: ese es el largo de la frase final; suma lo que se lee en cada paso."),
        ([65, ANY], "sin caché te sobra un token por paso: el primero lee solo los de la entrada."),
        ([75, ANY], "o leíste cada vez la frase final, que antes es más corta, o diste un paso de más."),
        ([50, ANY], "sin caché: la frase crece, y no se leen siempre los 10 de la entrada."),
        ([46, ANY], "sin caché contaste un paso de menos: son 5 tokens nuevos."),
        ([120, ANY], "la fórmula n(n + 1)/2 vale si se empieza con un token; suma lo de cada paso."),
        ([105, ANY], "la fórmula n(n + 1)/2 vale si se empieza con un token; suma lo de cada paso."),
        ([ANY, 15], "con caché, casi: ¿hace falta leer el último token que se escribe?"),
        ([ANY, 5], "con caché faltan los de la entrada, que también hay que leer una vez."),
        ([ANY, 4], "con caché faltan los de la entrada, que también hay que leer una vez."),
        ([ANY, 10], "con caché faltan los que se escriben y se vuelven a leer."),
        ([ANY, 60], "el segundo número es con caché: cada token se lee una sola vez."),
    ],
    otherwise="no es eso. Son dos números, sin caché y con ella: apunta cuántos tokens se leen en cada paso.",
)

number(
    "cache.2",
    5,
    "se salvan los de delante: así se reutiliza un comienzo que comparten muchas peticiones.",
    hints=[
        (6, "el sexto token es justo el que cambia: su fila no sirve. ¿Cuántos van delante?"),
        (7, "eso son los que hay que volver a leer. Se pregunta cuántos se salvan."),
        (11, "los que van detrás también cambian: desde el segundo bloque han leído al sexto."),
        (12, "algo cambia: hay una palabra distinta, y quienes la leen lo notan."),
        (0, "con la máscara causal, ¿los que van delante del sexto pueden notarlo?"),
    ],
)

WEIGHTS, ROOM = 2 * 1_557_611_200 / 2**20, 8 * 1024  # MiB: XL en bf16, y lo que hay
SENTENCE = 2 * 48 * 1024 * 1600 * 2 / 2**20  # MiB de caché
MISTAKES = [
    (ROOM / SENTENCE, "repartiste los 8 GiB enteros: también tienen que caber los pesos."),
    ((ROOM - WEIGHTS) / SENTENCE / 2, "en bf16 cada número de la caché son 2 bytes, no 4."),
    ((ROOM - WEIGHTS) / SENTENCE * 2, "falta el factor 2: una *key* y un *value*."),
    ((ROOM - 2 * WEIGHTS) / SENTENCE / 2, "eso es con todo en fp32; el enunciado dice bf16."),
    ((8e9 / 2**20 - WEIGHTS) / SENTENCE, "8 GiB no son 8 GB: un GiB son 2³⁰ bytes."),
    ((ROOM - 2 * WEIGHTS) / SENTENCE, "¿pusiste los pesos en fp32? En bf16 ocupan la mitad."),
]

number(
    "cache.3",
    17,
    "en ese equipo, la memoria que no ocupan los pesos es caché.",
    hints=[
        (18, "esa ya no cabe: redondea hacia abajo."),
        ((ROOM - WEIGHTS) / SENTENCE, "ese es el cociente; frases hay un número entero."),
        *((value, hint) for quotient, hint in MISTAKES for value in (quotient, int(quotient))),
    ],
)


@exercise("cache.4", "escribe en su sitio y devuelve lo que hay que leer, sin copiar lo anterior.")
def append_in_place(answer):
    for shape, length, count in (((1, 1, 3, 2), 1, 1), ((2, 3, 7, 4), 0, 4), ((2, 1, 8, 3), 2, 3)):
        store = torch.full(shape, -7.0)
        store[:, :, :length] = torch.arange(float(length))[:, None]
        before, size = store.clone(), (*shape[:2], count, shape[3])
        new = torch.arange(10.0, 10 + torch.Size(size).numel()).view(size)
        _check_append(run(answer, store, length, new, may_change=True), store, before, length, new)


def _check_append(given, store, before, length, new):
    end = length + new.shape[2]
    if torch.equal(store, before):
        raise Wrong("el almacén no ha cambiado: escribe las filas nuevas dentro de `store`, sin `torch.cat`.")
    if not torch.equal(store[:, :, :length], before[:, :, :length]):
        raise Wrong("has pisado filas que ya estaban escritas: las nuevas empiezan en el lugar `length`.")
    if not torch.equal(store[:, :, length:end], new):
        raise Wrong(
            "las filas nuevas no están en los lugares de `length` en adelante, en el eje de los tokens."
        )
    if not torch.equal(store[:, :, end:], before[:, :, end:]):
        raise Wrong("has escrito más lugares de los que ocupan las filas nuevas.")
    if not isinstance(given, torch.Tensor):
        raise Wrong("escribes bien; devuelve además un solo tensor, con las filas viejas y las nuevas.")
    if given.shape != store[:, :, :end].shape:
        shape = tuple(given.shape)
        raise Wrong(f"devuelve solo los lugares escritos, viejos y nuevos; llegó la forma {shape}.")
    if not torch.equal(given, store[:, :, :end]):
        raise Wrong("lo que devuelves no son las filas viejas seguidas de las nuevas.")
    if given.data_ptr() != store.data_ptr():
        raise Wrong("los números son buenos, pero has hecho una copia: devuelve un trozo del propio `store`.")


# Lotes con distinto relleno a la izquierda; en el último, sin ninguno.
MASKS = [
    (torch.arange(n_columns) >= torch.tensor(padding)[:, None],)
    for padding, n_columns in (((0, 2), 4), ((0, 2, 3), 5), ((1, 0), 2), ((4, 0, 6, 1), 7), ((0,), 3))
]


def _columns(mask):
    return torch.arange(mask.shape[1]).expand(mask.shape)


def _shifted(mask):
    return _columns(mask) - (~mask).sum(dim=1, keepdim=True)


@function(
    "cache.5",
    "cada frase cuenta desde su primer token, esté en la columna que esté.",
    cases=MASKS,
    hints=[
        (_columns, "eso es el número de columna. El primer token de verdad va en la 0."),
        (
            lambda mask: _columns(mask) * mask,
            "quitaste el relleno, pero el primer token de verdad va en la 0.",
        ),
        (lambda mask: mask.cumsum(dim=1), "casi: las posiciones empiezan en 0 y las tuyas, en 1."),
        (_shifted, "en el relleno hay posiciones negativas, y la tabla no tiene esas filas."),
        (lambda mask: mask.cumsum(dim=1) - 1, "en el relleno sale −1, y la tabla no tiene esa fila."),
        (lambda mask: _shifted(mask).abs(), "los tokens de verdad están bien; en el relleno se pide 0."),
        (
            lambda mask: (_columns(mask) - mask.sum(dim=1, keepdim=True)).clamp(min=0),
            "restaste los tokens de verdad de cada fila, y lo que sobra son los rellenos.",
        ),
        (lambda mask: (~mask).sum(dim=1), "eso es cuántos rellenos tiene cada fila: falta restarlos."),
        (
            lambda mask: _shifted(mask).clamp(min=0).double(),
            "una posición es un entero: con decimales no se puede buscar su fila en la tabla.",
        ),
    ],
)
def positions(mask):
    return _shifted(mask).clamp(min=0)


def _full(start, count):
    return torch.ones(count, start + count, dtype=torch.bool)


@function(
    "cache.6",
    "con `start` = 0 es la máscara de la lección 03; con `count` = 1, una fila sin nada que tapar.",
    cases=[(3, 2), (0, 4), (5, 1), (2, 5), (1, 3)],
    hints=[
        (_full, "así un token nuevo lee a los que vienen detrás de él en el mismo trozo."),
        (lambda start, count: ~visible(start, count), "está al revés: `True` en lo que sí se lee."),
        (
            lambda start, count: _full(start, count).tril(),
            "la diagonal está corrida: la primera fila nueva lee todo lo anterior.",
        ),
        (lambda start, count: _full(start, count).tril(start - 1), "cada token se lee también a sí mismo."),
        (lambda start, count: _full(start, count).tril(start + 1), "cada token lee también al de después."),
        (lambda start, count: visible(0, count), "faltan columnas: las de los `start` tokens ya guardados."),
        (lambda start, count: visible(0, start + count), "sobran filas: una por token *nuevo*."),
        (lambda start, count: visible(start, count).T, "las filas son quien lee; las columnas, lo leído."),
        (
            lambda start, count: torch.zeros(count, start + count).masked_fill(
                ~visible(start, count), -torch.inf
            ),
            "esa máscara se suma a las puntuaciones; aquí se pide la de `True` y `False`.",
        ),
    ],
)
def visible(start, count):
    return _full(start, count).tril(start)
