"""El dropout portátil frente a su descripción: la palabra, la recurrencia, el umbral y el escalado."""

import numpy as np
import pytest
import torch
from reference import random

from gpt_course.dropout import Dropout, _next_word, keep_mask

M = 2**31 - 1


def slow_mask(word, count, p):
    """La recurrencia publicada, escrita sin prisas ni tensores."""
    x, keep = word % M or 1, []
    for _ in range(count):
        keep.append(x / M < 1 - p)
        x = 1132489760 * x % M
    return keep


def peek_word():
    """La palabra que tocará, sin gastarla."""
    state = torch.get_rng_state()
    word = _next_word()
    torch.set_rng_state(state)
    return word


def test_published_mask():
    torch.manual_seed(123)
    kept = Dropout(0.5)(torch.ones(6, 6))
    rows = ["".join(str(int(x > 0)) for x in row) for row in kept]
    assert rows == ["111111", "010000", "001010", "110001", "100001", "010000"]
    assert set(kept.unique().tolist()) == {0.0, 2.0}


def test_first_word_of_seed_123():
    torch.manual_seed(123)
    assert _next_word() == 2991312382


@pytest.mark.parametrize("seed", [0, 123, 2**32 - 1])
def test_words_are_those_of_the_mersenne_twister(seed):
    torch.manual_seed(seed)
    twister = np.random.RandomState(seed)
    words = [_next_word() for _ in range(2000)]
    assert words == twister.randint(0, 2**32, size=2000, dtype=np.uint32).tolist()


def test_words_follow_the_generator_between_other_draws():
    torch.manual_seed(7)
    twister = np.random.RandomState(7)
    for step in range(700):
        assert _next_word() == twister.randint(0, 2**32, dtype=np.uint32)
        others = step % 4  # cada entero de 32 bits que sortea torch gasta una palabra
        torch.empty(others, dtype=torch.int32).random_()
        twister.randint(0, 2**32, size=others, dtype=np.uint32)


@pytest.mark.parametrize("count", [1, 36, 4095, 4096, 4097, 33 * 4096 + 5])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_mask_follows_the_recurrence(count, p):
    torch.manual_seed(count)
    word = peek_word()
    assert keep_mask(count, p).tolist() == slow_mask(word, count, p)


@pytest.mark.parametrize("word", [0, M, 2 * M, 1, M - 1, M + 1, 2**32 - 1])
def test_mask_of_the_extreme_words(word, monkeypatch):
    monkeypatch.setattr("gpt_course.dropout._next_word", lambda: word)
    assert keep_mask(5000, 0.3).tolist() == slow_mask(word, 5000, 0.3)


@pytest.mark.parametrize(("word", "kept"), [((M + 1) // 2, False), ((M - 1) // 2, True)])
def test_threshold_is_exact(word, kept, monkeypatch):
    monkeypatch.setattr("gpt_course.dropout._next_word", lambda: word)
    assert keep_mask(1, 0.5).tolist() == [kept]  # x₀/M queda a un lado u otro de ½


@pytest.mark.parametrize("shape", [(), (1,), (6, 6), (3, 70, 50), (0,), (0, 5), (5, 0)])
def test_one_word_per_call_whatever_the_size(shape):
    torch.manual_seed(5)
    expected = [_next_word() for _ in range(2)][1]
    torch.manual_seed(5)
    x = torch.ones(shape)
    assert Dropout(0.5)(x).shape == x.shape
    assert _next_word() == expected


@pytest.mark.parametrize("layer", [Dropout(0.5).eval(), Dropout(0), Dropout(0.0)])
def test_no_word_and_no_change_without_dropout(layer):
    state = torch.get_rng_state()
    x = random(4, 5)
    assert layer(x) is x
    assert torch.equal(torch.get_rng_state(), state)


def test_mask_is_in_row_major_order_even_for_transposed_input():
    x = torch.arange(1.0, 36001).view(200, 180)
    torch.manual_seed(1)
    direct = Dropout(0.25)(x.T.contiguous())
    torch.manual_seed(1)
    assert torch.equal(Dropout(0.25)(x.T), direct)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_same_mask_and_scale_in_every_dtype(dtype):
    torch.manual_seed(123)
    keep = keep_mask(36, 0.2).view(6, 6)
    torch.manual_seed(123)
    out = Dropout(0.2)(torch.ones(6, 6, dtype=dtype))
    assert out.dtype == dtype
    torch.testing.assert_close(out, keep.to(dtype) / 0.8)


def test_gradient_flows_through_the_mask():
    x = torch.ones(50, requires_grad=True)
    out = Dropout(0.4)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_gradcheck():
    def reseeded(x):
        torch.manual_seed(3)
        return Dropout(0.5)(x).sin()

    x = random(4, 5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(reseeded, x)


def test_input_is_not_modified():
    x = torch.ones(100)
    Dropout(0.5)(x)
    assert torch.equal(x, torch.ones(100))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_kept_fraction(p):
    torch.manual_seed(123)
    kept = keep_mask(400_000, p).float().mean().item()
    assert kept == pytest.approx(1 - p, abs=0.004)  # cinco desviaciones típicas


def test_successive_masks_differ():
    torch.manual_seed(123)
    assert not torch.equal(keep_mask(1000, 0.5), keep_mask(1000, 0.5))


def test_meta_device():
    assert Dropout(0.5)(torch.ones(3, 4, device="meta")).is_meta


def two_masks():  # la segunda dice cuánto ha gastado la primera
    torch.manual_seed(123)
    return torch.cat([keep_mask(5000, 0.3) for _ in "ab"])


def test_default_device_does_not_move_the_stream():
    expected = two_masks()
    with torch.device("meta"):
        assert torch.equal(two_masks(), expected)


def test_default_dtype_does_not_change_the_mask():
    expected = two_masks()
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(two_masks(), expected)
    finally:
        torch.set_default_dtype(torch.float32)


def test_inference_mode_first_and_training_after():
    with torch.inference_mode():
        Dropout(0.5)(torch.ones(10))
    x = torch.ones(10, requires_grad=True)
    Dropout(0.5)(x).sum().backward()
    assert x.grad is not None


@pytest.mark.filterwarnings("ignore:Dynamo")
def test_compiled_model_draws_the_same_masks():
    model = torch.nn.Sequential(torch.nn.Linear(5, 5), Dropout(0.3), torch.nn.Tanh(), Dropout(0.5))
    x = random(3, 5)
    compiled = torch.compile(model, backend="eager")
    for seed in (123, 124):
        torch.manual_seed(seed)
        expected, word = model(x), peek_word()
        torch.manual_seed(seed)
        assert torch.equal(compiled(x), expected)
        assert peek_word() == word


@pytest.mark.parametrize("p", [-0.1, 1, 1.0, float("nan"), "0.1", None, True])
def test_bad_rates(p):
    with pytest.raises(ValueError, match=rf"p debe ser un número del intervalo \[0, 1\); llegó {p!r}"):
        Dropout(p)


def test_it_shows_its_rate():
    assert repr(Dropout(0.1)) == "Dropout(p=0.1)"


def test_meta_tensor_takes_its_word_and_computes_no_mask(monkeypatch):
    torch.manual_seed(5)
    expected = [_next_word() for _ in range(2)][1]
    monkeypatch.setattr("gpt_course.dropout.keep_mask", None)
    torch.manual_seed(5)
    assert Dropout(0.1)(torch.empty(8, 25, 1024, 1024, device="meta")).shape == (8, 25, 1024, 1024)
    assert _next_word() == expected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_meta_tensor_keeps_its_dtype(dtype):
    assert Dropout(0.5)(torch.ones(3, 4, dtype=dtype, device="meta")).dtype == dtype
