"""La caché KV: lo mismo que sin ella, en los bytes que dice la fórmula, y sin leer dos veces un token."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import as_huggingface, tiny_model

from gpt_course.cache import KVCache
from gpt_course.generation import generate, stream
from gpt_course.memory import Plan, kv_cache
from gpt_course.padding import pad_left

VOCAB, CONTEXT = 13, 7  # los de tiny_model


def tokens(batch, length, seed=0):
    return torch.randint(VOCAB, (batch, length), generator=torch.Generator().manual_seed(seed))


def logits_of_every_step(model, ids, count, **options):
    """Los tokens y los logits del último lugar de cada paso."""
    seen = []
    hook = model.register_forward_hook(lambda module, inputs, logits: seen.append(logits[:, -1]))
    try:
        return generate(model, ids, count, **options), torch.stack(seen)
    finally:
        hook.remove()


@st.composite
def cases(draw):
    heads = draw(st.integers(1, 4))
    cfg = {
        "vocab_size": draw(st.integers(2, 60)),
        "context_length": draw(st.integers(1, 12)),
        "emb_dim": heads * draw(st.integers(1, 6)),
        "n_heads": heads,
        "n_layers": draw(st.integers(1, 3)),
        "qkv_bias": draw(st.booleans()),
        "tie_weights": draw(st.booleans()),
    }
    lengths = draw(st.lists(st.integers(1, 10), min_size=1, max_size=4))
    return cfg, lengths, draw(st.integers(0, 12)), draw(st.booleans()), draw(st.integers(0, 2**31))


@settings(max_examples=200, deadline=None, derandomize=True)  # un empate al azar no debe enrojecer la suite
@given(cases())
def test_the_same_tokens_and_logits_with_and_without_cache(case):
    """Doscientos modelos al azar; las filas cortas llevan relleno y a menudo la ventana se corre."""
    cfg, lengths, count, explicit, seed = case
    torch.manual_seed(seed)
    model = tiny_model(**cfg).double()  # con C = 2 la norma agranda el redondeo de float32 más de 1e-5
    for block in model.trf_blocks:
        block.att.explicit = explicit
    prompts = [torch.randint(cfg["vocab_size"], (length,)) for length in lengths]
    ids, mask = pad_left(prompts)
    with_cache, fast = logits_of_every_step(model, ids, count, mask=mask) if count else (ids, None)
    without, slow = (
        logits_of_every_step(model, ids, count, mask=mask, use_cache=False) if count else (ids, None)
    )
    assert torch.equal(with_cache, without)
    for row, prompt in enumerate(prompts):  # y cada fila, lo mismo que ella sola, sin relleno ni caché
        alone = generate(model, prompt[None], count, use_cache=False)[0]
        assert torch.equal(with_cache[row, ids.shape[1] - len(prompt) :], alone)
        if count:
            plain = logits_of_every_step(model, prompt[None], count, use_cache=False)[1][:, 0]
            assert torch.allclose(fast[:, row], slow[:, row], rtol=0, atol=1e-10)
            assert torch.allclose(fast[:, row], plain, rtol=0, atol=1e-10)
    assert generate(model, ids, count, mask=mask).shape == (len(lengths), ids.shape[1] + count)


@pytest.mark.parametrize("pieces", [[7], [1] * 7, [3, 4], [1, 5, 1], [2, 2, 3]], ids=str)
def test_reading_in_pieces_equals_huggingface(pieces):
    model, ids = tiny_model(qkv_bias=True), tokens(3, 7)
    cache = KVCache(model, 3)
    with torch.no_grad():
        out = torch.cat([model(part, cache=cache) for part in ids.split(pieces, dim=1)], dim=1)
        expected = as_huggingface(model)(ids).logits
    assert torch.allclose(out, expected, rtol=0, atol=1e-5)
    assert cache.length == 7


def test_padding_equals_the_attention_mask_of_huggingface():
    model = tiny_model(qkv_bias=True)
    ids, mask = pad_left([[1, 2, 3, 4, 5], [6], [7, 8]])
    with torch.no_grad():
        ours = model(ids, mask=mask, cache=KVCache(model, 3))
        places = (mask.cumsum(1) - 1).clamp(min=0)
        theirs = as_huggingface(model)(ids, attention_mask=mask.long(), position_ids=places).logits
    assert torch.allclose(ours[mask], theirs[mask], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (2, 7), (3, 5)])
def test_the_bytes_are_those_of_the_formula(dtype, batch, length):
    model = tiny_model().to({"fp32": torch.float32, "bf16": torch.bfloat16}[dtype])
    cfg = {"vocab_size": VOCAB, "context_length": CONTEXT, "emb_dim": model.tok_emb.embedding_dim}
    cfg |= {"n_heads": 2, "n_layers": len(model.trf_blocks), "drop_rate": 0.0, "qkv_bias": False}
    cache = KVCache(model, batch, length)
    assert cache.nbytes == kv_cache(Plan(cfg, batch=batch, seq=length, dtype=dtype))
    places = [store.untyped_storage().data_ptr() for store in (cache.keys, cache.values)]
    with torch.no_grad():
        for column in tokens(batch, length).split(1, dim=1):
            model(column, cache=cache)
    assert places == [store.untyped_storage().data_ptr() for store in (cache.keys, cache.values)]


def test_only_the_last_place_goes_through_the_head():
    model, rows = tiny_model(), []
    model.out_head.register_forward_pre_hook(lambda module, inputs: rows.append(inputs[0].shape[1]))
    generate(model, tokens(2, 5), 6)
    generate(model, tokens(2, 5), 6, use_cache=False)
    assert rows == [1] * 12


def test_last_only_is_the_last_row():
    model, ids = tiny_model(), tokens(2, 5)
    with torch.no_grad():
        assert torch.allclose(model(ids, last_only=True), model(ids)[:, -1:], rtol=0, atol=1e-6)


def test_the_cache_is_kept_across_the_steps_and_released_when_the_window_slides():
    model, caches = tiny_model(), []
    model.register_forward_pre_hook(
        lambda module, inputs, options: caches.append(options["cache"]), with_kwargs=True
    )
    generate(model, tokens(1, 4), 6)  # lee 4 y tres de uno en uno; después ya no caben
    assert len({id(cache) for cache in caches[:4]}) == 1 and caches[0].keys.shape[3] == CONTEXT
    assert caches[4:] == [None, None]
    caches.clear()
    generate(model, tokens(1, 2), 3)
    assert caches[0].keys.shape[3] == 4  # el último token elegido no se lee
    caches.clear()
    generate(model, tokens(1, 2), 3, use_cache=False)
    assert caches == [None] * 3


# --- Relleno, parada y flujo ------------------------------------------------------------------------------


@pytest.mark.parametrize("pad_id", [0, 5, 12])
@pytest.mark.parametrize("cache", [True, False])
def test_nobody_reads_the_padding(pad_id, cache):
    prompts = [[1, 2, 3, 4], [5], [6, 7]]
    ids, mask = pad_left(prompts, pad_id)
    reference, _ = pad_left(prompts)
    out = generate(tiny_model(), ids, 6, mask=mask, use_cache=cache)
    assert torch.equal(out[:, 4:], generate(tiny_model(), reference, 6, mask=mask, use_cache=cache)[:, 4:])


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


def test_the_stream_refuses_bad_input_before_the_first_token():
    with pytest.raises(ValueError, match="max_new_tokens"):
        stream(tiny_model(), tokens(1, 2), -1)


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


# --- Lo interrumpido no cuenta ----------------------------------------------------------------------------

PLACES = {
    "el primer bloque": lambda model: model.trf_blocks[0],
    "la atención del último": lambda model: model.trf_blocks[-1].att,
    "la salida del último": lambda model: model.trf_blocks[-1].ff,
    "la norma final": lambda model: model.final_norm,
    "la cabeza": lambda model: model.out_head,
}


@torch.no_grad()
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("read", [0, 3])
@pytest.mark.parametrize("place", PLACES)
def test_an_interrupted_reading_can_be_repeated(place, read, error):
    model, ids = tiny_model(), tokens(2, 7)
    expected, cache = model(ids), KVCache(model, 2)
    if read:
        model(ids[:, :read], cache=cache)

    def fail(*_):
        raise error

    hook = PLACES[place](model).register_forward_hook(fail)
    with pytest.raises(error):
        model(ids[:, read:], cache=cache)
    hook.remove()
    assert cache.length == read
    for part in ids[:, read:].split([2, 7 - read - 2], dim=1):  # y no tiene por qué ser del mismo tamaño
        out = model(part, cache=cache)
    torch.testing.assert_close(out[:, -1], expected[:, -1], rtol=0, atol=1e-5)
    assert cache.length == 7


@torch.no_grad()
def test_an_interrupted_reading_leaves_no_padding_behind():
    model, cache, mask = tiny_model(), KVCache(tiny_model(), 1), torch.tensor([[False, True, True]])
    hook = model.final_norm.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model(tokens(1, 3), mask=mask, cache=cache)
    hook.remove()
    out = model(tokens(1, 3), cache=cache)
    torch.testing.assert_close(out, model(tokens(1, 3)), rtol=0, atol=1e-5)


@torch.no_grad()
def test_features_also_count_as_a_reading():
    model, ids, cache = tiny_model(), tokens(2, 5), KVCache(tiny_model(), 2)
    x = torch.cat([model.features(ids[:, :3], cache=cache), model.features(ids[:, 3:], cache=cache)], dim=1)
    torch.testing.assert_close(model.out_head(x), model(ids), rtol=0, atol=1e-5)


# --- Ganchos y piezas cambiadas ---------------------------------------------------------------------------


@torch.no_grad()
def test_hooks_fire_as_without_cache():
    model, fired = tiny_model(), []
    for name, module in model.named_modules():
        module.register_forward_pre_hook(lambda module, inputs, name=name: fired.append(name))
        module.register_forward_hook(lambda module, inputs, output, name=name: fired.append(name))
    model(tokens(1, 3))
    plain = fired.copy()
    fired.clear()
    model(tokens(1, 3), cache=KVCache(model, 1))
    assert fired == plain and {"trf_blocks", "trf_blocks.1", "trf_blocks.1.att"} < set(fired)


@torch.no_grad()
def test_a_hook_on_the_blocks_changes_what_is_read_with_cache():
    model, ids = tiny_model(), tokens(1, 5)
    model.trf_blocks.register_forward_hook(lambda module, inputs, output: output * 2)
    cache = KVCache(model, 1)
    out = torch.cat([model(part, cache=cache) for part in ids.split([3, 2], dim=1)], dim=1)
    torch.testing.assert_close(out, model(ids), rtol=0, atol=1e-5)


# --- Errores ----------------------------------------------------------------------------------------------


@torch.no_grad()
def test_a_full_cache():
    model, cache = tiny_model(), KVCache(tiny_model(), 1, 3)
    model(tokens(1, 2), cache=cache)
    with pytest.raises(
        ValueError, match="está llena: tiene 3 lugares, 2 ya escritos, y se pidió sitio para 2 más"
    ):
        model(tokens(1, 2), cache=cache)
    assert cache.length == 2
    assert model(tokens(1, 1), cache=cache).shape == (1, 1, VOCAB)  # y sigue sirviendo


@torch.no_grad()
def test_another_batch():
    with pytest.raises(ValueError, match=r"se creó para un lote de 2; llegó uno de 3"):
        tiny_model()(tokens(3, 2), cache=KVCache(tiny_model(), 2))


@torch.no_grad()
@pytest.mark.parametrize(
    "changes", [{"n_layers": 1}, {"n_layers": 3}, {"n_heads": 4}, {"emb_dim": 12}], ids=str
)
def test_a_cache_of_another_model(changes):
    cache = KVCache(tiny_model(**changes), 1)
    with pytest.raises(
        ValueError, match=r"otro modelo: allí \(L, H, D\) = .* aquí \(L, H, D\) = \(2, 2, 4\)"
    ):
        tiny_model()(tokens(1, 2), cache=cache)
    assert cache.length == 0


@torch.no_grad()
@pytest.mark.parametrize("cache", [True, False, {}, "sí"])
def test_what_is_not_a_cache(cache):
    received = type(cache).__name__
    with pytest.raises(ValueError, match=rf"`cache` debe ser una KVCache, o None; llegó {received}\. Créala"):
        tiny_model()(tokens(1, 2), cache=cache)


def test_gradients_are_refused():
    with pytest.raises(ValueError, match=r"torch\.no_grad"):
        tiny_model()(tokens(1, 2), cache=KVCache(tiny_model(), 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch debe ser un entero mayor o igual que 1; llegó 0"),
        ({"batch": 1, "length": 0}, "length debe ser un entero mayor o igual que 1; llegó 0"),
        ({"batch": 1, "length": 8}, "context_length = 7; llegó 8"),
    ],
)
def test_bad_measures(options, message):
    with pytest.raises(ValueError, match=message):
        KVCache(tiny_model(), **options)


CONVERSIONS = {
    "bf16": lambda model: model.bfloat16(),
    "double": lambda model: model.double(),
    "meta": lambda model: model.to("meta"),
}


@torch.no_grad()
@pytest.mark.parametrize("way", CONVERSIONS)
def test_a_cache_from_before_a_conversion(way):
    model = tiny_model()
    cache = KVCache(model, 1)
    CONVERSIONS[way](model)
    ids = tokens(1, 2).to(model.final_norm.scale.device)
    with pytest.raises(ValueError, match=r"allí .* en torch\.float32 y cpu.*después de convertirlo"):
        model(ids, cache=cache)
    assert cache.length == 0


class Change(torch.nn.Module):
    """Una capa envuelta que da otra cosa que la original."""

    def __init__(self, base, change):
        super().__init__()
        self.base, self.change = base, change

    def forward(self, x):
        return self.change(self.base(x))


@torch.no_grad()
@pytest.mark.parametrize("name", ["W_key", "W_value"])
@pytest.mark.parametrize("change", [torch.Tensor.double, torch.Tensor.bfloat16, lambda x: x[..., :2]])
def test_rows_that_do_not_fit_are_refused(name, change):
    model = tiny_model()
    att = model.trf_blocks[1].att
    setattr(att, name, Change(getattr(att, name), change))
    with pytest.raises(
        ValueError, match=r"La caché guarda \*keys\* y \*values\* \(B, H, T, D\) de \(1, 2, 3, 4\)"
    ):
        model(tokens(1, 3), cache=KVCache(model, 1))


@torch.no_grad()
def test_autocast_reads_with_cache():
    model, ids = tiny_model(), tokens(1, 5)
    with torch.autocast("cpu", torch.bfloat16):
        cache = KVCache(model, 1)
        out = torch.cat([model(part, cache=cache) for part in ids.split([3, 1, 1], dim=1)], dim=1)
        torch.testing.assert_close(out, model(ids), rtol=0.05, atol=0.05)


def test_measures_of_numpy():
    assert KVCache(tiny_model(), np.int64(2), np.int64(3)).keys.shape == (2, 2, 2, 3, 4)
