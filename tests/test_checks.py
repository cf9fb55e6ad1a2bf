"""Los tokens que se leen y los que se rechazan, con su salida."""

import pytest
import torch
from reference import tiny_model, tokens

RANGE = "Se esperaba un tensor int64 o int32 de forma (B, T), con 1 ≤ T ≤ 7; llegó "


@pytest.mark.parametrize(
    ("in_idx", "message"),
    [
        ([[1, 2]], RANGE + "list"),
        (None, RANGE + "NoneType"),
        (torch.ones(1, 3), RANGE + "torch.float32"),
        (torch.ones(1, 3, dtype=torch.bool), RANGE + "torch.bool"),
        (torch.ones(1, 3, dtype=torch.int8), RANGE + "torch.int8"),
        (torch.tensor(3), RANGE + "la forma ()"),
        (torch.tensor([1, 2, 3]), RANGE + "la forma (3,). Si es una sola secuencia, añade"),
        (torch.ones(1, 2, 3, dtype=torch.long), RANGE + "la forma (1, 2, 3)"),
        (torch.ones(2, 0, dtype=torch.long), RANGE + "la forma (2, 0), sin ningún token"),
        (torch.ones(0, 3, dtype=torch.long), RANGE + "la forma (0, 3), sin ningún token"),
        (torch.ones(1, 8, dtype=torch.long), RANGE + "T = 8. Recorta"),
        (torch.tensor([[0, 13]]), "Se esperaban tokens entre 0 y 12; llegó 13."),
        (torch.tensor([[0, -1]]), "Se esperaban tokens entre 0 y 12; llegó -1."),
        (torch.tensor([[50256, 3, -2]]), "Se esperaban tokens entre 0 y 12; llegó -2."),
    ],
    ids=str,
)
def test_bad_tokens(in_idx, message):
    with pytest.raises(ValueError) as error:
        tiny_model()(in_idx)
    assert str(error.value).startswith(message)


def test_the_extreme_good_tokens():
    assert tiny_model()(torch.tensor([[0, 12, 0, 12, 0, 12, 0]])).shape == (1, 7, 13)


def test_tokens_in_another_device():
    with pytest.raises(ValueError, match="está en cpu y los tokens llegaron en meta"):
        tiny_model()(tokens(1, 3).to("meta"))
