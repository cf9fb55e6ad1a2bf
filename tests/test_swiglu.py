"""SwiGLU, a mano y frente a la unidad con puerta de PyTorch (frente a Llama, en test_pieces.py)."""

import pytest
import torch
from reference import random
from torch import nn

from gpt_course.swiglu import SwiGLU


def test_by_hand():
    ff = SwiGLU(1, 2)
    with torch.no_grad():
        ff.gate.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        ff.up.weight.copy_(torch.tensor([[3.0], [5.0]]))
        ff.down.weight.copy_(torch.tensor([[1.0, 10.0]]))
    sigmoid = 1 / (1 + 2.718281828459045**-2)  # con x = 2: SiLU(2) = 2σ(2) y SiLU(−2) = −2(1 − σ(2))
    expected = 2 * sigmoid * 6 + 10 * -2 * (1 - sigmoid) * 10
    torch.testing.assert_close(ff(torch.tensor([[2.0]])), torch.tensor([[expected]]))


def test_equals_the_gated_unit_of_pytorch_with_the_other_gate():
    """`F.glu` multiplica por σ de la segunda mitad: con SiLU(z) = z·σ(z), es la misma cuenta."""
    ff, x = SwiGLU(6, 10), random(2, 3, 6)
    gate = ff.gate(x)
    expected = ff.down(nn.functional.glu(torch.cat([gate * ff.up(x), gate], dim=-1)))
    torch.testing.assert_close(ff(x), expected)


def test_a_closed_gate_lets_nothing_through():
    ff, x = SwiGLU(4, 5), random(3, 4)
    nn.init.zeros_(ff.gate.weight)
    assert (ff(x) == 0).all()


def test_names_shapes_and_no_biases():
    shapes = {name: tuple(p.shape) for name, p in SwiGLU(4, 6).named_parameters()}
    assert shapes == {"gate.weight": (6, 4), "up.weight": (6, 4), "down.weight": (4, 6)}


def test_gradients():
    assert torch.autograd.gradcheck(SwiGLU(3, 4).double(), random(2, 3, dtype=torch.float64).requires_grad_())


@pytest.mark.parametrize(("sizes", "name"), [((0, 4), "emb_dim"), ((4, 2.0), "hidden_dim")])
def test_sizes_are_counts(sizes, name):
    with pytest.raises(ValueError, match=f"{name} debe ser un entero"):
        SwiGLU(*sizes)
