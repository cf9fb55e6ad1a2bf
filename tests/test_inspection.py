"""Mirar dentro de un modelo entero, apagarle una cabeza, y que nada de eso lo cambia."""

import copy
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from modern import EVERYTHING, LLAMA, modern_model
from reference import tiny_model, tokens

from gpt_course.fast import make_fast
from gpt_course.generation import generate
from gpt_course.inspection import (
    attention_weights,
    expert_load,
    head_off,
    induction_scores,
    logit_lens,
)


def test_attention_weights_of_every_block():
    model, in_idx = tiny_model(drop_rate=0.1), tokens(2, 5)
    before, state = model(in_idx), torch.get_rng_state()
    weights = attention_weights(model, in_idx)
    assert weights.shape == (2, 2, 2, 5, 5)  # (L, B, H, T, T)
    assert not weights.requires_grad
    x = model.tok_emb(in_idx) + model.pos_emb.weight[:5]
    for layer, block in enumerate(model.trf_blocks):
        torch.testing.assert_close(weights[layer], block.att.attention_weights(block.norm1(x)))
        x = block(x)
    assert torch.equal(model(in_idx), before)
    assert torch.equal(torch.get_rng_state(), state)


def test_attention_weights_leave_no_hook_even_after_an_error():
    model = tiny_model()
    with pytest.raises(ValueError, match="llegó 99"):
        attention_weights(model, torch.tensor([[99]]))
    assert not any(block.att._forward_pre_hooks for block in model.trf_blocks)


def test_attention_weights_are_asked_for_without_dropout():
    with pytest.raises(ValueError, match=r"modo de entrenamiento\. Llama antes a model\.eval\(\)"):
        attention_weights(tiny_model(drop_rate=0.1).train(), tokens(1, 3))


def test_training_mode_without_dropout_is_no_obstacle():
    model, ids = tiny_model(), tokens(1, 3)
    assert torch.equal(attention_weights(model.train(), ids), attention_weights(model.eval(), ids))


def test_attention_weights_with_one_block_in_training_mode():
    model = tiny_model(drop_rate=0.1).eval()
    model.trf_blocks[0].train()
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        attention_weights(model, tokens(1, 3))


def test_several_threads_look_at_once():
    model = tiny_model(n_layers=6, context_length=40)
    inputs = [tokens(2, length) for length in (3, 17, 29, 40)]
    expected = [attention_weights(model, ids) for ids in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for weights, right in zip(
                pool.map(lambda ids: attention_weights(model, ids), inputs), expected, strict=True
            ):
                torch.testing.assert_close(weights, right)


def test_the_lens_reads_every_depth_with_the_end_of_the_model():
    model, ids = tiny_model(drop_rate=0.1), tokens(2, 5)
    logits = logit_lens(model, ids)
    assert logits.shape == (3, 2, 5, 13) and not logits.requires_grad  # (L + 1, B, T, V)
    torch.testing.assert_close(logits[-1], model(ids), rtol=0, atol=0)
    for depth in range(3):  # un modelo al que le faltan los bloques de arriba
        short = copy.deepcopy(model)
        short.trf_blocks = short.trf_blocks[:depth]
        torch.testing.assert_close(logits[depth], short(ids))


def test_the_lens_has_the_same_limits_as_the_weights():
    with pytest.raises(ValueError, match=r"^La lente de logits se usa sin dropout.*model\.eval\(\)"):
        logit_lens(tiny_model(drop_rate=0.1).train(), tokens(1, 3))
    with pytest.raises(ValueError, match="llegó 99"):
        logit_lens(tiny_model(), torch.tensor([[99]]))


def test_induction_scores_look_behind_the_copies_one_by_one():
    model, ids = tiny_model(n_heads=4), torch.tensor([[1, 2, 1, 3, 1, 2], [4, 4, 5, 4, 6, 7]])
    weights, expected = attention_weights(model, ids), []
    for layer in range(2):
        for head in range(4):
            found = []
            for row, tokens_ in enumerate(ids.tolist()):
                for t, token in enumerate(tokens_):
                    copies = [s + 1 for s in range(t) if tokens_[s] == token]
                    if copies:
                        found.append(weights[layer, row, head, t, copies].sum())
            expected.append(torch.stack(found).mean())
    assert len(found) == 5  # un 1, otro 1, un 2; un 4, otro 4
    torch.testing.assert_close(induction_scores(model, ids), torch.stack(expected).view(2, 4))


def test_induction_scores_need_something_repeated():
    with pytest.raises(ValueError, match=r"^Ningún token se repite.*Usa frases con repeticiones\.$"):
        induction_scores(tiny_model(), torch.tensor([[1, 2, 3]]))


def without_columns(model, block, head):
    """Otra manera: una copia con las columnas de `out_proj` que leen esa cabeza, a cero."""
    model = copy.deepcopy(model)
    attention = model.trf_blocks[block].att
    size = attention.emb_dim // attention.n_heads
    attention.out_proj.weight.data[:, size * head : size * (head + 1)] = 0
    return model


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize(("block", "head"), [(0, 0), (0, 3), (1, 0), (1, 2)])
def test_a_head_off_is_its_columns_of_the_projection_at_zero(block, head, explicit):
    model, ids = tiny_model(n_heads=4), tokens(2, 6)
    for piece in model.trf_blocks:
        piece.att.explicit = explicit
    whole = model(ids)
    with head_off(model, block, head):
        silent = model(ids)
    torch.testing.assert_close(silent, without_columns(model, block, head)(ids))
    assert not torch.allclose(silent, whole, atol=1e-3)
    assert torch.equal(model(ids), whole)


def test_a_head_off_is_the_sum_of_the_others_head_by_head():
    attention = tiny_model(n_heads=4).trf_blocks[1].att
    holder, x = tiny_model(n_heads=4), torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
    q, k, v = (
        layer(x).unflatten(-1, (4, 2)).transpose(1, 2)
        for layer in (attention.W_query, attention.W_key, attention.W_value)
    )
    contexts = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, D)
    columns = attention.out_proj.weight.split(2, dim=1)
    expected = sum(contexts[:, other] @ columns[other].T for other in (0, 1, 3)) + attention.out_proj.bias
    holder.trf_blocks[1].att = attention
    with head_off(holder, 1, 2):
        torch.testing.assert_close(attention(x), expected)


def test_heads_off_add_up_and_leave_in_any_order():
    model, ids = tiny_model(n_heads=4), tokens(1, 6)
    first, second = head_off(model, 0, 1), head_off(model, 1, 3)
    both = without_columns(without_columns(model, 0, 1), 1, 3)(ids)
    first.__enter__()
    second.__enter__()
    torch.testing.assert_close(model(ids), both)
    first.__exit__(None, None, None)
    torch.testing.assert_close(model(ids), without_columns(model, 1, 3)(ids))
    second.__exit__(None, None, None)
    assert not has_hooks(model)
    with head_off(model, 0, 1), head_off(model, 0, 1):  # dos veces la misma
        torch.testing.assert_close(model(ids), without_columns(model, 0, 1)(ids))


def has_hooks(model):
    pieces = [
        hooks for module in model.modules() for hooks in (module._forward_pre_hooks, module._forward_hooks)
    ]
    return any(pieces) or torch.nn.modules.module._has_any_global_hook()


def test_a_head_off_leaves_nothing_behind():
    model, ids = tiny_model(), tokens(2, 5)
    before, whole = copy.deepcopy(model.state_dict()), model(ids)
    with pytest.raises(RuntimeError, match="a propósito"), head_off(model, 0, 1):
        raise RuntimeError("a propósito")
    with head_off(model, 0, 1):
        inside = copy.deepcopy(model)
        pickled = io.BytesIO()
        torch.save(model, pickled)
        torch.testing.assert_close(inside(ids), whole)  # la copia tiene todas sus cabezas, también dentro
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    pickled.seek(0)
    for other in (model, inside, torch.load(pickled, weights_only=False)):
        assert not has_hooks(other)
        assert torch.equal(other(ids), whole)


def test_a_head_off_also_in_what_uses_the_model():
    model, ids = tiny_model(n_heads=4), tokens(2, 5)
    expected = without_columns(model, 1, 2)
    fast = make_fast(copy.deepcopy(model))
    with head_off(model, 1, 2), head_off(fast, 1, 2):
        assert torch.equal(generate(model, ids, 2), generate(expected, ids, 2))
        torch.testing.assert_close(logit_lens(model, ids), logit_lens(expected, ids))
        torch.testing.assert_close(fast(ids), expected(ids), atol=1e-4, rtol=1e-4)
        loss = model(ids).square().mean()
    loss.backward()
    gradient = model.trf_blocks[1].att.out_proj.weight.grad
    assert not gradient[:, 4:6].any() and gradient[:, :4].any() and gradient[:, 6:].any()


@pytest.mark.parametrize(
    ("block", "head", "message"),
    [
        (2, 0, r"tiene 2 bloques.*llegó 2\. Usa un entero de 0 a 1\."),
        (-1, 0, r"tiene 2 bloques.*llegó -1"),
        (0, 4, r"tiene 4 cabezas en cada bloque.*llegó 4\. Usa un entero de 0 a 3\."),
        (0, -1, "llegó -1"),
        (0, 1.0, r"llegó 1\.0"),
        (True, 0, "llegó True"),
        ("0", 0, "llegó '0'"),
    ],
)
def test_a_head_that_is_not_there(block, head, message):
    model = tiny_model(n_heads=4)
    with pytest.raises(ValueError, match=message), head_off(model, block, head):
        pass
    assert not has_hooks(model)


# --- Con piezas de hoy -------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", [LLAMA, EVERYTHING], ids=["llama", "todas"])
def test_they_read_as_the_model_does(cfg):
    model, ids = modern_model(cfg), tokens(2, 9)
    logits, weights = logit_lens(model, ids), attention_weights(model, ids)
    torch.testing.assert_close(logits[-1], model(ids), rtol=0, atol=0)
    assert weights.shape == (2, 2, 4, 9, 9)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 4, 9))
    far = torch.ones(9, 9).tril(-3).bool()
    assert (weights[..., far] == 0).all() == (cfg.get("window") == 3)
    seen = []
    for block in model.trf_blocks:
        block.att.explicit = True
        block.att.dropout.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(ids)
    torch.testing.assert_close(weights, torch.stack(seen), rtol=0, atol=0)


def test_a_head_of_its_own_width_goes_off():
    model, ids = modern_model(EVERYTHING), tokens(1, 6)
    with head_off(model, 1, 2):
        off = model(ids)
    with torch.no_grad():
        model.trf_blocks[1].att.out_proj.weight[:, 20:30] = 0  # D = 10
    torch.testing.assert_close(off, model(ids), rtol=0, atol=1e-6)


def test_the_load_of_the_experts_of_each_block():
    model, ids, seen = modern_model(EVERYTHING), tokens(3, 8), []
    for block in model.trf_blocks:
        block.ff.register_forward_hook(lambda ff, inputs, _: seen.append(ff.load(inputs[0])))
    model(ids)
    expected = torch.stack(seen)
    assert torch.equal(expert_load(model, ids), expected) and expected.shape == (2, 4)
    torch.testing.assert_close(expected.sum(dim=1), torch.ones(2))
    with pytest.raises(ValueError, match="no tiene expertos"):
        expert_load(tiny_model(), ids)
    with pytest.raises(ValueError, match=r"La carga de los expertos se mira sin dropout"):
        expert_load(modern_model(EVERYTHING, drop_rate=0.1).train(), ids)
