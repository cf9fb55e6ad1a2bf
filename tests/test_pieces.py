"""Las piezas de hoy, juntas en un modelo: frente a transformers, con caché, con relleno; y GPT-2, intacto."""

import functools
import hashlib

import pytest
import torch
from modern import (
    DENSE,
    EVERYTHING,
    FAMILIES,
    LLAMA,
    as_transformers,
    gradients,
    modern_model,
    our_names,
    surprise,
)
from reference import TINY, count, tiny_model, tokens
from torch import nn

from gpt_course.attention import MultiHeadAttention
from gpt_course.cache import KVCache
from gpt_course.config import GPT_CONFIG_124M, LLAMA_STYLE, complete
from gpt_course.dropout import Dropout
from gpt_course.experts import Experts
from gpt_course.generation import generate
from gpt_course.grouped_attention import GroupedAttention
from gpt_course.layers import FeedForward, LayerNorm
from gpt_course.model import GPTModel
from gpt_course.padding import pad_left
from gpt_course.pieces import FEED_FORWARDS, NORMS
from gpt_course.rmsnorm import RMSNorm
from gpt_course.rope import Rotary
from gpt_course.swiglu import SwiGLU
from gpt_course.weights import save_gpt2

V = LLAMA["vocab_size"]

# Del modelo diminuto de GPT-2, medidos cuando no había otras piezas: sin dropout y con él.
GPT2_LOGITS = [
    [-0.1941466, 0.9480799, -0.4947460, 0.0521266],
    [0.5201293, -1.1405137, -0.2210064, -0.7739777],
    [0.9057332, 0.3703256, 0.7937267, -0.9207523],
]
GPT2_DROPPED = [
    [-0.0628996, -0.3777501, -0.7924458, -0.6021145],
    [0.4169156, -1.0711708, -0.0317099, -0.9258323],
    [0.7437149, 0.0844719, 0.5993659, -1.0276830],
]


@functools.cache
def pair(family):
    """El modelo de una familia y el mismo en transformers."""
    model = modern_model(FAMILIES[family])
    return model, as_transformers(model, family)


# --- Frente a transformers ---------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_every_gradient_are_those_of_transformers(family):
    model, other = pair(family)
    ids, targets = tokens(3, 24, V), tokens(3, 25, V)[:, 1:]
    ours, theirs = model(ids), other(ids).logits
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    for each, logits in ((model, ours), (other, theirs)):
        each.zero_grad()
        surprise(logits, targets).backward()
    expected = our_names(gradients(other), model)
    for name, gradient in gradients(model).items():
        assert gradient.abs().max() > 1e-4, f"{name} no aprende"
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-5, msg=name)


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_it_writes_token_by_token_what_transformers_writes(family):
    model, other = pair(family)
    ids = tokens(2, 5, V)
    options = {"do_sample": False, "output_logits": True, "return_dict_in_generate": True}
    theirs = other.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=19, **options)
    for use_cache in (True, False):
        assert torch.equal(generate(model, ids, 19, use_cache=use_cache), theirs.sequences)
    cache, parts = KVCache(model, 2), [ids, *theirs.sequences[:, 5:-1].split(1, dim=1)]
    logits = [model(part, cache=cache, last_only=True)[:, -1] for part in parts]
    torch.testing.assert_close(torch.stack(logits), torch.stack(theirs.logits), rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_short_rows_read_as_in_transformers_and_as_alone(family):
    model, other = pair(family)
    rows = [tokens(1, length, V)[0].tolist() for length in (9, 7, 5)]
    ids, mask = pad_left(rows)
    places = (mask.cumsum(1) - 1).clamp(min=0)
    theirs = other(ids, attention_mask=mask.long(), position_ids=places).logits
    logits = model(ids, mask=mask)
    torch.testing.assert_close(logits[mask], theirs[mask], rtol=0, atol=1e-5)
    alone = torch.cat([model(torch.tensor([row]))[0] for row in rows])
    torch.testing.assert_close(logits[mask], alone, rtol=0, atol=1e-5)
    cache = KVCache(model, 3)
    first, *rest = ids.split([5, 2, 1, 1], dim=1)
    parts = [model(first, mask=mask[:, :5], cache=cache), *(model(part, cache=cache) for part in rest)]
    torch.testing.assert_close(torch.cat(parts, dim=1)[mask], logits[mask], rtol=0, atol=1e-5)
    assert torch.equal(*(generate(model, ids, 8, mask=mask, use_cache=cached) for cached in (True, False)))


# --- Lo que un modelo debe cumplir, con todas las piezas a la vez ------------------------------------


@pytest.mark.parametrize("cfg", [DENSE, EVERYTHING], ids=["sin expertos", "con expertos"])
def test_what_comes_after_is_never_read(cfg):
    model, ids = modern_model(cfg), tokens(2, 9, V)
    other = ids.clone()
    other[:, 4] = (other[:, 4] + 1) % V
    before, after = model(ids), model(other)
    if cfg is DENSE:
        assert torch.equal(before[:, :4], after[:, :4])  # ni un bit
    else:  # otro token puede cambiar cuántas filas multiplica un experto, y con ellas el orden de las sumas
        torch.testing.assert_close(before[:, :4], after[:, :4], rtol=0, atol=1e-6)
    assert (before[:, 4] - after[:, 4]).abs().max() > 1e-3


def test_a_window_over_a_window_reaches_further():
    """Con L bloques y ventana w, cada lugar depende de los L·(w − 1) anteriores, y de ninguno más."""
    model, ids = modern_model(LLAMA, window=3), tokens(1, 12, V)  # L = 2
    other = ids.clone()
    other[:, 3] = (other[:, 3] + 1) % V
    changed = (model(ids) != model(other)).any(dim=-1)[0]
    assert changed.nonzero().flatten().tolist() == [3, 4, 5, 6, 7]


def test_the_matrix_of_weights_gives_the_same_as_sdpa():
    model, (ids, mask) = modern_model(EVERYTHING), pad_left([[1, 2, 3, 4, 5, 6], [7, 8]])
    fast = model(ids), model(ids, mask=mask)
    for block in model.trf_blocks:
        block.att.explicit = True
    slow = model(ids), model(ids, mask=mask)
    torch.testing.assert_close(fast[0], slow[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(fast[1][mask], slow[1][mask], rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("family", ["llama3", "qwen3", "mistral"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near_and_the_cache_too(family, dtype):
    model, ids = modern_model(FAMILIES[family]), tokens(2, 9, V)
    expected = model(ids)
    model.to(dtype)
    logits, cache = model(ids), KVCache(model, 2)
    parts = torch.cat([model(part, cache=cache) for part in ids.split([4, 1, 4], dim=1)], dim=1)
    assert logits.dtype == cache.keys.dtype == dtype
    limit = (0.02 if dtype == torch.bfloat16 else 0.002) * expected.abs().max().item()
    torch.testing.assert_close(logits.float(), expected, rtol=0, atol=limit)
    torch.testing.assert_close(parts.float(), expected, rtol=0, atol=limit)


@pytest.mark.parametrize("family", ["qwen3", "mixtral"])
def test_autocast(family):
    model, ids = modern_model(FAMILIES[family]), tokens(2, 9, V)
    expected = model(ids)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids)
        loss = surprise(logits, ids)
    loss.backward()
    torch.testing.assert_close(logits.float(), expected, rtol=0, atol=0.1)
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        cache = KVCache(model, 2)
        parts = [model(part, cache=cache) for part in ids.split([4, 1, 4], dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1).float(), logits.float(), rtol=0, atol=0.1)


def test_nothing_is_lost_on_meta_or_in_half_precision():
    """Los giros no se guardan: ni una maqueta que se llena ni una vuelta por 16 bits los estropean."""
    model, ids = modern_model(FAMILIES["llama3"]), tokens(2, 24, V)
    with torch.device("meta"):
        empty = GPTModel(model.cfg)
    assert empty(torch.empty(2, 24, dtype=torch.int64, device="meta")).shape == (2, 24, V)
    empty = empty.to_empty(device="cpu").eval()
    empty.load_state_dict(model.state_dict())
    assert torch.equal(empty(ids), model(ids))
    rounded = model.half().float()(ids)
    empty.load_state_dict(model.state_dict())
    assert torch.equal(rounded, empty(ids))


def test_every_hook_fires():
    model, seen = modern_model(EVERYTHING), set()
    silent = (nn.ModuleList, Dropout)  # SDPA no llama al dropout de los pesos
    watched = {name: part for name, part in model.named_modules() if not isinstance(part, silent)}
    for name, part in watched.items():
        part.register_forward_hook(lambda *_, name=name: seen.add(name))
    model(tokens(2, 20, V))
    assert seen == set(watched)


def test_beyond_its_context_rope_still_has_places():
    model, ids = modern_model(LLAMA), tokens(1, 60, V)
    short = model(ids[:, :24])
    model.cfg["context_length"] = 60
    torch.testing.assert_close(model(ids)[:, :24], short, rtol=0, atol=1e-5)


# --- El catálogo -------------------------------------------------------------------------------------


def test_gpt2_is_untouched():
    torch.manual_seed(123)
    model = GPTModel(TINY)
    for block in model.trf_blocks:
        kinds = [type(piece) for piece in (block.att, block.ff, block.norm1, block.norm2)]
        assert kinds == [MultiHeadAttention, FeedForward, LayerNorm, LayerNorm]
    assert type(model.final_norm) is LayerNorm and type(model.pos_emb) is nn.Embedding
    assert model.rotary is None and model.cfg == TINY  # ni una clave de más
    assert model.reading(0, 5, None, "cpu") == {}


def test_a_complete_gpt2_configuration_builds_gpt2():
    torch.manual_seed(123)
    model, plain = GPTModel(complete(TINY)), tiny_model()
    assert [type(piece) for piece in model.modules()] == [type(piece) for piece in plain.modules()]
    assert list(model.state_dict()) == list(plain.state_dict())


def test_numbers_of_gpt2_committed_before_there_were_other_pieces():
    model = tiny_model(qkv_bias=True, drop_rate=0.2)
    torch.testing.assert_close(model(tokens(1, 3))[0, :, :4], torch.tensor(GPT2_LOGITS), rtol=0, atol=1e-5)
    torch.manual_seed(5)
    dropped = model.train()(tokens(1, 3))[0, :, :4]
    torch.testing.assert_close(dropped, torch.tensor(GPT2_DROPPED), rtol=0, atol=1e-5)


def test_the_file_of_a_gpt2_has_the_same_bytes(tmp_path):
    save_gpt2(tiny_model(qkv_bias=True, tie_weights=True), tmp_path / "modelo")
    found = hashlib.sha256((tmp_path / "modelo" / "config.json").read_bytes()).hexdigest()
    assert found == "c66233f3210b625dd02ad2370e50960d9bf6ad1aa505c8a32ce4fcfc39c9d988"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"att": MultiHeadAttention, "ff": FeedForward, "norm1": LayerNorm, "norm2": LayerNorm}),
        ({"norm": "rms"}, {"norm1": RMSNorm, "norm2": RMSNorm, "att": MultiHeadAttention}),
        ({"positions": "rope"}, {"att": GroupedAttention, "ff": FeedForward}),
        ({"n_kv_heads": 1}, {"att": GroupedAttention}),
        ({"n_kv_heads": 2}, {"att": MultiHeadAttention}),
        ({"head_dim": 6}, {"att": GroupedAttention}),
        ({"bias": False}, {"att": GroupedAttention, "ff": FeedForward}),
        ({"qk_norm": True}, {"att": GroupedAttention, "norm1": LayerNorm}),
        ({"window": 2}, {"att": GroupedAttention}),
        ({"feed_forward": "swiglu", "bias": False}, {"ff": SwiGLU}),
        ({"feed_forward": "experts", "bias": False, "n_experts": 3, "experts_per_token": 1}, {"ff": Experts}),
    ],
    ids=str,
)
def test_each_key_changes_its_piece_alone(changes, expected):
    model, ids = tiny_model(**changes), tokens(2, 5)
    for name, kind in expected.items():
        assert all(type(getattr(block, name)) is kind for block in model.trf_blocks)
    assert type(model.final_norm) is type(model.trf_blocks[0].norm1)
    assert (model.pos_emb is None) == (type(model.rotary) is Rotary) == (changes.get("positions") == "rope")
    assert ("pos_emb.weight" in model.state_dict()) == (model.pos_emb is not None)
    assert model(ids).shape == (2, 5, 13)
    assert torch.equal(*(generate(model, ids, 2, use_cache=cached) for cached in (True, False)))


def test_no_biases():
    model = tiny_model(bias=False)
    assert not [name for name in model.state_dict() if name.endswith("bias")]
    assert [name for name in tiny_model().state_dict() if name.endswith("bias")]


def test_the_numbers_of_a_configuration_arrive():
    model = modern_model(EVERYTHING, norm_eps=0.25, rope_base=77.0)
    norms = [module for module in model.modules() if isinstance(module, RMSNorm)]
    assert len(norms) == 2 * 2 + 2 * 2 + 1 and {norm.eps for norm in norms} == {0.25}
    assert model.rotary.base == 77.0 and model.rotary.head_dim == 10
    assert {block.ff.experts[0].gate.out_features for block in model.trf_blocks} == {40}
    plain = tiny_model(norm_eps=0.25, hidden_dim=5)
    assert {norm.eps for norm in plain.modules() if isinstance(norm, LayerNorm)} == {0.25}
    assert plain.trf_blocks[0].ff.layers[0].weight.shape == (5, 8)


def test_parameters_are_drawn_in_reading_order():
    C, D = EVERYTHING["emb_dim"], EVERYTHING["head_dim"]
    torch.manual_seed(123)
    expected = [nn.Embedding(V, C).weight]
    for _ in range(2):
        for out, inner, bias in [(4 * D, C, True), (2 * D, C, True), (2 * D, C, True), (C, 4 * D, False)]:
            expected.append(nn.Linear(inner, out, bias=bias).weight)
        expected.append(nn.Linear(C, 4, bias=False).weight)
        for _ in range(4):
            for out, inner in [(40, C), (40, C), (C, 40)]:
                expected.append(nn.Linear(inner, out, bias=False).weight)
    expected.append(nn.Linear(C, V, bias=False).weight)
    torch.manual_seed(123)
    drawn = [p for p in GPTModel(EVERYTHING).parameters() if p.dim() == 2]
    assert len(drawn) == len(expected)
    assert all(torch.equal(*both) for both in zip(drawn, expected, strict=True))


def test_the_catalogue_has_what_the_configuration_admits():
    assert list(NORMS) == ["layer", "rms"] and list(FEED_FORWARDS) == ["gelu", "swiglu", "experts"]
    for key, catalogue in (("norm", NORMS), ("feed_forward", FEED_FORWARDS)):
        with pytest.raises(ValueError, match=" o ".join(f'"{name}"' for name in catalogue)):
            GPTModel({**TINY, key: "otra"})


def test_todays_default_at_the_size_of_gpt2():
    assert {key: LLAMA_STYLE[key] for key in GPT_CONFIG_124M} == {**GPT_CONFIG_124M, "drop_rate": 0.0}
    with torch.device("meta"):
        model = GPTModel(LLAMA_STYLE)
    block = model.trf_blocks[0]
    kinds = [type(piece) for piece in (block.att, block.ff, block.norm1, model.rotary)]
    assert kinds == [GroupedAttention, SwiGLU, RMSNorm, Rotary]
    V, C, D, L = 50257, 768, 64, 12
    one = 2 * C * C + 2 * C * 4 * D + 3 * C * 2048 + 2 * C
    assert count(model) == 2 * V * C + L * one + C == 152_711_424
    cache = KVCache(model, 1)
    assert cache.keys.shape == (L, 1, 4, 1024, D)
    assert 3 * cache.nbytes == 2 * L * 1024 * C * 4  # un tercio que en GPT-2
