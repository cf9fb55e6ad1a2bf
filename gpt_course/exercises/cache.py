"""Ejercicios de la lección 11: apuntar, posiciones y qué lee cada token. Los demás, en `varied`."""

import torch

from gpt_course.exercises.core import Wrong, exercise, function, run


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
