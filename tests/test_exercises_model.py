"""Los ejercicios de la lección 06: se acepta lo correcto y cada error típico recibe su pista."""

import math

import pytest
import torch
from torch.nn import functional as F

from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M
from gpt_course.exercises import check
from gpt_course.model import GPTModel

GARBAGE = [None, "texto", [], torch.ones(3, 3), math.nan, True, lambda: 1 / 0]


def corrected(capsys, name, answer):
    check(name, answer)
    return capsys.readouterr().out


def count(cfg):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in GPTModel(cfg).parameters())


TOTAL = 163_009_536
XL = {**GPT2_CONFIGS["gpt2-xl"], "tie_weights": False, "qkv_bias": False}
RIGHT = {
    "modelo.1": lambda: count({**GPT_CONFIG_124M, "context_length": 4096}) - TOTAL,
    "modelo.2": lambda: count({**GPT_CONFIG_124M, "emb_dim": 1536}) / TOTAL,
    "modelo.3": lambda: count(XL),
    "modelo.4": lambda: [False, True, True, True],
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_is_accepted(capsys, name):
    assert corrected(capsys, name, RIGHT[name]()).startswith(f"✓ {name}: ")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("modelo.1", 2_359_296),
        ("modelo.1", torch.tensor(2_359_296)),
        ("modelo.2", 3.04),
        ("modelo.3", 1_637_792_000),
        ("modelo.4", torch.tensor([False, True, True, True])),
        ("modelo.4", (False, True, True, True)),
        ("modelo.5", 11.0273),
    ],
)
def test_other_ways_of_writing_it(capsys, name, answer):
    assert corrected(capsys, name, answer).startswith("✓")


WRONG = [
    ("modelo.1", 4096 * 768, "de más"),
    ("modelo.1", 3072, "son las filas nuevas"),
    ("modelo.1", TOTAL + 2_359_296, "es el total"),
    ("modelo.1", 9_437_184, "bytes"),
    ("modelo.1", 0, "no se extienden solas"),
    ("modelo.1", 28_311_552, "no en cada bloque"),
    ("modelo.1", 2_359_297, "demasiado grande"),
    ("modelo.2", 2, "en los bloques hay matrices"),
    ("modelo.2", 4.0, "las tablas miden"),
    ("modelo.2", 495_888_384, "cuánto se ha multiplicado"),
    ("modelo.2", 332_878_848, "es la diferencia"),
    ("modelo.2", 0.3287, "al revés"),
    ("modelo.2", 3, "dos decimales"),
    ("modelo.2", 3.5, "demasiado grande"),
    ("modelo.3", 1_557_611_200, "es el publicado"),
    ("modelo.3", 1_557_380_800, "sigue compartida"),
    ("modelo.3", 1_638_022_400, "quedan los sesgos"),
    ("modelo.3", 1_637_792_000 + 50257 * 1600, "dos veces"),
    ("modelo.3", TOTAL, "modelo pequeño"),
    ("modelo.4", [False, True, False, False], "quién más lee"),
    ("modelo.4", [True] * 4, "viendo el futuro"),
    ("modelo.4", [True, True, False, False], "al revés"),
    ("modelo.4", [False, False, True, True], "su propio token"),
    ("modelo.4", [False, False, False, True], "fila"),
    ("modelo.4", [False] * 4, "3 de 4"),
    ("modelo.4", torch.tensor([0, 1, 1, 1]), "True o False"),
    ("modelo.4", [False, True, True], r"llegó (3,)"),
    ("modelo.5", math.log(50257), "es ln V"),
    ("modelo.5", 1, "no tiene pérdida 1"),
    ("modelo.5", 11.0273 * 6, "es la suma"),
    ("modelo.5", 11.0273 / math.log(2), "son bits"),
    ("modelo.5", -11.0273, "el signo"),
    ("modelo.5", 11.0292, "su propio token"),
    ("modelo.5", 11.1666, "semilla 123"),
    ("modelo.5", 11.0181, "sin dropout"),  # en modo de entrenamiento
    ("modelo.5", 11.03, "cuatro decimales"),
]


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_each_typical_mistake_gets_its_hint(capsys, name, answer, hint):
    out = corrected(capsys, name, answer)
    assert out.startswith(f"✗ {name}: ") and hint in out


@pytest.mark.parametrize("name", [f"modelo.{number}" for number in range(1, 6)])
def test_unsolved_and_garbage(capsys, name):
    assert corrected(capsys, name, ...).startswith(f"○ {name}: sin resolver")
    for answer in GARBAGE:
        out = corrected(capsys, name, answer)
        assert out.startswith(f"✗ {name}: ") and out.count("\n") == 1


def test_the_numbers_of_the_mistakes_are_those_of_the_model():
    published = GPT2_CONFIGS["gpt2-xl"]
    assert count(published) == 1_557_611_200
    assert count({**published, "qkv_bias": False}) == 1_557_380_800
    assert count({**published, "tie_weights": False}) == 1_638_022_400
    assert count({**GPT_CONFIG_124M, "emb_dim": 1536}) == 495_888_384


def test_the_rows_that_change_are_those(capsys):
    model = GPTModel({**GPT_CONFIG_124M, "emb_dim": 24, "n_layers": 2}).eval()
    before = torch.tensor([[6109, 3626, 6100, 345]])
    after = before.clone()
    after[0, 1] = 50256
    with torch.no_grad():
        rows = zip(model(before)[0], model(after)[0], strict=True)
        changed = [not torch.equal(old, new) for old, new in rows]
    assert corrected(capsys, "modelo.4", changed).startswith("✓")


def test_the_loss_is_that_of_the_notebook(capsys):
    batch = torch.tensor([[6109, 3626, 6100, 345], [6109, 1110, 6622, 257]])
    torch.manual_seed(124)
    model = GPTModel(GPT_CONFIG_124M).eval()
    with torch.no_grad():
        logits = model(batch)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())
        itself = F.cross_entropy(logits.flatten(0, 1), batch.flatten())
        backwards = F.cross_entropy(logits[:, 1:].flatten(0, 1), batch[:, :-1].flatten())
    assert corrected(capsys, "modelo.5", loss).startswith("✓")
    assert "su propio token" in corrected(capsys, "modelo.5", itself)
    assert "al revés" in corrected(capsys, "modelo.5", backwards)
