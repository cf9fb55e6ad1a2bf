"""La atención con *keys* compartidas frente a la de GPT-2, paso a paso y por sus errores."""

import pytest
import torch
from reference import attended_in_pieces, random, randomize, tiny_model

from gpt_course.attention import MultiHeadAttention
from gpt_course.grouped_attention import GroupedAttention
from gpt_course.rmsnorm import RMSNorm
from gpt_course.rope import Rotary

B, T, C, H, D = 2, 6, 12, 4, 3


def attention(**options):
    torch.manual_seed(1)
    return randomize(GroupedAttention(C, H, **options)).eval()


def inputs():
    return random(B, T, C)


@pytest.mark.parametrize("qkv_bias", [False, True])
@pytest.mark.parametrize("explicit", [False, True])
def test_with_a_group_a_head_it_is_that_of_gpt2(qkv_bias, explicit):
    ours, theirs = attention(qkv_bias=qkv_bias), MultiHeadAttention(C, H, qkv_bias=qkv_bias)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    ours.explicit = theirs.explicit = explicit
    torch.testing.assert_close(ours(inputs()), theirs(inputs()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_kv_heads", [1, 2])
def test_sharing_is_repeating_keys_and_values(n_kv_heads):
    """Con las matrices de key y value copiadas para cada cabeza de su grupo, la de GPT-2 da lo mismo."""
    ours, theirs = attention(n_kv_heads=n_kv_heads, qkv_bias=True), MultiHeadAttention(C, H, qkv_bias=True)
    state = ours.state_dict()
    assert state["W_key.weight"].shape == state["W_value.weight"].shape == (n_kv_heads * D, C)
    for name in ("W_key", "W_value"):
        for kind in ("weight", "bias"):
            heads = state[f"{name}.{kind}"].unflatten(0, (n_kv_heads, D))
            state[f"{name}.{kind}"] = heads.repeat_interleave(H // n_kv_heads, dim=0).flatten(0, 1)
    theirs.load_state_dict(state)
    torch.testing.assert_close(ours(inputs()), theirs(inputs()), rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.attention_weights(inputs()), theirs.attention_weights(inputs()))


@pytest.mark.parametrize("explicit", [False, True])
def test_step_by_step_with_everything(explicit):
    ours, x, W = (
        attention(n_kv_heads=2, head_dim=4, bias=False, qk_norm=True, norm_eps=0.1, rotary=True, window=2),
        inputs(),
        2,
    )
    ours.explicit, rotation = explicit, Rotary(4)(torch.arange(T))
    assert ours.query_norm.eps == ours.key_norm.eps == 0.1
    cos, sin = (each[0] for each in rotation)  # (T, D/2)

    def heads(linear, norm=None):
        split = linear(x).view(B, T, -1, 4)
        return [each if norm is None else norm(each) for each in split.unbind(dim=2)]  # (B, T, D) cada una

    def turn(each):
        return torch.cat(
            [each[..., :2] * cos - each[..., 2:] * sin, each[..., 2:] * cos + each[..., :2] * sin], -1
        )

    queries = [turn(each) for each in heads(ours.W_query, ours.query_norm)]
    keys = [turn(each) for each in heads(ours.W_key, ours.key_norm)]
    values, contexts, weights = heads(ours.W_value), [], []
    for head, query in enumerate(queries):
        scores = query @ keys[head // 2].transpose(1, 2) / 2  # √4
        for t in range(T):
            for s in range(T):
                if not t - W < s <= t:
                    scores[:, t, s] = -torch.inf
        weights.append(scores.softmax(dim=-1))
        contexts.append(weights[-1] @ values[head // 2])
    expected = torch.cat(contexts, dim=-1) @ ours.out_proj.weight.T
    torch.testing.assert_close(ours(x, rotation=rotation), expected, rtol=0, atol=1e-5)
    found = ours.attention_weights(x, rotation=rotation)
    torch.testing.assert_close(found, torch.stack(weights, dim=1), rtol=0, atol=1e-5)


def test_what_comes_from_outside_rules_over_the_window():
    ours, x = attention(window=2), inputs()
    itself = torch.eye(T, dtype=torch.bool).view(1, 1, T, T)
    alone = ours(x.view(B * T, 1, C)).view(B, T, C)
    torch.testing.assert_close(ours(x, visible=itself), alone, rtol=0, atol=1e-6)
    assert torch.equal(ours.attention_weights(x, visible=itself), itself.expand(B, H, T, T).float())


@pytest.mark.parametrize("window", [T, T + 1, 1000])
def test_a_window_that_holds_everything_changes_nothing(window):
    assert torch.equal(attention(window=window)(inputs()), attention()(inputs()))


def test_queries_and_keys_are_normalised_before_they_turn():
    ours, rotation = attention(qk_norm=True, rotary=True, head_dim=4), Rotary(4)(torch.arange(T))
    assert type(ours.query_norm) is type(ours.key_norm) is RMSNorm
    assert ours.query_norm.scale.shape == (4,) and not torch.equal(ours.query_norm.scale, ours.key_norm.scale)
    names = [name for name, _ in ours.named_parameters()]
    linears = [f"{name}.weight" for name in ("W_query", "W_key", "W_value")]
    assert names == [*linears, "query_norm.scale", "key_norm.scale", "out_proj.weight", "out_proj.bias"]
    before = ours(inputs(), rotation=rotation)
    with torch.no_grad():
        ours.W_query.weight.mul_(100)  # la norma se lo lleva
        ours.W_key.weight.mul_(100)
    torch.testing.assert_close(ours(inputs(), rotation=rotation), before, rtol=0, atol=1e-3)


def test_dropout_is_drawn_on_the_weights():
    ours = attention(n_kv_heads=2, drop_rate=0.4).train()
    torch.manual_seed(4)
    found = ours(inputs())
    torch.manual_seed(4)
    weights = ours.dropout(ours.attention_weights(inputs()))
    value = ours.W_value(inputs()).view(B, T, 2, D).transpose(1, 2).repeat_interleave(2, dim=1)
    expected = ours.out_proj((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("drop_rate", "training"), [(0.0, False), (0.0, True), (0.3, False)])
def test_the_matrix_is_built_only_if_dropout_acts_or_someone_asks(drop_rate, training, monkeypatch):
    ours, built = attention(n_kv_heads=2, drop_rate=drop_rate).train(training), []
    expected = ours(inputs())
    monkeypatch.setattr("gpt_course.grouped_attention.causal_weights", lambda *_: built.append(1) or 1 / 0)
    assert torch.equal(ours(inputs()), expected) and not built
    ours.explicit = True
    with pytest.raises(ZeroDivisionError):
        ours(inputs())


@torch.no_grad()
@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("pieces", [[6], [4, 2], [1] * 6], ids=str)
def test_in_pieces_with_cache_it_reads_the_same(explicit, pieces):
    model, x = tiny_model(n_kv_heads=1), random(2, 6, 8)
    att = model.trf_blocks[1].att
    att.explicit = explicit
    torch.testing.assert_close(attended_in_pieces(model, x, pieces), att(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("explicit", [False, True])
def test_the_default_device_is_not_that_of_the_tokens(explicit):
    ours, x = attention(n_kv_heads=2, window=2), inputs()
    ours.explicit, expected = explicit, ours(x)
    with torch.device("meta"):
        torch.testing.assert_close(ours(x), expected, rtol=0, atol=1e-6)


def test_gradients():
    ours = attention(n_kv_heads=2, head_dim=4, qk_norm=True, rotary=True, window=2).double()
    x, rotation = random(1, 4, C, dtype=torch.float64).requires_grad_(), Rotary(4)(torch.arange(4))
    assert torch.autograd.gradcheck(lambda x: ours(x, rotation=rotation), x)


def test_it_does_not_read_without_the_turn():
    ours = attention(rotary=True, head_dim=4)
    for read in (ours, ours.attention_weights):
        with pytest.raises(ValueError, match=r"el giro de 6 posiciones; llegó el de 0\. Dale rotation="):
            read(inputs())
        with pytest.raises(ValueError, match=r"el giro de 6 posiciones; llegó el de 1\."):
            read(inputs(), rotation=Rotary(4)(torch.arange(1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n_kv_heads": 3},
            r"n_kv_heads debe dividir a n_heads.*n_kv_heads=3 y n_heads=4\. Elige un divisor",
        ),
        ({"n_kv_heads": 0}, "n_kv_heads debe ser un entero mayor o igual que 1; llegó 0"),
        ({"head_dim": 2.0}, "head_dim debe ser un entero"),
        ({"window": 0}, "window debe ser un entero mayor o igual que 1; llegó 0"),
        ({"qk_norm": 1}, "qk_norm debe ser True o False; llegó 1"),
        ({"bias": None}, "bias debe ser True o False; llegó None"),
        ({"qkv_bias": "no"}, "qkv_bias debe ser True o False"),
        ({"rotary": 0}, "rotary debe ser True o False"),
        ({"drop_rate": 1}, "un número del intervalo"),
    ],
    ids=str,
)
def test_what_it_does_not_admit(options, message):
    with pytest.raises(ValueError, match=message):
        attention(**options)


@pytest.mark.parametrize(("sizes", "name"), [((0, 4), "emb_dim"), ((12, 0), "n_heads")])
def test_a_measure_that_cannot_be_is_named(sizes, name):
    with pytest.raises(ValueError, match=f"^{name} debe ser un entero mayor o igual que 1; llegó 0"):
        GroupedAttention(*sizes, n_kv_heads=2, head_dim=3)


def test_heads_share_the_width_unless_they_have_their_own():
    with pytest.raises(ValueError, match="emb_dim debe ser múltiplo de n_heads"):
        GroupedAttention(10, 4)
    assert GroupedAttention(10, 4, head_dim=3)(torch.zeros(1, 2, 10)).shape == (1, 2, 10)


@pytest.mark.parametrize("shape", [(T, C), (B, T, C + 1)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=rf"La atención espera la forma \(B, T, {C}\); llegó"):
        attention()(torch.zeros(shape))
