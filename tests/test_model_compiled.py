"""El modelo compilado, exportado y trazado: un grafo sin cortes para todas las longitudes."""

import pytest
import torch
from modern import EVERYTHING, modern_model
from reference import tiny_model, tokens

from gpt_course.cache import KVCache


@pytest.fixture
def counter(request):
    from torch._dynamo.testing import CompileCounterWithBackend  # tarda en cargarse

    torch._dynamo.reset()
    yield CompileCounterWithBackend(getattr(request, "param", "eager"))
    torch._dynamo.reset()


# «aot_eager» es lo que un compilador hace antes de traducir: separa la ida de la vuelta y quita lo que se
# escribe en su sitio. Cuesta más: una vez cada cosa, y con cualquier longitud lo hace también `export`.
as_compilers_do = pytest.mark.parametrize("counter", ["aot_eager"], indirect=True)


LENGTHS = (3, 5, 7, 2, 6)


@pytest.mark.parametrize(("explicit", "training"), [(False, True), (True, False)])
def test_one_graph_serves_every_length(counter, explicit, training):
    model = tiny_model(n_layers=1, tie_weights=True).train(training)
    model.trf_blocks[0].att.explicit = explicit
    compiled = torch.compile(model, backend=counter, fullgraph=True)
    for length in LENGTHS:
        logits, expected = compiled(tokens(2, length)), model(tokens(2, length))
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-6)
    assert counter.frame_count <= 2  # el de la primera longitud y el de todas


def test_one_graph_serves_every_padding(counter):
    model = tiny_model(n_layers=1)
    compiled = torch.compile(model, backend=counter, fullgraph=True)
    for length in LENGTHS:
        ids, mask = tokens(2, length), torch.ones(2, length, dtype=torch.bool)
        mask[0, 0] = False
        torch.testing.assert_close(
            compiled(ids, mask=mask)[mask], model(ids, mask=mask)[mask], rtol=0, atol=1e-6
        )
    assert counter.frame_count <= 2


@as_compilers_do
@torch.no_grad()
def test_one_graph_reads_the_start_and_another_each_token(counter):
    model, ids = tiny_model(n_layers=1, context_length=20), tokens(2, 20)
    compiled, cache = torch.compile(model, backend=counter, fullgraph=True), KVCache(model, 2)
    out = [compiled(part, cache=cache) for part in ids.split([5] + [1] * 15, dim=1)]
    torch.testing.assert_close(torch.cat(out, dim=1), model(ids), rtol=0, atol=1e-5)
    assert counter.frame_count <= 3


def test_a_compiled_model_learns(counter):
    model = tiny_model(n_layers=1, tie_weights=True).train()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    expected, found = (
        torch.autograd.grad(read(tokens(2, 5)).square().sum(), model.parameters())
        for read in (model, compiled)
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("strict", [False, True])
def test_export_with_any_batch_and_length(strict):
    model = tiny_model(n_layers=1, tie_weights=True)
    sizes = {0: torch.export.Dim("B"), 1: torch.export.Dim("T", max=7)}
    program = torch.export.export(model, (tokens(2, 5),), dynamic_shapes={"in_idx": sizes}, strict=strict)
    for batch, length in ((2, 5), (3, 7), (4, 2)):
        ids = tokens(batch, length)
        torch.testing.assert_close(program.module()(ids), model(ids), rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # torch.jit avisa de que es antiguo, y de cada comprobación de formas
def test_a_trace_serves_other_shapes():
    model = tiny_model()
    traced = torch.jit.trace(model, (tokens(2, 5),))
    torch.testing.assert_close(traced(tokens(3, 7)), model(tokens(3, 7)), rtol=0, atol=1e-6)


# --- Con todas las piezas de hoy a la vez: RoPE, expertos, ventana… ----------------------------------


@torch.no_grad()
def test_one_graph_serves_every_length_with_todays_pieces(counter):
    model = modern_model(EVERYTHING, n_layers=1)
    compiled = torch.compile(model, backend=counter, fullgraph=True)
    for length in (2, 5, 12, 3, 24):  # más cortas y más largas que la ventana
        torch.testing.assert_close(compiled(tokens(2, length)), model(tokens(2, length)), rtol=0, atol=1e-5)
    assert counter.frame_count <= 2


@torch.no_grad()
def test_one_graph_reads_the_start_and_another_each_token_with_todays_pieces(counter):
    model, ids = modern_model(EVERYTHING, n_layers=1), tokens(2, 20)
    compiled, cache = torch.compile(model, backend=counter, fullgraph=True), KVCache(model, 2)
    out = [compiled(part, cache=cache) for part in ids.split([5] + [1] * 15, dim=1)]
    torch.testing.assert_close(torch.cat(out, dim=1), model(ids), rtol=0, atol=1e-5)
    assert counter.frame_count <= 3


def test_a_compiled_modern_model_learns(counter):
    model = modern_model(EVERYTHING, n_layers=1).train()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    expected, found = (
        torch.autograd.grad(read(tokens(2, 5)).square().sum(), model.parameters())
        for read in (model, compiled)
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_export_of_a_modern_model_with_any_batch_and_length():
    model = modern_model(EVERYTHING, n_layers=1)
    sizes = {0: torch.export.Dim("B"), 1: torch.export.Dim("T", max=24)}
    program = torch.export.export(model, (tokens(2, 5),), dynamic_shapes={"in_idx": sizes}, strict=False)
    for batch, length in ((2, 5), (3, 17), (4, 2)):
        ids = tokens(batch, length)
        torch.testing.assert_close(program.module()(ids), model(ids), rtol=0, atol=1e-5)
