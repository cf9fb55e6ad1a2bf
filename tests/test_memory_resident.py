"""El pico de memoria residente de un proceso nuevo, frente a la predicción: dentro del 5 % y 60 MiB."""

import sys

import pytest

from gpt_course.config import GPT_CONFIG_124M
from gpt_course.memory import Plan, inference_peak, training_peak
from gpt_course.memory.resident import resident_peak

SETUP = """
import torch
from gpt_course.generation import generate
from gpt_course.model import GPTModel
from gpt_course.training import make_optimizer, train

def a_training(cfg, B, T):
    model = GPTModel(cfg)
    batch = torch.zeros(B, T, dtype=torch.int64), torch.zeros(B, T, dtype=torch.int64)
    train(model, [batch], make_optimizer(model), steps=2)

def a_generation(cfg, B, T):
    generate(GPTModel(cfg).eval(), torch.zeros(B, T - 1, dtype=torch.int64), 2)

tiny = {"vocab_size": 9, "context_length": 8, "emb_dim": 8, "n_heads": 2, "n_layers": 1, "drop_rate": 0.1}
a_training({**tiny, "qkv_bias": False}, 2, 8)
a_generation({**tiny, "qkv_bias": False}, 2, 8)
"""
MODELS = {  # cambios sobre GPT-2 pequeño, B y T
    "pequeño": ({}, 1, 64),
    "vinculado": ({"emb_dim": 384, "n_heads": 6, "n_layers": 4, "tie_weights": True}, 2, 128),
    "SDPA": ({"emb_dim": 384, "n_heads": 6, "n_layers": 6, "drop_rate": 0.0, "vocab_size": 8000}, 2, 256),
    "vocabulario de 2000": ({"emb_dim": 128, "n_heads": 8, "n_layers": 4, "vocab_size": 2000}, 1, 512),
}


@pytest.mark.parametrize(
    ("work", "predict"),
    [("a_training", training_peak), ("a_generation", inference_peak)],
    ids=["entrenar", "generar"],
)
@pytest.mark.parametrize(("changes", "batch", "seq"), MODELS.values(), ids=MODELS)
def test_the_peak_is_near_the_prediction(work, predict, changes, batch, seq):
    cfg = {**GPT_CONFIG_124M, **changes}
    measured = resident_peak(SETUP, f"{work}({cfg!r}, {batch}, {seq})")
    predicted = predict(Plan(cfg, batch=batch, seq=seq))
    assert abs(measured - predicted) <= 0.05 * predicted + 60 * 2**20, (measured, predicted)


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"(?s)código 1 .*ZeroDivisionError"):
        resident_peak("", "1 / 0")


def test_the_measure_is_of_the_new_process_only():
    big = bytearray(300 * 2**20)  # la memoria de quien mide no cuenta
    assert resident_peak("", "") < 2**20
    size = 100 * 2**20
    assert abs(resident_peak("", f"data = bytearray(b'1') * {size}") - size) < 2**20
    assert len(big) and sys.getsizeof(big) > size
