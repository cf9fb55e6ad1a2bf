"""Ejercicios de la lección 11: la caché KV, sus cuentas, su memoria, sus posiciones y qué lee cada token."""

import torch

from gpt_course.exercises.core import Wrong, exercise, expect_number, run

_XL_WEIGHTS = 2 * 1_557_611_200 / 2**20  # MiB, con 2 bytes por parámetro
_ROOM = 8 * 1024  # MiB


@exercise("cache.1")
def tokens_read(answer):
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise Wrong("se esperaban dos números en una tupla: primero sin caché, después con ella.")
    without, cached = answer
    expect_number(
        without,
        60,
        [
            (15, "ese es el largo de la frase final; suma lo que se lee en cada paso."),
            (65, "te sobra un token por paso: el primero lee solo los de la entrada."),
            (75, "o leíste cada vez la frase final, que antes es más corta, o diste un paso de más."),
            (50, "la frase crece: no se leen siempre los 10 de la entrada."),
            (14, "eso es con caché: has puesto los dos números al revés."),
            (46, "contaste un paso de menos: son 5 tokens nuevos."),
            (120, "suma de principio a fin; la fórmula n(n + 1)/2 vale si se empieza con un token."),
        ],
        tolerance=1e-9,
    )
    expect_number(
        cached,
        14,
        [
            (15, "casi: ¿hace falta leer el último token que se escribe?"),
            (5, "faltan los de la entrada, que también hay que leer una vez."),
            (4, "faltan los de la entrada, que también hay que leer una vez."),
            (60, "eso es sin caché."),
        ],
        tolerance=1e-9,
    )
    return "60 frente a 14. El último token escrito no se lee de ninguna de las dos maneras."


@exercise("cache.2")
def reusable_prefix(answer):
    expect_number(
        answer,
        5,
        [
            (6, "el sexto token es justo el que cambia: su fila no sirve. ¿Cuántos van delante?"),
            (7, "eso son los que hay que volver a leer. Se pregunta cuántos se salvan."),
            (11, "los que van detrás también cambian: desde el segundo bloque han leído al sexto."),
            (12, "algo cambia: hay una palabra distinta, y quienes la leen lo notan."),
            (0, "con la máscara causal, ¿los que van delante del sexto pueden notarlo?"),
        ],
        tolerance=1e-9,
    )
    return "se salvan los 5 de delante: así se reutiliza un comienzo que comparten muchas peticiones."


@exercise("cache.3")
def sentences_that_fit(answer):
    free = _ROOM - _XL_WEIGHTS
    expect_number(
        answer,
        17,
        [
            (27, "repartiste los 8 GiB enteros: también tienen que caber los pesos."),
            (free / 300, "ese es el cociente; frases hay un número entero."),
            (18, "esa ya no cabe: redondea hacia abajo."),
            (8, "en bf16 cada número de la caché son 2 bytes, no 4."),
            (34, "falta el factor 2: una key y un value."),
            (3, "eso es con todo en fp32; el enunciado dice bf16."),
            (15, "8 GiB no son 8 GB: un GiB son 2³⁰ bytes."),
            (7, "¿pusiste los pesos en fp32? En bf16 ocupan la mitad."),
        ],
    )
    return "17 frases completas. En ese equipo, la memoria que no ocupan los pesos es caché."


@exercise("cache.4")
def append_in_place(answer):
    for shape, length, count in (((2, 3, 7, 4), 0, 4), ((1, 2, 9, 5), 4, 1), ((2, 1, 8, 3), 2, 3)):
        store = torch.full(shape, -7.0)
        store[:, :, :length] = torch.arange(float(length))[:, None]
        before = store.clone()
        new = torch.rand(*shape[:2], count, shape[3]) + 10
        _check_append(run(answer, store, length, new, may_change=True), store, before, length, new)
    return "escribe en su sitio y devuelve lo que hay que leer, sin copiar lo anterior."


def _check_append(given, store, before, length, new):
    end = length + new.shape[2]
    if not isinstance(given, torch.Tensor):
        raise Wrong(f"se esperaba un tensor y la función devolvió {type(given).__name__}.")
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
    if given.shape != store[:, :, :end].shape:
        shape = tuple(given.shape)
        raise Wrong(f"devuelve solo los lugares escritos, viejos y nuevos; llegó la forma {shape}.")
    if not torch.equal(given, store[:, :, :end]):
        raise Wrong("lo que devuelves no son las filas viejas seguidas de las nuevas.")
    if given.data_ptr() != store.data_ptr():
        raise Wrong("los números son buenos, pero has hecho una copia: devuelve un trozo del propio `store`.")


@exercise("cache.5")
def positions_with_padding(answer):
    for padding, n_columns in (((0, 2, 3), 5), ((1, 0), 2), ((4, 0, 6, 1), 7)):
        columns = torch.arange(n_columns)
        shift = torch.tensor(padding)[:, None]
        mask = columns >= shift
        given = run(answer, mask)
        if not isinstance(given, torch.Tensor) or given.shape != mask.shape:
            raise Wrong("se esperaba un tensor de enteros con la forma de `mask`, (B, T).")
        if given.is_floating_point() or given.dtype == torch.bool:
            raise Wrong(f"una posición es un entero; llegó {given.dtype}.")
        right = (columns - shift).clamp(min=0)
        for wrong, hint in (
            (columns.expand_as(right), "eso es el número de columna. El primer token de verdad va en la 0."),
            (mask.cumsum(dim=1), "casi: las posiciones empiezan en 0 y las tuyas, en 1."),
            (columns - shift, "en el relleno hay posiciones negativas, y la tabla no tiene esas filas."),
            (mask.cumsum(dim=1) - 1, "en el relleno sale −1, y la tabla no tiene esa fila."),
        ):
            if torch.equal(given, wrong) and not torch.equal(wrong, right):
                raise Wrong(hint)
        if not torch.equal(given[mask], right[mask]):
            raise Wrong("en cada fila, los tokens de verdad llevan las posiciones 0, 1, 2…")
        if not torch.equal(given, right):
            raise Wrong("los tokens de verdad están bien; el enunciado pide 0 en el relleno.")
    return "cada frase cuenta desde su primer token, esté en la columna que esté."


@exercise("cache.6")
def visible_mask(answer):
    for start, count in ((0, 4), (3, 2), (5, 1), (2, 5)):
        total = start + count
        given = run(answer, start, count)
        if not isinstance(given, torch.Tensor) or given.dtype != torch.bool:
            raise Wrong("se esperaba un tensor de True y False.")
        if given.shape != (count, total):
            expected = f"({count}, {total})"
            raise Wrong(
                f"con `start` = {start} y `count` = {count} se esperaba la forma {expected}: una fila por "
                f"token nuevo, una columna por token leído; llegó {tuple(given.shape)}."
            )
        full = torch.ones(count, total, dtype=torch.bool)
        right = full.tril(start)
        for wrong, hint in (
            (full, "así un token nuevo lee a los que vienen detrás de él en el mismo trozo."),
            (~right, "está al revés: True en lo que sí se lee."),
            (full.tril(), "la diagonal está corrida: la primera fila nueva lee todo lo anterior."),
            (full.tril(start - 1), "cada token se lee también a sí mismo."),
        ):
            if torch.equal(given, wrong) and not torch.equal(wrong, right):
                raise Wrong(hint)
        if not torch.equal(given, right):
            raise Wrong(f"con `start` = {start} y `count` = {count} hay casillas cambiadas. Dibuja la tabla.")
    return "con `start` = 0 es la máscara de la lección 03; con `count` = 1, una fila sin nada que tapar."
