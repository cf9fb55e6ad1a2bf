"""La generación voraz frente a un bucle independiente sobre el modelo de transformers."""

import pytest
import torch
from reference import as_huggingface, model_124m, tiny_model

from gpt_course.generation import generate


def greedy_with_huggingface(model, ids, max_new_tokens, context_length):
    other = as_huggingface(model)
    sequences = ids.tolist()
    for _ in range(max_new_tokens):
        for sequence in sequences:  # de una en una, sin lote
            with torch.no_grad():
                scores = other(torch.tensor([sequence[-context_length:]])).logits[0, -1].tolist()
            sequence.append(scores.index(max(scores)))
    return sequences


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("length", [1, 5, 7, 12])  # 12: la entrada ya no cabe en los 7 del contexto
def test_equals_a_greedy_loop_over_huggingface(tied, length):
    model = tiny_model(qkv_bias=True, tie_weights=tied)
    ids = torch.randint(13, (2, length), generator=torch.Generator().manual_seed(length))
    out = generate(model, ids, 11)
    assert out.shape == (2, length + 11)
    assert out.tolist() == greedy_with_huggingface(model, ids, 11, context_length=7)


def test_continuation_of_notebook_07():
    model, _ = model_124m()
    model.eval()
    ids = torch.tensor([[15496, 11, 314, 716]])
    out = generate(model, ids, 6).tolist()
    assert out == [[15496, 11, 314, 716, 27018, 24086, 47843, 30961, 42348, 7267]]
    assert out == greedy_with_huggingface(model, ids, 6, context_length=1024)


def test_zero_new_tokens():
    ids = torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(generate(tiny_model(), ids, 0), ids)


def test_the_input_is_not_modified():
    ids = torch.tensor([[1, 2]])
    generate(tiny_model(), ids, 3)
    assert ids.tolist() == [[1, 2]]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_dtype_is_kept(dtype):
    assert generate(tiny_model(), torch.ones(2, 3, dtype=dtype), 2).dtype == dtype


def test_no_graph_is_kept():
    model, grad_needed = tiny_model(), []
    model.register_forward_hook(lambda module, inputs, logits: grad_needed.append(logits.requires_grad))
    generate(model, torch.tensor([[1, 2]]), 3)
    assert grad_needed == [False] * 3
    assert torch.is_grad_enabled()


def test_random_stream_is_untouched():
    model, state = tiny_model(drop_rate=0.5), torch.get_rng_state()
    generate(model, torch.tensor([[1, 2]]), 5)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("training", [True, False])
def test_mode_is_left_as_it_was(training):
    model = tiny_model().train(training)
    generate(model, torch.tensor([[1, 2]]), 2)
    assert model.training is training


def test_the_model_sees_only_its_window():
    model, seen = tiny_model(), []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].tolist()))
    out = generate(model, torch.tensor([[1, 2, 3, 4, 5]]), 4)[0].tolist()
    assert seen == [[out[max(0, end - 7) : end]] for end in (5, 6, 7, 8)]


@pytest.mark.parametrize("value", [-1, 1.0, "3", None, True])
def test_bad_number_of_tokens(value):
    with pytest.raises(
        ValueError, match=f"max_new_tokens debe ser un entero mayor o igual que 0; llegó {value!r}"
    ):
        generate(tiny_model(), torch.tensor([[1]]), value)


@pytest.mark.parametrize(
    ("ids", "received"),
    [
        ([[1, 2]], "llegó list"),
        (torch.tensor([1, 2]), r"llegó \(2,\)"),
        (torch.ones(1, 2, 3, dtype=torch.long), r"llegó \(1, 2, 3\)"),
        (torch.ones(1, 2), r"llegó torch\.float32"),
        (torch.ones(1, 0, dtype=torch.long), r"llegó la forma \(1, 0\), sin ningún token"),
        (torch.tensor([[13]]), "entre 0 y 12; llegó 13"),
    ],
    ids=str,
)
def test_bad_tokens(ids, received):
    with pytest.raises(ValueError, match=f"Se esperaba.*{received}"):
        generate(tiny_model(), ids, 1)
