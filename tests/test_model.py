"""El modelo entero: cuaderno 06, transformers, causalidad, gradientes, errores y vinculación de pesos."""

import copy
import json
from types import MappingProxyType

import numpy as np
import pytest
import torch
from reference import FIVE_CONFIGS, TINY, as_huggingface, count, model_124m, tiny_model, tokens
from torch import nn

from gpt_course.cache import KVCache
from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M
from gpt_course.generation import generate
from gpt_course.inspection import attention_weights
from gpt_course.model import GPTModel
from gpt_course.padding import pad_left

BATCH = torch.tensor([[6109, 3626, 6100, 345], [6109, 1110, 6622, 257]])
LOGITS = """\
tensor([[[ 0.1381,  0.0077, -0.1963,  ..., -0.0222, -0.1060,  0.1717],
         [ 0.3865, -0.8408, -0.6564,  ..., -0.5163,  0.2369, -0.3357],
         [ 0.6989, -0.1829, -0.1631,  ...,  0.1472, -0.6504, -0.0056],
         [-0.4290,  0.1669, -0.1258,  ...,  1.1579,  0.5303, -0.5549]],

        [[ 0.1094, -0.2894, -0.1467,  ..., -0.0557,  0.2911, -0.2824],
         [ 0.0882, -0.3552, -0.3527,  ...,  1.2930,  0.0053,  0.1898],
         [ 0.6091,  0.4702, -0.4094,  ...,  0.7688,  0.3787, -0.1974],
         [-0.0612, -0.0737,  0.4751,  ...,  1.2463, -0.3834,  0.0609]]],
       grad_fn=<UnsafeViewBackward0>)"""

TIED = {**TINY, "tie_weights": True}
HEAD = "out_head.weight"


# --- Las cifras del cuaderno 06 -------------------------------------------------------------------


def test_logits_of_notebook_06():
    model, state_after_creation = model_124m()
    torch.set_rng_state(state_after_creation)
    torch.set_printoptions(sci_mode=False)
    try:
        logits = model.train()(BATCH)
        assert logits.shape == (2, 4, 50257)
        assert repr(logits) == LOGITS
    finally:
        torch.set_printoptions(profile="default")


def test_parameters_of_notebook_06():
    model, _ = model_124m()
    assert count(model) == 163_009_536
    assert model.tok_emb.weight.shape == model.out_head.weight.shape == (50257, 768)


@pytest.mark.parametrize(
    ("name", "released", "tied", "untied"),
    [
        ("gpt2", 124_439_808, 124_412_160, 163_009_536),
        ("gpt2-medium", 354_823_168, 354_749_440, 406_212_608),
        ("gpt2-large", 774_030_080, 773_891_840, 838_220_800),
        ("gpt2-xl", 1_557_611_200, 1_557_380_800, 1_637_792_000),
    ],
)
def test_parameters_of_the_four_sizes(name, released, tied, untied):
    cfg = GPT2_CONFIGS[name]
    with torch.device("meta"):
        assert count(GPTModel(cfg)) == released
        assert count(GPTModel({**cfg, "qkv_bias": False})) == tied
        assert count(GPTModel({**cfg, "qkv_bias": False, "tie_weights": False})) == untied


# --- Frente a otros ------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", FIVE_CONFIGS, ids=lambda cfg: f"C{cfg['emb_dim']}")
def test_equals_huggingface(cfg):
    model = tiny_model(**cfg)
    in_idx = tokens(3, cfg["context_length"], cfg["vocab_size"])
    expected = as_huggingface(model)(in_idx).logits
    torch.testing.assert_close(model(in_idx), expected, rtol=1e-5, atol=1e-5)


def test_names_and_numbers_are_those_of_the_field():
    """Una semilla da los mismos números que estas capas de PyTorch creadas una tras otra."""
    V, T, C = TINY["vocab_size"], TINY["context_length"], TINY["emb_dim"]
    torch.manual_seed(123)
    expected = {"tok_emb.weight": nn.Embedding(V, C).weight, "pos_emb.weight": nn.Embedding(T, C).weight}
    for block in (f"trf_blocks.{index}" for index in range(TINY["n_layers"])):
        for name in ("W_query", "W_key", "W_value"):
            expected[f"{block}.att.{name}.weight"] = nn.Linear(C, C, bias=False).weight
        for name, linear in [
            ("att.out_proj", nn.Linear(C, C)),
            ("ff.layers.0", nn.Linear(C, 4 * C)),
            ("ff.layers.2", nn.Linear(4 * C, C)),
        ]:
            expected[f"{block}.{name}.weight"] = linear.weight
            expected[f"{block}.{name}.bias"] = linear.bias
        for name in ("norm1", "norm2"):
            expected |= {f"{block}.{name}.scale": torch.ones(C), f"{block}.{name}.shift": torch.zeros(C)}
    expected |= {"final_norm.scale": torch.ones(C), "final_norm.shift": torch.zeros(C)}
    expected[HEAD] = nn.Linear(C, V, bias=False).weight

    torch.manual_seed(123)
    state = GPTModel(TINY).state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[name], expected[name]) for name in state)


def test_biases_of_query_key_and_value_are_optional():
    names = {f"trf_blocks.{i}.att.{w}.bias" for i in range(2) for w in ("W_query", "W_key", "W_value")}
    without, with_bias = (set(tiny_model(qkv_bias=bias).state_dict()) for bias in (False, True))
    assert with_bias - without == names
    assert without < with_bias


# --- Lo que un GPT debe cumplir ------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, 1, 3, 6])
@pytest.mark.parametrize("training", [False, True])
def test_causality(position, training):
    model = tiny_model(drop_rate=0.2).train(training)
    before = tokens(2, 7)
    after = before.clone()
    after[:, position] = (after[:, position] + 1) % TINY["vocab_size"]
    torch.manual_seed(1)
    expected = model(before)
    torch.manual_seed(1)
    logits = model(after)
    assert torch.equal(logits[:, :position], expected[:, :position])  # ni un bit
    assert (logits[:, position] != expected[:, position]).any()


def test_each_sequence_is_alone_in_its_batch():
    model, in_idx = tiny_model(), tokens(4, 7)
    together = model(in_idx)
    for row in range(4):
        torch.testing.assert_close(together[row], model(in_idx[row : row + 1])[0], rtol=1e-5, atol=1e-5)


def test_a_prefix_gives_the_same_logits():
    model, in_idx = tiny_model(), tokens(2, 7)
    torch.testing.assert_close(model(in_idx[:, :4]), model(in_idx)[:, :4], rtol=1e-5, atol=1e-5)


def test_embeddings_are_dropped_first():
    model = tiny_model(drop_rate=0.3).train()
    torch.manual_seed(5)
    logits = model(tokens(2, 4))
    torch.manual_seed(5)
    x = model.tok_emb(tokens(2, 4)) + model.pos_emb.weight[:4]
    x = model.trf_blocks(model.drop_emb(x))
    assert torch.equal(logits, model.out_head(model.final_norm(x)))


def test_what_the_first_block_reads():
    model, ids = tiny_model(), tokens(2, 5)
    words, places = model.tok_emb(ids), torch.tensor([[0, 1, 2, 3, 4], [0, 0, 1, 2, 6]])
    with torch.device("meta"):  # las posiciones nacen donde están los tokens
        first = model.embed(ids)
    assert torch.equal(first, words + model.pos_emb.weight[:5])
    assert torch.equal(model.embed(ids, places), words + model.pos_emb.weight[places])


def test_last_only_is_the_last_row():
    model, ids = tiny_model(), tokens(2, 5)
    last = model(ids, last_only=True)
    assert last.shape == (2, 1, 13)
    torch.testing.assert_close(last, model(ids)[:, -1:], rtol=0, atol=1e-6)


PIECES = [[4], [2, 2], [2, 1, 1]]


@torch.no_grad()
@pytest.mark.parametrize("pieces", PIECES, ids=str)
def test_a_padded_row_reads_like_itself_alone(pieces):
    model, (ids, mask), cache = tiny_model(), pad_left([[1, 2, 3, 4], [5, 6, 7]]), KVCache(tiny_model(), 2)
    first, *rest = ids.split(pieces, dim=1)
    out = [model(first, mask=mask[:, : pieces[0]], cache=cache), *(model(part, cache=cache) for part in rest)]
    expected = torch.cat([model(ids[:1])[0], model(ids[1:, 1:])[0]])  # sin relleno ni caché
    for logits in (torch.cat(out, dim=1), model(ids, mask=mask)):
        torch.testing.assert_close(logits[mask], expected, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("pieces", PIECES, ids=str)
def test_features_are_what_the_head_reads(pieces):
    model, (ids, mask) = tiny_model(), pad_left([[1, 2, 3, 4], [5, 6, 7]])
    cache, other = KVCache(model, 2), KVCache(model, 2)
    for place, part in enumerate(ids.split(pieces, dim=1)):
        given = mask[:, : pieces[0]] if place == 0 else None
        logits = model(part, mask=given, cache=other)
        assert torch.equal(model.out_head(model.features(part, mask=given, cache=cache)), logits)
    assert cache.length == other.length == 4
    assert torch.equal(model.out_head(model.features(ids)), model(ids))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_gradients(tied, training):
    small = {"vocab_size": 5, "context_length": 3, "emb_dim": 2, "n_layers": 1, "drop_rate": 0.2}
    model = tiny_model(**small, qkv_bias=True, tie_weights=tied).double().train(training)
    names, values = zip(*model.named_parameters(), strict=True)

    def logits(*parameters):
        torch.manual_seed(3)  # la misma máscara de dropout en cada llamada
        return torch.func.functional_call(model, dict(zip(names, parameters, strict=True)), in_idx)

    in_idx = tokens(1, 3, 5)
    assert torch.autograd.gradcheck(logits, values, check_undefined_grad=False, fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_integer_tokens(dtype):
    model = tiny_model()
    assert torch.equal(model(tokens(2, 4).to(dtype)), model(tokens(2, 4)))


@pytest.mark.parametrize("training", [False, True])
def test_half_precision(training):
    model, in_idx = tiny_model(drop_rate=0.1).train(training), tokens(2, 5)
    torch.manual_seed(1)
    expected = model(in_idx)
    torch.manual_seed(1)
    logits = model.bfloat16()(in_idx)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), expected, rtol=0.1, atol=0.15)


@pytest.mark.parametrize("drop_rate", [0.0, 0.1])
def test_device_of_the_input(drop_rate):
    model, devices = GPTModel({**TINY, "drop_rate": drop_rate}).to("meta"), []
    model.pos_emb.register_forward_pre_hook(lambda module, inputs: devices.append(inputs[0].device.type))
    logits = model(torch.zeros(2, 5, dtype=torch.long, device="meta"))
    assert logits.is_meta
    assert logits.shape == (2, 5, TINY["vocab_size"])
    assert devices == ["meta"]  # las posiciones nacen donde están los tokens


def test_only_parameters_are_stored():
    assert not list(GPTModel(TINY).buffers())


# --- La configuración -----------------------------------------------------------------------------


def test_the_configuration_is_checked():
    with pytest.raises(ValueError, match=r"Faltan: \['drop_rate'\]; sobran: \['dropout'\]"):
        GPTModel({"dropout" if key == "drop_rate" else key: value for key, value in TINY.items()})
    with pytest.raises(ValueError, match="emb_dim=8 y n_heads=3"):
        GPTModel({**TINY, "n_heads": 3})


def test_the_configuration_is_not_changed():
    cfg = dict(GPT_CONFIG_124M)
    with torch.device("meta"):
        GPTModel(cfg)
    assert cfg == GPT_CONFIG_124M


@pytest.mark.parametrize(
    ("in_idx", "message"),
    [
        (torch.ones(1, 8, dtype=torch.int64), r"con 1 ≤ T ≤ 7; llegó T = 8"),
        (torch.tensor([[0, 13]]), "entre 0 y 12; llegó 13"),
        (torch.ones(1, 3, dtype=torch.int64, device="meta"), "está en cpu y los tokens llegaron en meta"),
    ],
    ids=["largos", "desconocidos", "en otro sitio"],
)
def test_what_cannot_be_read_is_refused(in_idx, message):
    for read in (tiny_model(), tiny_model().features, tiny_model().check_input):
        with pytest.raises(ValueError, match=message):
            read(in_idx)


def test_a_broken_tie_is_refused():
    model = tiny_model(tie_weights=True)
    model.tok_emb = copy.deepcopy(model.tok_emb)
    with pytest.raises(ValueError, match="ya no son el mismo tensor"):
        model(tokens(1, 3))


# --- Estados de otros ----------------------------------------------------------------------------


def test_masks_of_other_courses_load_strictly():
    model = tiny_model()
    mask = torch.ones(7, 7).triu(1)
    foreign = {**model.state_dict(), **{f"trf_blocks.{index}.att.mask": mask for index in range(2)}}
    tiny_model(5).load_state_dict(foreign)
    assert "trf_blocks.0.att.mask" in foreign


@pytest.mark.parametrize(
    "name", ["mask", "trf_blocks.0.mask", "trf_blocks.0.att.otra", "trf_blocks.2.att.mask"]
)
def test_other_unknown_names_still_fail(name):
    model = tiny_model()
    with pytest.raises(RuntimeError, match=name):
        model.load_state_dict({**model.state_dict(), name: torch.ones(1)})


# --- Piezas envueltas ----------------------------------------------------------------------------


class Adapter(nn.Module):
    """Una capa envuelta: `forward`, sin `weight` ni `in_features`. Suma 0, como LoRA al nacer."""

    def __init__(self, base):
        super().__init__()
        self.base, self.up = base, nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.base(x) + self.up


def adapt(model):
    for block in model.trf_blocks:
        for name in ("W_query", "W_key", "W_value", "out_proj"):
            setattr(block.att, name, Adapter(getattr(block.att, name)))
        for place in (0, 2):
            block.ff.layers[place] = Adapter(block.ff.layers[place])
    model.out_head = Adapter(model.out_head)
    return model


@pytest.mark.parametrize("tied", [False, True])
def test_wrapped_layers_read_write_and_learn(tied):
    plain, model = (tiny_model(tie_weights=tied) for _ in "ab")
    adapt(model).requires_grad_(False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith(".up"))
    ids = tokens(2, 5)
    assert torch.equal(model(ids), plain(ids))
    for use_cache in (True, False):
        assert torch.equal(generate(model, ids, 4, use_cache=use_cache), generate(plain, ids, 4))
    assert torch.equal(attention_weights(model, ids), attention_weights(plain, ids))
    model(ids).square().sum().backward()
    assert all(p.grad.abs() > 0 for name, p in model.named_parameters() if name.endswith("value.up"))


# --- La configuración, guardada ------------------------------------------------------------------


def test_the_model_keeps_its_own_configuration():
    cfg = {**TINY, "vocab_size": np.int64(13), "drop_rate": np.float32(0.5)}
    model = GPTModel(MappingProxyType(cfg)).eval()
    cfg["vocab_size"] = 5
    assert model.cfg == {**TINY, "drop_rate": 0.5}
    assert json.loads(json.dumps(model.cfg)) == model.cfg  # números de Python
    assert model(torch.tensor([[12]])).shape == (1, 1, 13)
    assert copy.deepcopy(model).cfg is not model.cfg


def test_a_short_row_of_blocks_still_reads():
    model = tiny_model(n_layers=3)
    model.trf_blocks = nn.Sequential(*model.trf_blocks[:1])  # salir antes
    assert model(tokens(1, 3)).shape == (1, 3, 13)
