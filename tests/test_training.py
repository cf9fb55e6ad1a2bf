"""El entrenamiento en pequeño, frente a lo que no escribimos: logaritmos, transformers y AdamW."""

import copy
import math
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import TINY, tiny_model, tokens

from gpt_course.data import WindowDataset, make_loader
from gpt_course.inspection import attention_weights
from gpt_course.memory.measure import saved_bytes
from gpt_course.padding import pad_left
from gpt_course.training import checkpoint_blocks, evaluate, make_optimizer, next_token_loss, train
from gpt_course.training.batches import one_round


def batch(rows=4, length=5, seed=0):
    ids = torch.randint(13, (rows, length + 1), generator=torch.Generator().manual_seed(seed))
    return ids[:, :-1], ids[:, 1:]


def loader(count=3, rows=2):
    return [batch(rows, seed=seed) for seed in range(count)]


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def gradients(model):
    return [parameter.grad for parameter in model.parameters()]


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def padded(*lengths, seed=0):
    """Frases de esas longitudes y el lote que las junta: [(x, y)…], (x, y, mask)."""
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randint(13, (length + 1,), generator=generator) for length in lengths]
    ids, mask = pad_left(rows, pad_id=12)
    return [(row[None, :-1], row[None, 1:]) for row in rows], (ids[:, :-1], ids[:, 1:], mask[:, :-1])


def test_padded_batches_are_trained_and_evaluated():
    rows, batch_ = padded(6, 2, 4)
    one, other = tiny_model(), tiny_model()
    assert evaluate(one, [batch_]) == pytest.approx(evaluate(one, rows), rel=1e-6)
    assert evaluate(one, [batch_, rows[0]]) == pytest.approx(evaluate(one, [*rows, rows[0]]), rel=1e-6)
    losses = train(one, [batch_], make_optimizer(one), steps=3)
    assert losses == train(other, [batch_], make_optimizer(other), steps=3)
    assert losses[0] == pytest.approx(evaluate(tiny_model(), rows), rel=1e-6) and losses[2] < losses[0]


# --- El optimizador -------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
def test_only_matrices_decay_and_each_enters_once(tied):
    model = tiny_model(qkv_bias=True, tie_weights=tied)
    matrices, vectors = make_optimizer(model, weight_decay=0.3).param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.3, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed = [names[id(parameter)] for parameter in matrices["params"]]
    kept = [names[id(parameter)] for parameter in vectors["params"]]
    assert len(decayed) + len(kept) == len(set(decayed + kept)) == len(names)
    assert all(name.endswith(".weight") for name in decayed)
    assert all(name.endswith((".bias", ".scale", ".shift")) for name in kept)
    assert ("out_head.weight" in decayed) != tied


def test_without_decay_it_is_pytorch_adamw_with_one_group():
    ours, theirs = tiny_model(), tiny_model()
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=0.01, betas=(0.9, 0.95), weight_decay=0.0)
    for x, y in loader():
        optimizer.zero_grad()
        next_token_loss(theirs, x, y).backward()
        optimizer.step()
    train(ours, loader(), make_optimizer(ours, lr=0.01, weight_decay=0), steps=3)
    assert equal(weights(ours), weights(theirs))


def test_decay_shrinks_matrices_and_leaves_vectors():
    model = tiny_model()
    before = weights(model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(model, lr=0.01, weight_decay=0.5).step()
    for old, new in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old * (0.995 if old.dim() == 2 else 1), rtol=1e-6, atol=0)


def test_frozen_parameters_stay_out():
    model = tiny_model()
    model.pos_emb.requires_grad_(False)
    groups = make_optimizer(model).param_groups
    assert not any(p is model.pos_emb.weight for group in groups for p in group["params"])
    with pytest.raises(ValueError, match=r"requires_grad_\(True\)"):
        make_optimizer(model.requires_grad_(False))


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan, "0.1", None, True])
@pytest.mark.parametrize(
    ("name", "advice"),
    [("lr", "Prueba con 1e-3."), ("weight_decay", "Con 0 no decae ninguna."), ("head_rate", "Con 1, la")],
)
def test_bad_options(name, advice, value):
    with pytest.raises(ValueError, match=f"^{name} debe ser un número del intervalo .*{re.escape(advice)}"):
        make_optimizer(tiny_model(), **{name: value})


def test_what_comes_by_default():
    model = tiny_model()
    keys = ("lr", "betas", "weight_decay", "fused")
    groups = [[group[key] for key in keys] for group in make_optimizer(model).param_groups]
    assert groups == [[1e-3, (0.9, 0.95), 0.1, False], [1e-3, (0.9, 0.95), 0.0, False]]
    assert all(group["fused"] is True for group in make_optimizer(model, fused=True).param_groups)


def test_numbers_of_numpy_are_numbers():
    model, other = tiny_model(), tiny_model()
    optimizer = make_optimizer(model, lr=np.float32(0.01), weight_decay=np.int64(0))
    options = {"steps": np.int64(2), "accumulation": np.int32(1)}
    losses = train(model, loader(), optimizer, **options)
    other_optimizer = make_optimizer(other, lr=float(np.float32(0.01)), weight_decay=0)
    assert losses == train(other, loader(), other_optimizer, steps=2)
    assert all(
        type(group[key]) is float for group in optimizer.param_groups for key in ("lr", "weight_decay")
    )


def test_a_rate_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"lr debe ser un número del intervalo \(0, ∞\); llegó 0"):
        make_optimizer(tiny_model(), lr=0)


# --- El bucle -------------------------------------------------------------------------------------


def test_it_learns_and_tells_the_loss_of_each_step():
    model = tiny_model()
    first = next_token_loss(model, *loader()[0]).item()
    losses = train(model, loader(), make_optimizer(model, lr=0.01), steps=60)
    assert len(losses) == 60 and all(type(loss) is float for loss in losses)
    assert losses[0] == pytest.approx(first, rel=1e-6)
    assert losses[-1] < 0.5 * losses[0]


def test_it_trains_also_inside_no_grad():
    first, second = tiny_model(), tiny_model()
    with torch.no_grad():
        inside = train(first, loader(), make_optimizer(first), steps=2)
    assert inside == train(second, loader(), make_optimizer(second), steps=2)


def test_it_goes_round_the_loader_in_order():
    seen = []

    class Spy(list):
        def __iter__(self):
            seen.append("vuelta")
            for x, y in list.__iter__(self):
                seen.append(x[0, 0].item())
                yield x, y

    model, batches = tiny_model(), Spy(loader())
    starts = [x[0, 0].item() for x, _ in loader()]
    train(model, batches, make_optimizer(model), steps=4)
    assert seen == ["vuelta", *starts, "vuelta", starts[0]]


def test_the_loader_of_the_course():
    data = WindowDataset([index % 13 for index in range(60)], 5, 5)
    model = tiny_model(drop_rate=0.1)
    losses = train(model, make_loader(data, 4, seed=1), make_optimizer(model), steps=7)
    assert len(losses) == 7


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 4), rows=st.integers(1, 4))
def test_small_batches_accumulate_to_a_large_one(count, rows):
    many, one = tiny_model().double(), tiny_model().double()
    x, y = batch(count * rows)
    small = list(zip(x.split(rows), y.split(rows), strict=True))
    losses = train(many, small, torch.optim.SGD(many.parameters(), lr=0.1), steps=2, accumulation=count)
    expected = train(one, [(x, y)], torch.optim.SGD(one.parameters(), lr=0.1), steps=2)
    assert losses == pytest.approx(expected, rel=1e-9)
    for a, b in zip(weights(many), weights(one), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_no_gradient_waits_in_memory_for_the_next_step():
    model, waiting = tiny_model(), []

    def loss(model, x, y):
        waiting.append([parameter for parameter in model.parameters() if parameter.grad is not None])
        return next_token_loss(model, x, y)

    train(model, loader(), make_optimizer(model), steps=2, loss=loss)
    assert waiting == [[], []]


def test_batches_go_where_the_weights_are():
    ((x, y),) = one_round([batch()], tiny_model().to("meta"))
    assert x.is_meta and y.is_meta


def test_gradients_of_before_do_not_count():
    clean, dirty = tiny_model(), tiny_model()
    next_token_loss(dirty, *batch(seed=9)).backward()
    for model in (clean, dirty):
        train(model, loader(), make_optimizer(model), steps=2)
    assert equal(weights(clean), weights(dirty))


def test_dropout_acts_inside_and_each_piece_gets_its_mode_back():
    model = tiny_model(drop_rate=0.5).train()
    model.trf_blocks[1].eval()
    modes = [module.training for module in model.modules()]
    during = []
    model.register_forward_pre_hook(
        lambda m, _: during.append(({x.training for x in m.modules()}, torch.is_grad_enabled()))
    )
    train(model, loader(), make_optimizer(model), steps=1)
    evaluate(model, loader(1))
    assert during == [({True}, True), ({False}, False)]
    assert [module.training for module in model.modules()] == modes
    for work in (
        lambda: train(model, [(tokens(1, 3), tokens(1, 2))], make_optimizer(model), steps=1),
        lambda: evaluate(model, [(tokens(1, 3), tokens(1, 2))]),
    ):
        with pytest.raises(ValueError):
            work()
        assert [module.training for module in model.modules()] == modes


@pytest.mark.parametrize("name", ["steps", "accumulation"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, None])
def test_bad_counts(name, value):
    model = tiny_model()
    with pytest.raises(ValueError, match=f"^{name} debe ser un entero mayor o igual que 1"):
        train(model, loader(), make_optimizer(model), **{"steps": 1, name: value})


def test_an_empty_loader_is_refused():
    model = tiny_model()
    for work in (
        lambda: train(model, [], make_optimizer(model), steps=1),
        lambda: evaluate(model, []),
        lambda: train(model, (pair for pair in loader()), make_optimizer(model), steps=5),
    ):
        with pytest.raises(ValueError, match="El cargador está vacío"):
            work()


def test_the_optimizer_of_another_model_is_refused():
    model = tiny_model()
    with pytest.raises(ValueError, match=r"otro modelo\. Créalo con make_optimizer"):
        train(copy.deepcopy(model), loader(), make_optimizer(model), steps=1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_step(value):
    model = tiny_model()
    optimizer = make_optimizer(model)
    steps_done = []

    def poison(module, inputs, output):
        return output * (value if len(steps_done) == 2 else 1)

    model.register_forward_hook(poison)
    optimizer.register_step_post_hook(lambda *_: steps_done.append(weights(model)))
    with pytest.raises(ValueError, match=r"^En el paso 3 .*Prueba una tasa de aprendizaje menor"):
        train(model, loader(), optimizer, steps=9)
    assert len(steps_done) == 2
    assert equal(weights(model), steps_done[-1])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["tok_emb.weight", "trf_blocks.0.ff.layers.0.bias", "out_head.weight"])
def test_a_gradient_that_is_not_finite_stops_too(value, where):
    model = tiny_model()
    before = weights(model)

    def plant(gradient):  # un solo número, en un solo gradiente
        gradient = gradient.clone()
        gradient.view(-1)[3] = value
        return gradient

    model.get_parameter(where).register_hook(plant)
    with pytest.raises(ValueError, match=r"^En el paso 1 la pérdida o un gradiente"):
        train(model, loader(), make_optimizer(model), steps=2)
    assert equal(weights(model), before)


def test_a_frozen_model_is_refused():
    model = tiny_model()
    optimizer, x = make_optimizer(model), tokens(2, 5)
    model.out_head.requires_grad_(False)
    train(model, [(x, x)], optimizer, steps=1)  # parte de él, sí
    with pytest.raises(ValueError, match=r"congelados.*requires_grad_\(True\)"):
        train(model.requires_grad_(False), [(x, x)], optimizer, steps=1)


@pytest.mark.parametrize("detach", [torch.Tensor.detach, lambda loss: torch.tensor(loss.item())])
def test_a_loss_without_gradient_is_refused(detach):
    model, x = tiny_model(), tokens(2, 5)
    with pytest.raises(ValueError, match=r"no tiene gradiente.*sin \.item\(\)"):
        train(
            model,
            [(x, x)],
            make_optimizer(model),
            steps=1,
            loss=lambda *batch_: detach(next_token_loss(*batch_)),
        )


def test_sparse_gradients_are_refused():
    model, x = tiny_model(), tokens(2, 5)
    model.pos_emb.sparse = True
    before = weights(model)
    with pytest.raises(ValueError, match=r"disperso.*sparse=False"):
        train(model, [(x, x)], torch.optim.SGD(model.parameters(), lr=0.1), steps=1)
    assert equal(weights(model), before)


def test_the_bar_goes_to_the_error_stream_and_only_if_asked(capsys):
    model = tiny_model()
    train(model, loader(), make_optimizer(model), steps=2)
    assert capsys.readouterr() == ("", "")
    train(model, loader(), make_optimizer(model), steps=2, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "2/2" in err and "paso" in err


# --- La evaluación --------------------------------------------------------------------------------


def test_the_mean_is_per_token():
    model = tiny_model(drop_rate=0.5).train()
    big, small = batch(4, 5), batch(1, 3, seed=1)
    state = torch.get_rng_state()
    mean = evaluate(model, [big, small])
    assert torch.equal(torch.get_rng_state(), state)
    model.eval()
    expected = (20 * next_token_loss(model, *big) + 3 * next_token_loss(model, *small)) / 23
    assert mean == pytest.approx(expected.item(), rel=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())


# --- La recomputación -----------------------------------------------------------------------------


def backward(model, seed=3):
    model.zero_grad()
    torch.manual_seed(seed)
    loss = next_token_loss(model, *batch())
    loss.backward()
    return loss, gradients(model), torch.get_rng_state()


@pytest.mark.parametrize("copied", [lambda m: m, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("drop_rate", [0.0, 0.3])
@pytest.mark.parametrize("training", [False, True])
def test_checkpointing_changes_no_bit(copied, drop_rate, training):
    plain = tiny_model(drop_rate=drop_rate, tie_weights=True).train(training)
    light = copied(checkpoint_blocks(copy.deepcopy(plain)))
    assert [m.training for m in light.modules()] == [m.training for m in plain.modules()]
    assert list(light.state_dict()) == list(plain.state_dict())
    (loss, grads, state), (other_loss, other_grads, other_state) = backward(plain), backward(light)
    assert torch.equal(loss, other_loss)
    assert equal(grads, other_grads)
    assert torch.equal(state, other_state)


def test_each_block_keeps_only_its_input():
    model = tiny_model().train()
    x = torch.ones(2, 7, TINY["emb_dim"], requires_grad=True)
    _, full = saved_bytes(lambda: model.trf_blocks(x * 1), model)
    checkpoint_blocks(model)
    _, light = saved_bytes(lambda: model.trf_blocks(x * 1), model)
    assert light == TINY["n_layers"] * 2 * 7 * TINY["emb_dim"] * 4
    assert light < full / 5


def test_checkpointing_runs_each_block_again_only_for_gradients():
    model, calls = checkpoint_blocks(tiny_model()), []
    for block in model.trf_blocks:
        block.register_forward_pre_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        model(tokens(1, 3))
    attention_weights(model, tokens(1, 3))
    assert len(calls) == 2 * 2
    calls.clear()
    next_token_loss(model, *batch()).backward()
    assert len(calls) == 2 * 2  # dos bloques, hacia delante y otra vez hacia atrás


def test_checkpointing_keeps_the_hooks_of_the_blocks():
    model, seen = tiny_model(), []
    blocks = model.trf_blocks
    blocks.register_forward_hook(lambda *_: seen.append("después"))
    blocks.register_forward_pre_hook(lambda *_: seen.append("antes"))
    blocks.register_full_backward_hook(lambda *_: seen.append("atrás"))
    assert checkpoint_blocks(model).trf_blocks is blocks
    next_token_loss(model, *batch()).backward()
    assert seen == ["antes", "después", "atrás"]


def test_checkpointed_blocks_see_the_padding_too():
    plain, light = tiny_model(), checkpoint_blocks(tiny_model())
    _, batch_ = padded(6, 2)
    assert evaluate(light, [batch_]) == evaluate(plain, [batch_])
    for model in (plain, light):
        next_token_loss(model, *batch_).backward()
    assert equal(gradients(plain), gradients(light))


def test_blocks_that_are_not_ours_are_not_checkpointed():
    model = tiny_model()
    model.trf_blocks = torch.nn.ModuleList(model.trf_blocks)
    with pytest.raises(ValueError, match=r"debe ser los `Blocks` del curso; es ModuleList"):
        checkpoint_blocks(model)


def test_checkpointing_twice_is_the_same():
    model = checkpoint_blocks(checkpoint_blocks(tiny_model()))
    assert equal(backward(model)[1], backward(tiny_model())[1])


def test_checkpointed_training_is_the_same():
    plain, light = tiny_model(drop_rate=0.2), checkpoint_blocks(tiny_model(drop_rate=0.2))
    results = []
    for model in (plain, light):
        torch.manual_seed(1)
        results.append(train(model, loader(), make_optimizer(model), steps=5))
    assert results[0] == results[1]
    assert equal(weights(plain), weights(light))


@pytest.mark.parametrize(
    ("loader", "received"),
    [
        (None, "NoneType, que no se puede recorrer"),
        ([None], "un lote llegó como NoneType"),
        ([1, 2], "un lote llegó como int"),
        ([torch.ones(3, 2)], "un lote llegó como Tensor"),
        ([(1, 2, 3, 4)], "un lote llegó como tuple de 4"),
        ([(1,)], "un lote llegó como tuple de 1"),
    ],
)
def test_a_loader_gives_pairs(loader, received):
    model = tiny_model()
    for use in (
        lambda: evaluate(model, loader),
        lambda: train(model, loader, make_optimizer(model), steps=1),
    ):
        with pytest.raises(
            ValueError, match=rf"como los de make_loader, o ternas `\(x, y, mask\)`; .*{received}"
        ):
            use()


def test_a_batch_of_lists_is_refused():
    with pytest.raises(ValueError, match="deben ser tensores; llegaron list y Tensor"):
        evaluate(tiny_model(), [([[1]], tokens(1, 1))])


def test_an_optimizer_with_parameters_of_another_model_is_refused():
    model = tiny_model()
    mixed = torch.optim.SGD([*model.parameters(), *tiny_model().parameters()], lr=0.1)
    with pytest.raises(ValueError, match="El optimizador es de otro modelo"):
        train(model, [batch()], mixed, steps=1)
