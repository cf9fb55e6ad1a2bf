"""Los ejercicios de la caché KV: la solución se acepta y cada error típico recibe su pista."""

import pytest
import torch

from gpt_course import padding
from gpt_course.cache import KVCache
from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M
from gpt_course.exercises import check
from gpt_course.memory import Plan, kv_cache, state
from gpt_course.model import GPTModel


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


def positions(mask):
    return (torch.arange(mask.shape[1]) - (~mask).sum(dim=1, keepdim=True)).clamp(min=0)


def visible(start, count):
    places = torch.arange(start + count)
    return places <= places[start:, None]


def table(change):
    """Una máscara hecha a partir de la tabla entera de True."""
    return lambda start, count: change(torch.ones(count, start + count, dtype=torch.bool), start)


RIGHT = {
    "cache.1": (60, 14),
    "cache.2": 5,
    "cache.3": 17,
    "cache.4": append,
    "cache.5": positions,
    "cache.6": visible,
}
WRONG = [
    ("cache.1", 60, "dos números en una tupla"),
    ("cache.1", (15, 14), "el largo de la frase"),
    ("cache.1", (65, 14), "sobra un token"),
    ("cache.1", (75, 14), "la frase final"),
    ("cache.1", (50, 14), "la frase crece"),
    ("cache.1", (sum(range(10, 14)), 14), "un paso de menos"),
    ("cache.1", (sum(range(10, 16)), 14), "un paso de más"),
    ("cache.1", (14, 60), "al revés"),
    ("cache.1", (120, 14), "n(n + 1)/2"),
    ("cache.1", (60, 15), "el último token"),
    ("cache.1", (60, 5), "los de la entrada"),
    ("cache.1", (60, 60), "sin caché"),
    ("cache.2", 6, "el que cambia"),
    ("cache.2", 7, "volver a leer"),
    ("cache.2", 11, "los que van detrás"),
    ("cache.2", 12, "algo cambia"),
    ("cache.2", 0, "máscara causal"),
    ("cache.3", 27, "los pesos"),
    ("cache.3", 17.4036, "número entero"),
    ("cache.3", 18, "hacia abajo"),
    ("cache.3", 8, "2 bytes"),
    ("cache.3", 34, "factor 2"),
    ("cache.3", 3, "fp32"),
    ("cache.3", 15, "8 GB"),
    ("cache.3", 7, "los pesos en fp32"),
    ("cache.4", joined, "torch.cat"),
    ("cache.4", writing(at_the_start), "`length`"),
    ("cache.4", writing(only_one), "no están en los lugares"),
    ("cache.4", writing(to_the_end), "más lugares"),
    ("cache.4", everything, "solo los lugares escritos"),
    ("cache.4", a_copy, "una copia"),
    ("cache.4", lambda store, length, new: append(store, length, new) and None, "dio un error"),
    ("cache.4", lambda store, length, new: [append(store, length, new)], "devolvió list"),
    ("cache.4", lambda store, length, new: append(store, length, new) * 2, "filas viejas"),
    ("cache.5", lambda mask: torch.arange(mask.shape[1]).expand(mask.shape), "número de columna"),
    ("cache.5", lambda mask: mask.cumsum(dim=1), "empiezan en 0"),
    ("cache.5", lambda mask: mask.cumsum(dim=1) - 1, "−1"),
    (
        "cache.5",
        lambda mask: torch.arange(mask.shape[1]) - (~mask).sum(dim=1, keepdim=True),
        "negativas",
    ),
    ("cache.5", lambda mask: positions(mask).float(), "un entero"),
    ("cache.5", lambda mask: positions(mask)[0], "la forma de `mask`"),
    ("cache.5", lambda mask: positions(mask).flip(1), "0, 1, 2"),
    ("cache.5", lambda mask: torch.where(mask, positions(mask), 3), "0 en el relleno"),
    ("cache.6", table(lambda full, start: full), "vienen detrás"),
    ("cache.6", table(lambda full, start: full.tril()), "corrida"),
    ("cache.6", table(lambda full, start: full.tril(start - 1)), "a sí mismo"),
    ("cache.6", table(lambda full, start: ~full.tril(start)), "al revés"),
    ("cache.6", table(lambda full, start: full.tril(start + 1)), "cambiadas"),
    ("cache.6", lambda start, count: torch.ones(count, count, dtype=torch.bool).tril(), "la forma"),
    ("cache.6", lambda start, count: visible(start, count).int(), "True y False"),
]
EXERCISES = list(RIGHT)


def answer_of(capsys, name, answer):
    check(name, answer)
    out = capsys.readouterr().out
    assert "Traceback" not in out and out.count("\n") == 1
    return out


@pytest.mark.parametrize("name", EXERCISES)
def test_the_right_answer_is_accepted(name, capsys):
    assert answer_of(capsys, name, RIGHT[name]).startswith(f"✓ {name}: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_a_typical_mistake_gets_its_hint(name, answer, hint, capsys):
    out = answer_of(capsys, name, answer)
    assert out.startswith(f"✗ {name}: ") and hint in out, out


@pytest.mark.parametrize("name", EXERCISES)
def test_three_mistakes_at_least_are_known(name):
    assert sum(wrong == name for wrong, _, _ in WRONG) >= 3


@pytest.mark.parametrize("name", EXERCISES)
def test_points_mean_unsolved(name, capsys):
    assert answer_of(capsys, name, ...).startswith(f"○ {name}: ")


@pytest.mark.parametrize("name", ["cache.4", "cache.5", "cache.6"])
def test_a_function_that_returns_points_is_unsolved(name, capsys):
    assert answer_of(capsys, name, lambda *given: ...).startswith(f"○ {name}: ")


def raises(*arguments):
    raise RuntimeError("se rompió\ny más")


@pytest.mark.parametrize("garbage", [None, "texto", torch.zeros(3, 7, 2), [1, 2], raises, True])
@pytest.mark.parametrize("name", EXERCISES)
def test_garbage_is_answered_without_a_traceback(name, garbage, capsys):
    assert answer_of(capsys, name, garbage).startswith(f"✗ {name}: ")


# Las respuestas están escritas como números: aquí se comparan con lo que hace el paquete.

TINY = {**GPT_CONFIG_124M, "vocab_size": 40, "context_length": 16, "emb_dim": 16, "n_heads": 2, "n_layers": 3}


@torch.no_grad()
def test_a_change_in_the_sixth_token_leaves_five_in_the_cache():
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


def test_the_sentences_that_fit_are_those_of_the_package():
    cfg = GPT2_CONFIGS["gpt2-xl"]
    weights = state(Plan(cfg, dtype="bf16"))["weights"]
    assert (8 * 2**30 - weights) // kv_cache(Plan(cfg, dtype="bf16")) == 17


@torch.no_grad()
def test_the_masks_and_positions_are_those_of_the_package():
    assert torch.equal(padding.visibility(3, 7, None, "cpu")[0], visible(3, 4))
    ids, mask = padding.pad_left([[1, 2, 3], [4]])
    rows = padding.count_padding(mask, ids)
    assert torch.equal(padding.positions(0, 3, rows, "cpu"), positions(mask))
