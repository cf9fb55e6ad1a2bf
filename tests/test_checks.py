"""Los tokens que se leen y los que se rechazan, con su salida."""

import pytest
import torch
from reference import tiny_model, tokens

from gpt_course.checks import check_tokens, is_tracing

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
        (torch.tensor([[1, 13], [2, 3]]), "Se esperaban tokens entre 0 y 12; llegó 13."),
        (torch.tensor([[1, 2], [13, 3]]), "Se esperaban tokens entre 0 y 12; llegó 13."),
        (torch.tensor([[1, 2], [3, -1]]), "Se esperaban tokens entre 0 y 12; llegó -1."),
        (torch.tensor([[1, 2], [3, 4], [5, 13]]), "Se esperaban tokens entre 0 y 12; llegó 13."),
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


def test_without_a_longest_any_length_is_read():
    ids, device = torch.ones(1, 5000, dtype=torch.int32), torch.device("cpu")
    check_tokens(ids, vocab_size=13, device=device)
    with pytest.raises(ValueError, match=r"de forma \(B, T\), con T ≥ 1; llegó la forma \(5000,\)"):
        check_tokens(ids[0], vocab_size=13, device=device)


def test_a_single_token_is_enough():
    check_tokens(torch.tensor([[0]]), vocab_size=1, device=torch.device("cpu"), longest=1)


def test_a_mock_up_has_no_numbers_to_look_at():
    ids = torch.ones(1, 3, dtype=torch.int64, device="meta")
    check_tokens(ids, vocab_size=13, device=torch.device("meta"))


RECORDERS = {
    "compile": lambda read: torch.compile(read, backend="eager", fullgraph=True),
    "trace": lambda read: torch.jit.trace(read, (tokens(1, 2),)),
}


@pytest.mark.filterwarnings("ignore")  # torch.jit avisa de que es antiguo, y de cada comprobación de formas
@pytest.mark.parametrize("record", RECORDERS.values(), ids=RECORDERS)
def test_while_a_graph_is_recorded_no_number_is_looked_at(record):
    def read(in_idx):
        check_tokens(in_idx, vocab_size=13, device=in_idx.device)
        return in_idx + int(is_tracing())

    ids = tokens(2, 3)
    assert torch.equal(read(ids), ids)
    assert torch.equal(record(read)(ids), ids + 1)
