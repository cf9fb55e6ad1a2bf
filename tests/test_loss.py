"""La pérdida, frente a lo que no escribimos: logaritmos y transformers."""

import math

import pytest
import torch
from reference import as_huggingface, tiny_model, tokens

from gpt_course.fast import chunked_loss
from gpt_course.loss import next_token_loss
from gpt_course.padding import pad_left


def batch(rows=4, length=5, seed=0):
    ids = torch.randint(13, (rows, length + 1), generator=torch.Generator().manual_seed(seed))
    return ids[:, :-1], ids[:, 1:]


def gradients(model):
    return [parameter.grad for parameter in model.parameters()]


def test_loss_by_hand():
    model, (x, y) = tiny_model(), batch()
    probabilities = model(x).detach().double().softmax(dim=-1)
    surprises = [-math.log(probabilities[b, t, y[b, t]]) for b in range(4) for t in range(5)]
    assert next_token_loss(model, x, y).item() == pytest.approx(sum(surprises) / 20, rel=1e-5)


def test_loss_of_transformers():
    model, ids = tiny_model(tie_weights=True), tokens(3, 7)
    expected = as_huggingface(model)(ids, labels=ids).loss  # allí el corrimiento se hace dentro
    torch.testing.assert_close(next_token_loss(model, ids[:, :-1], ids[:, 1:]), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (tokens(2, 5), tokens(2, 4), r"misma forma; llegaron \(2, 5\) y \(2, 4\)"),
        (tokens(2, 5), tokens(5, 2), r"misma forma"),
        (tokens(2, 5), tokens(2, 5).float(), r"int64.*llegó torch\.float32"),
        (tokens(2, 5), tokens(2, 5).int(), r"int64.*llegó torch\.int32"),
        (tokens(2, 5), [[1]], r"deben ser tensores.*llegaron Tensor y list"),
        (None, tokens(2, 5), r"deben ser tensores.*llegaron NoneType y Tensor"),
        (tokens(2, 5), tokens(2, 5) + 13, r"entre 0 y 12; llegó alguno fuera"),
        (tokens(2, 5), torch.full((2, 5), 13), r"entre 0 y 12"),  # justo el primero que no es
        (tokens(2, 5), torch.full((2, 5), -1), r"entre 0 y 12"),
        (tokens(2, 5), tokens(2, 5) - 100, r"entre 0 y 12"),  # −100 es «no contar» para cross_entropy
        (tokens(2, 5).float(), tokens(2, 5), r"Se esperaba un tensor int64 o int32"),
        (tokens(1, 8), tokens(1, 8), r"llegó T = 8"),
    ],
)
def test_bad_batches(x, y, message):
    with pytest.raises(ValueError, match=message):
        next_token_loss(tiny_model(), x, y)


def padded(*lengths, seed=0):
    """Frases de esas longitudes y el lote que las junta: [(x, y)…], (x, y, mask)."""
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randint(13, (length + 1,), generator=generator) for length in lengths]
    ids, mask = pad_left(rows, pad_id=12)
    return [(row[None, :-1], row[None, 1:]) for row in rows], (ids[:, :-1], ids[:, 1:], mask[:, :-1])


@pytest.mark.parametrize("lengths", [(6, 2, 4), (1, 6), (3, 3)])
@pytest.mark.parametrize("loss", [next_token_loss, chunked_loss])
def test_padding_changes_neither_the_loss_nor_the_gradients(lengths, loss):
    one, other = tiny_model(tie_weights=True).double(), tiny_model(tie_weights=True).double()
    rows, batch_ = padded(*lengths)
    expected = sum(next_token_loss(one, *row) * row[0].numel() for row in rows) / sum(lengths)
    found = loss(other, *batch_)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    expected.backward()
    found.backward()
    for a, b in zip(gradients(one), gradients(other), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_what_is_written_in_the_padding_does_not_count():
    model, (_, (x, y, mask)) = tiny_model(), padded(6, 2)
    loss = next_token_loss(model, x, y, mask)
    assert torch.equal(loss, next_token_loss(model, x, y.masked_fill(~mask, -100), mask))
    torch.testing.assert_close(loss, next_token_loss(model, x.masked_fill(~mask, 5), y, mask))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(2, 4, dtype=torch.bool), r"forma de x, \(2, 5\); llegó torch\.bool \(2, 4\)"),
        (torch.ones(2, 5), r"llegó torch\.float32"),
        ([[True]], "llegó list"),
        (torch.zeros(2, 5, dtype=torch.bool), "al menos un token de verdad"),
        (torch.arange(5).expand(2, 5) != 3, "a la izquierda"),
    ],
)
@pytest.mark.parametrize("loss", [next_token_loss, chunked_loss])
def test_bad_masks(mask, message, loss):
    with pytest.raises(ValueError, match=message):
        loss(tiny_model(), tokens(2, 5), tokens(2, 5), mask)
