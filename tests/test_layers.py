"""LayerNorm, GELU y la red feed-forward frente a las de PyTorch."""

import pytest
import torch
import torch.nn.functional as F
from reference import random
from torch import nn

from gpt_course.layers import GELU, FeedForward, LayerNorm


def test_layer_norm_by_hand():
    # Media 2 y varianza 1: cada número queda a una desviación típica de la media.
    out = LayerNorm(2)(torch.tensor([[1.0, 3.0]]))
    torch.testing.assert_close(out, torch.tensor([[-1.0, 1.0]]), rtol=0, atol=1e-5)


def test_layer_norm_scales_and_shifts():
    norm = LayerNorm(2)
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([10.0, 100.0]))
        norm.shift.copy_(torch.tensor([1.0, 2.0]))
    out = norm(torch.tensor([1.0, 3.0]))
    torch.testing.assert_close(out, torch.tensor([-9.0, 102.0]), rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", [(8,), (3, 8), (2, 3, 8)])
@pytest.mark.parametrize("spread", [1e-3, 1.0, 100.0])  # con 1e-3, eps pesa más que la varianza
def test_layer_norm_equals_pytorch(shape, spread):
    ours, theirs = LayerNorm(8).double(), nn.LayerNorm(8, eps=1e-5).double()
    with torch.no_grad():
        theirs.weight.copy_(random(8, seed=1))
        theirs.bias.copy_(random(8, seed=2))
    ours.load_state_dict({"scale": theirs.weight, "shift": theirs.bias})
    x = random(*shape, dtype=torch.float64) * spread + 5
    torch.testing.assert_close(ours(x), theirs(x))


def test_layer_norm_in_single_precision():
    x = random(2, 3, 8) * 3 + 1
    torch.testing.assert_close(LayerNorm(8)(x), F.layer_norm(x, (8,)), rtol=1e-5, atol=1e-5)


def test_constant_vectors_do_not_divide_by_zero():
    assert torch.equal(LayerNorm(4)(torch.full((2, 4), 3.0)), torch.zeros(2, 4))


def test_gelu_equals_the_tanh_form():
    x = torch.linspace(-6, 6, 1001, dtype=torch.float64)
    torch.testing.assert_close(GELU()(x), F.gelu(x, approximate="tanh"))
    assert (GELU()(x) - F.gelu(x)).abs().max() > 1e-4  # la exacta es otra función


def test_gelu_by_hand():
    out = GELU()(torch.tensor([-100.0, 0.0, 1.0, 100.0]))
    torch.testing.assert_close(out, torch.tensor([0.0, 0.0, 0.841192, 100.0]))


def test_feed_forward_widens_to_four_times():
    first, activation, last = FeedForward(6).layers
    assert (first.in_features, first.out_features) == (6, 24)
    assert isinstance(activation, GELU)
    assert (last.in_features, last.out_features) == (24, 6)
    assert first.bias is not None
    assert last.bias is not None


def test_feed_forward_equals_pytorch():
    ours = FeedForward(6)
    theirs = nn.Sequential(nn.Linear(6, 24), nn.GELU(approximate="tanh"), nn.Linear(24, 6))
    theirs.load_state_dict(ours.layers.state_dict())
    x = random(2, 5, 6)
    torch.testing.assert_close(ours(x), theirs(x))


def test_feed_forward_treats_each_position_alone():
    ours, x = FeedForward(6).double(), random(2, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(ours(x)[:, 2], ours(x[:, 2]))


@pytest.mark.parametrize("layer", [LayerNorm(4), GELU(), FeedForward(4)])
def test_gradients(layer):
    layer = layer.double()
    x = random(2, 3, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(layer, x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("make", [LayerNorm, FeedForward, lambda width: GELU()])
def test_dtype_is_kept(make, dtype):
    assert make(4).to(dtype)(torch.ones(2, 4, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("layer", [LayerNorm, FeedForward])
@pytest.mark.parametrize("emb_dim", [0, -1, 2.0, True])
def test_width_must_be_a_positive_integer(layer, emb_dim):
    with pytest.raises(ValueError, match="emb_dim debe ser un entero mayor o igual que 1"):
        layer(emb_dim)
