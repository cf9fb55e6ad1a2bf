"""La generación, voraz y sorteada, frente al modelo y los filtros de transformers y el azar de numpy."""

import bisect
import itertools
import math

import numpy as np
import pytest
import torch
from reference import as_huggingface, model_124m, random, tiny_model
from transformers.generation.logits_process import (
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from gpt_course.generation import generate
from gpt_course.sampling import filter_logits, sample_token


def greedy_with_huggingface(model, ids, max_new_tokens, context_length):
    other = as_huggingface(model)
    sequences = ids.tolist()
    for _ in range(max_new_tokens):
        for sequence in sequences:  # de una en una, sin lote
            with torch.no_grad():
                scores = other(torch.tensor([sequence[-context_length:]])).logits[0, -1].tolist()
            sequence.append(scores.index(max(scores)))
    return sequences


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("length", [1, 5, 7, 12])  # 12: la entrada ya no cabe en los 7 del contexto
def test_equals_a_greedy_loop_over_huggingface(tied, length):
    model = tiny_model(qkv_bias=True, tie_weights=tied)
    ids = torch.randint(13, (2, length), generator=torch.Generator().manual_seed(length))
    out = generate(model, ids, 11)
    assert out.shape == (2, length + 11)
    assert out.tolist() == greedy_with_huggingface(model, ids, 11, context_length=7)


def test_continuation_of_notebook_07():
    model, _ = model_124m()
    model.eval()
    ids = torch.tensor([[15496, 11, 314, 716]])
    out = generate(model, ids, 6).tolist()
    assert out == [[15496, 11, 314, 716, 27018, 24086, 47843, 30961, 42348, 7267]]
    assert out == greedy_with_huggingface(model, ids, 6, context_length=1024)


def test_zero_new_tokens():
    ids = torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(generate(tiny_model(), ids, 0), ids)


def test_the_input_is_not_modified():
    ids = torch.tensor([[1, 2]])
    generate(tiny_model(), ids, 3)
    assert ids.tolist() == [[1, 2]]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_dtype_is_kept(dtype):
    assert generate(tiny_model(), torch.ones(2, 3, dtype=dtype), 2).dtype == dtype


def test_no_graph_is_kept():
    model, grad_needed = tiny_model(), []
    model.register_forward_hook(lambda module, inputs, logits: grad_needed.append(logits.requires_grad))
    generate(model, torch.tensor([[1, 2]]), 3)
    assert grad_needed == [False] * 3
    assert torch.is_grad_enabled()


def test_random_stream_is_untouched():
    model, state = tiny_model(drop_rate=0.5), torch.get_rng_state()
    generate(model, torch.tensor([[1, 2]]), 5)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("training", [True, False])
def test_mode_is_left_as_it_was(training):
    model = tiny_model().train(training)
    generate(model, torch.tensor([[1, 2]]), 2)
    assert model.training is training


def test_the_model_sees_only_its_window():
    model, seen = tiny_model(), []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].tolist()))
    out = generate(model, torch.tensor([[1, 2, 3, 4, 5]]), 4, cache=False)[0].tolist()
    assert seen == [[out[max(0, end - 7) : end]] for end in (5, 6, 7, 8)]


def test_with_cache_each_token_is_read_once_until_the_window_slides():
    model, seen = tiny_model(), []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].tolist()))
    out = generate(model, torch.tensor([[1, 2, 3, 4, 5]]), 5)[0].tolist()
    assert seen == [[out[:5]], [out[5:6]], [out[6:7]], [out[1:8]], [out[2:9]]]


@pytest.mark.parametrize("value", [-1, 1.0, "3", None, True])
def test_bad_number_of_tokens(value):
    with pytest.raises(
        ValueError, match=f"max_new_tokens debe ser un entero mayor o igual que 0; llegó {value!r}"
    ):
        generate(tiny_model(), torch.tensor([[1]]), value)


@pytest.mark.parametrize(
    ("ids", "received"),
    [
        ([[1, 2]], "llegó list"),
        (torch.tensor([1, 2]), r"llegó \(2,\)"),
        (torch.ones(1, 2, 3, dtype=torch.long), r"llegó \(1, 2, 3\)"),
        (torch.ones(1, 2), r"llegó torch\.float32"),
        (torch.ones(1, 0, dtype=torch.long), r"llegó la forma \(1, 0\), sin ningún token"),
        (torch.tensor([[13]]), "entre 0 y 12; llegó 13"),
    ],
    ids=str,
)
def test_bad_tokens(ids, received):
    with pytest.raises(ValueError, match=f"Se esperaba.*{received}"):
        generate(tiny_model(), ids, 1)


# --- Muestreo ---------------------------------------------------------------------------------------------


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


def sampled_with_huggingface(model, ids, steps, seed, temperature, top_k, top_p):
    """El mismo sorteo por otro camino: modelo y filtros de transformers, azar de numpy, `bisect`."""
    other, words = as_huggingface(model), np.random.RandomState(seed)
    sequences = ids.tolist()
    for _ in range(steps):
        rows = torch.tensor([sequence[-7:] for sequence in sequences])
        scores = other(rows).logits[:, -1].detach().double()
        warpers = [TemperatureLogitsWarper(temperature), TopKLogitsWarper(top_k), TopPLogitsWarper(top_p)]
        for warp in warpers:
            scores = warp(None, scores)
        for sequence, row in zip(sequences, scores, strict=True):
            high, low = (int(words.randint(2**32, dtype=np.uint32)) for _ in range(2))
            u = ((high << 32 | low) % 2**53) / 2**53  # 53 bits de dos palabras del Mersenne twister
            cumulative = list(itertools.accumulate(row.softmax(-1).tolist()))
            sequence.append(bisect.bisect_right(cumulative, u * cumulative[-1]))
    return sequences


@pytest.mark.parametrize("seed", [0, 123])
@pytest.mark.parametrize("options", [(1.0, 13, 1.0), (0.8, 5, 0.9), (2.5, 13, 0.7)])
def test_sampling_equals_huggingface_with_the_numbers_of_numpy(options, seed):
    model, ids = tiny_model(), torch.tensor([[1, 2, 3], [4, 5, 6]])
    generator = torch.Generator().manual_seed(seed)
    temperature, top_k, top_p = options
    out = generate(
        model, ids, 12, temperature=temperature, top_k=top_k, top_p=top_p, generator=generator
    ).tolist()
    assert out == sampled_with_huggingface(model, ids, 12, seed, *options)


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


def test_the_same_seed_gives_the_same_text_and_another_gives_another():
    model, ids = tiny_model(), torch.tensor([[1, 2]])
    texts = [
        generate(model, ids, 20, temperature=1.0, generator=torch.Generator().manual_seed(seed)).tolist()
        for seed in (7, 7, 8)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_without_generator_the_seed_of_torch_rules():
    model, ids = tiny_model(), torch.tensor([[1, 2]])
    torch.manual_seed(5)
    first = generate(model, ids, 9, temperature=1.0)
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(first, generate(model, ids, 9, temperature=1.0, generator=generator))


def test_a_generator_leaves_the_stream_of_torch_alone():
    model, state = tiny_model(), torch.get_rng_state()
    generate(model, torch.tensor([[1]]), 3, temperature=1.0, generator=torch.Generator())
    assert torch.equal(torch.get_rng_state(), state)


def test_each_step_spends_one_number_per_row():
    generator, other = (torch.Generator().manual_seed(3) for _ in range(2))
    generate(tiny_model(), torch.ones(2, 3, dtype=torch.long), 5, temperature=1.0, generator=generator)
    torch.rand(10, dtype=torch.float64, generator=other)
    assert torch.equal(generator.get_state(), other.get_state())


def test_a_longer_text_begins_like_the_shorter_one():
    model, ids = tiny_model(), torch.tensor([[1, 2]])
    long, short = (
        generate(model, ids, n, temperature=1.5, generator=torch.Generator().manual_seed(1)) for n in (15, 6)
    )
    assert torch.equal(long[:, :8], short)


@pytest.mark.parametrize(
    "options",
    [{"temperature": 5e-324}, {"temperature": 5.0, "top_k": 1}, {"temperature": 5.0, "top_p": 1e-9}],
)
def test_three_ways_of_being_greedy(options):
    model, ids = tiny_model(), torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(generate(model, ids, 8, **options), generate(model, ids, 8))


def test_dtype_is_kept_when_sampling():
    ids = torch.ones(2, 3, dtype=torch.int32)
    assert generate(tiny_model(), ids, 2, temperature=1.0).dtype == torch.int32


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "1", None, True])
def test_bad_temperature(value):
    with pytest.raises(ValueError, match="temperature debe ser un número finito mayor o igual que 0; llegó"):
        generate(tiny_model(), torch.tensor([[1]]), 1, temperature=value)
    with pytest.raises(ValueError, match="temperature"):
        filter_logits(torch.zeros(3), temperature=value)


@pytest.mark.parametrize("value", [0, -1, 2.0, "5", True])
def test_bad_top_k(value):
    with pytest.raises(ValueError, match="top_k debe ser un entero mayor o igual que 1; llegó"):
        generate(tiny_model(), torch.tensor([[1]]), 1, temperature=1.0, top_k=value)


@pytest.mark.parametrize("value", [0, 0.0, -0.5, 1.01, math.nan, "0.9", True])
def test_bad_top_p(value):
    with pytest.raises(ValueError, match=r"top_p debe ser un número del intervalo \(0, 1\]; llegó"):
        generate(tiny_model(), torch.tensor([[1]]), 1, temperature=1.0, top_p=value)


@pytest.mark.parametrize("value", [123, "semilla", np.random.RandomState(0)], ids=["int", "str", "numpy"])
def test_bad_generator(value):
    with pytest.raises(ValueError, match=r"generator debe ser un torch\.Generator de la CPU; llegó"):
        generate(tiny_model(), torch.tensor([[1]]), 1, temperature=1.0, generator=value)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"top_k": 5}, "top_k no"),
        ({"top_p": 0.9}, "top_p no"),
        ({"generator": torch.Generator()}, "generator no"),
        ({"top_k": 5, "top_p": 0.9}, "top_k, top_p no"),
    ],
)
def test_sampling_options_without_temperature_are_refused(options, names):
    with pytest.raises(ValueError, match=f"Con temperature=0 se elige siempre el mayor y {names} haría nada"):
        generate(tiny_model(), torch.tensor([[1]]), 1, **options)


def test_filtering_with_temperature_zero_is_refused():
    with pytest.raises(ValueError, match=r"temperatura 0.*argmax"):
        filter_logits(torch.zeros(3), temperature=0)


@pytest.mark.parametrize("row", [[math.nan, 0.0], [math.inf, 0.0], [-math.inf, -math.inf]], ids=str)
def test_nothing_can_be_drawn_from_broken_logits(row):
    with pytest.raises(ValueError, match="No se puede sortear"):
        sample_token(torch.tensor([row]))
