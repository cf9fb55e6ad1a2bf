"""El relleno: un lote de longitudes distintas da lo mismo que cada secuencia sola, también al entrenar."""

import pytest
import torch
from reference import tiny_model, tokens

from gpt_course.generation import generate
from gpt_course.padding import count_padding, pad_left


def test_pad_left():
    ids, mask = pad_left([[1, 2, 3], torch.tensor([4]), (5, 6)], pad_id=9)
    assert ids.tolist() == [[1, 2, 3], [9, 9, 4], [9, 5, 6]]
    assert mask.tolist() == [[True, True, True], [False, False, True], [False, True, True]]
    assert ids.dtype == torch.int64 and mask.dtype == torch.bool


@pytest.mark.parametrize("sequences", [[], [[]], [[1], []], [[[1]]], [[1.5]]], ids=str)
def test_bad_sequences(sequences):
    with pytest.raises(ValueError, match="pad_left espera una lista de secuencias de tokens, ninguna vacía"):
        pad_left(sequences)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([[True]], "llegó list"),
        (torch.ones(2, 3), r"llegó torch\.float32"),
        (torch.ones(3, dtype=torch.bool), r"llegó la forma \(3,\)"),
        (torch.ones(3, 3, dtype=torch.bool), r"llegó la forma \(3, 3\)"),
        (torch.ones(2, 2, dtype=torch.bool), r"llegó la forma \(2, 2\)"),
        (torch.ones(2, 4, dtype=torch.bool), r"llegó la forma \(2, 4\)"),
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
