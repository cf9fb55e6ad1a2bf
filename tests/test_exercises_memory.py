"""Los ejercicios de la memoria: la solución se acepta y cada error típico recibe su pista."""

import pytest
import torch
from torch import nn

from gpt_course.config import GPT2_CONFIGS
from gpt_course.exercises import check
from gpt_course.memory import (
    Plan,
    activations,
    inference_peak,
    kv_cache,
    parse_size,
    state,
    training_peak,
    training_sizes,
)
from gpt_course.memory.measure import saved_bytes

XL, MEDIUM = 1_557_611_200, 354_823_168  # parámetros de los modelos publicados


def cache(cfg, seq, batch, element):
    width = cfg["n_kv_heads"] * (cfg["emb_dim"] // cfg["n_heads"])
    return 2 * cfg["n_layers"] * batch * seq * width * element


def every_head(cfg, seq, batch, element):
    return 2 * cfg["n_layers"] * batch * seq * cfg["emb_dim"] * element


def wide_heads(cfg, seq, batch, element):
    return 2 * cfg["n_layers"] * batch * seq * cfg["emb_dim"] // cfg["n_kv_heads"] * element


def scaled(change):
    return lambda cfg, seq, batch, element: change(cache(cfg, seq, batch, element), cfg, seq, batch, element)


RIGHT = {
    "memoria.1": XL * 2 / 2**20,
    "memoria.2": 8 * MEDIUM,
    "memoria.3": 1200,
    "memoria.4": 5,
    "memoria.5": 17,
    "memoria.6": cache,
}
WRONG = [
    ("memoria.1", XL * 2 / 1e6, "MB"),
    ("memoria.1", XL * 4 / 2**20, "fp32"),
    ("memoria.1", XL / 2**20, "1 byte"),
    ("memoria.1", XL * 2 / 2**30, "GiB"),
    ("memoria.1", XL * 2, "son bytes"),
    ("memoria.1", XL * 2 / 1024, "KiB"),
    ("memoria.1", 2800, "demasiado pequeño"),
    ("memoria.2", 4 * MEDIUM, "dos momentos"),
    ("memoria.2", 12 * MEDIUM, "copia maestra"),
    ("memoria.2", 16 * MEDIUM, "cuatro partidas"),
    ("memoria.2", 2 * MEDIUM, "los pesos en 16 bits"),
    ("memoria.2", 8 * MEDIUM / 2**20, "son MiB"),
    ("memoria.2", 8 * MEDIUM / 1e6, "son MB"),
    ("memoria.3", 600, "una cosa o dos"),
    ("memoria.3", 300, "cuatro"),
    ("memoria.3", 150, "falta el lote"),
    ("memoria.3", 2400, "fp16"),
    ("memoria.3", 1200 * 2**20, "son bytes"),
    ("memoria.3", 30000, "cabezas"),
    ("memoria.3", 1200 * 2**20 / 1e6, "son MB"),
    ("memoria.4", 21, "nuestra GELU"),
    ("memoria.4", 9, "son dos o uno"),
    ("memoria.4", 4, "falta la entrada"),
    ("memoria.4", 1, "en medio"),
    ("memoria.4", 2, "vale por 4N"),
    ("memoria.4", 6, "la salida de la red"),
    ("memoria.4", 8, "dos veces"),
    ("memoria.4", 13, "dónde cortó"),
    ("memoria.4", 120, "entre N = 24"),
    ("memoria.1", 2971, "dos decimales"),
    ("memoria.3", 1.171875, "GiB"),
    ("memoria.5", 18, "training_peak"),
    ("memoria.5", 16, "SMALL"),
    ("memoria.5", 33, "mixta"),
    ("memoria.5", 15, "16 GB"),
    ("memoria.5", 14, "SDPA"),
    ("memoria.5", 12, "lleva dropout"),
    ("memoria.5", 24, "solo las activaciones"),
    ("memoria.5", 35, "bf16"),
    ("memoria.5", 46, "recomputación"),
    ("memoria.5", 230, "para generar"),
    ("memoria.5", 8, "T = 512"),
    ("memoria.6", scaled(lambda size, *_: size // 2), "factor 2"),
    ("memoria.6", every_head, "todas las cabezas;"),
    ("memoria.6", lambda *given: every_head(*given) // 2, "todas las cabezas y olvidaste"),
    ("memoria.6", scaled(lambda size, cfg, seq, batch, element: size // batch), "falta el lote"),
    ("memoria.6", scaled(lambda size, cfg, *_: size // cfg["n_layers"]), "bloques"),
    ("memoria.6", scaled(lambda size, cfg, seq, batch, element: size // element), "bytes de cada uno"),
    ("memoria.6", scaled(lambda size, cfg, seq, *_: size * seq), "no con T²"),
    ("memoria.6", scaled(lambda size, cfg, *_: size // cfg["n_kv_heads"]), "una sola cabeza"),
    ("memoria.6", wide_heads, "emb_dim // n_heads"),
    ("memoria.6", lambda *given: (cache(*given), "bytes"), "varios"),
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


def test_a_function_that_returns_points_is_unsolved(capsys):
    assert answer_of(capsys, "memoria.6", lambda *given: ...).startswith("○ memoria.6: ")


def raises(*arguments):
    raise RuntimeError("se rompió\ny más")


@pytest.mark.parametrize("garbage", [None, "texto", torch.zeros(3, 7, 2), [1, 2], raises, True])
@pytest.mark.parametrize("name", EXERCISES)
def test_garbage_is_answered_without_a_traceback(name, garbage, capsys):
    assert answer_of(capsys, name, garbage).startswith(f"✗ {name}: ")


# Las respuestas están escritas como números: aquí se comparan con las cuentas del paquete.


def test_the_optimizer_and_the_cache_agree_with_the_package():
    assert state(Plan(GPT2_CONFIGS["gpt2-medium"], dtype="mixed"))["optimizer"] // MEDIUM == 8
    assert kv_cache(Plan(GPT2_CONFIGS["gpt2-xl"], batch=4, dtype="bf16")) == 1200 * 2**20


def test_a_feed_forward_with_relu_saves_five_widths():
    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(3, 2, requires_grad=True)
    assert saved_bytes(lambda: net(x), net)[1] == 5 * 4 * x.numel()


def largest(size, ram="16GiB", *, rate=0.0, seq=512, **options):
    cfg, batch = {**GPT2_CONFIGS["gpt2"], "drop_rate": rate}, 1
    while size(Plan(cfg, batch=batch + 1, seq=seq, **options)) <= parse_size(ram):
        batch += 1
    return batch


def test_the_largest_batch_and_its_mistakes_are_those_of_the_package():
    assert largest(training_peak) == 17
    assert largest(lambda plan: sum(training_sizes(plan).values())) == 18
    assert largest(training_peak, "16GB") == 15
    assert largest(training_peak, explicit=True) == 14
    assert largest(training_peak, rate=0.1) == 12
    assert largest(lambda plan: sum(activations(plan).values())) == 24
    assert largest(training_peak, dtype="bf16") == 35
    assert largest(training_peak, checkpointing=True) == 46
    assert largest(inference_peak) == 230
    assert largest(training_peak, seq=1024) == 8
