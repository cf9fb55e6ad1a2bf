"""El camino rápido da lo mismo que el de las lecciones: logits, gradientes, pérdida y texto."""

import copy
import sys

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from gpt_course import fast
from gpt_course.fast import FastLinear, chunked_loss, make_fast
from gpt_course.generation import generate
from gpt_course.initialization import init_gpt2
from gpt_course.layers import FeedForward
from gpt_course.model import GPTModel
from gpt_course.training import checkpoint_blocks, make_optimizer, next_token_loss, train
from gpt_course.weights import load_gpt2, save_gpt2

CFG = {
    "vocab_size": 97,
    "context_length": 24,
    "emb_dim": 32,
    "n_heads": 4,
    "n_layers": 3,
    "drop_rate": 0.0,
    "qkv_bias": True,
    "tie_weights": True,
}


def linear_as_onednn(x, weight, bias, activation="none", variant=""):
    out = F.linear(x, weight, bias)
    return F.gelu(out, approximate=variant) if activation == "gelu" else out


@pytest.fixture(params=[True, False], ids=["oneDNN", "PyTorch"])
def onednn(request, monkeypatch):
    """Los dos caminos, gane quien gane en esta máquina."""
    if request.param and not torch.backends.mkldnn.is_available():  # un procesador sin oneDNN
        monkeypatch.setattr(fast, "onednn_linear", linear_as_onednn)
    monkeypatch.setattr(fast, "onednn_wins", lambda few, threads: request.param)
    return request.param


def models(**changes):
    torch.manual_seed(5)
    plain = init_gpt2(GPTModel({**CFG, **changes}))
    return plain, make_fast(copy.deepcopy(plain))


def tokens(*shape, seed=1):
    return torch.randint(CFG["vocab_size"], shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(1, 1), (1, 24), (3, 7)])
@pytest.mark.parametrize("changes", [{}, {"qkv_bias": False}, {"tie_weights": False}], ids=str)
def test_logits_are_those_of_the_plain_model(onednn, shape, changes):
    plain, quick = models(**changes)
    ids = tokens(*shape)
    with torch.no_grad():
        torch.testing.assert_close(quick(ids), plain(ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("loss", [next_token_loss, chunked_loss])
@pytest.mark.parametrize("tied", [True, False])
def test_gradients_are_those_of_the_plain_model(onednn, loss, tied):
    plain, quick = models(tie_weights=tied)
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    expected, found = next_token_loss(plain, x, y), loss(quick, x, y)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    expected.backward()
    found.backward()
    for (name, one), other in zip(plain.named_parameters(), quick.parameters(), strict=True):
        torch.testing.assert_close(
            other.grad, one.grad, atol=1e-6, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("logits", [1, 40 * 7, 40 * 96, 40 * 97, 10**6])
@pytest.mark.parametrize("tied", [True, False])
def test_pieces_of_any_size_give_the_same_loss(logits, tied):
    plain, _ = models(tie_weights=tied)
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    losses = [next_token_loss(plain, x, y), chunked_loss(plain, x, y, logits=logits)]
    torch.testing.assert_close(*losses)
    gradients = [torch.autograd.grad(loss * 3, list(plain.parameters())) for loss in losses]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, one, atol=1e-6, rtol=1e-4)


class _Largest(TorchDispatchMode):
    """El mayor tensor que aparece."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for each in out if isinstance(out, tuple | list) else [out]:
            if isinstance(each, torch.Tensor):
                self.count = max(self.count, each.numel())
        return out


def test_all_the_logits_are_never_there_at_once(onednn):
    plain, _ = models(emb_dim=4, vocab_size=5000)
    x, y = tokens(4, 24), tokens(4, 24, seed=2)
    sizes = []
    for loss in (next_token_loss, lambda *given: chunked_loss(*given, logits=4 * 24 * 50)):
        with _Largest() as largest:
            loss(plain, x, y).backward()
        sizes.append(largest.count)
    assert sizes == [4 * 24 * 5000, 4 * 5000]  # lo mayor que queda es la propia matriz V×C


def test_training_takes_the_same_steps(onednn):
    plain, quick = models()
    batches = [(tokens(2, 20, seed=seed), tokens(2, 20, seed=seed + 9)) for seed in range(4)]
    one = train(plain, batches, make_optimizer(plain), steps=6, accumulation=2)
    other = train(
        quick, batches, make_optimizer(quick, fused=True), steps=6, accumulation=2, loss=chunked_loss
    )
    assert other == pytest.approx(one, abs=1e-4)
    ids = tokens(1, 24)
    torch.testing.assert_close(quick(ids), plain(ids), atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("use_cache", [True, False])
def test_the_text_is_the_same(onednn, use_cache):
    plain, quick = (model.eval() for model in models())
    ids = tokens(3, 5)
    options = {"use_cache": use_cache}
    assert torch.equal(generate(quick, ids, 30, **options), generate(plain, ids, 30, **options))


def test_it_is_the_same_object_with_the_same_tensors():
    torch.manual_seed(0)
    model = GPTModel(CFG)
    before = dict(model.named_parameters())
    assert make_fast(make_fast(model)) is model
    assert list(model.state_dict()) == list(GPTModel(CFG).state_dict())
    assert all(after is before[name] for name, after in model.named_parameters())
    assert any(isinstance(module, FastLinear) for module in model.modules())


def test_copies_and_files_survive(tmp_path):
    _, quick = models()
    again = copy.deepcopy(quick)
    again.load_state_dict(quick.state_dict())
    assert again.out_head.weight is again.tok_emb.weight
    torch.save(quick.state_dict(), tmp_path / "pesos.pt")
    plain, _ = models()
    plain.load_state_dict(torch.load(tmp_path / "pesos.pt", weights_only=True))
    ids = tokens(1, 9)
    torch.testing.assert_close(again(ids), plain(ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("error", [AttributeError, RuntimeError, NotImplementedError])
def test_a_machine_without_onednn_takes_the_plain_path(monkeypatch, error):
    def missing(*_):
        raise error("no está")

    monkeypatch.setattr(fast, "onednn_linear", missing)
    fast.onednn_wins.cache_clear()
    assert fast.onednn_wins(True, 1) is False
    plain, quick = models()
    torch.testing.assert_close(quick(tokens(1, 9)), plain(tokens(1, 9)), atol=1e-5, rtol=1e-5)
    fast.onednn_wins.cache_clear()


def test_it_measures_once_and_keeps_the_winner(monkeypatch):
    seconds = {"onednn_linear": 1.0, "linear": 2.0}
    calls = []

    def measure(multiply, *_):
        calls.append(multiply.__name__)
        return seconds[multiply.__name__]

    monkeypatch.setattr(fast, "_fastest", measure)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    fast.onednn_wins.cache_clear()
    assert fast.onednn_wins(True, 2) and fast.onednn_wins(True, 2) and len(calls) == 2
    seconds["onednn_linear"] = 1.99
    assert not fast.onednn_wins(False, 2) and len(calls) == 4
    fast.onednn_wins.cache_clear()


def test_bf16_and_autocast_keep_their_types(onednn):
    plain, quick = models()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert quick(tokens(1, 5)).dtype == plain(tokens(1, 5)).dtype == torch.bfloat16
    quick.bfloat16().eval()
    assert quick(tokens(1, 5)).dtype == torch.bfloat16
    assert generate(quick, tokens(1, 5), 4).shape == (1, 9)


@pytest.mark.parametrize("loss", [next_token_loss, chunked_loss])
def test_dropout_and_recomputation_are_the_same(onednn, loss):
    plain, quick = (model.train() for model in models(drop_rate=0.2))
    gradients = []
    for model, function in ((plain, next_token_loss), (checkpoint_blocks(quick), loss)):
        torch.manual_seed(3)
        function(model, tokens(2, 20), tokens(2, 20, seed=2)).backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, one, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    "x", [torch.ones(0, 4), torch.ones(2, 0, 4), torch.ones(4, 2).T, torch.ones(9, 1, 4)]
)
def test_any_shape_goes_through(onednn, x):
    layer = torch.nn.Linear(4, 3)
    expected = layer(x)
    torch.testing.assert_close(make_fast(layer)(x), expected)


def test_a_single_vector_also_goes_through():
    layer = make_fast(torch.nn.Linear(4, 3))
    torch.testing.assert_close(layer(torch.ones(4)), layer(torch.ones(1, 4))[0])


def test_wrong_answers_are_refused():
    plain, _ = models()
    with pytest.raises(ValueError, match=r"misma forma; llegaron \(1, 5\) y \(1, 4\)"):
        chunked_loss(plain, tokens(1, 5), tokens(1, 4))
    with pytest.raises(ValueError, match="tokens entre 0 y 96"):
        chunked_loss(plain, tokens(1, 5), tokens(1, 5) + 97)
    with pytest.raises(ValueError, match="int64"):
        chunked_loss(plain, tokens(1, 5), tokens(1, 5).float())
    with pytest.raises(ValueError, match="logits debe ser un entero mayor o igual que 1; llegó 0"):
        chunked_loss(plain, tokens(1, 5), tokens(1, 5), logits=0)


def test_going_back_twice_adds_the_same_gradients_again():
    plain, _ = models()
    loss = chunked_loss(plain, tokens(1, 5), tokens(1, 5))
    loss.backward(retain_graph=True)
    once = plain.out_head.weight.grad.clone()
    loss.backward()
    torch.testing.assert_close(plain.out_head.weight.grad, 2 * once)


def test_without_gradients_only_the_loss_is_calculated():
    plain, _ = models()
    with torch.no_grad():
        loss = chunked_loss(plain, tokens(1, 5), tokens(1, 5))
    assert not loss.requires_grad
    torch.testing.assert_close(loss, next_token_loss(plain, tokens(1, 5), tokens(1, 5)))


@pytest.mark.parametrize("activation", [("none", ""), ("gelu", "tanh")])
def test_onednn_multiplies_like_pytorch(onednn, activation):
    x, weight, bias = torch.randn(2, 5, 8), torch.randn(6, 8), torch.randn(6)
    torch.testing.assert_close(
        fast.onednn_linear(x, weight, bias, *activation), linear_as_onednn(x, weight, bias, *activation)
    )


def test_a_wrong_width_is_still_refused(onednn):
    with pytest.raises(RuntimeError):
        make_fast(torch.nn.Linear(4, 3))(torch.ones(2, 5))


class FakeLibrary:
    """Una biblioteca de C que apunta lo que le piden."""

    def __init__(self, answer):
        self.asked, self.answer = [], answer

    def mallopt(self, parameter, value):
        self.asked.append((parameter, value))
        return self.answer


@pytest.mark.parametrize(
    ("platform", "library", "kept"),
    [
        ("linux", FakeLibrary(1), True),
        ("linux", FakeLibrary(0), False),
        ("linux", object(), False),  # musl no tiene mallopt
        ("darwin", FakeLibrary(1), False),
    ],
)
def test_freed_memory_is_kept_only_where_it_can_be(monkeypatch, platform, library, kept):
    fast.keep_freed_memory.cache_clear()
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(fast.ctypes, "CDLL", lambda name: library)
    assert fast.keep_freed_memory() is kept
    if kept:
        assert library.asked == [(-1, 2**31 - 1), (-4, 0)]  # <malloc.h>: M_TRIM_THRESHOLD y M_MMAP_MAX
    fast.keep_freed_memory.cache_clear()


def test_a_changed_layer_or_a_hook_is_respected(onednn):
    plain, quick = models()
    ids, seen = tokens(1, 5), []
    for model in (plain, quick):
        model.trf_blocks[0].ff.layers[1] = torch.nn.ReLU()
    quick.trf_blocks[1].ff.layers[1].register_forward_hook(lambda *_: seen.append(1))
    quick.trf_blocks[2].ff.layers[0].register_forward_pre_hook(lambda *_: seen.append(2))
    with torch.no_grad():
        torch.testing.assert_close(quick(ids), plain(ids), atol=1e-5, rtol=1e-5)
    assert seen == [1, 2]


@pytest.mark.parametrize("tied", [True, False])
def test_the_chunked_loss_under_autocast(tied):
    plain, _ = models(tie_weights=tied)
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    gradients = []
    for loss in (next_token_loss, chunked_loss):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(plain, x, y)
        gradients.append(torch.autograd.grad(value, list(plain.parameters())))
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() <= 0.02 * one.norm() + 1e-6


def test_the_chunked_loss_keeps_the_precision_of_float64():
    plain = models()[0].double()
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    losses = [next_token_loss(plain, x, y), chunked_loss(plain, x, y)]
    torch.testing.assert_close(*losses, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(loss, list(plain.parameters())) for loss in losses]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("tied", [True, False])
def test_stored_by_columns_the_numbers_are_the_same(onednn, tied, tmp_path):
    plain, quick = models(tie_weights=tied)
    before = {name: tensor.clone() for name, tensor in quick.state_dict().items()}
    assert make_fast(quick, inference=True) is quick
    weight = quick.trf_blocks[0].ff.layers[0].weight
    assert weight.stride() == ((1, 4 * CFG["emb_dim"]) if onednn else (CFG["emb_dim"], 1))
    assert weight.untyped_storage().nbytes() == weight.nbytes
    assert (quick.out_head.weight is quick.tok_emb.weight) == tied
    for name, tensor in quick.state_dict().items():
        assert torch.equal(tensor, before[name])
    ids = tokens(2, 9)
    with torch.no_grad():
        torch.testing.assert_close(quick(ids), plain(ids), atol=1e-5, rtol=1e-5)
    assert torch.equal(generate(quick, ids, 9), generate(plain, ids, 9))
    losses = [loss(model, ids, ids) for model, loss in ((plain, next_token_loss), (quick, chunked_loss))]
    gradients = [
        torch.autograd.grad(loss, list(m.parameters()))
        for loss, m in zip(losses, (plain, quick), strict=True)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, one, atol=1e-6, rtol=1e-4)
    save_gpt2(quick, tmp_path)
    torch.testing.assert_close(load_gpt2(tmp_path)(ids), plain(ids), atol=1e-5, rtol=1e-5)
    plain.load_state_dict(copy.deepcopy(quick).state_dict())  # y se copia y se carga como siempre


def test_gelu_is_the_one_with_tanh(onednn):
    torch.manual_seed(0)
    plain, x = FeedForward(8), 3 * torch.randn(50, 8)
    with torch.no_grad():
        plain.layers[0].weight.mul_(3)  # números grandes: ahí la exacta y la de tanh se distinguen
        expected, quick = plain(x), make_fast(copy.deepcopy(plain))
        torch.testing.assert_close(quick(x), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(quick(x), expected, atol=1e-5, rtol=1e-5)
