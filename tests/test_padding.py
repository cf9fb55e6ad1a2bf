"""El relleno: un lote de longitudes distintas da lo mismo que cada secuencia sola, también al entrenar."""

import numpy as np
import pytest
import torch
from reference import tiny_model, tokens

from gpt_course.cache import KVCache
from gpt_course.generation import generate
from gpt_course.padding import count_padding, needed_mask, pad_left, positions, visibility
from gpt_course.training import checkpoint_blocks


def test_pad_left():
    ids, mask = pad_left([[1, 2, 3], torch.tensor([4]), (5, 6)], pad_id=9)
    assert ids.tolist() == [[1, 2, 3], [9, 9, 4], [9, 5, 6]]
    assert mask.tolist() == [[True, True, True], [False, False, True], [False, True, True]]
    assert ids.dtype == torch.int64 and mask.dtype == torch.bool
    assert pad_left([[1, 2], [3]])[0].tolist() == [[1, 2], [0, 3]]


@pytest.mark.parametrize(
    ("sequences", "received"),
    [
        ([], []),
        ([[]], [((0,), torch.float32)]),
        ([[1], torch.ones(0, dtype=torch.int64)], [((1,), torch.int64), ((0,), torch.int64)]),
        ([[[1]]], [((1, 1), torch.int64)]),
        ([3], [((), torch.int64)]),
        ([[1.5]], [((1,), torch.float32)]),
        ([[True]], [((1,), torch.bool)]),
        (["ab"], ["ab"]),
        ([None], [None]),
        (7, 7),
        (None, None),
    ],
    ids=str,
)
def test_bad_sequences(sequences, received):
    with pytest.raises(ValueError) as error:
        pad_left(sequences)
    message = "pad_left espera una lista de secuencias de tokens, ninguna vacía, como [[5, 8], [7]]; llegó "
    assert str(error.value).startswith(f"{message}{received}. Pon en cada una")


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.int8, torch.uint8])
def test_integers_of_any_size_are_joined(dtype):
    ids, _ = pad_left([torch.tensor([1, 2], dtype=dtype), torch.tensor([3], dtype=dtype)])
    assert ids.tolist() == [[1, 2], [0, 3]] and ids.dtype == torch.int64


OTHER = r"un tensor de True y False con la forma de los tokens, \(2, 3\); llegó "


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([[True]], OTHER + "list"),
        (torch.ones(2, 3), OTHER + r"torch\.float32"),
        (torch.ones(3, dtype=torch.bool), OTHER + r"la forma \(3,\)"),
        (torch.ones(3, 3, dtype=torch.bool), OTHER + r"la forma \(3, 3\)"),
        (torch.ones(2, 2, dtype=torch.bool), OTHER + r"la forma \(2, 2\)"),
        (torch.ones(2, 4, dtype=torch.bool), OTHER + r"la forma \(2, 4\)"),
        (torch.tensor([[True, True, False], [True, True, True]]), "a la izquierda"),
        (torch.tensor([[False, False, False], [True, True, True]]), "al menos un token de verdad"),
        (torch.tensor([[True, False, True], [True, True, True]]), "a la izquierda"),
    ],
    ids=str,
)
def test_bad_masks(mask, message):
    with pytest.raises(ValueError, match=message):
        count_padding(mask, tokens(2, 3))
    with pytest.raises(ValueError, match=message):
        tiny_model()(tokens(2, 3), mask=mask)
    with pytest.raises(ValueError, match=message):
        generate(tiny_model(), tokens(2, 3), 1, mask=mask)


@pytest.mark.parametrize("pad_id", [1.5, None, -1, True, "0"])
def test_bad_pad_id(pad_id):
    with pytest.raises(ValueError, match="pad_id debe ser un entero mayor o igual que 0; llegó"):
        pad_left([[1, 2], [3]], pad_id)


def test_numbers_of_numpy():
    assert pad_left([[1, 2], [3]], np.int64(5))[0].tolist() == [[1, 2], [5, 3]]
    rows = [np.array([1, 50256], dtype=np.uint16), np.array([3], dtype=np.int8), [4]]
    assert pad_left(rows)[0].tolist() == [[1, 50256], [0, 3], [0, 4]]


def test_a_pad_id_out_of_the_vocabulary_is_refused_by_the_model():
    ids, mask = pad_left([[1, 2], [3]], 13)
    with pytest.raises(ValueError, match="entre 0 y 12; llegó 13"):
        tiny_model()(ids, mask=mask)


# --- Un lote con relleno, también al entrenar --------------------------------------------------------------

SEQUENCES = [[1, 2, 3, 4, 5, 6], [7], [8, 9, 10]]


def with_padding(model, sequences, pad_id=0):
    """Logits de verdad, uno tras otro, y gradientes de su pérdida, leyendo el lote de una vez."""
    ids, mask = pad_left(sequences, pad_id)
    logits = model(ids, mask=mask)
    assert logits.isfinite().all()
    (logits[mask].logsumexp(-1) ** 2).sum().backward()
    return logits[mask].detach(), [parameter.grad for parameter in model.parameters()]


def alone(model, sequences):
    """Lo mismo, leyendo cada secuencia sola y sin relleno."""
    logits = torch.cat([model(torch.tensor([sequence]))[0] for sequence in sequences])
    (logits.logsumexp(-1) ** 2).sum().backward()
    return logits.detach(), [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("pad_id", [0, 12])
@pytest.mark.parametrize("tied", [False, True])
def test_a_padded_batch_trains_like_its_sequences_alone(explicit, pad_id, tied, training):
    results = []
    for read in (lambda model: with_padding(model, SEQUENCES, pad_id), lambda model: alone(model, SEQUENCES)):
        model = tiny_model(qkv_bias=True, tie_weights=tied).train(training)
        for block in model.trf_blocks:
            block.att.explicit = explicit
        results.append(read(model))
    (logits, gradients), (expected, expected_gradients) = results
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        assert gradient.isfinite().all()
        torch.testing.assert_close(gradient, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("drop_rate", [0.0, 0.3])
def test_no_nan_with_padding(dtype, drop_rate):
    model = tiny_model(drop_rate=drop_rate).to(dtype).train()
    _, gradients = with_padding(model, SEQUENCES)
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_checkpointed_blocks_read_with_padding():
    (logits, gradients), (expected, others) = (
        with_padding(change(tiny_model()), SEQUENCES) for change in (checkpoint_blocks, lambda model: model)
    )
    assert torch.equal(logits, expected)
    assert all(torch.equal(gradient, other) for gradient, other in zip(gradients, others, strict=True))


def test_a_mask_without_padding_changes_nothing():
    model, ids = tiny_model(), tokens(2, 5)
    assert torch.equal(model(ids, mask=torch.ones(2, 5, dtype=torch.bool)), model(ids))


@pytest.mark.parametrize("pieces", [[6], [4, 2], [4, 1, 1]], ids=str)
def test_the_cache_learns_the_padding_from_the_first_reading(pieces):
    model, (ids, mask) = tiny_model(), pad_left([[1, 2, 3, 4, 5, 6], [7, 8, 9, 1, 2], [7, 8, 9]])
    cache, out = KVCache(model, 3), []
    with torch.no_grad():
        for index, part in enumerate(ids.split(pieces, dim=1)):
            out.append(model(part, mask=mask[:, : part.shape[1]] if index == 0 else None, cache=cache))
        torch.testing.assert_close(torch.cat(out, 1)[mask], model(ids, mask=mask)[mask], rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_mask_in_a_later_reading_is_refused():
    model, cache = tiny_model(), KVCache(tiny_model(), 2)
    model(tokens(2, 2), cache=cache)
    with pytest.raises(ValueError, match=r"en la primera lectura.*Ya hay 2 tokens leídos"):
        model(tokens(2, 2), mask=torch.tensor([[False, True], [True, True]]), cache=cache)


def test_padding_is_counted_by_rows():
    mask = torch.tensor([[True, True, True], [False, False, True], [False, True, True]])
    assert count_padding(mask, tokens(3, 3)).tolist() == [0, 2, 1]
    assert count_padding(torch.ones(3, 3, dtype=torch.bool), tokens(3, 3)) is None
    assert count_padding(None, tokens(3, 3)) is None


def test_padding_of_a_mock_up_is_counted_without_looking():
    padding = count_padding(torch.ones(3, 3, dtype=torch.bool), tokens(3, 3).to("meta"))
    assert padding.is_meta and padding.shape == (3,)


def test_the_default_device_is_not_that_of_the_tokens():
    model, (ids, mask) = tiny_model(), pad_left(SEQUENCES)
    expected = model(ids, mask=mask)
    with torch.device("meta"):
        assert torch.equal(model(ids, mask=mask), expected)


def test_visibility_by_hand():
    rows = visibility(1, 3, torch.tensor([0, 2]), "cpu")  # B = 2: la segunda fila tiene dos rellenos
    assert rows.shape == (2, 1, 2, 3)
    assert rows[0, 0].tolist() == [[True, True, False], [True, True, True]]
    assert rows[1, 0].tolist() == [[False, True, False], [False, False, True]]
    rows = visibility(1, 3, None, "cpu")  # sin relleno, una sola tabla para todas las filas
    assert rows.tolist() == [[[[True, True, False], [True, True, True]]]]
    assert visibility(0, 3, None, "cpu") is visibility(5, 6, None, "cpu") is None


def test_positions_by_hand():
    assert positions(2, 5, None, "cpu").tolist() == [2, 3, 4]
    assert positions(2, 5, torch.tensor([0, 1, 4]), "cpu").tolist() == [[2, 3, 4], [1, 2, 3], [0, 0, 0]]


def test_padding_at_the_right_needs_no_mask():
    right = torch.tensor([[True, True, False], [True, False, False]])
    assert needed_mask(None) is None and needed_mask(right) is None and needed_mask(right | True) is None
    left = right.flip(1)
    assert needed_mask(left) is left
    mock_up = right.to("meta")  # sin números que mirar
    assert needed_mask(mock_up) is mock_up
    for row in ([True, False, True], [True, False, True, False], [True, True, False, True]):
        with pytest.raises(ValueError, match="todo a la izquierda o todo a la derecha de cada fila"):
            needed_mask(torch.tensor([row]))


@pytest.mark.parametrize("window", [1, 2, 3, 6, 7])
@pytest.mark.parametrize(("start", "end"), [(0, 6), (2, 6), (5, 6)])
@pytest.mark.parametrize("padding", [None, [0, 2]])
def test_a_window_hides_what_is_far(window, start, end, padding):
    padding = None if padding is None else torch.tensor(padding)
    visible = visibility(start, end, padding, "cpu", window)
    # Todo lo anterior, si la ventana no tapa nada: sin matriz, SDPA va por su camino rápido.
    usual = padding is None and window >= end and (start == 0 or end - start == 1)
    assert (visible is None) == usual
    if usual:
        return
    for row, left in enumerate([0] if padding is None else padding.tolist()):
        for t in range(start, end):
            read = visible.view(-1, end - start, end)[row, t - start].nonzero().flatten().tolist()
            expected = [s for s in range(end) if t - window < s <= t and s >= left]
            assert read == (expected or [t]), (row, t)  # un relleno se lee a sí mismo
