"""Los ejercicios de los pesos: la solución se acepta y cada error típico recibe su pista."""

import json
import math
import struct

import pytest
import safetensors.torch
import torch

from gpt_course.config import GPT2_CONFIGS
from gpt_course.exercises import check
from gpt_course.exercises.weights import _NAMES
from gpt_course.model import GPTModel
from gpt_course.weights import our_names, to_gpt2

PARTS = {
    "tok_emb": "wte",
    "out_head": "wte",
    "pos_emb": "wpe",
    "final_norm": "ln_f",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "att.W_query": "attn.c_attn",
    "att.W_key": "attn.c_attn",
    "att.W_value": "attn.c_attn",
    "att.out_proj": "attn.c_proj",
    "ff.layers.0": "mlp.c_fc",
    "ff.layers.2": "mlp.c_proj",
    "scale": "weight",
    "shift": "bias",
}


def to_gpt2_name(name):
    layer, kind = name.rsplit(".", 1)
    kind = PARTS.get(kind, kind)
    if not layer.startswith("trf_blocks."):
        return f"{PARTS[layer]}.{kind}"
    _, index, rest = layer.split(".", 2)
    return f"h.{index}.{PARTS[rest]}.{kind}"


def changed(change):
    return lambda name: change(to_gpt2_name(name))


def header_of(data):
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    return header


def counting(skip=lambda name: name.endswith((".attn.bias", ".attn.masked_bias")), value=math.prod):
    return lambda data: sum(value(e["shape"]) for name, e in header_of(data).items() if not skip(name))


RIGHT = {
    "pesos.1": 312,
    "pesos.2": 628,
    "pesos.3": ("key", 3, 40),
    "pesos.4": to_gpt2_name,
    "pesos.5": [False, True, True, False],
    "pesos.6": counting(),
}
WRONG = [
    ("pesos.1", 304, "cuánto mide la cabecera"),
    ("pesos.1", 128, "falta la cabecera"),
    ("pesos.1", 120, "otros dos trozos"),
    ("pesos.1", 332, "también en F16"),
    ("pesos.1", 308, "la forma [] es un número"),
    ("pesos.1", 227, "un byte por número"),
    ("pesos.1", 2496, "bits"),
    ("pesos.1", 300, "demasiado pequeño"),
    ("pesos.2", 580, "faltan las máscaras"),
    ("pesos.2", 624, "fuera de los bloques"),
    ("pesos.2", 576, "y las máscaras"),
    ("pesos.2", 629, "es `wte`"),
    ("pesos.2", 472, "`gpt2-large`; XL"),
    ("pesos.2", 436, "y faltan las máscaras"),
    ("pesos.2", 627, "ln_f"),
    ("pesos.2", 820, "van juntas"),
    ("pesos.2", 676, "una sola máscara"),
    ("pesos.3", ("query", 5, 40), "GPT-NeoX"),
    ("pesos.3", ("key", 4, 40), "la cabeza se cuenta desde 0"),
    ("pesos.3", ("key", 3, 41), "el lugar se cuenta desde 0"),
    ("pesos.3", ("key", 4, 41), "y el lugar se cuentan"),
    ("pesos.3", ("key", 3, 39), "y la columna también"),
    ("pesos.3", ("key", 15, 40), "una de 12"),
    ("pesos.3", ("key", 0, 232), "no cabe"),
    ("pesos.3", ("Key", 40, 3), "cambiaste"),
    ("pesos.3", ("value", 3, 40), "otra matriz"),
    ("pesos.3", ("key", 2, 40), "grupos de 64"),
    ("pesos.3", ("clave", 3, 40), "query, key o value"),
    ("pesos.3", ("key", 3.0, 40), "dos enteros"),
    ("pesos.3", (3, 40), "tres cosas"),
    ("pesos.4", changed(lambda name: f"transformer.{name}"), "sin `transformer.`"),
    (
        "pesos.4",
        lambda name: "lm_head.weight" if name.startswith("out") else to_gpt2_name(name),
        "no hay `lm_head`",
    ),
    ("pesos.4", changed(lambda name: name.replace("ln_f.weight", "ln_f.scale")), "`weight` y `bias`"),
    ("pesos.4", changed(lambda name: name.replace("h.10.", "h.1.")), "mira el bloque"),
    ("pesos.4", changed(lambda name: name.replace("mlp.c_proj", "attn.c_proj")), "la figura 12.2"),
    ("pesos.4", changed(lambda name: [name]), "llegó list"),
    ("pesos.5", [True, True, True, False], "en (a)"),
    ("pesos.5", [False, False, True, False], "en (b)"),
    ("pesos.5", [False, True, False, False], "en (c)"),
    ("pesos.5", [False, True, True, True], "en (d)"),
    ("pesos.5", [0, 1, 1, 0], "ni 1 y 0"),
    ("pesos.6", counting(skip=lambda name: False), "también las máscaras"),
    ("pesos.6", counting(skip=lambda name: name.endswith("masked_bias")), "que se llaman `attn.bias`"),
    ("pesos.6", counting(skip=lambda name: name.endswith(".attn.bias")), "masked_bias"),
    ("pesos.6", counting(skip=lambda name: name.endswith(("attn.bias", "masked_bias"))), "c_attn.bias"),
    ("pesos.6", counting(skip=lambda name: name.endswith("bias")), "todos los sesgos"),
    ("pesos.6", lambda data: 4 * counting()(data), "son bytes"),
    ("pesos.6", lambda data: len(header_of(data)), "son tensores"),
    ("pesos.6", counting(value=lambda shape: 1), "son tensores"),
    (
        "pesos.6",
        counting(skip=lambda name: not name.startswith("transformer.") or "bias" in name),
        "`transformer.` delante",
    ),
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


@pytest.mark.parametrize("name", ["pesos.4", "pesos.6"])
def test_a_function_that_returns_points_is_unsolved(name, capsys):
    assert answer_of(capsys, name, lambda given: ...).startswith(f"○ {name}: ")


def raises(*arguments):
    raise RuntimeError("se rompió\ny más")


@pytest.mark.parametrize("garbage", [None, "texto", torch.zeros(3, 7, 2), [1, 2], raises, True])
@pytest.mark.parametrize("name", EXERCISES)
def test_garbage_is_answered_without_a_traceback(name, garbage, capsys):
    assert answer_of(capsys, name, garbage).startswith(f"✗ {name}: ")


# Las respuestas están escritas como datos: aquí se comparan con el paquete.


def test_the_file_of_the_first_exercise_has_those_bytes():
    tensors = {"a": torch.zeros(4, 6), "b": torch.zeros(10).half(), "c": torch.zeros(())}
    data = safetensors.torch.save(tensors)
    assert len(data) - 8 - struct.unpack("<Q", data[:8])[0] == 312 - 8 - 184


def test_the_xl_has_those_tensors():
    with torch.device("meta"):
        model = GPTModel(GPT2_CONFIGS["gpt2-xl"])
    assert len(list(to_gpt2(model.state_dict(), 48))) + 48 == RIGHT["pesos.2"]


def test_the_column_is_the_one_of_the_package():
    numbers = torch.arange(3 * 768)
    _, key, _ = numbers.chunk(3)
    assert key.unflatten(-1, (12, 64))[3, 40] == 1000


def test_the_names_are_those_of_the_package():
    for ours, theirs in _NAMES.items():
        assert ours in our_names(theirs) or ours == "out_head.weight", ours


def attend(q, k, v, n_heads):
    from torch.nn.functional import scaled_dot_product_attention

    parts = (part.unflatten(-1, (n_heads, -1)).transpose(0, 1) for part in (q, k, v))
    return scaled_dot_product_attention(*parts, is_causal=True).transpose(0, 1).flatten(1)


def test_what_one_token_does_not_see():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 5, 8)
    w = torch.randn(8, 8)
    for n_tokens, sees in ((1, RIGHT["pesos.5"]), (5, [True] * 4)):
        a, b, c = (part[:n_tokens] for part in (q, k, v))
        right = attend(a, b, c, 2) @ w
        broken = [
            attend(b, a, c, 2) @ w,
            attend(a, c, b, 2) @ w,
            attend(a, b, c, 2) @ w.T,
            attend(a, b, c, 4) @ w,
        ]
        assert [not torch.allclose(right, each, atol=1e-5) for each in broken] == sees
