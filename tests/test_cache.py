"""La caché KV: lo mismo que sin ella, en los bytes que dice la fórmula, y sin leer dos veces un token."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from modern import LLAMA, modern_model
from reference import as_huggingface, tiny_model, tokens

from gpt_course.cache import KVCache
from gpt_course.generation import generate
from gpt_course.memory import Plan, kv_cache
from gpt_course.padding import pad_left
from gpt_course.rope import rotate_half_split

VOCAB, CONTEXT = 13, 7  # los de tiny_model


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
        "n_layers": draw(st.integers(1, 2)),
        "qkv_bias": draw(st.booleans()),
        "tie_weights": draw(st.booleans()),
    }
    lengths = draw(st.lists(st.integers(1, 10), min_size=1, max_size=4))
    return cfg, lengths, draw(st.integers(1, 8)), draw(st.booleans()), draw(st.integers(0, 2**31))


@settings(max_examples=40, deadline=None, derandomize=True)  # un empate al azar no debe enrojecer la suite
@given(cases())
def test_the_same_tokens_and_logits_with_and_without_cache(case):
    """Modelos al azar; las filas cortas llevan relleno y a menudo la ventana se corre."""
    cfg, lengths, count, explicit, seed = case
    torch.manual_seed(seed)
    model = tiny_model(**cfg).double()  # con C = 2 la norma agranda el redondeo de float32 más de 1e-5
    for block in model.trf_blocks:
        block.att.explicit = explicit
    prompts = [torch.randint(cfg["vocab_size"], (length,)) for length in lengths]
    ids, mask = pad_left(prompts)
    cached, fast = logits_of_every_step(model, ids, count, mask=mask)
    assert cached.shape == (len(lengths), ids.shape[1] + count)
    read_again, slow = logits_of_every_step(model, ids, count, mask=mask, use_cache=False)
    assert torch.equal(cached, read_again)
    assert torch.allclose(fast, slow, rtol=0, atol=1e-10)
    for row, prompt in enumerate(prompts):  # y cada fila, lo mismo que ella sola, sin relleno ni caché
        alone, plain = logits_of_every_step(model, prompt[None], count, use_cache=False)
        assert torch.equal(cached[row, ids.shape[1] - len(prompt) :], alone[0])
        assert torch.allclose(fast[:, row], plain[:, 0], rtol=0, atol=1e-10)


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


def test_the_room_is_where_the_weights_are():
    cache = KVCache(tiny_model().to("meta"), 1)
    assert cache.keys.is_meta and cache.values.is_meta


def test_one_part_for_each_block():
    assert len(list(KVCache(tiny_model(n_layers=3), 1))) == 3
    for layer in (-1, 3):
        with pytest.raises(IndexError):
            KVCache(tiny_model(n_layers=3), 1)[layer]


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


def test_what_was_not_begun_does_not_count():
    cache = KVCache(tiny_model(), 1)
    cache.commit()
    assert cache.length == 0 and cache.padding is None


@torch.no_grad()
def test_an_interrupted_reading_leaves_no_padding_behind():
    model, cache, mask = tiny_model(), KVCache(tiny_model(), 1), torch.tensor([[False, True, True]])
    hook = model.final_norm.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model(tokens(1, 3), mask=mask, cache=cache)
    hook.remove()
    out = model(tokens(1, 3), cache=cache)
    torch.testing.assert_close(out, model(tokens(1, 3)), rtol=0, atol=1e-5)


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
def test_the_padding_goes_before_everything():
    model, cache = tiny_model(), KVCache(tiny_model(), 2)
    model(tokens(2, 1), cache=cache)
    with pytest.raises(ValueError, match=r"en la primera lectura.*Ya hay 1 tokens leídos"):
        model(tokens(2, 2), mask=torch.tensor([[False, True], [True, True]]), cache=cache)


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


CHANGES = [torch.Tensor.double, torch.Tensor.bfloat16, lambda x: x[..., :2], lambda x: x.to("meta")]


class Change(torch.nn.Module):
    """Una capa envuelta que da otra cosa que la original."""

    def __init__(self, base, change):
        super().__init__()
        self.base, self.change = base, change

    def forward(self, x):
        return self.change(self.base(x))


@torch.no_grad()
@pytest.mark.parametrize("name", ["W_key", "W_value"])
@pytest.mark.parametrize("change", CHANGES)
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


@torch.no_grad()
@pytest.mark.parametrize(("n_kv_heads", "head_dim"), [(4, 6), (2, 6), (1, 10)])
def test_sharing_keys_and_values_shrinks_it(n_kv_heads, head_dim):
    model = modern_model(LLAMA, n_kv_heads=n_kv_heads, head_dim=head_dim)
    cache = KVCache(model, 3, 20)
    assert cache.keys.shape == cache.values.shape == (2, 3, n_kv_heads, 20, head_dim)
    assert cache.nbytes == 2 * 2 * 3 * n_kv_heads * 20 * head_dim * 4
    with pytest.raises(ValueError, match="La caché se creó para otro modelo"):
        modern_model(LLAMA, n_kv_heads=n_kv_heads, head_dim=head_dim + 2)(tokens(3, 4), cache=cache)


@torch.no_grad()
def test_keys_are_kept_already_turned():
    model, ids = modern_model(LLAMA, n_layers=1), tokens(1, 5)
    cache, block = KVCache(model, 1), model.trf_blocks[0]
    for part in ids.split([2, 1, 2], dim=1):
        model(part, cache=cache)
    split = (block.att.W_key(block.norm1(model.embed(ids)))).unflatten(-1, (2, -1)).transpose(1, 2)
    turned = rotate_half_split(split, *model.rotary(torch.arange(5)))
    torch.testing.assert_close(cache.keys[0, :, :, :5], turned, rtol=0, atol=1e-6)
