"""La atención frente a la fórmula, a nn.MultiheadAttention y a sí misma por el otro camino."""

import math

import pytest
import torch
from reference import attended_in_pieces, random, randomize, tiny_model
from torch import nn

from gpt_course.attention import MultiHeadAttention
from gpt_course.dropout import Dropout, keep_mask

B, T, C, H = 2, 5, 12, 3
D = C // H


def attention(seed=123, **options):
    torch.manual_seed(seed)
    return randomize(MultiHeadAttention(C, H, **options))


def inputs():
    return random(B, T, C)


def test_by_hand():
    """Con query y key a cero, cada token promedia los que ha visto; con value y salida identidad, se lee."""
    att = MultiHeadAttention(2, 1)
    with torch.no_grad():
        for linear in (att.W_query, att.W_key):
            linear.weight.zero_()
        for linear in (att.W_value, att.out_proj):
            linear.weight.copy_(torch.eye(2))
        att.out_proj.bias.zero_()
    out = att(torch.tensor([[[6.0, 0.0], [0.0, 6.0], [3.0, 3.0]]]))
    torch.testing.assert_close(out, torch.tensor([[[6.0, 0.0], [3.0, 3.0], [3.0, 3.0]]]))


@pytest.mark.parametrize("qkv_bias", [False, True])
def test_equals_pytorch_multihead_attention(qkv_bias):
    ours = attention(qkv_bias=qkv_bias)
    theirs = nn.MultiheadAttention(C, H, batch_first=True)
    query_key_value = [ours.W_query, ours.W_key, ours.W_value]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([linear.weight for linear in query_key_value]))
        theirs.in_proj_bias.zero_()
        if qkv_bias:
            theirs.in_proj_bias.copy_(torch.cat([linear.bias for linear in query_key_value]))
        theirs.out_proj.load_state_dict(ours.out_proj.state_dict())
    x = inputs()
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    expected, weights = theirs(x, x, x, attn_mask=future, average_attn_weights=False)
    torch.testing.assert_close(ours(x), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.attention_weights(x), weights, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, T, 40])
def test_both_paths_agree(length, monkeypatch):
    """El camino explícito, con un dropout que no apaga nada, da lo mismo que el rápido."""
    att, x = attention(drop_rate=0.5, qkv_bias=True), random(B, length, C)
    fast = att.eval()(x)
    monkeypatch.setattr(Dropout, "forward", lambda layer, x: x)
    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", None)
    torch.testing.assert_close(att.train()(x), fast, rtol=1e-5, atol=1e-5)


def test_without_rate_training_is_the_fast_path():
    att, x = attention(drop_rate=0.0), inputs()
    assert torch.equal(att.train()(x), att.eval()(x))


@pytest.mark.parametrize(("drop_rate", "training"), [(0.0, False), (0.0, True), (0.3, False)])
def test_the_matrix_is_built_only_if_dropout_acts_or_someone_asks(drop_rate, training, monkeypatch):
    att, x = attention(drop_rate=drop_rate).train(training), inputs()
    expected, built = att(x), []
    monkeypatch.setattr("gpt_course.attention.causal_weights", lambda *_: built.append(1) or 1 / 0)
    assert torch.equal(att(x), expected) and not built
    att.explicit = True
    with pytest.raises(ZeroDivisionError):
        att(x)


@pytest.mark.parametrize("explicit", [False, True])
def test_each_token_reads_what_it_is_shown_and_nothing_else(explicit):
    att, x = attention(qkv_bias=True), inputs()
    att.explicit = explicit
    visible = (random(B, 1, T, T) > 0) | torch.eye(T, dtype=torch.bool)
    query, key, value = (
        linear(x).view(B, T, H, D).transpose(1, 2) for linear in (att.W_query, att.W_key, att.W_value)
    )
    weights = (query @ key.transpose(2, 3) / math.sqrt(D)).exp() * visible  # (B, H, T, T)
    context = weights / weights.sum(-1, keepdim=True) @ value
    expected = att.out_proj(context.transpose(1, 2).reshape(B, T, C))
    torch.testing.assert_close(att(x, visible=visible), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("pieces", [[5], [4, 1], [2, 3], [1] * 5], ids=str)
def test_in_pieces_with_cache_it_reads_the_same(explicit, pieces):
    model, x = tiny_model(), random(2, 5, 8)
    att = model.trf_blocks[1].att
    att.explicit = explicit
    torch.testing.assert_close(attended_in_pieces(model, x, pieces), att(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("explicit", [False, True])
def test_the_default_device_is_not_that_of_the_tokens(explicit):
    att, x = attention(), inputs()
    att.explicit = explicit
    expected = att(x)
    with torch.device("meta"):
        assert torch.equal(att(x), expected)


def test_dropout_acts_on_the_weights():
    att, x = attention(drop_rate=0.4), inputs()
    torch.manual_seed(1)
    out = att.train()(x)
    torch.manual_seed(1)
    keep = keep_mask(B * H * T * T, 0.4).view(B, H, T, T)
    value = att.W_value(x).view(B, T, H, D).transpose(1, 2)  # (B, H, T, D)
    context = (att.attention_weights(x) * keep / 0.6) @ value  # (B, H, T, D)
    expected = att.out_proj(context.transpose(1, 2).reshape(B, T, C))
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_weights_follow_the_formula():
    att, x = attention().double(), inputs().double()
    weights = att.attention_weights(x)
    assert weights.shape == (B, H, T, T)
    for head in range(H):
        columns = slice(head * D, (head + 1) * D)
        query, key = att.W_query(x)[..., columns], att.W_key(x)[..., columns]
        scores = torch.einsum("bqd,bkd->bqk", query, key) / math.sqrt(D)
        expected = scores.exp().tril() / scores.exp().tril().sum(-1, keepdim=True)
        torch.testing.assert_close(weights[:, head], expected)


def test_rows_sum_to_one_and_the_future_weighs_nothing():
    weights = attention().attention_weights(inputs())
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T))
    assert not weights.triu(1).any()
    assert (weights.tril()[..., torch.tril(torch.ones(T, T)) > 0] > 0).all()


def test_heads_are_consecutive_columns():
    att, x = attention(), inputs()
    before = att.attention_weights(x)
    with torch.no_grad():
        att.W_query.weight[D : 2 * D] += 1  # las filas de la segunda cabeza
    changed = (att.attention_weights(x) != before).flatten(2).any(-1).any(0)
    assert changed.tolist() == [False, True, False]


@pytest.mark.parametrize("mode", [True, False])
def test_asking_for_weights_changes_nothing(mode):
    att, x = attention(drop_rate=0.3).train(mode), inputs()
    torch.manual_seed(4)
    expected = att(x)
    torch.manual_seed(4)
    first = att.attention_weights(x)
    assert torch.equal(att(x), expected)
    assert torch.equal(att.attention_weights(x), first)  # sin dropout, aunque se esté entrenando


@pytest.mark.parametrize("mode", [True, False])
def test_the_past_does_not_see_the_future(mode):
    att, x = attention(drop_rate=0.3).train(mode), inputs()
    changed = x.clone()
    changed[:, 3] += 1
    torch.manual_seed(4)
    before = att(x)
    torch.manual_seed(4)
    after = att(changed)
    assert torch.equal(after[:, :3], before[:, :3])
    assert (after[:, 3] != before[:, 3]).any()


def test_gradients():
    att = attention(drop_rate=0.3, qkv_bias=True).double()

    def reseeded(x):
        torch.manual_seed(3)
        return att(x)

    x = random(1, 3, C, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(reseeded, x)


def test_masks_of_other_courses_are_ignored():
    att = attention()
    foreign = {**att.state_dict(), "mask": torch.ones(T, T).triu(1)}
    names = list(foreign)
    att.load_state_dict(foreign)
    assert list(foreign) == names  # no toca el diccionario ajeno


def test_other_unknown_keys_still_fail():
    att = attention()
    with pytest.raises(RuntimeError, match="W_otra"):
        att.load_state_dict({**att.state_dict(), "W_otra": torch.ones(1)})


@pytest.mark.parametrize("qkv_bias", [False, True])
def test_only_the_four_projections_are_stored(qkv_bias):
    att = attention(qkv_bias=qkv_bias)
    biased = ["W_query", "W_key", "W_value"] if qkv_bias else []
    expected = {f"{name}.weight" for name in ("W_query", "W_key", "W_value", "out_proj")}
    expected |= {f"{name}.bias" for name in [*biased, "out_proj"]}
    assert set(att.state_dict()) == expected
    assert not list(att.buffers())


def test_width_must_be_shared_out_equally():
    with pytest.raises(ValueError, match=r"múltiplo de n_heads.*emb_dim=10 y n_heads=4 \(sobran 2\)"):
        MultiHeadAttention(10, 4)


@pytest.mark.parametrize(
    ("arguments", "name"), [((0, 1), "emb_dim"), ((8, 0), "n_heads"), ((8.0, 2), "emb_dim")]
)
def test_sizes_are_positive_integers(arguments, name):
    with pytest.raises(ValueError, match=f"{name} debe ser un entero mayor o igual que 1; llegó"):
        MultiHeadAttention(*arguments)


def test_bad_rate():
    with pytest.raises(ValueError, match=r"intervalo \[0, 1\); llegó 1"):
        MultiHeadAttention(8, 2, drop_rate=1)


@pytest.mark.parametrize("value", ["False", 1, None])
def test_the_bias_is_true_or_false(value):
    with pytest.raises(ValueError, match="qkv_bias debe ser True o False; llegó"):
        MultiHeadAttention(8, 2, qkv_bias=value)


@pytest.mark.parametrize("shape", [(3, 8), (8,), (1, 2, 3, 8), (2, 3, 7)])
@pytest.mark.parametrize("method", ["forward", "attention_weights"])
def test_input_of_another_shape(shape, method):
    attention = MultiHeadAttention(8, 1)
    with pytest.raises(ValueError, match=r"espera la forma \(B, T, 8\); llegó \("):
        getattr(attention, method)(torch.ones(shape))
