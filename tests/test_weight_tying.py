"""La vinculación de pesos: un solo tensor, que lo siga siendo pase lo que pase, y en disco una sola vez."""

import copy
import pickle

import pytest
import torch
from reference import TINY, count, tiny_model, tokens
from torch import nn

from gpt_course.model import GPTModel

TIED = {**TINY, "tie_weights": True}
HEAD = "out_head.weight"


def is_tied(model):
    return (
        model.out_head.weight is model.tok_emb.weight
        and sum(parameter is model.tok_emb.weight for parameter in model.parameters()) == 1
        and count(model) == sum(tensor.numel() for tensor in model.state_dict().values())
    )


def test_a_tied_model_has_one_matrix_and_the_same_blocks():
    tied, untied = tiny_model(tie_weights=True), tiny_model(tie_weights=False)
    assert is_tied(tied)
    assert not is_tied(untied)
    assert count(untied) - count(tied) == untied.out_head.weight.numel()
    state, other = tied.state_dict(), untied.state_dict()
    assert list(state) == [name for name in other if name != HEAD]
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_a_seed_draws_the_same_numbers_after_either_model():
    torch.manual_seed(1)
    GPTModel(TINY)
    after_untied = torch.rand(3)
    torch.manual_seed(1)
    GPTModel(TIED)
    assert torch.equal(torch.rand(3), after_untied)


@pytest.mark.parametrize(
    "transform",
    [
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: model.to(torch.float64),
        lambda model: model.half(),
        lambda model: model.to("meta"),
        lambda model: model.to("meta").to_empty(device="cpu"),
        lambda model: nn.Sequential(model).to("meta").to_empty(device="cpu")[0],
        lambda model: model.requires_grad_(False),
        lambda model: model.share_memory(),
    ],
    ids=["deepcopy", "pickle", "to", "half", "meta", "to_empty", "anidado", "requires_grad_", "share_memory"],
)
def test_the_tie_survives(transform):
    assert is_tied(transform(tiny_model(tie_weights=True)))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_tied_to_itself(copied):
    model = tiny_model(tie_weights=True)
    other = copied(model)
    assert other.tok_emb.weight is not model.tok_emb.weight
    other.load_state_dict(model.state_dict(), assign=True)
    assert is_tied(other)


@pytest.mark.parametrize("wrap", [lambda model: model, nn.Sequential], ids=["solo", "anidado"])
@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("with_head", [False, True, "igual"])
def test_the_tie_survives_loading(wrap, assign, with_head):
    source, target = tiny_model(1, tie_weights=True), tiny_model(2, tie_weights=True)
    state = {name: tensor.clone() for name, tensor in wrap(source).state_dict().items()}
    token = next(name for name in state if name.endswith("tok_emb.weight"))
    if with_head:
        head = state[token].clone() if with_head == "igual" else state[token]
        state[token.replace("tok_emb", "out_head")] = head
    names = list(state)
    wrap(target).load_state_dict(state, assign=assign)
    assert list(state) == names  # el diccionario de quien llama queda como estaba
    assert is_tied(target)
    assert torch.equal(target(tokens(2, 5)), source(tokens(2, 5)))


@pytest.mark.parametrize("assign", [False, True])
def test_two_different_matrices_are_refused(assign):
    tied, untied = tiny_model(1, tie_weights=True), tiny_model(2)
    before = tied(tokens(2, 5))
    with pytest.raises(ValueError, match=r"una sola matriz.*llegaron dos distintas\..*tie_weights=False"):
        tied.load_state_dict(untied.state_dict(), assign=assign)
    assert torch.equal(tied(tokens(2, 5)), before)
    assert is_tied(tied)


def test_an_untied_model_needs_its_head():
    with pytest.raises(RuntimeError, match=HEAD):
        tiny_model().load_state_dict(tiny_model(tie_weights=True).state_dict())


def test_nested_state_has_no_duplicate():
    state = nn.ModuleDict({"gpt": tiny_model(tie_weights=True)}).state_dict()
    assert "gpt.tok_emb.weight" in state
    assert f"gpt.{HEAD}" not in state


def test_training_moves_both_ends_together():
    model, in_idx = tiny_model(tie_weights=True).train(), tokens(2, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.out_head.weight.detach().clone()
    model(in_idx).square().mean().backward()
    optimizer.step()
    assert is_tied(model)
    assert (model.out_head.weight != before).any()


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("strict", [False, True])
def test_either_end_alone_fills_the_shared_matrix(assign, strict):
    """Hay quien guarda solo uno de los dos nombres de una matriz compartida."""
    source, target = tiny_model(tie_weights=True), tiny_model(9, tie_weights=True)
    state = source.state_dict()
    state[HEAD] = state.pop("tok_emb.weight")
    target.load_state_dict(state, strict=strict, assign=assign)
    assert is_tied(target)
    assert torch.equal(target(tokens(2, 5)), source(tokens(2, 5)))


def test_equal_matrices_with_a_nan_are_the_same():
    state = tiny_model(tie_weights=True).state_dict()
    state["tok_emb.weight"][0, 0] = torch.nan
    model = tiny_model(tie_weights=True)
    model.load_state_dict({**state, HEAD: state["tok_emb.weight"].clone()})
    assert is_tied(model)


def test_a_tied_mock_up_takes_real_weights_of_both_names():
    state = tiny_model(tie_weights=True).state_dict()
    model = tiny_model(tie_weights=True).to("meta")
    model.load_state_dict({**state, HEAD: state["tok_emb.weight"]}, assign=True)
    assert is_tied(model)
    assert model.tok_emb.weight.device.type == "cpu"


def test_a_reparametrised_head_is_left_alone():
    model = nn.utils.parametrizations.weight_norm(tiny_model(tie_weights=True).out_head)
    whole = tiny_model(tie_weights=True)
    whole.out_head = model
    assert whole.double()(tokens(1, 3)).dtype == torch.float64
