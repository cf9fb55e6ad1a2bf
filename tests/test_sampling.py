"""Los filtros y el sorteo, frente a los de transformers y el azar de numpy."""

import math

import pytest
import torch
from reference import random
from transformers.generation.logits_process import (
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from gpt_course.sampling import check_sampling, choose_token, filter_logits, sample_token


def cases():
    """Logits de toda clase, (B, V): al azar, con empates, iguales, enormes, diminutos y con −inf."""
    flat, wide = torch.zeros(2, 10), random(4, 300, seed=1) * 8
    ties = torch.randint(-2, 3, (4, 40), generator=torch.Generator().manual_seed(2)).float()
    masked = random(3, 20, seed=3).masked_fill(random(3, 20, seed=4) > 0.5, -math.inf)
    huge = torch.tensor([[1e4, -1e4, 0.0, 1e4], [1e-30, 0.0, -1e-30, 0.0]])
    return [random(5, 50, seed=0), wide, ties, flat, masked, huge, torch.zeros(1, 1)]


def assert_same_filter(received, expected, logits):
    """Queda lo mismo; entre logits iguales, transformers no promete cuáles (su orden no es estable)."""
    assert torch.equal(received.sort().values, expected.sort().values)
    assert ((received == logits) | (received == -math.inf)).all()  # cada uno, en su sitio y sin cambios
    for row, ours, theirs in zip(logits, received, expected, strict=True):
        if len(row[row.isfinite()].unique()) == row.isfinite().sum():  # sin empates: iguales uno a uno
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [0.01, 0.5, 0.7, 1, 1.0, 3.0, 1e3])
def test_temperature_equals_transformers(temperature, dtype):
    warp = TemperatureLogitsWarper(float(temperature))
    for logits in cases():
        logits = logits.to(dtype)
        assert torch.equal(filter_logits(logits, temperature=temperature), warp(None, logits))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("top_k", [1, 2, 3, 7, 20, 49, 50, 10_000])
def test_top_k_equals_transformers(top_k, dtype):
    for logits in cases():
        logits = logits.to(dtype)
        assert torch.equal(filter_logits(logits, top_k=top_k), TopKLogitsWarper(top_k)(None, logits))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("top_p", [1e-9, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.999999, 1, 1.0])
def test_top_p_equals_transformers(top_p, dtype):
    for logits in cases():
        logits = logits.to(dtype)
        expected = TopPLogitsWarper(float(top_p))(None, logits)
        assert_same_filter(filter_logits(logits, top_p=top_p), expected, logits)


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), [(0.7, 5, 0.9), (2.0, 30, 0.5), (1.3, 2, 0.99)])
def test_the_filters_go_in_the_order_of_transformers(temperature, top_k, top_p):
    for logits in cases():
        expected = TemperatureLogitsWarper(temperature)(None, logits)
        expected = TopKLogitsWarper(top_k)(None, expected)
        expected = TopPLogitsWarper(top_p)(None, expected)
        received = filter_logits(logits, temperature=temperature, top_k=top_k, top_p=top_p)
        assert_same_filter(received, expected, logits / temperature)


def test_a_tie_on_the_edge_keeps_the_smallest_numbers():
    filtered = filter_logits(torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0, 0.0]), top_p=0.4)
    assert filtered.isfinite().tolist() == [False, True, True, False, False, False]
    assert filter_logits(torch.zeros(60_000), top_p=1e-9).argmax() == 0
    assert filter_logits(torch.zeros(2), top_p=0.5).isfinite().tolist() == [True, False]  # ½ ya suma ½


def test_filters_by_hand():
    logits = torch.tensor([0, math.log(2), math.log(4)])
    for options, expected in [
        ({}, [1 / 7, 2 / 7, 4 / 7]),
        ({"temperature": 0.5}, [1 / 21, 4 / 21, 16 / 21]),
        ({"top_k": 2}, [0, 1 / 3, 2 / 3]),
        ({"top_p": 0.8}, [0, 1 / 3, 2 / 3]),  # 4/7 no llega a 0,8; 6/7 sí
        ({"top_p": 0.5}, [0, 0, 1]),
        ({"temperature": 0.5, "top_p": 0.7}, [0, 0, 1]),  # la temperatura va antes: 16/21 > 0,7
    ]:
        torch.testing.assert_close(
            filter_logits(logits, **options).softmax(-1), torch.tensor(expected).float()
        )


def test_the_logits_given_are_not_modified():
    logits = random(2, 9)
    filter_logits(logits, temperature=2, top_k=3, top_p=0.5)
    assert torch.equal(logits, random(2, 9))


def test_frequencies_follow_the_probabilities():
    probabilities = torch.tensor([0.05, 0.0, 0.5, 0.3, 0.15], dtype=torch.float64)
    draws = sample_token(probabilities.log().expand(20_000, 5), torch.Generator().manual_seed(0))
    counts = draws.flatten().bincount(minlength=5).double()
    expected = 20_000 * probabilities
    assert counts[1] == 0
    chi2 = ((counts - expected) ** 2 / expected)[probabilities > 0].sum()
    assert chi2 < 11.34  # 3 grados de libertad: un 1 % la pasaría por azar


class FixedUniform:
    """Sustituye a torch.rand para probar los extremos de u."""

    def __init__(self, value):
        self.value = value

    def __call__(self, *shape, **_):
        return torch.full(shape, self.value, dtype=torch.float64)


@pytest.mark.parametrize(
    ("u", "expected"), [(0.0, 1), (0.2499, 1), (0.25, 3), (0.7499, 3), (0.75, 4), (1 - 2**-53, 4)]
)
def test_the_edges_of_the_draw(monkeypatch, u, expected):
    monkeypatch.setattr(torch, "rand", FixedUniform(u))
    logits = torch.tensor([[0, 1, 0, 2, 1, 0]], dtype=torch.float64).log()
    assert sample_token(logits).tolist() == [[expected]]  # nunca sale uno de probabilidad 0


def test_the_last_number_falls_on_the_last_token(monkeypatch):
    """Aunque las probabilidades, sumadas con redondeo, no lleguen a 1 o se pasen."""
    monkeypatch.setattr(torch, "rand", FixedUniform(1 - 2**-53))
    logits = random(200, 50, dtype=torch.float64)
    total = logits.softmax(-1).cumsum(-1)[:, -1]
    assert (total < 1).any() and (total > 1).any()
    assert (sample_token(logits) == 49).all()


def test_a_vocabulary_of_one_leaves_no_choice():
    assert sample_token(torch.zeros(3, 1)).tolist() == [[0]] * 3
    assert choose_token(torch.zeros(3, 1)).tolist() == choose_token(torch.zeros(3, 1), temperature=1).tolist()


def test_the_draw_is_counted_in_64_bits(monkeypatch):
    """En 32, lo acumulado por redondeo pasa de lo que miden los tokens más raros."""
    logits = 3 * random(1, 50_000)
    ends = logits[0].double().softmax(dim=-1).cumsum(dim=-1)
    rarest = logits[0].argsort()[:20]
    middle = (ends[rarest] + ends[rarest - 1]) / 2 / ends[-1]
    monkeypatch.setattr(torch, "rand", lambda *_, **__: middle[:, None])
    assert torch.equal(sample_token(logits.expand(20, -1))[:, 0], rarest)


def test_the_default_device_does_not_move_the_draw():
    logits, options = random(5, 9), {"temperature": 2.0, "top_k": 7, "top_p": 0.9}
    expected, received = (torch.Generator().manual_seed(1) for _ in "ab")
    tokens = choose_token(logits, generator=expected, **options)
    with torch.device("meta"):
        assert torch.equal(choose_token(logits, generator=received, **options), tokens)


def test_filtering_with_temperature_zero_is_refused():
    with pytest.raises(ValueError, match=r"temperatura 0.*argmax"):
        filter_logits(torch.zeros(3), temperature=0)


@pytest.mark.parametrize("row", [[math.nan, 0.0], [math.inf, 0.0], [-math.inf, -math.inf]], ids=str)
def test_nothing_can_be_drawn_from_broken_logits(row):
    with pytest.raises(ValueError, match="No se puede elegir un token"):
        sample_token(torch.tensor([row]))


@pytest.mark.parametrize("function", [sample_token, choose_token])
@pytest.mark.parametrize("shape", [(3,), (2, 4, 3), (0, 3), (2, 0)])
def test_logits_of_another_shape(function, shape):
    with pytest.raises(ValueError, match=r"logits \(B, V\); llegó la forma .*logits\[:, -1\]"):
        function(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 3)])
def test_logits_to_filter_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"logits \(…, V\); llegó la forma .*logits\[:, -1\]"):
        filter_logits(torch.zeros(shape))


@pytest.mark.parametrize(
    ("function", "shape"), [(sample_token, "(B, V)"), (choose_token, "(B, V)"), (filter_logits, "(…, V)")]
)
@pytest.mark.parametrize(
    ("logits", "received"),
    [(torch.ones(1, 3, dtype=torch.long), "torch.int64"), ([[0.0, 1.0]], "list"), (None, "NoneType")],
    ids=str,
)
def test_logits_are_decimals(function, shape, logits, received):
    with pytest.raises(ValueError) as error:
        function(logits)
    message = str(error.value)
    assert message.startswith(f"Se esperaban logits {shape}, un tensor de decimales; llegó {received}. ")
    assert "logits.float()" in message and "torch.tensor(lista)" in message


class Elsewhere(torch.Generator):
    """Un generador que dice ser de una GPU."""

    device = torch.device("cuda")


@pytest.mark.parametrize(
    ("generator", "received"),
    [(Elsewhere(), "cuda"), (123, "int"), (torch.zeros(1), "Tensor")],
    ids=["de una GPU", "un número", "un tensor"],
)
def test_a_generator_is_of_the_cpu(generator, received):
    for draw in (
        lambda: sample_token(torch.zeros(1, 3), generator),
        lambda: check_sampling(1.0, None, None, generator),
    ):
        with pytest.raises(ValueError, match=rf"un torch\.Generator de la CPU; llegó {received}\. Créalo"):
            draw()


def test_the_greedy_choice_is_the_first_of_the_highest():
    assert choose_token(torch.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, -math.inf]])).tolist() == [1, 0]


def test_choosing_is_filtering_and_drawing():
    logits, options = 3 * random(6, 40, seed=8), {"temperature": 1.7, "top_k": 9, "top_p": 0.9}
    logits += torch.tensor([0.0, 300, -300, 7, -7, 40])[:, None]  # cada fila, a su altura
    for seed in range(20):
        one, other = (torch.Generator().manual_seed(seed) for _ in range(2))
        chosen = choose_token(logits, **options, generator=one)
        expected = sample_token(filter_logits(logits.double(), **options), other)
        assert chosen.tolist() == expected.squeeze(1).tolist()


def test_a_tiny_temperature_chooses_the_highest_of_each_row():
    logits = torch.tensor([[0.0, 1.0], [2.0**33, 2.0**33 - 2.0**12]])
    assert choose_token(logits, temperature=1e-300).tolist() == [1, 0]


@pytest.mark.parametrize("name", ["top_k", "top_p", "generator"])
def test_the_greedy_choice_takes_no_option_that_would_do_nothing(name):
    options = {"top_k": 2, "top_p": 0.5, "generator": torch.Generator()}
    with pytest.raises(
        ValueError, match=f"Con temperature=0 se elige siempre el mayor y {name} no haría nada"
    ):
        choose_token(torch.zeros(1, 3), **{name: options[name]})


@pytest.mark.parametrize("row", [[math.nan, 0.0], [math.inf, 0.0], [-math.inf, -math.inf]], ids=str)
def test_nothing_is_chosen_from_broken_logits(row):
    for temperature in (0.0, 1.0):
        with pytest.raises(ValueError, match="No se puede elegir un token"):
            choose_token(torch.tensor([[0.0, 1.0], row]), temperature=temperature)


@pytest.mark.parametrize(
    ("options", "advice"),
    [({"temperature": -1}, "Con 0 se elige siempre el mayor"), ({"top_p": 90}, r"Un 90 % se escribe 0\.9")],
)
def test_errors_give_a_way_out(options, advice):
    with pytest.raises(ValueError, match=advice):
        filter_logits(torch.zeros(3), **options)
