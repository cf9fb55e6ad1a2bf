"""Los pesos de atención de un modelo entero, y que mirarlos no cambia nada."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from reference import tiny_model, tokens

from gpt_course.inspection import attention_weights


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
