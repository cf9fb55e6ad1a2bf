"""La configuración: las claves, los valores admitidos y los errores que ve quien se equivoca."""

import copy
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest

from gpt_course.config import (
    GPT2_CONFIGS,
    GPT_CONFIG_124M,
    check_config,
    check_count,
    check_number,
    check_rate,
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
