"""La mezcla de expertos: quién elige a quién, token a token (frente a Mixtral, en test_pieces.py)."""

import pytest
import torch
from reference import random

from gpt_course.experts import Experts

C, HIDDEN, E, K = 6, 10, 4, 2


def experts(seed=1):
    torch.manual_seed(seed)
    return Experts(C, HIDDEN, E, K)


def test_each_token_adds_what_its_experts_say():
    ff, x = experts(), random(2, 5, C)
    out, rows = ff(x), x.flatten(0, 1)
    for row, found in zip(rows, out.flatten(0, 1), strict=True):
        scores = ff.router(row)
        best = scores.argsort(descending=True)[:K]
        shares = scores[best].exp() / scores[best].exp().sum()
        expected = sum(share * ff.experts[index](row) for share, index in zip(shares, best, strict=True))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_each_token_can_go_through_all():
    torch.manual_seed(2)
    ff, x = Experts(C, HIDDEN, 3, 3), random(4, C)
    shares = ff.router(x).softmax(dim=-1)  # (4, 3)
    expected = sum(share[:, None] * expert(x) for share, expert in zip(shares.T, ff.experts, strict=True))
    torch.testing.assert_close(ff(x), expected, rtol=0, atol=1e-6)


def test_an_expert_reads_only_who_chose_it():
    ff, x, seen = experts(), random(3, 8, C), {}
    for index, expert in enumerate(ff.experts):
        expert.register_forward_hook(lambda _, inputs, out, index=index: seen.update({index: len(inputs[0])}))
    ff(x)
    load = ff.load(x)
    assert load.shape == (E,) and load.sum().item() == pytest.approx(1)
    assert seen == {index: round(share * 3 * 8 * K) for index, share in enumerate(load.tolist())}
    assert sum(seen.values()) == 3 * 8 * K


def test_the_load_by_hand():
    ff = Experts(2, 3, 3, 1)
    with torch.no_grad():
        ff.router.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-9.0, -9.0]]))
    x = torch.tensor([[[5.0, 1.0], [5.0, 2.0]], [[1.0, 5.0], [9.0, 8.0]]])
    assert ff.load(x).tolist() == [0.75, 0.25, 0]
    assert ff.choose(x)[1].squeeze(-1).tolist() == [[0, 0], [1, 0]]
    assert (ff.choose(x)[0] == 1).all()


def test_an_expert_that_nobody_chose_has_gradients_of_zero():
    """Y no None: entre varios procesos, un gradiente que falta en uno los dejaría esperando."""
    ff, x = experts(), random(1, 1, C)
    ff(x).sum().backward()
    idle = set(range(E)) - set(ff.choose(x)[1].flatten().tolist())
    assert len(idle) == E - K
    for index, expert in enumerate(ff.experts):
        sizes = [p.grad.abs().sum().item() for p in expert.parameters()]
        assert all(size == 0 for size in sizes) == (index in idle)
    assert ff.router.weight.grad.abs().sum() > 0


def test_a_graph_passes_everyone_through_all_and_gives_the_same():
    ff, x = experts(), random(2, 5, C)
    found = ff._everyone(x.flatten(0, 1), *ff.choose(x.flatten(0, 1))).view_as(x)
    torch.testing.assert_close(found, ff(x), rtol=0, atol=1e-6)
    assert ff.to("meta")(x.to("meta")).shape == x.shape


def test_gradients():
    x = random(2, 3, C, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(experts().double(), x)


def test_names():
    names = ["router.weight"] + [
        f"experts.{i}.{name}.weight" for i in range(E) for name in ("gate", "up", "down")
    ]
    assert list(experts().state_dict()) == names


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"elige entre 2 expertos y se pidieron 3\. Pide menos"):
        Experts(C, HIDDEN, 2, 3)
    for sizes in ((0, 1), (2, 0), (2, True)):
        with pytest.raises(ValueError, match="debe ser un entero"):
            Experts(C, HIDDEN, *sizes)


@pytest.mark.parametrize(("counts", "name"), [((0, 1), "n_experts"), ((2, 0), "experts_per_token")])
def test_a_measure_that_is_not_is_named(counts, name):
    with pytest.raises(ValueError, match=rf"^{name} debe ser un entero"):
        Experts(C, HIDDEN, *counts)
