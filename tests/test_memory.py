"""La aritmética de memoria contra lo que PyTorch reserva de verdad: al byte, en configuraciones al azar."""

import dataclasses
import itertools
import json
import math
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import TINY, as_huggingface, tiny_model, tokens
from safetensors.torch import save_file
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from gpt_course.cache import KVCache
from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M, LLAMA_STYLE, MODERN_CONFIGS
from gpt_course.memory import (
    Plan,
    activations,
    attention_matrix,
    flops,
    inference_peak,
    inference_sizes,
    inference_timeline,
    kv_cache,
    parameter_shapes,
    parameters,
    state,
    training_flops,
    training_peak,
    training_sizes,
    training_timeline,
    weights_file,
)
from gpt_course.memory.measure import saved_bytes, state_bytes
from gpt_course.model import GPTModel
from gpt_course.training import checkpoint_blocks, next_token_loss

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "mixed": torch.bfloat16}
MANY = settings(max_examples=40, deadline=None, derandomize=True, database=None)
SOME = settings(MANY, max_examples=20)  # donde cada caso cuesta


# Cada pieza de hoy sobre `SMALL`, y cómo las juntan los modelos publicados (Llama, Qwen 3, Mixtral, Mistral).
SMALL = {**TINY, "context_length": 9, "emb_dim": 12, "n_heads": 4, "vocab_size": 17}
EXPERTS = {"feed_forward": "experts", "n_experts": 3, "experts_per_token": 2, "hidden_dim": 5, "bias": False}
LLAMA = {"norm": "rms", "positions": "rope", "head_dim": 4, "n_kv_heads": 2, "bias": False}
LLAMA |= {"feed_forward": "swiglu", "hidden_dim": 7}
PIECES = {
    "RMSNorm": {"norm": "rms"},
    "RoPE": {"positions": "rope", "head_dim": 6},
    "RoPE, parejas sueltas": {"positions": "rope", "head_dim": 2},
    "RoPE, una cabeza": {"positions": "rope", "n_heads": 1},
    "RoPE, en la anchura": {"positions": "rope", "n_heads": 2},
    "anchura de la red": {"hidden_dim": 7},
    "SwiGLU": {"feed_forward": "swiglu", "hidden_dim": 7, "bias": False},
    "expertos": EXPERTS,
    "un experto": {**EXPERTS, "n_experts": 1, "experts_per_token": 1},
    "sin sesgos": {"bias": False},
    "keys compartidas": {"n_kv_heads": 2},
    "una key": {"n_kv_heads": 1},
    "cabezas anchas": {"head_dim": 5},
    "norma de queries y keys": {"qk_norm": True},
    "ventana": {"window": 4},
    "ventana que no tapa": {"window": 8},
    "Llama": LLAMA,
    "Qwen 3": {**LLAMA, "qk_norm": True, "tie_weights": True},
    "Mixtral": {**LLAMA, **EXPERTS},
    "Mistral": {**LLAMA, "window": 2},
}


@st.composite
def plans(draw, **fixed):
    """Planes pequeños de cualquier forma, la mitad con piezas de hoy; `fixed` decide lo que no se sortea."""
    n_heads = draw(st.integers(1, 4))
    cfg = {
        "vocab_size": draw(st.integers(2, 60)),
        "context_length": draw(st.integers(1, 20)),
        "emb_dim": n_heads * draw(st.integers(1, 6)),
        "n_heads": n_heads,
        "n_layers": draw(st.integers(1, 3)),
        "drop_rate": fixed.pop("drop_rate", None) or draw(st.sampled_from([0.0, 0.1, 0.5])),
        "qkv_bias": draw(st.booleans()),
        "tie_weights": draw(st.booleans()),
    }
    if fixed.pop("no_dropout", False):
        cfg["drop_rate"] = 0.0
    if fixed.pop("of_today", True) and draw(st.booleans()):
        cfg |= draw(pieces(n_heads))
    options = {
        "batch": st.integers(1, 4),
        "seq": st.integers(1, cfg["context_length"]),
        "dtype": st.sampled_from(["fp32", "bf16"]),
        "optimizer": st.sampled_from(["sgd", "momentum", "adamw"]),
        "explicit": st.booleans(),
        "checkpointing": st.booleans(),
    }
    return Plan(cfg, **{name: fixed.get(name, draw(values)) for name, values in options.items()})


@st.composite
def pieces(draw, n_heads):
    """Piezas de hoy, unas sí y otras no, para un modelo de tantas cabezas."""
    found = {
        "norm": st.sampled_from(["layer", "rms"]),
        "positions": st.sampled_from(["learned", "rope"]),
        "feed_forward": st.sampled_from(["gelu", "swiglu", "experts"]),
        "hidden_dim": st.integers(1, 20),
        "bias": st.just(False),
        "n_kv_heads": st.sampled_from([n for n in range(1, n_heads + 1) if n_heads % n == 0]),
        "head_dim": st.sampled_from([2, 4, 6]),
        "qk_norm": st.booleans(),
        "window": st.none() | st.integers(1, 20),
    }
    found = {key: draw(values) for key, values in found.items()}
    if found["feed_forward"] == "experts":
        n_experts = draw(st.integers(1, 4))
        found |= {"n_experts": n_experts, "experts_per_token": draw(st.integers(1, n_experts))}
    return found


def built(plan):
    """El modelo de un plan, entrenándose, y un lote (x, y)."""
    model = GPTModel(plan.cfg).to(DTYPES[plan.dtype])
    for block in model.trf_blocks:
        block.att.explicit = plan.explicit
    if plan.checkpointing:
        checkpoint_blocks(model)
    return model, *(tokens(plan.batch, plan.seq, plan.cfg["vocab_size"]) for _ in "xy")


def kept_bytes(plan):
    """Lo que de verdad se conserva hasta la vuelta en un paso de un plan."""
    model, x, y = built(plan)
    handed = []

    def note(blocks, args, reading):
        for found in reading.values():
            handed.extend(found if isinstance(found, tuple) else [found])

    model.trf_blocks.register_forward_pre_hook(note, with_kwargs=True)
    _, measured = saved_bytes(lambda: next_token_loss(model, x, y), model)
    # La recomputación conserva también lo que recibe cada bloque, sin que autograd lo sepa.
    return measured + (sum(tensor.nbytes for tensor in handed) if plan.checkpointing else 0)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("dropout", [{"no_dropout": True}, {"drop_rate": 0.3}], ids=["sin", "con"])
def test_saved_activations_to_the_byte(dtype, dropout):
    sizes = {"vocab_size": 7, "context_length": 64, "emb_dim": 48, "n_heads": 2, "n_layers": 1}
    cfg = {**sizes, "drop_rate": dropout.get("drop_rate", 0.0), "qkv_bias": False}
    several_blocks_a_mask = Plan(cfg, batch=3, seq=64, dtype=dtype)

    @MANY
    @given(plans(dtype=dtype, **dropout))
    @example(several_blocks_a_mask)
    def compare(plan):
        assert sum(activations(plan).values()) == kept_bytes(plan)

    compare()


@pytest.mark.parametrize("changes", PIECES.values(), ids=PIECES)
def test_each_piece_of_today_to_the_byte(changes):
    """Sus tensores, su caché, lo que guarda al ir de cada manera y sus FLOPs."""
    model = GPTModel({**SMALL, **changes})
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert list(parameter_shapes(model.cfg).items()) == list(shapes.items())
    plan = Plan(model.cfg, batch=3, seq=8)
    assert kv_cache(plan) == KVCache(model, 3, 8).nbytes
    dropout = {**model.cfg, "drop_rate": 0.1}
    for how in (
        {},
        {"seq": 1},
        {"dtype": "bf16", "checkpointing": True},
        {"dtype": "bf16", "explicit": True},
        {"cfg": dropout},
    ):
        other = dataclasses.replace(plan, **how)
        assert sum(activations(other).values()) == kept_bytes(other), how
    for how in ({}, {"checkpointing": True}):
        other = dataclasses.replace(plan, **how)
        assert training_flops(other) == counted_flops(other), how


def counted_flops(plan):
    """FLOPs de ir y volver según torch, después de comprobar los de la ida."""
    model, x, y = built(plan)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        loss = next_token_loss(model, x, y)
        assert sum(flops(plan).values()) == counter.get_total_flops()
        loss.backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "mixed"])
def test_weights_gradients_and_optimizer_to_the_byte(dtype):
    @SOME
    @given(plans(dtype=dtype))
    def compare(plan):
        model, x, y = built(plan)
        optimizer = one_step(model, x, y, plan)
        assert state_bytes(model, optimizer) == state(plan)

    compare()


def one_step(model, x, y, plan):
    """Un paso con el optimizador de PyTorch; en «mixed», sobre una copia fp32 de los pesos."""
    own = list(model.parameters())
    trained = [p.detach().float() for p in own] if plan.has_master else own
    optimizer = {
        "sgd": lambda: torch.optim.SGD(trained, lr=0.1),
        "momentum": lambda: torch.optim.SGD(trained, lr=0.1, momentum=0.9),
        "adamw": lambda: torch.optim.AdamW(trained),
    }[plan.optimizer]()
    next_token_loss(model, x, y).backward()
    if plan.has_master:
        for master, parameter in zip(trained, own, strict=True):
            master.grad = parameter.grad.float()
    optimizer.step()
    return optimizer


@SOME
@given(plans())
def test_flops_are_those_that_torch_counts(plan):
    assert training_flops(plan) == counted_flops(plan)


@MANY
@given(plans())
def test_the_weights_file_to_the_byte(tmp_path_factory, plan):
    path = tmp_path_factory.mktemp("pesos") / "modelo.safetensors"
    save_file(built(plan)[0].state_dict(), path)
    assert weights_file(plan) == path.stat().st_size


@SOME
@given(plans(dtype="fp32", no_dropout=True, of_today=False))
def test_the_kv_cache_is_that_of_transformers(plan):
    model, x, _ = built(plan)
    with torch.no_grad():
        cache = as_huggingface(model)(x, use_cache=True).past_key_values
    stored = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert kv_cache(plan) == stored


@pytest.mark.parametrize(
    ("cfg", "released"),
    [
        (GPT2_CONFIGS["gpt2"], 124_439_808),
        (GPT2_CONFIGS["gpt2-medium"], 354_823_168),
        (GPT2_CONFIGS["gpt2-large"], 774_030_080),
        (GPT2_CONFIGS["gpt2-xl"], 1_557_611_200),
        (GPT_CONFIG_124M, 163_009_536),
        (LLAMA_STYLE, 152_711_424),  # este y el último, los que cuenta transformers
        (MODERN_CONFIGS["llama-3.2-1b"], 1_235_814_400),
        (MODERN_CONFIGS["qwen3-0.6b"], 596_049_920),
        ({**SMALL, **LLAMA, **EXPERTS}, 2_772),
    ],
    ids=[*GPT2_CONFIGS, "124M", "LLAMA_STYLE", *MODERN_CONFIGS, "Mixtral"],
)
def test_the_published_sizes_line_by_line(cfg, released):
    with torch.device("meta"):
        model = GPTModel(cfg)
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    assert list(parameter_shapes(cfg).items()) == list(shapes.items())
    assert sum(parameters(cfg).values()) == released
    groups = {
        "token_embedding": model.tok_emb,
        "position_embedding": model.pos_emb or [],
        "attention": [block.att for block in model.trf_blocks],
        "feed_forward": [block.ff for block in model.trf_blocks],
        "norms": [model.final_norm, *(n for b in model.trf_blocks for n in (b.norm1, b.norm2))],
        "output_head": [] if cfg.get("tie_weights") else model.out_head,
    }
    for piece, modules in groups.items():
        modules = modules if isinstance(modules, list) else [modules]
        assert parameters(cfg)[piece] == sum(p.numel() for m in modules for p in m.parameters()), piece


@MANY
@given(plans(), st.sampled_from(["fp32", "bf16", "mixed"]))
def test_the_short_account_is_that_of_every_tensor(plan, dtype):
    """Las cuentas miran uno o dos bloques; aquí se recorren todos los tensores del modelo."""
    plan = dataclasses.replace(plan, dtype=dtype, optimizer="adamw", cfg={**plan.cfg, "n_layers": 4})
    shapes = list(parameter_shapes(plan.cfg).values())
    count = sum(map(math.prod, shapes))
    assert sum(parameters(plan.cfg).values()) == count
    moment = 4 if dtype == "mixed" else plan.element
    assert state(plan)["optimizer"] == 2 * moment * count + 4 * len(shapes)
    sizes = [moment * math.prod(shape) for shape in shapes if len(shape) == 2]
    scratch = max(2 * size + before for before, size in itertools.pairwise([0, *sizes]))
    moments = training_timeline(plan)
    fixed = sum(state(plan).values())
    assert moments["optimizer"] - fixed == scratch + (max(sizes) if dtype == "mixed" else 0)


@pytest.mark.parametrize("count", [training_peak, inference_peak, state, parameters, activations])
def test_the_cost_does_not_grow_with_the_blocks(count):
    cfg = {**GPT_CONFIG_124M, "n_layers": 100_000_000}  # recorrerlos, aun sin hacer nada, pasa del segundo
    argument = cfg if count is parameters else Plan(cfg)
    start = time.process_time()
    count(argument)
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize("name", [*GPT2_CONFIGS, *MODERN_CONFIGS])
def test_a_whole_step_of_the_published_sizes_on_the_meta_device(name):
    """Sin reservar nada: las activaciones y los FLOPs de los modelos publicados, con 1024 tokens.

    El pequeño, con sus 12 bloques; los demás, con dos, que son todos iguales.
    """
    cfg = {**GPT2_CONFIGS, **MODERN_CONFIGS}[name] | {"drop_rate": 0.0}
    plan = Plan(cfg if name == "gpt2" else {**cfg, "n_layers": 2}, batch=2, seq=1024, explicit=True)
    with torch.device("meta"):
        model = GPTModel(plan.cfg)
        x, y = (torch.zeros(2, 1024, dtype=torch.int64) for _ in "xy")
    for block in model.trf_blocks:
        block.att.explicit = True
    with FlopCounterMode(display=False) as counter:
        loss, measured = saved_bytes(lambda: next_token_loss(model, x, y), model)
        loss.backward()
    assert measured == sum(activations(plan).values())
    assert counter.get_total_flops() == training_flops(plan)


def test_published_figures():
    small, xl = (Plan(GPT2_CONFIGS[name], dtype="bf16") for name in ("gpt2", "gpt2-xl"))
    assert [kv_cache(plan) / 2**20 for plan in (small, xl)] == [36, 300]
    assert kv_cache(dataclasses.replace(small, seq=1)) == 36 * 2**10
    llama, qwen = (Plan(cfg, seq=1, dtype="bf16") for cfg in MODERN_CONFIGS.values())
    assert [kv_cache(plan) / 2**10 for plan in (llama, qwen)] == [32, 112]
    assert sum(flops(Plan(GPT_CONFIG_124M)).values()) == 291_648_307_200
    assert state(Plan(GPT_CONFIG_124M))["weights"] == 652_038_144
    for dtype in ("fp32", "mixed"):
        sizes = state(Plan(GPT_CONFIG_124M, dtype=dtype))
        assert sum(sizes.values()) == 16 * 163_009_536 + 4 * len(parameter_shapes(GPT_CONFIG_124M))


def test_each_piece_by_hand():
    """Un modelo de dos bloques con B = 2, T = 5 y C = 8: N = 320 bytes y cada máscara, 4096."""
    plan = Plan({**TINY, "drop_rate": 0.1}, batch=2, seq=5)
    saved = {
        "inputs": 16 * 10 + 8 * 5,
        "norms": 5 * 4 * 10 * 25,
        "attention": 2 * (5 * 320 + 2 * 400 + 25 + 4096),
        "feed_forward": 2 * 21 * 320,
        "dropout": 5 * 4096,
        "block_inputs": 0,
        "output_head": 320,
        "loss": 2 * 5 * 13 * 4 + 4,
    }
    assert activations(plan) == saved
    light = {"norms": 1000, "attention": 0, "feed_forward": 0, "dropout": 4096, "block_inputs": 2 * 320}
    assert activations(dataclasses.replace(plan, checkpointing=True)) == {**saved, **light}
    assert flops(plan) == {
        "projections": 2 * 2 * 10 * 4 * 64,
        "scores": 2 * 4 * 10 * 5 * 8,
        "feed_forward": 2 * 2 * 10 * 8 * 64,
        "output_head": 2 * 10 * 8 * 13,
    }
    assert type(training_flops(dataclasses.replace(plan, cfg=TINY, checkpointing=True))) is int


def test_each_piece_of_today_by_hand():
    """B = 2, T = 5, C = 8, dos queries y una key de 4 y red de 3: N = Q = 320 bytes, K = 160 y F = 120."""
    cfg = {**TINY, "norm": "rms", "positions": "rope", "n_kv_heads": 1, "hidden_dim": 3, "bias": False}
    cfg |= {"feed_forward": "swiglu", "qk_norm": True, "window": 4}
    plan = Plan(cfg, batch=2, seq=5)
    attention = 320 + 2 * 320 + 2 * 160 + 320 + 4 * 20 + 25 * 4 + 4 * 30 * 9
    assert activations(plan) == {
        "inputs": 16 * 10 + 2 * 4 * 5 * 2,
        "norms": 5 * 4 * 10 * 17,
        "attention": 2 * attention,
        "feed_forward": 2 * (320 + 4 * 120),
        "dropout": 0,
        "block_inputs": 0,
        "output_head": 320,
        "loss": 2 * 5 * 13 * 4 + 4,
    }
    again = activations(dataclasses.replace(plan, checkpointing=True))
    assert again["block_inputs"] == 2 * 320 + 25 and again["inputs"] == activations(plan)["inputs"]
    assert flops(plan)["projections"] == 2 * 2 * 10 * (2 * 64 + 2 * 32)
    assert flops(plan)["feed_forward"] == 2 * 2 * 10 * 3 * 24
    assert kv_cache(plan) == 2 * 2 * 160
    experts = {"feed_forward": "experts", "n_experts": 4, "experts_per_token": 2}
    plan = Plan({**cfg, **experts}, batch=2, seq=5)
    assert activations(plan)["feed_forward"] == 2 * (320 + 20 * (8 + 4 + 4 + 16 + 4 * (3 * 8 + 4 * 3)))
    assert flops(plan)["feed_forward"] == 2 * 2 * 10 * (8 * 4 + 2 * 3 * 24)


def test_what_a_plan_says_by_default():
    plan = Plan(GPT_CONFIG_124M)
    assert plan == Plan(GPT_CONFIG_124M, 1, 1024, "fp32", "adamw", False, False, 1)
    assert (plan.tied, Plan(GPT2_CONFIGS["gpt2"]).tied) == (False, True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.batch = 2


def test_explicit_attention_gives_the_same_as_sdpa():
    model, x = tiny_model(), tokens(2, 7)
    expected = model(x)
    for block in model.trf_blocks:
        block.att.explicit = True
    torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-5)


def test_the_ledger_adds_up():
    plan = Plan(GPT2_CONFIGS["gpt2"], batch=2, seq=128)
    sizes = training_sizes(plan)
    assert sizes["activations"] == sum(activations(plan).values())
    assert sizes["logits"] == 2 * 128 * 50257 * 4
    assert sizes["gradients"] == sizes["weights"]
    assert attention_matrix(plan) == 2 * 12 * 128 * 128 * 4
    moments = training_timeline(plan)
    assert training_peak(plan) == max(moments.values())
    assert moments["start"] == sizes["weights"] + sizes["optimizer"]
    assert moments["forward"] - moments["start"] == sizes["activations"] + sizes["logits"]
    assert inference_sizes(plan)["weights"] == sizes["weights"]
    assert inference_peak(plan) == max(inference_timeline(plan).values())


@pytest.mark.parametrize(
    "change",
    [
        {"checkpointing": True},
        {"dtype": "bf16"},
        {"batch": 1},
        {"seq": 64},
        {"cfg": {**GPT2_CONFIGS["gpt2"], "drop_rate": 0.0}},
    ],
    ids=["recomputación", "bf16", "lote", "longitud", "SDPA"],
)
def test_what_saves_memory_lowers_the_peak(change):
    plan = Plan(GPT2_CONFIGS["gpt2"], batch=8, seq=256)
    assert training_peak(dataclasses.replace(plan, **change)) < training_peak(plan)


def test_accumulating_keeps_the_gradients_alive():
    plan = Plan(GPT2_CONFIGS["gpt2"], batch=8, seq=256)
    more = dataclasses.replace(plan, accumulation=4)
    grown = training_timeline(more)["forward"] - training_timeline(plan)["forward"]
    assert grown == state(plan)["gradients"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batch": 0}, "batch debe ser un entero mayor o igual que 1; llegó 0"),
        ({"batch": 2.0}, "batch debe ser un entero"),
        ({"seq": 0}, "seq debe ser un entero"),
        ({"seq": 1025}, "`seq` debe ser como mucho context_length, 1024; llegó 1025"),
        ({"accumulation": 0}, "accumulation debe ser un entero"),
        ({"dtype": "fp8"}, "dtype debe ser uno de fp32, bf16, mixed; llegó 'fp8'"),
        ({"optimizer": "adam"}, "optimizer debe ser uno de sgd, momentum, adamw; llegó 'adam'"),
        ({"explicit": 1}, "explicit debe ser True o False; llegó 1"),
        ({"checkpointing": "sí"}, "checkpointing debe ser True o False; llegó 'sí'"),
        ({"cfg": {**TINY, "n_heads": 3}}, "emb_dim debe ser múltiplo de n_heads"),
        ({"cfg": None}, "debe ser un diccionario"),
        ({"dtype": ["fp32"]}, "dtype debe ser uno de"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Plan(**{"cfg": GPT_CONFIG_124M, **fields})


def test_numbers_of_numpy_do_not_overflow():
    plan = Plan({**GPT_CONFIG_124M, "emb_dim": np.int32(768)}, batch=np.int32(1024), seq=np.int64(1024))
    assert plan == Plan(GPT_CONFIG_124M, batch=1024)
    assert sum(activations(plan).values()) > 2**31
    assert weights_file(plan) == weights_file(Plan(GPT_CONFIG_124M))
    deep = {**GPT_CONFIG_124M, "emb_dim": np.int16(768), "n_layers": np.int16(12)}
    assert parameters(deep) == parameters(GPT_CONFIG_124M)


def test_the_numbers_of_a_plan_can_be_saved_as_json():
    plan = Plan({**GPT_CONFIG_124M, "drop_rate": np.float32(0.5), "n_heads": np.int8(12)}, seq=np.int16(9))
    assert json.loads(json.dumps(dataclasses.asdict(plan)))["cfg"] == {**GPT_CONFIG_124M, "drop_rate": 0.5}


def test_a_plan_keeps_its_own_configuration():
    cfg = dict(GPT_CONFIG_124M)
    plan = Plan(cfg)
    cfg["n_layers"] = 0
    assert plan.cfg == GPT_CONFIG_124M


def test_predicting_needs_no_torch():
    code = (
        "import sys; from gpt_course.memory import *; from gpt_course.memory import advice, report, __main__;"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_storage_counts_once_and_whole():
    weight = torch.nn.Parameter(torch.ones(3))
    model = torch.nn.ParameterList([weight])
    kept = torch.ones(10)  # 40 bytes, de los que se guardan dos vistas

    def function():
        return (kept[:3] * weight).sum() + (kept[3:6] * weight).sum()

    result, measured = saved_bytes(function, model)
    assert measured == 40
    assert result.item() == 6
