"""Los optimizadores, frente a los de PyTorch usados a mano."""

import copy

import pytest
import torch
from reference import tiny_model, tokens

from gpt_course.loss import next_token_loss
from gpt_course.training import make_optimizer, train
from gpt_course.training.optimizer import make_muon, optimizer_tensors, restore_optimizer, set_rate

BATCH = tokens(3, 7)[:, :-1], tokens(3, 7)[:, 1:]


def steps(model, optimizer, count):
    return train(model, [BATCH], optimizer, steps=count)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_muon_takes_only_the_matrices_of_the_blocks():
    model = tiny_model(qkv_bias=True, tie_weights=True)
    muon, adamw = make_muon(model, lr=0.01, weight_decay=0.3).optimizers
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    (group,) = muon.param_groups
    moved = {names[id(parameter)] for parameter in group["params"]}
    assert moved == {name for name, p in model.named_parameters() if "trf_blocks" in name and p.dim() == 2}
    assert (group["lr"], group["weight_decay"], group["adjust_lr_fn"]) == (0.01, 0.3, "match_rms_adamw")
    rest = [names[id(parameter)] for group in adamw.param_groups for parameter in group["params"]]
    assert {*rest, *moved} == set(names.values()) and len(rest) + len(moved) == len(names)
    assert [group["weight_decay"] for group in adamw.param_groups] == [0.3, 0.0]


def test_the_steps_are_those_of_torch_optim_by_hand():
    ours, theirs = tiny_model(), tiny_model()
    inside = [p for p in theirs.trf_blocks.parameters() if p.dim() == 2]
    outside = [p for p in theirs.parameters() if not any(p is q for q in inside)]
    by_hand = [
        torch.optim.Muon(inside, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([p for p in outside if p.dim() == 2], lr=0.01, betas=(0.9, 0.95), weight_decay=0.1),
        torch.optim.AdamW([p for p in outside if p.dim() == 1], lr=0.01, betas=(0.9, 0.95), weight_decay=0),
    ]
    steps(ours, make_muon(ours, lr=0.01), 3)
    for _ in range(3):
        theirs.zero_grad()
        next_token_loss(theirs, *BATCH).backward()
        for optimizer in by_hand:
            optimizer.step()
    assert same(ours, theirs)
    assert not same(ours, tiny_model())


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("make", [make_optimizer, make_muon])
def test_the_head_may_learn_at_its_own_rate(make, tied):
    ours, theirs = tiny_model(tie_weights=tied), tiny_model(tie_weights=tied)
    optimizer = make(ours, lr=0.5, head_rate=3)
    set_rate(optimizer, 0.01)
    head = theirs.out_head.weight
    inside = [p for p in theirs.trf_blocks.parameters() if p.dim() == 2 and make is make_muon]
    apart = {id(p) for p in [head, *inside]}
    rest = [p for p in theirs.parameters() if id(p) not in apart]
    adamw = {"betas": (0.9, 0.95), "weight_decay": 0.1}
    by_hand = [
        torch.optim.AdamW([p for p in rest if p.dim() == 2], lr=0.01, **adamw),
        torch.optim.AdamW([p for p in rest if p.dim() == 1], lr=0.01, **adamw | {"weight_decay": 0}),
        torch.optim.AdamW([head], lr=0.03, **adamw),
    ]
    if inside:
        muon = {"weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}
        by_hand.append(torch.optim.Muon(inside, lr=0.01, **muon))
    steps(ours, optimizer, 3)
    for _ in range(3):
        theirs.zero_grad()
        next_token_loss(theirs, *BATCH).backward()
        for each in by_hand:
            each.step()
    assert same(ours, theirs)


def test_a_head_that_is_not_trained_has_no_rate_of_its_own():
    model = tiny_model()
    model.out_head.requires_grad_(False)
    make_optimizer(model)
    with pytest.raises(ValueError, match=r"`head_rate` cambia la tasa .* no se entrena"):
        make_optimizer(model, head_rate=2)


@pytest.mark.parametrize("make", [make_optimizer, make_muon])
@pytest.mark.parametrize("fused", [False, True])
def test_what_it_remembers_comes_back_bit_by_bit(make, fused):
    model = tiny_model(tie_weights=True)
    optimizer = make(model, lr=0.01, fused=fused)
    steps(model, optimizer, 3)
    other = copy.deepcopy(model)
    again = make(other, lr=0.01, fused=fused)
    kept = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer, model).items()}
    restore_optimizer(again, other, kept)
    assert steps(model, optimizer, 3) == steps(other, again, 3)
    assert same(model, other)
    forgetful = copy.deepcopy(model)
    steps(model, optimizer, 1)
    steps(forgetful, make(forgetful, lr=0.01, fused=fused), 1)
    assert not same(model, forgetful)  # olvidarlo se nota


def test_before_the_first_step_there_is_nothing_to_remember():
    model = tiny_model()
    assert optimizer_tensors(make_muon(model), model) == {}


def test_another_model_is_refused():
    model = tiny_model()
    with pytest.raises(ValueError, match=r"no mueve 'trf_blocks\.5\.a'.*de otro modelo"):
        restore_optimizer(make_optimizer(model), model, {"trf_blocks.5.a/exp_avg": torch.zeros(1)})


@pytest.mark.parametrize(
    ("name", "value"), [("lr", 0), ("lr", float("nan")), ("weight_decay", -1), ("head_rate", 0)]
)
def test_bad_numbers(name, value):
    with pytest.raises(ValueError, match=f"{name} debe ser un número"):
        make_muon(tiny_model(), **{name: value})


def test_without_muon_in_this_torch_it_is_said(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ValueError, match=r"PyTorch 2\.9.*usa AdamW"):
        make_muon(tiny_model())
