"""La tasa de cada paso, frente a los planes de `torch.optim.lr_scheduler`, encadenados."""

import pytest
import torch
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

from gpt_course.training.schedule import SCHEDULES, decay_steps, factor

PLANS = "cosine", "wsd", "constant"


def theirs(schedule, steps, warmup):
    """Por cuánto multiplican los planes de PyTorch la tasa en los pasos 0, 1, …, `steps` + 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    parts, ends = [], []
    if warmup > 1:  # el paso 0, que no se da, valdría 0; aquí no puede
        parts, ends = [LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1)], [warmup - 1]
    if schedule == "cosine":
        parts.append(CosineAnnealingLR(optimizer, steps + 1 - max(1, warmup)))
    if schedule == "constant":
        parts.append(ConstantLR(optimizer, 1.0))
    if schedule == "wsd":
        down = decay_steps(steps)
        parts += [ConstantLR(optimizer, 1.0), LinearLR(optimizer, 1.0, 0.0, total_iters=down)]
        ends.append(steps - down)
    plan = SequentialLR(optimizer, parts, ends)
    rates = []
    for _ in range(steps):
        rates.append(plan.get_last_lr()[0])
        optimizer.step()
        plan.step()
    return rates


@pytest.mark.parametrize(("steps", "warmup"), [(20, 1), (20, 5), (20, 14), (7, 3), (100, 10)])
@pytest.mark.parametrize("schedule", PLANS)
def test_the_rates_are_those_of_torch(schedule, steps, warmup):
    found = [factor(step, schedule=schedule, steps=steps, warmup=warmup) for step in range(1, steps + 1)]
    assert found == pytest.approx(theirs(schedule, steps, warmup), abs=1e-9)


@pytest.mark.parametrize("schedule", PLANS)
def test_no_step_is_given_in_vain(schedule):
    for steps, warmup in [(1, 0), (1, 1), (5, 5), (50, 10), (50, 49), (50, 0)]:
        rates = [factor(step, schedule=schedule, steps=steps, warmup=warmup) for step in range(1, steps + 1)]
        assert all(0 < rate <= 1 for rate in rates)
        assert rates[: max(0, warmup - 1)] == [step / warmup for step in range(1, warmup)]
        assert schedule == "wsd" or warmup == 0 or rates[warmup - 1] == 1


def test_without_warmup_the_cosine_starts_below_one():
    assert factor(1, schedule="cosine", steps=3, warmup=0) == pytest.approx(0.853553, abs=1e-6)  # cos² (π/8)


def test_the_decay_of_wsd_is_the_last_fifth():
    rates = [factor(step, schedule="wsd", steps=100, warmup=10) for step in range(1, 101)]
    assert [step for step, rate in enumerate(rates, 1) if rate == 1] == list(range(10, 82))
    assert rates[-1] == pytest.approx(1 / 20)


def test_the_decay_of_wsd_has_at_least_a_step_and_does_not_wait_for_the_warmup():
    assert [decay_steps(steps) for steps in (1, 2, 8, 50)] == [1, 1, 2, 10]
    assert factor(49, schedule="wsd", steps=50, warmup=49) == pytest.approx(0.2)  # quedan dos de diez


def test_the_plans_that_can_be_asked_for():
    assert SCHEDULES == PLANS
    rates = [factor(8, schedule=plan, steps=10, warmup=2) for plan in SCHEDULES]
    assert rates == pytest.approx([0.25, 1.0, 1.0]) and factor(10, schedule="wsd", steps=10, warmup=2) == 0.5
