"""El bloque frente a nn.TransformerEncoderLayer y a la cuenta escrita paso a paso."""

import pytest
import torch
import torch.nn.functional as F
from reference import TINY, random, randomize
from torch import nn

from gpt_course.block import Blocks, TransformerBlock
from gpt_course.dropout import keep_mask

B, T, C, H = 2, 5, TINY["emb_dim"], TINY["n_heads"]


def block(**changes):
    torch.manual_seed(123)
    return randomize(TransformerBlock({**TINY, **changes}))


def inputs():
    return random(B, T, C)


@pytest.mark.parametrize("qkv_bias", [False, True])
def test_equals_pytorch_encoder_layer(qkv_bias):
    ours, x = block(qkv_bias=qkv_bias), inputs()
    theirs = nn.TransformerEncoderLayer(
        C,
        H,
        dim_feedforward=4 * C,
        dropout=0,
        activation=lambda x: F.gelu(x, approximate="tanh"),
        layer_norm_eps=1e-5,
        batch_first=True,
        norm_first=True,
    )
    query_key_value = [ours.att.W_query, ours.att.W_key, ours.att.W_value]
    biases = [linear.bias if qkv_bias else torch.zeros(C) for linear in query_key_value]
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat([linear.weight for linear in query_key_value]),
            "self_attn.in_proj_bias": torch.cat(biases),
            "self_attn.out_proj.weight": ours.att.out_proj.weight,
            "self_attn.out_proj.bias": ours.att.out_proj.bias,
            "linear1.weight": ours.ff.layers[0].weight,
            "linear1.bias": ours.ff.layers[0].bias,
            "linear2.weight": ours.ff.layers[2].weight,
            "linear2.bias": ours.ff.layers[2].bias,
            "norm1.weight": ours.norm1.scale,
            "norm1.bias": ours.norm1.shift,
            "norm2.weight": ours.norm2.scale,
            "norm2.bias": ours.norm2.shift,
        }
    )
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    torch.testing.assert_close(ours(x), theirs(x, src_mask=future), rtol=1e-5, atol=1e-5)


def test_dropout_is_drawn_on_the_weights_then_after_each_sublayer():
    ours, x, p = block(drop_rate=0.3), inputs(), 0.3
    torch.manual_seed(6)
    out = ours.train()(x)

    torch.manual_seed(6)
    on_weights, after_attention, after_feed_forward = (
        keep_mask(n, p) / (1 - p) for n in (B * H * T * T, B * T * C, B * T * C)
    )
    normed = ours.norm1(x)
    value = ours.att.W_value(normed).view(B, T, H, C // H).transpose(1, 2)
    weights = ours.att.attention_weights(normed) * on_weights.view(B, H, T, T)
    attended = ours.att.out_proj((weights @ value).transpose(1, 2).reshape(B, T, C))
    middle = x + attended * after_attention.view(B, T, C)
    expected = middle + ours.ff(ours.norm2(middle)) * after_feed_forward.view(B, T, C)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_with_silent_sublayers_only_the_shortcut_remains():
    ours, x = block(), inputs()
    with torch.no_grad():
        for linear in (ours.att.out_proj, ours.ff.layers[2]):
            linear.weight.zero_()
            linear.bias.zero_()
    assert torch.equal(ours(x), x)


def test_what_is_visible_reaches_the_attention():
    ours, x = block(), inputs()
    only_itself = torch.eye(T, dtype=torch.bool).view(1, 1, T, T)
    alone = ours(x.view(B * T, 1, C)).view(B, T, C)
    torch.testing.assert_close(ours(x, visible=only_itself), alone, rtol=1e-5, atol=1e-5)


def test_gradients():
    ours = block(drop_rate=0.3, qkv_bias=True).double()

    def reseeded(x):
        torch.manual_seed(3)
        return ours(x)

    x = random(1, 3, C, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(reseeded, x)


def test_the_configuration_is_checked():
    with pytest.raises(ValueError, match=r"Faltan: \['n_heads'\]"):
        TransformerBlock({key: value for key, value in TINY.items() if key != "n_heads"})


# --- Los bloques, en fila ---------------------------------------------------------------------------------


def test_the_blocks_are_a_sequence_like_any_other():
    row = Blocks(*(block() for _ in range(3)))
    x = inputs()
    assert torch.equal(row(x), nn.Sequential(*row)(x))
    assert type(row[:2]) is Blocks and len(row[:2]) == 2
    assert list(row.state_dict()) == list(nn.Sequential(*row).state_dict())


def test_a_block_of_another_kind_still_fits_without_cache_or_mask():
    row = Blocks(block(), nn.Identity())
    assert torch.equal(row(inputs()), row[0](inputs()))


class Spy(nn.Module):
    """Apunta lo que le llega y suma 1."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def forward(self, x, **reading):
        self.seen.append(reading)
        return x + 1


def test_each_block_receives_its_part_of_the_cache_and_all_the_rest():
    seen = []
    assert Blocks(Spy(seen), Spy(seen))(0, cache="ab", visible="todo") == 2
    assert seen == [{"cache": "a", "visible": "todo"}, {"cache": "b", "visible": "todo"}]
