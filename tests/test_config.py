"""La configuración: las claves, los valores admitidos y los errores que ve quien se equivoca."""

import copy
import json
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest

from gpt_course.config import (
    GPT2_CONFIGS,
    GPT_CONFIG_124M,
    LLAMA_STYLE,
    MODERN_CONFIGS,
    OPTIONAL,
    STORY_CONFIG,
    check_config,
    check_count,
    check_number,
    check_rate,
    complete,
)


def test_the_course_configuration_is_the_published_one():
    assert GPT_CONFIG_124M == {
        "vocab_size": 50257,
        "context_length": 1024,
        "emb_dim": 768,
        "n_heads": 12,
        "n_layers": 12,
        "drop_rate": 0.1,
        "qkv_bias": False,
    }


@pytest.mark.parametrize(
    ("name", "n_layers", "n_heads", "emb_dim"),
    [
        ("gpt2", 12, 12, 768),
        ("gpt2-medium", 24, 16, 1024),
        ("gpt2-large", 36, 20, 1280),
        ("gpt2-xl", 48, 25, 1600),
    ],
)
def test_released_sizes(name, n_layers, n_heads, emb_dim):
    assert GPT2_CONFIGS[name] == GPT_CONFIG_124M | {
        "n_layers": n_layers,
        "n_heads": n_heads,
        "emb_dim": emb_dim,
        "qkv_bias": True,
        "tie_weights": True,
    }


def test_the_model_of_the_stories():
    sizes = {"vocab_size": 425, "context_length": 144, "emb_dim": 64, "n_heads": 4, "n_layers": 2}
    assert {**sizes, "drop_rate": 0.0, "qkv_bias": False} == STORY_CONFIG


@pytest.mark.parametrize("cfg", [GPT_CONFIG_124M, *GPT2_CONFIGS.values()])
def test_a_good_configuration_passes_untouched(cfg):
    before = copy.deepcopy(cfg)
    check_config(cfg)
    assert cfg == before


@pytest.mark.parametrize("cfg", [None, 124, "gpt2", ["vocab_size"]])
def test_a_configuration_is_a_mapping(cfg):
    with pytest.raises(ValueError, match=f"debe ser un diccionario.*llegó {type(cfg).__name__}"):
        check_config(cfg)


def test_missing_and_unknown_keys_are_named():
    cfg = {**GPT_CONFIG_124M, "dropout": 0.1}
    del cfg["drop_rate"]
    with pytest.raises(ValueError, match=r"Faltan: \['drop_rate'\]; sobran: \['dropout'\]"):
        check_config(cfg)


def test_an_unknown_key_alone_is_refused():
    with pytest.raises(ValueError, match=r"Faltan: ninguna; sobran: \['n_head'\]"):
        check_config({**GPT_CONFIG_124M, "n_head": 12})


@pytest.mark.parametrize("key", list(GPT_CONFIG_124M))
def test_every_key_is_required(key):
    cfg = {name: value for name, value in GPT_CONFIG_124M.items() if name != key}
    with pytest.raises(ValueError, match=rf"Faltan: \['{key}'\]; sobran: ninguna"):
        check_config(cfg)


@pytest.mark.parametrize("key", ["vocab_size", "context_length", "emb_dim", "n_heads", "n_layers"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "12", True, None])
def test_sizes_are_positive_integers(key, value):
    with pytest.raises(ValueError, match=f"{key} debe ser un entero mayor o igual que 1; llegó {value!r}"):
        check_config({**GPT_CONFIG_124M, key: value})


@pytest.mark.parametrize("value", [-0.1, 1, 1.0, 1.5, float("nan"), "0.1", True, None])
def test_drop_rate_lies_in_the_half_open_interval(value):
    message = (
        rf"drop_rate debe ser un número del intervalo \[0, 1\); llegó {value!r}\. Un 10 % se escribe 0\.1"
    )
    with pytest.raises(ValueError, match=message):
        check_config({**GPT_CONFIG_124M, "drop_rate": value})


@pytest.mark.parametrize("key", ["qkv_bias", "tie_weights"])
@pytest.mark.parametrize("value", [0, 1, "False", None])
def test_switches_are_booleans(key, value):
    with pytest.raises(ValueError, match=f"{key} debe ser True o False; llegó {value!r}"):
        check_config({**GPT_CONFIG_124M, key: value})


def test_limits_that_are_still_good():
    check_count("n", 1)
    check_count("n", 0, minimum=0)
    check_rate("p", 0)
    check_rate("p", 0.999)


@pytest.mark.parametrize("number", [np.int64(8), np.int32(8)])
def test_integers_of_numpy_are_integers(number):
    check_config({**GPT_CONFIG_124M, "emb_dim": number, "n_heads": np.int64(4), "drop_rate": np.float32(0.1)})


def test_heads_share_the_width():
    with pytest.raises(ValueError, match=r"múltiplo de n_heads.*emb_dim=768 y n_heads=7 \(sobran 5\)"):
        check_config({**GPT_CONFIG_124M, "n_heads": 7})


def test_a_list_of_keys_is_not_a_configuration():
    with pytest.raises(ValueError, match="debe ser un diccionario como GPT_CONFIG_124M; llegó list"):
        check_config(["vocab_size"])


@pytest.mark.parametrize(
    ("interval", "good", "bad"),
    [
        ("[0, 1)", [0, 0.5, np.float32(0.25), np.float16(0), Fraction(1, 3)], [1, -1e-9, 2]),
        ("(0, ∞)", [1e-300, 5, np.int64(3)], [0, -1, float("inf")]),
        ("(0, 1]", [1, 1e-9], [0, 1.001]),
        ("[0, ∞)", [0, 1e300], [-1e-300, float("inf")]),
    ],
)
def test_numbers_of_an_interval(interval, good, bad):
    for value in good:
        number = check_number("x", value, interval, "Prueba otro.")
        assert type(number) is float and number == float(value)
    for value in [*bad, float("nan"), None, "0.5", True, 1j, np.array([0.5])]:
        with pytest.raises(ValueError) as error:
            check_number("x", value, interval, "Prueba otro.")
        message = f"x debe ser un número del intervalo {interval}; llegó {value!r}. Prueba otro."
        assert str(error.value) == message


def test_checked_numbers_are_of_python():
    assert type(check_count("n", np.int32(3))) is int
    assert type(check_rate("p", np.float32(0.5))) is float
    cfg = check_config({**GPT_CONFIG_124M, "emb_dim": np.int64(768), "drop_rate": np.float32(0.5)})
    assert {type(value) for value in cfg.values()} == {int, float, bool}


def test_the_checked_configuration_is_a_copy():
    cfg = dict(GPT_CONFIG_124M)
    checked = check_config(MappingProxyType(cfg))
    cfg["n_layers"] = 1
    assert checked == GPT_CONFIG_124M and type(checked) is dict


# --- Una clave por pieza -----------------------------------------------------------------------------

MODERN = {**GPT_CONFIG_124M, "positions": "rope", "feed_forward": "experts", "bias": False, "norm": "rms"}
MODERN |= {"n_experts": 4, "experts_per_token": 2, "n_kv_heads": 4, "head_dim": 10, "qk_norm": True}
MODERN |= {"hidden_dim": 7, "window": 5, "norm_eps": 1e-6, "rope_base": 5e5, "tie_weights": True}
LLAMA3 = {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}
LLAMA3 |= {"original_max_position_embeddings": 8192}
MODERN["rope_scaling"] = LLAMA3


def test_every_key_of_a_piece_is_admitted_and_nothing_is_added():
    assert set(MODERN) == {*GPT_CONFIG_124M, *OPTIONAL}
    assert check_config(MODERN) == MODERN and check_config(GPT_CONFIG_124M) == GPT_CONFIG_124M
    assert check_config(LLAMA_STYLE) == LLAMA_STYLE
    assert check_config(complete(MODERN)) == complete(MODERN)
    assert check_config(complete(GPT_CONFIG_124M)) == complete(GPT_CONFIG_124M)


def test_what_is_not_said_is_as_in_gpt2():
    derived = {"hidden_dim": 3072, "n_kv_heads": 12, "head_dim": 64}
    assert complete(GPT_CONFIG_124M) == {**OPTIONAL, **GPT_CONFIG_124M, **derived}
    assert complete(MODERN) == MODERN
    fixed = {"tie_weights": False, "norm": "layer", "norm_eps": 1e-5, "positions": "learned"}
    fixed |= {"rope_base": 10_000, "rope_scaling": None, "feed_forward": "gelu", "bias": True}
    fixed |= {"qk_norm": False, "window": None, "n_experts": None, "experts_per_token": None}
    assert {key: OPTIONAL[key] for key in fixed} == fixed


def test_todays_default_is_the_size_of_gpt2():
    changed = {"norm": "rms", "positions": "rope", "feed_forward": "swiglu", "hidden_dim": 2048}
    changed |= {"bias": False, "n_kv_heads": 4, "drop_rate": 0.0}
    assert {**GPT_CONFIG_124M, **changed} == LLAMA_STYLE


def test_the_modern_configurations_are_the_published_ones():
    """Según el config.json de cada una; test_weights_llama.py lo lee entero."""
    llama = {"vocab_size": 128_256, "context_length": 131_072, "emb_dim": 2048, "n_heads": 32, "n_layers": 16}
    llama |= {"hidden_dim": 8192, "rope_base": 500_000.0, "rope_scaling": {**LLAMA3, "factor": 32}}
    qwen = {"vocab_size": 151_936, "context_length": 40_960, "emb_dim": 1024, "n_heads": 16, "n_layers": 28}
    qwen |= {"hidden_dim": 3072, "rope_base": 1e6, "norm_eps": 1e-6, "head_dim": 128, "qk_norm": True}
    shared = {**LLAMA_STYLE, "tie_weights": True, "n_kv_heads": 8}
    assert {"llama-3.2-1b": {**shared, **llama}, "qwen3-0.6b": {**shared, **qwen}} == MODERN_CONFIGS
    assert all(check_config(cfg) == cfg for cfg in MODERN_CONFIGS.values())


def test_numbers_of_the_pieces_are_of_python_and_the_scaling_is_a_copy():
    scaling = MappingProxyType(
        {**LLAMA3, "factor": np.float32(8), "original_max_position_embeddings": np.int64(9)}
    )
    given = {"hidden_dim": np.int64(7), "norm_eps": np.float32(0.5), "rope_scaling": scaling, "window": None}
    cfg = check_config({**MODERN, **given})
    assert cfg["rope_scaling"] == {**LLAMA3, "original_max_position_embeddings": 9}
    assert type(cfg["rope_scaling"]) is dict and type(cfg["hidden_dim"]) is int
    assert json.loads(json.dumps(cfg)) == cfg
    with pytest.raises(ValueError, match="rope_scaling debe ser None o"):
        check_config({**MODERN, "rope_scaling": {**LLAMA3, "factor": np.float32(8), "beta": 1}})


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("norm", ["RMS", None, 1, ["rms"]], r'norm debe ser "layer" o "rms"; llegó .*En GPT-2 es "layer"'),
        ("positions", ["alibi", True], 'positions debe ser "learned" o "rope"; llegó'),
        ("feed_forward", ["relu", {}], 'feed_forward debe ser "gelu" o "swiglu" o "experts"; llegó'),
        (
            "norm_eps",
            [0, 1, "1e-5", None, True],
            r"norm_eps debe ser un número del intervalo \(0, 1\); llegó .*\. Prueba con 1e-5\.",
        ),
        (
            "rope_base",
            [0, -1, None, "mil"],
            r"rope_base debe ser un número del intervalo \(0, ∞\); llegó .*\. Prueba con 10000\.",
        ),
        ("hidden_dim", [0, 2.0, None, "4"], "hidden_dim debe ser un entero mayor o igual que 1; llegó"),
        ("n_kv_heads", [0, 2.0, None], "n_kv_heads debe ser un entero mayor o igual que 1; llegó"),
        ("n_kv_heads", [5, 24], "n_kv_heads debe dividir a n_heads.*Elige un divisor de 12"),
        ("head_dim", [0, 2.0, None], "head_dim debe ser un entero mayor o igual que 1; llegó"),
        ("head_dim", [7], "Con RoPE, head_dim debe ser par.*es 7"),
        ("window", [0, 2.0, "3", True], "window debe ser un entero mayor o igual que 1; llegó"),
        ("n_experts", [0, None, 2.0, 1], "n_experts"),
        ("experts_per_token", [0, None, 2.0], "experts_per_token debe ser un entero mayor o igual que 1"),
        ("experts_per_token", [5], "experts_per_token debe ser como mucho n_experts; llegaron 5 y 4"),
        ("bias", [True], 'Con feed_forward="experts" no hay sesgos, y `bias` es True. Pon `"bias": False`'),
        ("bias", [0, None, "no"], "bias debe ser True o False; llegó"),
        ("qk_norm", [0, 1, None], "qk_norm debe ser True o False; llegó"),
        ("rope_scaling", ["llama3", 8, []], "rope_scaling debe ser None o .*llegó"),
        (
            "rope_scaling",
            [{}, {**LLAMA3, "rope_type": "yarn"}],
            "rope_scaling debe ser None o .*llegó el tipo",
        ),
        ("rope_scaling", [{"rope_type": "llama3"}, {**LLAMA3, "beta": 1}], "con factor, low_freq_factor"),
        (
            "rope_scaling",
            [{**LLAMA3, "factor": 0}],
            r"factor debe ser un número del intervalo \(0, ∞\); llegó 0\. Los de Llama 3\.1 son 8, 1 y 4",
        ),
        (
            "rope_scaling",
            [{**LLAMA3, "original_max_position_embeddings": 0}],
            "original_max_position_embeddings debe ser un entero mayor o igual que 1; llegó 0",
        ),
        (
            "rope_scaling",
            [{**LLAMA3, "low_freq_factor": "1"}],
            r"low_freq_factor debe ser un número del intervalo \(0, ∞\); llegó '1'\. Los de Llama 3\.1",
        ),
        (
            "rope_scaling",
            [{**LLAMA3, "high_freq_factor": float("inf")}],
            r"high_freq_factor debe ser un número del intervalo \(0, ∞\); llegó inf\. Los de Llama 3\.1",
        ),
        ("rope_scaling", [{**LLAMA3, "low_freq_factor": 4}], "low_freq_factor debe ser menor que high_freq"),
        ("rope_scaling", [{**LLAMA3, "original_max_position_embeddings": 1.5}], "original_max.* un entero"),
        ("positions", ["learned"], 'rope_base solo hace algo con positions="rope"; llegó rope_base=500000.0'),
        (
            "feed_forward",
            ["swiglu"],
            'n_experts solo hace algo con feed_forward="experts"; llegó n_experts=4',
        ),
    ],
    ids=str,
)
def test_what_a_piece_does_not_admit_is_said_by_its_name(key, values, message):
    for value in values:
        with pytest.raises(ValueError, match=message):
            check_config({**MODERN, key: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rope_base": 5e5}, 'rope_base solo hace algo con positions="rope"; .*positions="learned"'),
        ({"rope_scaling": LLAMA3}, 'rope_scaling solo hace algo con positions="rope"'),
        ({"n_experts": 4}, 'n_experts solo hace algo con feed_forward="experts"; .*feed_forward="gelu"'),
        ({"experts_per_token": 1}, 'experts_per_token solo hace algo con feed_forward="experts"'),
    ],
    ids=str,
)
def test_what_would_do_nothing_alone_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_config({**GPT_CONFIG_124M, **changes})


def test_all_the_experts_can_be_chosen():
    assert check_config({**MODERN, "experts_per_token": 4})["experts_per_token"] == 4


def test_bias_is_said_where_there_are_none():
    with pytest.raises(ValueError, match=r'Con feed_forward="swiglu" no hay sesgos, y `bias` es True'):
        check_config({**GPT_CONFIG_124M, "feed_forward": "swiglu"})


def test_heads_with_their_own_width_need_not_share_that_of_the_model():
    check_config({**GPT_CONFIG_124M, "n_heads": 7, "head_dim": 64})
    with pytest.raises(ValueError, match="múltiplo de n_heads"):
        check_config({**GPT_CONFIG_124M, "n_heads": 7})
    with pytest.raises(ValueError, match="head_dim debe ser par"):
        check_config({**GPT_CONFIG_124M, "emb_dim": 36, "positions": "rope"})  # 36 / 12 = 3
