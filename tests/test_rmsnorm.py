"""RMSNorm frente a la de PyTorch, a mano y en 16 bits."""

import pytest
import torch
from reference import random
from torch import nn

from gpt_course.rmsnorm import RMSNorm


def test_by_hand():
    """De (3, 4), la media de los cuadrados es 12,5: quedan divididos entre su raíz."""
    norm = RMSNorm(2, eps=0)
    torch.testing.assert_close(norm(torch.tensor([3.0, 4.0])), torch.tensor([3.0, 4.0]) / 12.5**0.5)


@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_equals_that_of_pytorch(eps):
    ours, theirs = RMSNorm(7, eps), nn.RMSNorm(7, eps)
    with torch.no_grad():
        ours.scale.copy_(random(7, seed=1))
        theirs.weight.copy_(ours.scale)
    x, y = (random(2, 3, 7).requires_grad_() for _ in range(2))
    torch.testing.assert_close(ours(x), theirs(y))
    ours(x).square().sum().backward()
    theirs(y).square().sum().backward()
    torch.testing.assert_close((x.grad, ours.scale.grad), (y.grad, theirs.weight.grad))
    assert torch.autograd.gradcheck(ours.double(), x.detach().double().requires_grad_())


def test_the_mean_is_not_subtracted_and_the_size_is_lost():
    norm, x = RMSNorm(8), random(4, 8)
    torch.testing.assert_close(norm(x).square().mean(dim=-1), torch.ones(4), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm(1000 * x), norm(x), rtol=1e-4, atol=1e-4)
    assert (norm(x + 5) - norm(x)).abs().max() > 0.1


def test_only_a_scale_is_learnt():
    assert {name: p.tolist() for name, p in RMSNorm(3).named_parameters()} == {"scale": [1, 1, 1]}
    assert RMSNorm(3).eps == 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_16_bits_it_counts_in_32_and_rounds_once(dtype):
    x, norm = (300 * random(5, 16)).to(dtype), RMSNorm(16)  # en fp16, 300² ya no cabe
    with torch.no_grad():
        norm.scale.copy_(random(16, seed=1))
    norm = norm.to(dtype)
    expected = nn.functional.rms_norm(x.float(), (16,), norm.scale.float(), 1e-5).to(dtype)
    assert norm(x).dtype == dtype
    torch.testing.assert_close(norm(x), expected, rtol=torch.finfo(dtype).eps, atol=0)
    assert (norm(x) == expected).float().mean() > 0.95


def test_a_vector_of_zeros_stays():
    assert torch.equal(RMSNorm(4)(torch.zeros(2, 4)), torch.zeros(2, 4))


@pytest.mark.parametrize("width", [1, 3, 5])
def test_another_width_is_refused(width):
    with pytest.raises(ValueError, match=rf"RMSNorm espera la forma \(…, 4\); llegó \(2, {width}\)"):
        RMSNorm(4)(torch.zeros(2, width))


def test_the_width_is_a_count():
    with pytest.raises(ValueError, match="emb_dim debe ser un entero mayor o igual que 1; llegó 0"):
        RMSNorm(0)
