"""El camino rápido da lo mismo que el de las lecciones: logits, gradientes, pérdida y texto."""

import copy
import functools
import os
import pickle
import platform
import subprocess
import sys
import threading

import pytest
import torch
from modern import EVERYTHING, LLAMA, modern_model
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from gpt_course.cache import KVCache
from gpt_course.fast import choice, chunked_loss, keep_freed_memory, kernels, make_fast, resident
from gpt_course.fast import loss as loss_module
from gpt_course.fast.choice import Processor
from gpt_course.fast.feed_forward import gelu_and_slope
from gpt_course.fast.layers import FastLinear
from gpt_course.generation import generate
from gpt_course.grouped_attention import GroupedAttention
from gpt_course.initialization import init_gpt2
from gpt_course.layers import FeedForward
from gpt_course.model import GPTModel
from gpt_course.rmsnorm import RMSNorm
from gpt_course.rope import Rotary
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


AMD, INTEL = Processor("AuthenticAMD", False, False), Processor("GenuineIntel", True, True)
AVX512 = Processor("AuthenticAMD", False, True)  # multiplica en bf16, pero no por bloques


@pytest.fixture(params=[AMD, Processor("", False, False)], ids=["oneDNN", "PyTorch"])
def onednn(request, monkeypatch):
    """Los dos caminos, sea cual sea el procesador de esta máquina."""
    if not choice.onednn_works():
        monkeypatch.setattr(kernels, "onednn", kernels.plain)
        monkeypatch.setattr(choice, "onednn_works", lambda: True)
    monkeypatch.setattr(choice, "processor", lambda: request.param)
    return request.param == AMD


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


@pytest.mark.parametrize("max_logits", [1, 97, 3 * 97, 39 * 97, 40 * 97, 10**6])
@pytest.mark.parametrize("tied", [True, False])
def test_pieces_of_any_size_give_the_same_loss(max_logits, tied):
    plain, _ = models(tie_weights=tied)
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    losses = [next_token_loss(plain, x, y), chunked_loss(plain, x, y, max_logits=max_logits)]
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
    for loss in (next_token_loss, lambda *given: chunked_loss(*given, max_logits=3 * 5000)):
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
    def missing(*_, **__):
        raise error("no está")

    monkeypatch.setattr(choice, "processor", lambda: AMD)
    monkeypatch.setattr(kernels, "onednn", missing)
    choice.onednn_works.cache_clear()
    assert choice.onednn_works() is False
    plain, quick = models()
    torch.testing.assert_close(quick(tokens(1, 9)), plain(tokens(1, 9)), atol=1e-5, rtol=1e-5)
    choice.onednn_works.cache_clear()


@pytest.mark.parametrize(
    ("processor", "precision", "gelu", "expected"),
    [  # con 1 fila, con 2, con 16, con 17 y con 1000
        (AMD, "high", False, ["onednn"] * 5),
        (AMD, "medium", True, ["onednn"] * 5),
        (AVX512, "medium", False, ["onednn"] * 5),
        (INTEL, "high", False, ["plain", "onednn", "onednn", "plain", "plain"]),
        (INTEL, "high", True, ["plain"] + ["onednn"] * 4),
        (INTEL, "medium", False, ["plain"] + ["rounded"] * 4),
        (Processor("", False, False), "high", True, ["plain"] * 5),
        (Processor("", False, False), "medium", False, ["plain"] * 5),
    ],
)
@pytest.mark.filterwarnings("ignore:TF32")  # PyTorch avisa al apagar oneDNN
def test_the_processor_and_the_rows_decide(monkeypatch, processor, precision, gelu, expected):
    monkeypatch.setattr(choice, "processor", lambda: processor)
    monkeypatch.setattr(choice, "onednn_works", lambda: True)
    weight = torch.ones(3, 4)
    chosen = [choice.choose(torch.ones(n, 4), weight, precision, gelu=gelu) for n in (1, 2, 16, 17, 1000)]
    assert [multiply.__name__ for multiply in chosen] == expected
    assert choice.choose(torch.ones(17, 4).double(), weight.double(), precision) is kernels.plain
    # Con pesos de otro tipo, que sea PyTorch quien diga que no casan.
    assert choice.choose(torch.ones(2, 4), weight.bfloat16(), precision, gelu=gelu) is kernels.plain
    with torch.backends.mkldnn.flags(enabled=False):
        assert choice.choose(torch.ones(17, 4), weight, precision) is kernels.plain


@pytest.mark.parametrize(("processor", "expected"), [(AMD, False), (AVX512, True), (INTEL, True)])
def test_who_multiplies_in_bf16_reads_many_rows_so(monkeypatch, processor, expected):
    monkeypatch.setattr(choice, "processor", lambda: processor)
    monkeypatch.setattr(choice, "onednn_works", lambda: True)
    monkeypatch.setattr(choice, "halves_work", lambda: True)
    with torch.no_grad():
        decided = [choice.halves(torch.ones(n, 4), "medium") for n in (255, 256)]
        assert decided == [False, expected] and not choice.halves(torch.ones(256, 4), "high")
    assert not choice.halves(torch.ones(256, 4), "medium")  # con gradientes


@pytest.mark.parametrize("name", ["AuthenticAMD", "GenuineIntel", "otro"])
def test_the_processor_says_who_made_it(monkeypatch, tmp_path, name):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nvendor_id : {name}\n", encoding="utf-8")
    vendor = "" if name == "otro" else name
    monkeypatch.setattr(choice, "Path", lambda _: tmp_path / "cpuinfo")
    assert choice._vendor() == vendor
    monkeypatch.setattr(choice, "Path", lambda _: tmp_path / "no-existe")
    monkeypatch.setattr(choice.platform, "processor", lambda: f"AMD64 Family 25 Model 1, {name}")
    assert choice._vendor() == vendor


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


@pytest.mark.parametrize("shape", [(0, 4), (2, 0, 4), (3, 4), (2, 3, 4)])
def test_gradients_of_any_shape_come_back(onednn, shape):
    """Sin filas (oneDNN no sabe), y con el gradiente repetido que da una suma o recortado que da un corte."""
    plain = torch.nn.Linear(4, 3)
    for read in (torch.Tensor.sum, lambda out: out.transpose(0, -1)[::2].square().sum()):
        x = torch.randn(shape, requires_grad=True)
        found, expected = (
            torch.autograd.grad(read(layer(x)), [x, *layer.parameters()])
            for layer in (make_fast(copy.deepcopy(plain)), plain)
        )
        torch.testing.assert_close(found, expected)


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
    with pytest.raises(ValueError, match="max_logits debe ser un entero mayor o igual que 1; llegó 0"):
        chunked_loss(plain, tokens(1, 5), tokens(1, 5), max_logits=0)


def test_going_back_twice_adds_the_same_gradients_again():
    plain, _ = models()
    loss = chunked_loss(plain, tokens(1, 5), tokens(1, 5))
    loss.backward(retain_graph=True)
    once = plain.out_head.weight.grad.clone()
    loss.backward()
    torch.testing.assert_close(plain.out_head.weight.grad, 2 * once)


def test_without_gradients_only_the_loss_is_calculated(monkeypatch):
    plain, products, multiply = models()[0], [], loss_module.linear
    monkeypatch.setattr(loss_module, "linear", lambda *a, **k: products.append(1) or multiply(*a, **k))
    with torch.no_grad():
        loss = chunked_loss(plain, tokens(1, 5), tokens(1, 5), max_logits=2 * 97)
    assert not loss.requires_grad and len(products) == 3  # uno por trozo, y ninguno para los gradientes
    torch.testing.assert_close(loss, next_token_loss(plain, tokens(1, 5), tokens(1, 5)))


@pytest.mark.parametrize("gelu", [False, True])
def test_onednn_multiplies_like_pytorch(onednn, gelu):
    x, weight, bias = torch.randn(2, 5, 8), torch.randn(6, 8), torch.randn(6)
    expected = F.linear(x, weight, bias)
    expected = F.gelu(expected, approximate="tanh") if gelu else expected
    for multiply in (kernels.onednn, kernels.plain):
        torch.testing.assert_close(multiply(x, weight, bias, gelu=gelu), expected)


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
    keep_freed_memory.cache_clear()
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resident.ctypes, "CDLL", lambda name: library)
    assert keep_freed_memory() is kept
    keep_freed_memory.cache_clear()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="es cosa de glibc, la biblioteca de Linux")
@pytest.mark.parametrize("kept", [True, False])
def test_freed_memory_stays_in_the_process(kept):
    code = f"""if True:
        import runpy
        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * {os.sysconf("SC_PAGE_SIZE")}
        keep = runpy.run_path({resident.__file__!r})["keep_freed_memory"]
        assert not {kept} or keep()
        before, big = resident(), bytearray(b"x" * 2**26)
        del big
        print(resident() - before)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (int(done.stdout) >= 2**25) == kept


class _Names(TorchDispatchMode):
    """Los nombres de las operaciones, como los ve quien las cuenta o las mide."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.name())
        return func(*args, **(kwargs or {}))


def test_who_watches_the_operations_sees_those_of_pytorch(onednn):
    """`FlopCounterMode`, por ejemplo, contaría 0 en los productos de oneDNN."""
    with _Names() as names, torch.no_grad():
        models()[1](tokens(2, 20))
    products = [name for name in names.seen if name in ("aten::mm", "aten::addmm", "aten::linear")]
    assert len(products) == 3 * 6 + 1 and not any("mkldnn" in name for name in names.seen)


def test_a_changed_layer_is_respected(onednn):
    plain, quick = models()
    ids = tokens(1, 5)
    for model in (plain, quick):
        model.trf_blocks[0].ff.layers[1] = torch.nn.ReLU()
        model.trf_blocks[1].ff.layers.append(torch.nn.Tanh())
        model.trf_blocks[2].ff.layers = torch.nn.Sequential(torch.nn.Tanh())
    with torch.no_grad():
        torch.testing.assert_close(quick(ids), plain(ids), atol=1e-5, rtol=1e-5)


def pieces(model):
    """Lo que `make_fast` cambia, lo que lo contiene y la cabeza."""
    ff = model.trf_blocks[0].ff
    return [ff, ff.layers, *ff.layers, model.trf_blocks, model.trf_blocks[1].norm1, model.out_head, model]


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.filterwarnings("ignore:Full backward hook")  # los tokens no llevan gradiente
def test_every_hook_fires(onednn, grad):
    plain, quick = models()
    seen = {}
    for name, model in (("plain", plain), ("quick", quick)):
        seen[name] = []
        for place, piece in enumerate(pieces(model)):
            note = functools.partial(lambda to, what, *_: to.append(what), seen[name])
            piece.register_forward_hook(functools.partial(note, (place, "después")))
            piece.register_forward_pre_hook(functools.partial(note, (place, "antes")))
            if grad:
                piece.register_full_backward_hook(functools.partial(note, (place, "atrás")))
        with torch.set_grad_enabled(grad):
            loss = (chunked_loss if name == "quick" else next_token_loss)(model, tokens(1, 5), tokens(1, 5))
        if grad:
            loss.backward()
    assert seen["quick"] == seen["plain"] and len(set(seen["plain"])) == (3 if grad else 2) * 9


def test_a_hook_for_every_module_fires_too(onednn):
    seen = []
    hook = torch.nn.modules.module.register_module_forward_hook(lambda *called: seen[-1].append(called[0]))
    try:
        for model, loss in zip(models(), (next_token_loss, chunked_loss), strict=True):
            seen.append([])
            with torch.no_grad():
                loss(model, tokens(1, 5), tokens(1, 5))
            names = {module: name for name, module in model.named_modules()}
            seen[-1] = [names[module] for module in seen[-1]]
    finally:
        hook.remove()
    assert seen[0] == seen[1]


class Lora(torch.nn.Module):
    """Una capa congelada más dos matrices pequeñas, como en LoRA."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.out_features = layer, layer.out_features
        self.down = torch.nn.Linear(layer.in_features, 2, bias=False)
        self.up = torch.nn.Linear(2, layer.out_features, bias=False)

    def forward(self, x):
        return self.layer(x) + self.up(self.down(x))


class Doubled(torch.nn.Module):
    def forward(self, weight):
        return 2 * weight


def with_bias(model):
    model.out_head.bias = torch.nn.Parameter(torch.linspace(-1, 1, 97))


def with_lora(model):
    model.out_head = Lora(model.out_head)


def parametrized(model):
    torch.nn.utils.parametrize.register_parametrization(model.out_head, "weight", Doubled())


def with_hook(model):
    model.out_head.register_forward_hook(lambda module, inputs, out: 3 * out)


def with_pre_hook(model):
    model.out_head.register_forward_pre_hook(lambda module, inputs: (3 * inputs[0],))


def with_model_hook(model):
    model.register_forward_hook(lambda module, inputs, out: 3 * out)


def another_forward(model):
    model.out_head.forward = lambda x: 3 * F.linear(x, model.out_head.weight)


HEADS = [with_bias, with_lora, parametrized, with_hook, with_pre_hook, with_model_hook, another_forward]


@pytest.mark.parametrize("change", HEADS)
@pytest.mark.parametrize("first", [True, False])
def test_the_head_is_used_as_it_is(onednn, change, first):
    """Lo mismo si la cabeza se cambia antes de `make_fast` que si se cambia después."""
    plain = models(tie_weights=False)[0]
    quick = copy.deepcopy(plain)
    steps = [make_fast, change] if first else [change, make_fast]
    torch.manual_seed(1)
    change(plain)
    torch.manual_seed(1)
    for step in steps:
        step(quick)
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    before = next_token_loss(models(tie_weights=False)[0], x, y)
    losses = [next_token_loss(plain, x, y), chunked_loss(quick, x, y, max_logits=3 * 97)]
    torch.testing.assert_close(losses[1], losses[0], atol=1e-5, rtol=1e-5)
    assert (losses[0] - before).abs() > 1e-4
    gradients = [
        torch.autograd.grad(loss, list(m.parameters()))
        for loss, m in zip(losses, (plain, quick), strict=True)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, one, atol=1e-6, rtol=1e-4)


class Wrapped(torch.nn.Module):
    """Como los que reparten o compilan: un modelo dentro de otro."""

    def __init__(self, model):
        super().__init__()
        self.module = model

    def forward(self, *inputs, **options):
        return self.module(*inputs, **options)


def test_a_wrapped_model_has_its_loss():
    plain = models()[0]
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    torch.testing.assert_close(chunked_loss(Wrapped(plain), x, y), next_token_loss(plain, x, y))


@pytest.mark.parametrize("loss", [next_token_loss, chunked_loss])
def test_gradients_of_torch_func(onednn, loss):
    plain, quick = models(tie_weights=False)
    x, y = tokens(2, 9), tokens(2, 9, seed=2)

    def gradients(model, loss):
        def of(parameters):
            with torch.nn.utils.stateless._reparametrize_module(model, parameters):
                return loss(model, x, y)

        return torch.func.grad(of)(dict(model.named_parameters()))

    expected, found = gradients(plain, next_token_loss), gradients(quick, loss)
    for name, one in expected.items():
        torch.testing.assert_close(found[name], one, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.filterwarnings("ignore:`torch.jit.script`")  # la usa PyTorch para estas derivadas
def test_forward_mode_and_vmap(onednn, batched):
    layer = torch.nn.Linear(4, 3)
    quick, x = make_fast(copy.deepcopy(layer)), torch.randn(5, 2, 4)
    if batched:
        torch.testing.assert_close(torch.func.vmap(quick)(x), layer(x))
    found, expected = (torch.func.jvp(module, (x,), (x,))[1] for module in (quick, layer))
    torch.testing.assert_close(found, expected)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, x)
        tangent = torch.autograd.forward_ad.unpack_dual(quick(dual)).tangent
    torch.testing.assert_close(tangent, expected)


def test_gradients_of_gradients(onednn):
    plain, quick = models()
    norms = []
    for model in (plain, quick):
        for block in model.trf_blocks:
            block.att.explicit = True  # SDPA no tiene segundas derivadas
        loss = next_token_loss(model, tokens(2, 9), tokens(2, 9, seed=2))
        first = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
        sum(gradient.square().sum() for gradient in first).backward()
        norms.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*norms, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:Using backward")  # es justo lo que se prueba
def test_the_chunked_loss_does_not_give_them_and_says_so():
    loss = chunked_loss(models()[0], tokens(1, 5), tokens(1, 5))
    with pytest.raises(ValueError, match=r"derivadas de los gradientes\. Usa next_token_loss"):
        loss.backward(create_graph=True)


def relative_error(found, expected):
    return ((found.double() - expected.double()).norm() / expected.double().norm()).item()


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 64])
def test_in_bf16_the_gradients_stay_within_three_thousandths(autocast, rows):
    """Muchos trozos y muchas columnas: una suma hecha en bf16 se alejaría un 1 % o más."""
    torch.manual_seed(0)
    cfg = {**CFG, "vocab_size": 6000, "emb_dim": 64, "n_layers": 1, "tie_weights": False}
    exact = init_gpt2(GPTModel({**cfg, "context_length": 128})).bfloat16().float()
    x, y = torch.randint(6000, (2, 2, 128))
    features = exact.features(x).detach().bfloat16()
    seen = []
    for dtype, model in ((torch.float32, exact), (torch.bfloat16, copy.deepcopy(exact))):
        mine = features.to(dtype).requires_grad_()
        model.features = lambda _, mine=mine: mine
        if dtype == torch.float32:
            loss = F.cross_entropy(model.out_head(mine).flatten(0, 1), y.flatten())
        elif autocast:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = chunked_loss(model, x, y, max_logits=rows * 6000)
        else:
            loss = chunked_loss(model.bfloat16(), x, y, max_logits=rows * 6000)
        seen.append((loss, *torch.autograd.grad(loss, [mine, model.out_head.weight])))
    assert seen[1][1].dtype == torch.bfloat16
    assert seen[1][0].item() == pytest.approx(seen[0][0].item(), rel=1e-4)
    assert relative_error(seen[1][1], seen[0][1]) < 0.003
    assert relative_error(seen[1][2], seen[0][2]) < 0.003


@pytest.mark.skipif(not hasattr(F, "linear_cross_entropy"), reason="llegó con PyTorch 2.13")
def test_the_chunked_loss_is_the_one_of_pytorch():
    plain = models(tie_weights=False)[0]
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    with_bias(plain)
    theirs = F.linear_cross_entropy(
        plain.features(x).flatten(0, 1), plain.out_head.weight, y.flatten(), linear_bias=plain.out_head.bias
    )
    torch.testing.assert_close(chunked_loss(plain, x, y, max_logits=7 * 97), theirs)


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
    assert all(tensor.is_contiguous() for tensor in quick.state_dict().values())
    for copied in (quick, copy.deepcopy(quick), pickle.loads(pickle.dumps(quick))):
        save_file(copied.state_dict(), tmp_path / "pesos.safetensors")
        assert all(torch.equal(t, before[n]) for n, t in load_file(tmp_path / "pesos.safetensors").items())
        assert copied.trf_blocks[0].ff.layers[0].weight.stride() == weight.stride()
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


# --- Lotes con el relleno a la derecha --------------------------------------------------------------------


def right_padded(lengths=(20, 3, 1, 11)):
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return tokens(*mask.shape), tokens(*mask.shape, seed=2), mask


def untouched(model):
    return model


def watched_inside(model):
    model.trf_blocks[1].norm2.register_forward_hook(lambda module, inputs, out: None)


def with_lora_inside(model):
    model.trf_blocks[0].att.W_query = Lora(model.trf_blocks[0].att.W_query)


def with_one_bias(model):
    model.trf_blocks[0].att.W_key.bias = None


@pytest.mark.parametrize(
    ("change", "packed"),
    [(untouched, True), (watched_inside, False), (with_lora_inside, False), (with_one_bias, False)],
)
@pytest.mark.parametrize("bias", [True, False])
def test_padding_at_the_right_is_not_computed(onednn, monkeypatch, change, packed, bias):
    plain, quick = models(qkv_bias=bias)
    for model in (plain, quick):
        torch.manual_seed(1)
        change(model)
    if change is with_one_bias:
        packed = not bias  # sin sesgos, quitar uno no cambia nada
    seen, read = [], loss_module.packed_features
    monkeypatch.setattr(loss_module, "packed_features", lambda *given: seen.append(1) or read(*given))
    x, y, mask = right_padded()
    losses = [F.cross_entropy(plain(x)[mask], y[mask]), chunked_loss(quick, x, y, mask)]
    losses.append(next_token_loss(plain, x, y, mask))
    assert bool(seen) == packed
    torch.testing.assert_close(losses[1], losses[0], atol=1e-5, rtol=1e-5)
    assert torch.equal(losses[2], losses[0])
    one, other = (
        torch.autograd.grad(loss, list(m.parameters()))
        for loss, m in zip(losses, (plain, quick), strict=False)
    )
    for expected, found in zip(one, other, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(chunked_loss(quick.eval(), x, y, mask), losses[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("loss", [next_token_loss, chunked_loss])
def test_what_pads_the_right_does_not_count_and_dropout_is_the_same(loss):
    plain, quick = (model.train() for model in models(drop_rate=0.2))
    x, y, mask = right_padded()
    found = []
    for model, function, ids in ((plain, next_token_loss, x), (quick, loss, x.masked_fill(~mask, 5))):
        torch.manual_seed(3)
        found.append(function(model, ids, y.masked_fill(~mask, -100), mask))
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("loss", [next_token_loss, chunked_loss])
def test_a_hole_inside_a_row_is_refused(loss):
    x, y, mask = right_padded()
    mask[0, 4] = False
    with pytest.raises(ValueError, match="todo a la izquierda o todo a la derecha"):
        loss(models()[1], x, y, mask)


def test_long_rows_or_bf16_take_the_other_path(monkeypatch):
    quick, read = models(context_length=200)[1], loss_module.packed_features
    seen = []
    monkeypatch.setattr(loss_module, "packed_features", lambda *given: seen.append(1) or read(*given))
    for longest, expected in ((192, 1), (193, 1)):
        chunked_loss(quick, *right_padded((longest, 5)))
        assert len(seen) == expected
    assert chunked_loss(quick.bfloat16(), *right_padded()).isfinite() and len(seen) == 1


def test_gelu_comes_with_its_slope():
    x = (4 * torch.randn(3, 30_001)).double().requires_grad_()
    expected = F.gelu(x, approximate="tanh")
    expected.sum().backward()
    active, slope = gelu_and_slope(x.detach().float())
    torch.testing.assert_close(active.double(), expected.detach(), atol=2e-6, rtol=0)
    torch.testing.assert_close(slope.double(), x.grad, atol=5e-6, rtol=0)


# --- La precisión «medium» ------------------------------------------------------------------------------


@pytest.fixture
def rounding(monkeypatch):
    """Como si este procesador multiplicara en bf16; donde no sabe, se redondea aquí lo que redondearía."""
    monkeypatch.setattr(choice, "processor", lambda: INTEL)
    monkeypatch.setattr(choice, "onednn_works", lambda: True)
    monkeypatch.setattr(choice, "halves_work", lambda: True)
    products = []

    def rounded(x, weight, bias=None, *, gelu=False):
        products.append(tuple(weight.shape))
        return kernels.plain(x.bfloat16().float(), weight.bfloat16().float(), bias, gelu=gelu)

    monkeypatch.setattr(kernels, "rounded", rounded)
    monkeypatch.setattr(kernels, "onednn", kernels.plain)
    return products


def test_medium_rounds_every_product_and_nothing_else(rounding):
    plain = models()[0]
    quick = make_fast(copy.deepcopy(plain), precision="medium")
    ids = tokens(2, 20)
    with torch.no_grad():
        found, expected = quick(ids), plain(ids)
    assert len(rounding) == 3 * 6 + 1 and found.dtype == torch.float32
    assert 0 < relative_error(found, expected) < 0.01
    assert make_fast(quick, precision="high") is quick
    with torch.no_grad():
        torch.testing.assert_close(quick(ids), expected, atol=1e-5, rtol=1e-5)
    assert len(rounding) == 3 * 6 + 1


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("cached", [False, True])
def test_medium_reads_many_rows_in_bf16_inside_each_block(rounding, cached, padded):
    plain = models()[0]
    quick = make_fast(copy.deepcopy(plain), precision="medium")
    ids, seen = tokens(13, 20), []
    mask = torch.ones(13, 20, dtype=torch.bool)
    mask[3, :4] = not padded
    for block in quick.trf_blocks:
        for piece in (block, block.att, block.ff):
            piece.register_forward_hook(lambda module, inputs, out: seen.append(out.dtype))
    with torch.no_grad():
        caches = [KVCache(model, 13) if cached else None for model in (quick, plain)]
        found, expected = (
            model(ids, mask=mask, cache=cache) for model, cache in zip((quick, plain), caches, strict=True)
        )
    assert seen == [torch.float32] * 9
    assert rounding == [(97, 32)]  # la cabeza, que da los logits, en float32
    assert found.dtype == torch.float32 and 0 < relative_error(found[mask], expected[mask]) < 0.02
    assert not torch.is_autocast_enabled("cpu")
    if cached:
        assert caches[0].keys.dtype == torch.float32
        assert relative_error(caches[0].keys[:, :, :, 4:20], caches[1].keys[:, :, :, 4:20]) < 0.02


@pytest.mark.filterwarnings("ignore:TF32")
def test_medium_does_not_read_in_bf16_what_should_not_be(rounding):
    quick = make_fast(models()[0], precision="medium")
    block, x = quick.trf_blocks[0], torch.randn(13, 20, 32)
    with torch.no_grad():
        block(x[:12])  # pocas filas
        assert len(rounding) == 6
        with torch.backends.mkldnn.flags(enabled=False):
            block(x)
        assert len(rounding) == 6
        block.att.explicit = True
        block.att(x)
        assert len(rounding) == 10
        block.att.explicit = False
        block.att(x)
        assert len(rounding) == 10
    block(x)  # con gradientes
    assert len(rounding) == 16
    assert make_fast(quick).trf_blocks[0].att.precision == "high"


MEDIUM = f"""
import copy, torch
from gpt_course.fast import make_fast
from gpt_course.model import GPTModel
plain = GPTModel({ {**CFG, "context_length": 200, "emb_dim": 128}!r})
quick = make_fast(copy.deepcopy(plain), precision="medium")
ids = torch.randint(97, (2, 200))
with torch.no_grad():
    found, expected = quick(ids), plain(ids)
assert (found - expected).norm() < 0.02 * expected.norm()
"""


def test_medium_reads_with_what_this_processor_has():
    exec(MEDIUM, {})


@pytest.mark.parametrize("limit", ["ATEN_CPU_CAPABILITY=default", "ONEDNN_MAX_CPU_ISA=AVX2"])
def test_medium_reads_also_where_the_processor_is_limited(limit):
    """Con AMX y sin permiso para usarlo, la atención o el producto en bf16 se paraban con un error."""
    environment = {**os.environ, **dict([limit.split("=")]), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", MEDIUM], env=environment, check=True)


@pytest.mark.parametrize("place", ["att.W_query", "att.out_proj", "ff.layers.0", "ff.layers.2"])
@pytest.mark.parametrize("change", ["hook", "lora"])
def test_medium_shows_a_guest_float32(rounding, place, change):
    """Un gancho o una capa de otro esperan los números de siempre, y por numpy no pasan los de bf16."""
    plain = models()[0].trf_blocks[0]
    quick, seen = make_fast(copy.deepcopy(plain), precision="medium"), []
    parent, name = quick.get_submodule(place.rpartition(".")[0]), place.rpartition(".")[2]
    if change == "lora":
        setattr(parent, name, Lora(getattr(parent, name)))
        torch.nn.init.zeros_(getattr(parent, name).up.weight)
    layer = getattr(parent, name)
    layer.register_forward_hook(lambda module, inputs, out: seen.extend((inputs[0].numpy(), out.numpy())))
    x = torch.randn(13, 20, 32)
    with torch.no_grad():
        assert relative_error(quick(x), plain(x)) < 0.02
    assert [each.dtype.name for each in seen] == ["float32"] * 2
    assert len(rounding) >= (4 if "att" in place else 2)


@pytest.mark.parametrize("loss", [next_token_loss, chunked_loss])
def test_medium_also_goes_back(rounding, loss):
    plain = models()[0]
    quick = make_fast(copy.deepcopy(plain), precision="medium")
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    losses = [next_token_loss(plain, x, y), loss(quick, x, y)]
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=1e-3)
    gradients = [
        torch.autograd.grad(loss, list(m.parameters()))
        for loss, m in zip(losses, (plain, quick), strict=True)
    ]
    assert len(rounding) >= 3 * (3 * 6 + 1)  # cada capa: al ir, y dos productos al volver
    for one, other in zip(*gradients, strict=True):
        assert (other - one).norm() <= 0.02 * one.norm() + 1e-6
    assert not torch.equal(gradients[0][0], gradients[1][0])


def test_medium_trains(rounding):
    losses = []
    for precision in ("high", "medium"):
        model = make_fast(models()[0], precision=precision)
        batches = [(tokens(2, 20, seed=seed), tokens(2, 20, seed=seed)) for seed in range(2)]
        losses.append(train(model, batches, make_optimizer(model), steps=8, loss=chunked_loss))
    assert losses[1] == pytest.approx(losses[0], abs=0.01) and losses[1] != losses[0]
    assert losses[1][-1] < losses[1][0] - 0.1


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="este PyTorch no trae oneDNN")
def test_the_switch_of_pytorch_is_as_it_was(monkeypatch):
    switch = torch.backends.mkldnn.matmul
    before, seen = switch.fp32_precision, []
    monkeypatch.setattr(kernels, "onednn", lambda *_, **__: seen.append(switch.fp32_precision))
    kernels.rounded(None, None)
    assert seen == ["bf16"] and switch.fp32_precision == before

    def broken(*_, **__):
        raise RuntimeError("roto")

    monkeypatch.setattr(kernels, "onednn", broken)
    with pytest.raises(RuntimeError, match="roto"):
        kernels.rounded(None, None)
    assert switch.fp32_precision == before


@pytest.mark.parametrize(("own", "expected"), [("none", ["ieee", "bf16"]), ("tf32", ["tf32", "tf32"])])
def test_the_switch_still_follows_the_general_one(monkeypatch, own, expected):
    """Si nadie lo ha puesto, vale lo que diga el ajuste general, también si cambia después."""
    switch = torch.backends.mkldnn.matmul
    before, switch.fp32_precision, found = switch.fp32_precision, own, []
    monkeypatch.setattr(kernels, "onednn", lambda *_, **__: None)
    try:
        for general in ("ieee", "bf16"):
            monkeypatch.setattr(torch.backends, "fp32_precision", general)
            kernels.rounded(None, None)
            found.append(switch.fp32_precision)
    finally:
        switch.fp32_precision = before
    assert found == expected


def test_two_threads_leave_the_switch_as_it_was():
    switch = torch.backends.mkldnn.matmul
    before, inside, leave = switch.fp32_precision, threading.Event(), threading.Event()

    def other():
        with kernels._ROUNDING:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with kernels._ROUNDING:
        thread.start()
        assert inside.wait(10)
    assert switch.fp32_precision == "bf16"  # el otro aún multiplica
    leave.set()
    thread.join(10)
    assert switch.fp32_precision == before


@pytest.mark.parametrize("moment", ["al encenderlo", "al devolverlo"])
def test_the_product_after_a_ctrl_c_puts_the_switch_back(monkeypatch, moment):
    """El interruptor se mueve en Python, y ahí puede llegar un Ctrl-C, que solo se atiende una vez."""

    class Switch:
        value, turns = "none", []

        @property
        def fp32_precision(self):
            return self.value

        @fp32_precision.setter
        def fp32_precision(self, value):
            self.turns.append(value)
            if moment == "al devolverlo" and len(self.turns) == 2:
                raise KeyboardInterrupt
            self.value = value
            if moment == "al encenderlo" and len(self.turns) == 1:
                raise KeyboardInterrupt

    switch = Switch()
    monkeypatch.setattr(torch.backends.mkldnn, "matmul", switch)
    monkeypatch.setattr(kernels, "_ROUNDING", kernels._Rounding())
    monkeypatch.setattr(kernels, "onednn", lambda *_, **__: None)
    with pytest.raises(KeyboardInterrupt):
        kernels.rounded(None, None)
    kernels.rounded(None, None)
    assert switch.value == "none" and "bf16" in switch.turns


@pytest.mark.parametrize("precision", ["low", None, "HIGH", 1])
def test_a_precision_that_does_not_exist(precision):
    with pytest.raises(ValueError, match='`precision` debe ser `"high"` o `"medium"`; llegó'):
        make_fast(models()[0], precision=precision)


# --- Con piezas de hoy: las capas lineales van por donde menos tardan, y lo demás, como estaba -------


@pytest.mark.parametrize("cfg", [LLAMA, EVERYTHING], ids=["llama", "todas"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_modern_model_gives_the_same(onednn, cfg, tied):
    plain = modern_model(cfg, vocab_size=97, tie_weights=tied)
    quick = make_fast(copy.deepcopy(plain))
    kinds = {type(module) for module in quick.modules()}
    assert FastLinear in kinds and torch.nn.Linear not in kinds
    assert {GroupedAttention, RMSNorm, Rotary} <= kinds
    x, y = tokens(2, 20), tokens(2, 20, seed=2)
    mask = torch.ones(2, 20, dtype=torch.bool)
    mask[1, 13:] = False  # a la derecha: sin relleno que calcular, si se pudiera
    for given in (None, mask):
        expected = next_token_loss(plain, x, y, given)
        found = chunked_loss(quick, x, y, given, max_logits=3 * 97)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
        for each, loss in ((plain, expected), (quick, found)):
            each.zero_grad()
            loss.backward()
        for (name, one), other in zip(plain.named_parameters(), quick.parameters(), strict=True):
            torch.testing.assert_close(other.grad, one.grad, atol=1e-5, rtol=1e-4, msg=name)
    assert torch.equal(*(generate(model, x[:, :4], 12) for model in (plain, quick)))
    recomputed = checkpoint_blocks(copy.deepcopy(plain))
    pairs = [torch.autograd.grad(next_token_loss(m, x, y), list(m.parameters())) for m in (plain, recomputed)]
    assert all(torch.equal(*pair) for pair in zip(*pairs, strict=True))


@pytest.mark.parametrize("changes", [{"norm": "rms"}, {"window": 3}, {"hidden_dim": 40}], ids=str)
def test_one_piece_of_today_in_a_gpt2(onednn, changes):
    plain, quick = models(**changes)
    x, y, mask = tokens(2, 20), tokens(2, 20, seed=2), torch.ones(2, 20, dtype=torch.bool)
    mask[1, 13:] = False
    torch.testing.assert_close(
        chunked_loss(quick, x, y, mask), next_token_loss(plain, x, y, mask), atol=1e-5, rtol=1e-5
    )
