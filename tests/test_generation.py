"""La generación, voraz y sorteada, frente al modelo y los filtros de transformers y el azar de numpy."""

import bisect
import itertools
import math

import numpy as np
import pytest
import torch
from reference import as_huggingface, model_124m, tiny_model, tokens
from transformers.generation.logits_process import (
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from gpt_course.cache import KVCache
from gpt_course.generation import generate, stream
from gpt_course.padding import pad_left
from gpt_course.sampling import filter_logits


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
    out = generate(model, torch.tensor([[1, 2, 3, 4, 5]]), 4, use_cache=False)[0].tolist()
    assert seen == [[out[max(0, end - 7) : end]] for end in (5, 6, 7, 8)]


def test_with_cache_each_token_is_read_once_until_the_window_slides():
    model, seen = tiny_model(), []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].tolist()))
    out = generate(model, torch.tensor([[1, 2, 3, 4, 5]]), 5)[0].tolist()
    assert seen == [[out[:5]], [out[5:6]], [out[6:7]], [out[1:8]], [out[2:9]]]


def test_only_the_last_place_goes_through_the_head():
    model, rows = tiny_model(), []
    model.out_head.register_forward_pre_hook(lambda module, inputs: rows.append(inputs[0].shape[1]))
    generate(model, tokens(2, 5), 6)
    generate(model, tokens(2, 5), 6, use_cache=False)
    assert rows == [1] * 12


def caches_of(length, count, **options):
    """La caché con que se lee cada paso, al escribir `count` tokens tras `length`."""
    model, caches = tiny_model(), []
    model.register_forward_pre_hook(
        lambda module, inputs, options: caches.append(options["cache"]), with_kwargs=True
    )
    generate(model, tokens(1, length), count, **options)
    return caches


def test_the_cache_is_kept_across_the_steps_and_released_when_the_window_slides():
    first, *rest = caches_of(4, 6)  # lee 4 y tres de uno en uno; después ya no caben
    assert first.keys.shape[3] == 7 and rest == [first] * 3 + [None] * 2
    assert caches_of(2, 3)[0].keys.shape[3] == 4  # el último token elegido no se lee


@pytest.mark.parametrize(
    ("length", "count", "options"),
    [(2, 3, {"use_cache": False}), (1, 3, {"use_cache": False}), (4, 1, {}), (7, 3, {})],
)
def test_what_is_read_only_once_is_not_kept(length, count, options):
    assert caches_of(length, count, **options) == [None] * count


def test_the_default_device_is_not_that_of_the_tokens():
    model, (ids, mask) = tiny_model(), pad_left([[1, 2, 3], [4]])
    for options in ({"eos_id": 3}, {"temperature": 1.0, "top_p": 0.9}, {"use_cache": False}):
        torch.manual_seed(1)
        expected = generate(model, ids, 6, mask=mask, **options)
        torch.manual_seed(1)
        with torch.device("meta"):
            assert torch.equal(generate(model, ids, 6, mask=mask, **options), expected)


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
        (torch.tensor([1, 2]), r"llegó la forma \(2,\)"),
        (torch.ones(1, 2, 3, dtype=torch.long), r"llegó la forma \(1, 2, 3\)"),
        (torch.ones(1, 2), r"llegó torch\.float32"),
        (torch.ones(1, 0, dtype=torch.long), r"llegó la forma \(1, 0\), sin ningún token"),
        (torch.tensor([[13]]), "entre 0 y 12; llegó 13"),
    ],
    ids=str,
)
def test_bad_tokens(ids, received):
    with pytest.raises(ValueError, match=f"Se esperaba.*{received}"):
        generate(tiny_model(), ids, 1)


# --- Muestreo ---------------------------------------------------------------------------------------------


def sampled_with_huggingface(model, ids, steps, seed, temperature, top_k, top_p):
    """El mismo sorteo por otro camino: modelo y filtros de transformers, azar de numpy, `bisect`."""
    other, words = as_huggingface(model), np.random.RandomState(seed)
    sequences = ids.tolist()
    for _ in range(steps):
        rows = torch.tensor([sequence[-7:] for sequence in sequences])
        scores = other(rows).logits[:, -1].detach().double()
        warpers = [TemperatureLogitsWarper(temperature), TopKLogitsWarper(top_k), TopPLogitsWarper(top_p)]
        for warp in warpers:
            scores = warp(None, scores)
        for sequence, row in zip(sequences, scores, strict=True):
            high, low = (int(words.randint(2**32, dtype=np.uint32)) for _ in range(2))
            u = ((high << 32 | low) % 2**53) / 2**53  # 53 bits de dos palabras del Mersenne twister
            cumulative = list(itertools.accumulate(row.softmax(-1).tolist()))
            sequence.append(bisect.bisect_right(cumulative, u * cumulative[-1]))
    return sequences


@pytest.mark.parametrize("seed", [0, 123])
@pytest.mark.parametrize("options", [(1.0, 13, 1.0), (0.8, 5, 0.9), (2.5, 13, 0.7)])
def test_sampling_equals_huggingface_with_the_numbers_of_numpy(options, seed):
    model, ids = tiny_model(), torch.tensor([[1, 2, 3], [4, 5, 6]])
    generator = torch.Generator().manual_seed(seed)
    temperature, top_k, top_p = options
    out = generate(
        model, ids, 12, temperature=temperature, top_k=top_k, top_p=top_p, generator=generator
    ).tolist()
    assert out == sampled_with_huggingface(model, ids, 12, seed, *options)


def test_the_same_seed_gives_the_same_text_and_another_gives_another():
    model, ids = tiny_model(), torch.tensor([[1, 2]])
    texts = [
        generate(model, ids, 20, temperature=1.0, generator=torch.Generator().manual_seed(seed)).tolist()
        for seed in (7, 7, 8)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_without_generator_the_seed_of_torch_rules():
    model, ids = tiny_model(), torch.tensor([[1, 2]])
    torch.manual_seed(5)
    first = generate(model, ids, 9, temperature=1.0)
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(first, generate(model, ids, 9, temperature=1.0, generator=generator))


def test_a_generator_leaves_the_stream_of_torch_alone():
    model, state = tiny_model(), torch.get_rng_state()
    generate(model, torch.tensor([[1]]), 3, temperature=1.0, generator=torch.Generator())
    assert torch.equal(torch.get_rng_state(), state)


def test_each_step_spends_one_number_per_row():
    generator, other = (torch.Generator().manual_seed(3) for _ in range(2))
    generate(tiny_model(), torch.ones(2, 3, dtype=torch.long), 5, temperature=1.0, generator=generator)
    torch.rand(10, dtype=torch.float64, generator=other)
    assert torch.equal(generator.get_state(), other.get_state())


def test_a_longer_text_begins_like_the_shorter_one():
    model, ids = tiny_model(), torch.tensor([[1, 2]])
    long, short = (
        generate(model, ids, n, temperature=1.5, generator=torch.Generator().manual_seed(1)) for n in (15, 6)
    )
    assert torch.equal(long[:, :8], short)


@pytest.mark.parametrize(
    "options",
    [{"temperature": 5e-324}, {"temperature": 5.0, "top_k": 1}, {"temperature": 5.0, "top_p": 1e-9}],
)
def test_three_ways_of_being_greedy(options):
    model, ids = tiny_model(), torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(generate(model, ids, 8, **options), generate(model, ids, 8))


def test_dtype_is_kept_when_sampling():
    ids = torch.ones(2, 3, dtype=torch.int32)
    assert generate(tiny_model(), ids, 2, temperature=1.0).dtype == torch.int32


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "1", None, True])
def test_bad_temperature(value):
    with pytest.raises(
        ValueError, match=r"temperature debe ser un número del intervalo \[0, ∞\); llegó .*Con 0 se elige"
    ):
        generate(tiny_model(), torch.tensor([[1]]), 1, temperature=value)
    with pytest.raises(ValueError, match="temperature"):
        filter_logits(torch.zeros(3), temperature=value)


@pytest.mark.parametrize("value", [0, -1, 2.0, "5", True])
def test_bad_top_k(value):
    with pytest.raises(ValueError, match="top_k debe ser un entero mayor o igual que 1; llegó"):
        generate(tiny_model(), torch.tensor([[1]]), 1, temperature=1.0, top_k=value)


@pytest.mark.parametrize("value", [0, 0.0, -0.5, 1.01, math.nan, "0.9", True])
def test_bad_top_p(value):
    with pytest.raises(ValueError, match=r"top_p debe ser un número del intervalo \(0, 1\]; llegó"):
        generate(tiny_model(), torch.tensor([[1]]), 1, temperature=1.0, top_p=value)


@pytest.mark.parametrize("value", [123, "semilla", np.random.RandomState(0)], ids=["int", "str", "numpy"])
def test_bad_generator(value):
    with pytest.raises(ValueError, match=r"generator debe ser un torch\.Generator de la CPU; llegó"):
        generate(tiny_model(), torch.tensor([[1]]), 1, temperature=1.0, generator=value)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"top_k": 5}, "top_k no"),
        ({"top_p": 0.9}, "top_p no"),
        ({"generator": torch.Generator()}, "generator no"),
        ({"top_k": 5, "top_p": 0.9}, "top_k, top_p no"),
    ],
)
def test_sampling_options_without_temperature_are_refused(options, names):
    with pytest.raises(ValueError, match=f"Con temperature=0 se elige siempre el mayor y {names} haría nada"):
        generate(tiny_model(), torch.tensor([[1]]), 1, **options)


# --- Relleno, parada y flujo ------------------------------------------------------------------------------


@pytest.mark.parametrize("pad_id", [0, 5, 12])
@pytest.mark.parametrize("use_cache", [True, False])
def test_a_row_with_padding_continues_like_itself_alone(pad_id, use_cache):
    model, prompts = tiny_model(), [[1, 2, 3, 4], [5], [6, 7]]
    ids, mask = pad_left(prompts, pad_id)
    out = generate(model, ids, 9, mask=mask, use_cache=use_cache)  # y la ventana se corre
    for row, prompt in zip(out, prompts, strict=True):
        alone = generate(model, torch.tensor([prompt]), 9, use_cache=False)[0]
        assert torch.equal(row[4 - len(prompt) :], alone)


@pytest.mark.parametrize("cache", [True, False])
def test_each_sequence_stops_at_its_end(cache):
    model, ids = tiny_model(), tokens(4, 3)
    free = generate(model, ids, 8)
    end = free[0, 5].item()  # un token que la primera fila escribe en el tercer paso
    out = generate(model, ids, 8, eos_id=end, use_cache=cache)
    for row, wanted in zip(out.tolist(), free.tolist(), strict=True):
        new = wanted[3:]
        stop = new.index(end) + 1 if end in new else len(new)
        assert row[3:] == (new[:stop] + [end] * 8)[: out.shape[1] - 3]
    assert out.shape[1] <= free.shape[1]


@pytest.mark.parametrize("cache", [True, False])
def test_a_finished_sequence_writes_nothing_else(cache):
    model, ids, end = tiny_model(), tokens(4, 3), 5
    options = {"temperature": 5.0, "use_cache": cache}
    free = generate(model, ids, 20, generator=torch.Generator().manual_seed(1), **options)[:, 3:]
    out = generate(model, ids, 20, eos_id=end, generator=torch.Generator().manual_seed(1), **options)[:, 3:]
    finished = (free == end).cumsum(dim=1) > 0  # (B, 20): desde el primer final de cada fila
    assert (free[finished] != end).sum() > 10  # sin `eos_id`, el texto sigue
    assert torch.equal(out, free.masked_fill(finished, end)[:, : out.shape[1]])
    assert out.shape[1] == 20 or finished[:, out.shape[1] - 1].all()


def test_it_stops_when_all_have_finished():
    model, ids = tiny_model(), tokens(1, 3)
    free = generate(model, ids, 6)[0].tolist()
    out = generate(model, ids, 6, eos_id=free[4])[0].tolist()
    assert out == free[: free.index(free[4], 3) + 1]


@pytest.mark.parametrize("end", [0, 12])
def test_any_token_can_be_the_end(end):
    model, ids = tiny_model(), tokens(1, 3)
    with torch.no_grad():
        model.final_norm.scale.zero_()
        model.final_norm.shift.copy_(model.out_head.weight[end])
        model.out_head.weight[end] *= 10  # gana siempre
    assert generate(model, ids, 5, eos_id=end)[0, 3:].tolist() == [end]


@pytest.mark.parametrize("value", [-1, 13, 1.0, 1.5, "fin", True])
def test_bad_end(value):
    with pytest.raises(ValueError, match=r"eos_id debe ser un token, un entero de 0 a 12; llegó"):
        generate(tiny_model(), tokens(1, 2), 1, eos_id=value)


def test_the_stream_gives_each_token_when_it_is_chosen():
    model, ids = tiny_model(), tokens(2, 3)
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    flow = stream(model, ids, 5)
    assert not calls  # todavía no se ha pedido nada
    first = next(flow)
    assert len(calls) == 1 and first.shape == (2,)
    rest = list(flow)
    assert torch.equal(torch.stack([first, *rest], dim=1), generate(model, ids, 5)[:, 3:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": -1}, "max_new_tokens"),
        ({"mask": torch.tensor([[True, False]])}, "`mask` debe tener el relleno"),
        ({"temperature": 1.0, "generator": 123}, "generator debe ser"),
        ({"temperature": 1.0, "top_k": 0}, "top_k"),
        ({"eos_id": 13}, "eos_id"),
    ],
    ids=str,
)
def test_the_stream_refuses_bad_input_before_the_first_token(options, message):
    with pytest.raises(ValueError, match=message):
        stream(tiny_model(), tokens(1, 2), **{"max_new_tokens": 1, **options})


def test_gradients_are_as_the_reader_left_them_between_tokens():
    for _ in stream(tiny_model(), tokens(1, 2), 2):
        assert torch.is_grad_enabled()


def test_sampling_is_the_same_with_and_without_cache():
    model, ids = tiny_model(), tokens(3, 4)
    for seed in range(20):
        options = {"temperature": 1.0, "top_p": 0.9}
        generators = [torch.Generator().manual_seed(seed) for _ in "ab"]
        with_cache = generate(model, ids, 7, generator=generators[0], **options)
        assert torch.equal(
            with_cache, generate(model, ids, 7, generator=generators[1], use_cache=False, **options)
        )


# --- Lo que se rechaza antes de empezar -------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("ids", [torch.ones(1, 2), torch.tensor([[13]]), torch.ones(1, 0, dtype=torch.long)])
def test_bad_tokens_are_refused_also_with_nothing_to_write(ids, count):
    with pytest.raises(ValueError, match="Se esperaba"):
        stream(tiny_model(), ids, count)  # sin pedir ninguno


@pytest.mark.parametrize(
    "value", [KVCache(tiny_model(), 1), 1, None, "no"], ids=["KVCache", "1", "None", "str"]
)
def test_use_cache_is_true_or_false(value):
    with pytest.raises(ValueError, match="use_cache debe ser True o False; llegó"):
        stream(tiny_model(), torch.tensor([[1]]), 1, use_cache=value)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("options", [{}, {"temperature": 1.0}], ids=["voraz", "sorteo"])
def test_nothing_is_written_from_broken_logits(broken, options):
    model = tiny_model()
    with torch.no_grad():
        model.out_head.weight[3] = broken
    with pytest.raises(ValueError, match=r"No se puede elegir un token.*Revisa los pesos"):
        generate(model, torch.tensor([[1, 2], [3, 4]]), 2, **options)


def test_numbers_of_numpy():
    model, ids = tiny_model(), torch.tensor([[1, 2]])
    for kind in (np.float32, np.float64):
        options = {"temperature": kind(0.5), "top_p": kind(0.75), "top_k": np.int64(5), "eos_id": np.int32(3)}
        plain = {"temperature": 0.5, "top_p": 0.75, "top_k": 5, "eos_id": 3}
        outs = [
            generate(model, ids, n, generator=torch.Generator().manual_seed(1), **given)
            for n, given in ((np.int64(6), options), (6, plain))
        ]
        assert torch.equal(*outs)


def test_a_model_on_the_meta_device_is_refused_with_tokens_elsewhere():
    with pytest.raises(ValueError, match="está en meta y los tokens llegaron en cpu"):
        generate(tiny_model().to("meta"), torch.tensor([[1]]), 0)
