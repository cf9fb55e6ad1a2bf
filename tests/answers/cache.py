"""Lección 11: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

from functools import partial

import torch

from gpt_course import padding
from gpt_course.cache import KVCache
from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M
from gpt_course.memory import Plan, kv_cache, state
from gpt_course.model import GPTModel
from gpt_course.plotting.cache import draw_batch, draw_cache, draw_steps, plot_token_cost


def append(store, length, new):
    store[:, :, length : length + new.shape[2]] = new
    return store[:, :, : length + new.shape[2]]


def joined(store, length, new):
    return torch.cat([store[:, :, :length], new], dim=2)


def writing(change):
    """Un `append` que hace `change` y devuelve lo escrito."""

    def attempt(store, length, new):
        change(store, length, new)
        return store[:, :, : length + new.shape[2]]

    return attempt


def at_the_start(store, length, new):
    store[:, :, : new.shape[2]] = new


def only_one(store, length, new):
    store[:, :, length] = new[:, :, 0]


def to_the_end(store, length, new):
    store[:, :, length:] = new[:, :, :1]
    store[:, :, length : length + new.shape[2]] = new


def everything(store, length, new):
    append(store, length, new)
    return store


def a_copy(store, length, new):
    return append(store, length, new).clone()


def with_cat(store, length, new):
    """Junta, pero copia el resultado dentro: lo que se pide, por el camino largo."""
    end = length + new.shape[2]
    store[:, :, :end] = torch.cat([store[:, :, :length], new], dim=2)
    return store.narrow(2, 0, end)


def counted(mask):
    return mask.sum(dim=1, keepdim=True)


def counting(mask):
    """De token en token, sin restar nada."""
    rows = torch.zeros(mask.shape, dtype=torch.int32)
    for row, real in zip(rows, mask, strict=True):
        row[real] = torch.arange(int(real.sum()), dtype=torch.int32)
    return rows


def positions(mask):
    return (torch.arange(mask.shape[1]) - (~mask).sum(dim=1, keepdim=True)).clamp(min=0)


def visible(start, count):
    places = torch.arange(start + count)
    return places <= places[start:, None]


def table(change):
    """Una máscara hecha a partir de la tabla entera de True."""
    return lambda start, count: change(torch.ones(count, start + count, dtype=torch.bool), start)


TINY = {**GPT_CONFIG_124M, "vocab_size": 40, "context_length": 16, "emb_dim": 16, "n_heads": 2, "n_layers": 3}


def at(value, mistake, right, key):
    """Bien en todos los casos menos en uno: aquel en que `key` da `value`."""
    return lambda *given: (mistake if key(*given) == value else right)(*given)


def first(length, *_):
    return length


def second(_, length, *rest):
    return length


def columns(mask):
    return mask.shape[1]


ANSWERS = {
    "cache.1": {
        "right": [(60, 14)],
        "wrong": [
            (60, "Son dos números"),
            ((15, 14), "el largo de la frase"),
            ((65, 14), "sobra un token"),
            ((75, 14), "la frase final"),
            ((50, 14), "la frase crece"),
            ((sum(range(10, 14)), 14), "un paso de menos"),
            ((sum(range(10, 16)), 14), "un paso de más"),
            ((14, 60), "al revés"),
            ((120, 14), "n(n + 1)/2"),
            ((105, 14), "n(n + 1)/2"),
            ((60, 15), "el último token"),
            ((60, 5), "los de la entrada"),
            ((60, 60), "una sola vez"),
            ((60, 4), "los de la entrada"),
            ((60, 10), "los que se escriben"),
            ((61, 13), "apunta cuántos"),
        ],
    },
    "cache.2": {
        "right": [5],
        "wrong": [
            (6, "el que cambia"),
            (7, "volver a leer"),
            (11, "los que van detrás"),
            (12, "algo cambia"),
            (0, "máscara causal"),
        ],
    },
    "cache.3": {
        "right": [17],
        "wrong": [
            (27, "los pesos"),
            (27.3, "los pesos"),
            (17.4036, "número entero"),
            (18, "hacia abajo"),
            (8, "2 bytes"),
            (34, "factor 2"),
            (34.81, "factor 2"),
            (3, "con todo en fp32"),
            (3.75, "con todo en fp32"),
            (15, "8 GB"),
            (7, "los pesos en fp32"),
            (7.5, "los pesos en fp32"),
        ],
    },
    "cache.4": {
        "right": [append, with_cat],
        "wrong": [
            (joined, "torch.cat"),
            (writing(at_the_start), "has pisado filas"),
            (writing(only_one), "no están en los lugares"),
            (writing(to_the_end), "más lugares"),
            (everything, "solo los lugares escritos"),
            (a_copy, "una copia"),
            (lambda store, length, new: append(store, length, new) is None or None, "falta return"),
            (lambda store, length, new: [append(store, length, new)], "un solo tensor"),
            (lambda store, length, new: append(store, length, new) * 2, "filas viejas"),
            (lambda store, length, new: append(store[0], length, new), "dio un error"),
            (at(0, lambda store, length, new: new, append, second), "no ha cambiado"),
            (at(1, a_copy, append, second), "una copia"),
            (at(2, everything, append, second), "solo los lugares escritos"),
        ],
    },
    "cache.5": {
        "right": [positions, counting],
        "wrong": [
            (lambda mask: torch.arange(mask.shape[1]).expand(mask.shape), "número de columna"),
            (lambda mask: torch.arange(mask.shape[1]) * mask, "quitaste el relleno"),
            (lambda mask: mask.cumsum(dim=1), "empiezan en 0"),
            (lambda mask: mask.cumsum(dim=1) - 1, "−1"),
            (lambda mask: torch.arange(mask.shape[1]) - (~mask).sum(dim=1, keepdim=True), "negativas"),
            (lambda mask: torch.arange(mask.shape[1]) - (~mask).sum(dim=1), "¿Falta keepdim=True?"),
            (lambda mask: (torch.arange(mask.shape[1]) - counted(mask)).clamp(min=0), "los tokens de verdad"),
            (lambda mask: (torch.arange(mask.shape[1]) - counted(~mask)).abs(), "en el relleno se pide 0"),
            (lambda mask: (~mask).sum(dim=1), "falta restarlos"),
            (lambda mask: positions(mask).float(), "un entero"),
            (lambda mask: positions(mask)[0], "la forma (2, 4)"),
            (lambda mask: positions(mask).flip(1), "y llegó [[3, 2, 1, 0]"),
            (lambda mask: torch.where(mask, positions(mask), 3), "y llegó [[0, 1, 2, 3], [3, 3, 0, 1]]"),
            (at(2, lambda mask: mask.cumsum(dim=1), positions, columns), "= [[False, True], [True, True]]"),
            (at(3, lambda mask: mask.cumsum(dim=1), positions, columns), "= [[True, True, True]]"),
            (at(5, lambda mask: mask.cumsum(dim=1), positions, columns), "(3, 5)"),
            (at(7, lambda mask: torch.arange(7).expand(mask.shape), positions, columns), "(4, 7)"),
        ],
    },
    "cache.6": {
        "right": [visible, lambda start, count: visible(start, count).int()],
        "wrong": [
            (table(lambda full, start: full), "vienen detrás"),
            (table(lambda full, start: full.tril()), "corrida"),
            (table(lambda full, start: full.tril(start - 1)), "a sí mismo"),
            (table(lambda full, start: ~full.tril(start)), "al revés"),
            (table(lambda full, start: full.tril(start + 1)), "al de después"),
            (lambda start, count: torch.ones(count, count, dtype=torch.bool).tril(), "faltan columnas"),
            (lambda start, count: visible(0, start + count), "sobran filas"),
            (lambda start, count: visible(start, count).T, "quien lee"),
            (table(lambda full, start: torch.where(full.tril(start), 0, -torch.inf)), "se suma"),
            (lambda start, count: count, "un tensor de forma (2, 5)"),
            (at(3, table(lambda full, start: full), visible, first), "1 = 3 y"),
            (at(5, table(lambda full, start: full.tril(start - 1)), visible, first), "1 = 5 y"),
            (at(2, table(lambda full, start: full.tril()), visible, first), "1 = 2 y"),
            (at(0, table(lambda full, start: full), visible, first), "1 = 0 y"),
            (at(1, table(lambda full, start: full), visible, first), "1 = 1 y"),
        ],
    },
}

FIGURES = [
    *(partial(draw_steps, n) for n in (1, 4, 6)),
    partial(draw_cache, [("entrada", 0, 2), ("uno más", 2, 1)], room=4),
    partial(draw_batch, [["x", "El"], ["La", "mar"]], [[0, 0], [0, 1]], [[False, True], [True, True]]),
    partial(
        plot_token_cost,
        [1, 2, 3],
        {"sin": [1, 4, 9.5], "con": [1, 1, 1]},
        "Título",
        "token, T",
        "GFLOP",
        limit=(2, "límite"),
    ),
]


@torch.no_grad()
def fact_a_change_in_the_sixth_token_leaves_five_in_the_cache():
    torch.manual_seed(1)
    model = GPTModel({**TINY, "drop_rate": 0.0}).eval()
    ids = torch.randint(40, (1, 12))
    changed = ids.clone()
    changed[0, 5] = (ids[0, 5] + 1) % 40
    caches = []
    for tokens in (ids, changed):
        caches.append(KVCache(model, 1, 12))
        model(tokens, cache=caches[-1])
    same = torch.isclose(caches[0].keys, caches[1].keys, atol=1e-5).all(dim=-1)  # (L, B, H, T)
    assert same.all(dim=(0, 1, 2)).tolist() == [True] * 5 + [False] * 7


def fact_the_sentences_that_fit_are_those_of_the_package():
    cfg = GPT2_CONFIGS["gpt2-xl"]
    weights = state(Plan(cfg, dtype="bf16"))["weights"]
    assert (8 * 2**30 - weights) // kv_cache(Plan(cfg, dtype="bf16")) == 17


@torch.no_grad()
def fact_the_masks_and_positions_are_those_of_the_package():
    assert torch.equal(padding.visibility(3, 7, None, "cpu")[0, 0], visible(3, 4))
    ids, mask = padding.pad_left([[1, 2, 3], [4]])
    rows = padding.count_padding(mask, ids)
    assert torch.equal(padding.positions(0, 3, rows, "cpu"), positions(mask))
