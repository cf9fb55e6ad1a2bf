"""La vinculación de pesos: un solo tensor, que lo siga siendo pase lo que pase, y en disco una sola vez."""

import copy
import pickle

import pytest
import torch
from reference import TINY, count, tiny_model, tokens
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import prune

from gpt_course.model import GPTModel

TIED = {**TINY, "tie_weights": True}
HEAD = "out_head.weight"


def is_tied(model):
    return (
        model.out_head.weight is model.tok_emb.weight
        and sum(parameter is model.tok_emb.weight for parameter in model.parameters()) == 1
        and count(model) == sum(tensor.numel() for tensor in model.state_dict().values())
    )


def test_a_tied_model_has_one_matrix_and_the_same_blocks():
    tied, untied = tiny_model(tie_weights=True), tiny_model(tie_weights=False)
    assert is_tied(tied)
    assert not is_tied(untied)
    assert count(untied) - count(tied) == untied.out_head.weight.numel()
    state, other = tied.state_dict(), untied.state_dict()
    assert list(state) == [name for name in other if name != HEAD]
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_a_seed_draws_the_same_numbers_after_either_model():
    torch.manual_seed(1)
    GPTModel(TINY)
    after_untied = torch.rand(3)
    torch.manual_seed(1)
    GPTModel(TIED)
    assert torch.equal(torch.rand(3), after_untied)


@pytest.mark.parametrize(
    "transform",
    [
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: model.to(torch.float64),
        lambda model: model.half(),
        lambda model: model.to("meta"),
        lambda model: model.to("meta").to_empty(device="cpu"),
        lambda model: nn.Sequential(model).to("meta").to_empty(device="cpu")[0],
        lambda model: model.requires_grad_(False),
        lambda model: model.share_memory(),
    ],
    ids=["deepcopy", "pickle", "to", "half", "meta", "to_empty", "anidado", "requires_grad_", "share_memory"],
)
def test_the_tie_survives(transform):
    assert is_tied(transform(tiny_model(tie_weights=True)))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_tied_to_itself(copied):
    model = tiny_model(tie_weights=True)
    other = copied(model)
    assert other.tok_emb.weight is not model.tok_emb.weight
    other.load_state_dict(model.state_dict(), assign=True)
    assert is_tied(other)


@pytest.mark.parametrize("wrap", [lambda model: model, nn.Sequential], ids=["solo", "anidado"])
@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("with_head", [False, True, "igual"])
def test_the_tie_survives_loading(wrap, assign, with_head):
    source, target = tiny_model(1, tie_weights=True), tiny_model(2, tie_weights=True)
    state = {name: tensor.clone() for name, tensor in wrap(source).state_dict().items()}
    token = next(name for name in state if name.endswith("tok_emb.weight"))
    if with_head:
        head = state[token].clone() if with_head == "igual" else state[token]
        state[token.replace("tok_emb", "out_head")] = head
    names = list(state)
    wrap(target).load_state_dict(state, assign=assign)
    assert list(state) == names  # el diccionario de quien llama queda como estaba
    assert is_tied(target)
    assert torch.equal(target(tokens(2, 5)), source(tokens(2, 5)))


@pytest.mark.parametrize("assign", [False, True])
def test_two_different_matrices_are_refused(assign):
    tied, untied = tiny_model(1, tie_weights=True), tiny_model(2)
    before = tied(tokens(2, 5))
    with pytest.raises(ValueError, match=r"una sola matriz.*llegaron dos distintas\..*tie_weights=False"):
        tied.load_state_dict(untied.state_dict(), assign=assign)
    assert torch.equal(tied(tokens(2, 5)), before)
    assert is_tied(tied)


def test_an_untied_model_needs_its_head():
    with pytest.raises(RuntimeError, match=HEAD):
        tiny_model().load_state_dict(tiny_model(tie_weights=True).state_dict())


def test_nested_state_has_no_duplicate():
    state = nn.ModuleDict({"gpt": tiny_model(tie_weights=True)}).state_dict()
    assert "gpt.tok_emb.weight" in state
    assert f"gpt.{HEAD}" not in state


def test_training_moves_both_ends_together():
    model, in_idx = tiny_model(tie_weights=True).train(), tokens(2, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.out_head.weight.detach().clone()
    model(in_idx).square().mean().backward()
    optimizer.step()
    assert is_tied(model)
    assert (model.out_head.weight != before).any()


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("strict", [False, True])
def test_either_end_alone_fills_the_shared_matrix(assign, strict):
    """Hay quien guarda solo uno de los dos nombres de una matriz compartida."""
    source, target = tiny_model(tie_weights=True), tiny_model(9, tie_weights=True)
    state = source.state_dict()
    state[HEAD] = state.pop("tok_emb.weight")
    target.load_state_dict(state, strict=strict, assign=assign)
    assert is_tied(target)
    assert torch.equal(target(tokens(2, 5)), source(tokens(2, 5)))


def test_equal_matrices_with_a_nan_are_the_same():
    state = tiny_model(tie_weights=True).state_dict()
    state["tok_emb.weight"][0, 0] = torch.nan
    model = tiny_model(tie_weights=True)
    model.load_state_dict({**state, HEAD: state["tok_emb.weight"].clone()})
    assert is_tied(model)


@pytest.mark.parametrize(
    "other",
    [
        lambda matrix: matrix.index_put((torch.tensor(0), torch.tensor(0)), torch.tensor(1e-12)),
        lambda matrix: matrix.where(matrix == 0, matrix.nextafter(torch.tensor(9.0))),
        lambda matrix: matrix[:-1],
        lambda matrix: matrix[:-1].to("meta"),
        lambda matrix: matrix.view(8, 13).to("meta"),
    ],
    ids=["casi cero", "el número siguiente", "una fila menos", "maqueta más corta", "maqueta traspuesta"],
)
def test_almost_the_same_matrix_is_another(other):
    state, model = tiny_model(tie_weights=True).state_dict(), tiny_model(tie_weights=True)
    state["tok_emb.weight"][0, 0] = 0
    with pytest.raises(ValueError, match="llegaron dos distintas"):
        model.load_state_dict({**state, HEAD: other(state["tok_emb.weight"])})


@pytest.mark.parametrize(
    "convert", [torch.Tensor.clone, torch.Tensor.double, lambda matrix: matrix.to("meta")]
)
def test_the_same_matrix_in_another_form_is_accepted(convert):
    state, model = tiny_model(tie_weights=True).state_dict(), tiny_model(9, tie_weights=True)
    matrix = state["tok_emb.weight"]
    model.load_state_dict({**state, "tok_emb.weight": convert(matrix), HEAD: matrix}, assign=True)
    assert is_tied(model)
    model.load_state_dict({**state, HEAD: convert(matrix)}, assign=True)
    assert is_tied(model)
    assert torch.equal(model.tok_emb.weight, matrix)


def test_a_part_of_the_state_without_the_ends_loads():
    state, model = tiny_model(1, tie_weights=True).state_dict(), tiny_model(2, tie_weights=True)
    part, matrix = {"final_norm.scale": state["final_norm.scale"]}, model.tok_emb.weight.clone()
    missing, unexpected = model.load_state_dict(part, strict=False)
    assert {"tok_emb.weight", HEAD} < set(missing) and not unexpected
    assert torch.equal(model.final_norm.scale, state["final_norm.scale"])
    assert torch.equal(model.out_head.weight, matrix) and is_tied(model)


@pytest.mark.parametrize("tied", [False, True])
def test_an_unknown_name_is_not_loaded(tied):
    model = tiny_model(tie_weights=tied)
    with pytest.raises(RuntimeError, match="otra_matriz"):
        model.load_state_dict({**model.state_dict(), "otra_matriz": torch.ones(1)})


def test_only_what_is_asked_for_is_converted():
    model = tiny_model(tie_weights=True)
    model.to_empty(device="meta", recurse=False)  # el modelo no tiene números suyos: son de sus piezas
    assert model.tok_emb.weight.device.type == "cpu" and is_tied(model)


def test_a_tied_mock_up_takes_real_weights_of_both_names():
    state = tiny_model(tie_weights=True).state_dict()
    model = tiny_model(tie_weights=True).to("meta")
    model.load_state_dict({**state, HEAD: state["tok_emb.weight"]}, assign=True)
    assert is_tied(model)
    assert model.tok_emb.weight.device.type == "cpu"


def test_a_reparametrised_head_is_left_alone():
    model = nn.utils.parametrizations.weight_norm(tiny_model(tie_weights=True).out_head)
    whole = tiny_model(tie_weights=True)
    whole.out_head = model
    assert whole.double()(tokens(1, 3)).dtype == torch.float64


# --- En disco -------------------------------------------------------------------------------------


def storages(model):
    return {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}


@pytest.mark.parametrize("assign", [False, True])
def test_safetensors_keeps_the_matrix_once(tmp_path, assign):
    source, path = tiny_model(tie_weights=True), tmp_path / "modelo.safetensors"
    save_file(source.state_dict(), path)
    with safe_open(path, "pt") as file:
        names = set(file.keys())
    assert "tok_emb.weight" in names and HEAD not in names
    header = int.from_bytes(path.read_bytes()[:8], "little")  # el formato: 8 bytes, cabecera y números
    assert path.stat().st_size == 8 + header + 4 * count(source)
    target = tiny_model(9, tie_weights=True)
    assert target.load_state_dict(load_file(path), strict=True, assign=assign) == ([], [])
    assert is_tied(target)
    assert len(storages(target)) == len(list(target.parameters()))
    assert target.out_head.weight.data_ptr() == target.tok_emb.weight.data_ptr()
    assert torch.equal(target(tokens(2, 5)), source(tokens(2, 5)))


def test_torch_save_keeps_the_matrix_once(tmp_path):
    sizes = []
    for tied in (True, False):
        model = tiny_model(vocab_size=5000, tie_weights=tied)
        torch.save(model.state_dict(), tmp_path / "modelo.pt")
        sizes.append((tmp_path / "modelo.pt").stat().st_size)
    assert sizes[1] - sizes[0] == pytest.approx(4 * 5000 * 8, abs=2000)
    other = tiny_model(3, vocab_size=5000, tie_weights=True)
    torch.save(tiny_model(vocab_size=5000, tie_weights=True).state_dict(), tmp_path / "modelo.pt")
    other.load_state_dict(torch.load(tmp_path / "modelo.pt", weights_only=True))
    assert is_tied(other)


def test_safetensors_with_both_names_loads_if_they_are_equal(tmp_path):
    state = tiny_model(tie_weights=True).state_dict()
    save_file({**state, HEAD: state["tok_emb.weight"].clone()}, tmp_path / "dos.safetensors")
    model = tiny_model(9, tie_weights=True)
    model.load_state_dict(load_file(tmp_path / "dos.safetensors"))
    assert is_tied(model)


# --- Lo que rompe la vinculación ------------------------------------------------------------------


@pytest.fixture(params=["overwrite", "swap"])
def future(request):
    """Las dos maneras en que PyTorch puede sustituir los parámetros al convertir."""
    switch = getattr(torch.__future__, f"set_{request.param}_module_params_on_conversion")
    switch(True)
    yield
    switch(False)


@pytest.mark.parametrize("wrap", [lambda model: model, nn.Sequential], ids=["solo", "anidado"])
def test_the_tie_survives_new_parameters_on_conversion(future, wrap):
    model = tiny_model(tie_weights=True)
    model(tokens(2, 5)).sum().backward()
    wrap(model).to(torch.float64)
    assert is_tied(model)
    assert model.tok_emb.weight.dtype == torch.float64


BREAKERS = {
    "a mano": lambda model: setattr(model.tok_emb, "weight", nn.Parameter(torch.ones(13, 8))),
    "assign en una pieza": lambda model: model.out_head.load_state_dict(
        {"weight": torch.ones(13, 8)}, assign=True
    ),
    "una pieza a meta": lambda model: model.out_head.to("meta"),
    "una cabeza copiada": lambda model: setattr(model, "out_head", copy.deepcopy(model.out_head)),
}


@pytest.mark.parametrize("way", BREAKERS)
def test_a_broken_tie_is_refused_and_can_be_mended(way):
    """Sin el aviso, el modelo calcularía con dos matrices y al guardar perdería la de la cabeza."""
    model = tiny_model(tie_weights=True)
    BREAKERS[way](model)
    assert model.out_head.weight is not model.tok_emb.weight
    for use in (lambda: model(tokens(1, 3)), model.state_dict, lambda: nn.Sequential(model).state_dict()):
        with pytest.raises(ValueError, match=r"ya no son el mismo tensor.*out_head\.weight = model\.tok_emb"):
            use()
    model.out_head.weight = model.tok_emb.weight
    assert is_tied(model)
    assert model(tokens(1, 3)).shape == (1, 3, 13)


@pytest.mark.parametrize("wrap", [lambda model: model, nn.Sequential], ids=["solo", "anidado"])
@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.double(),
        lambda model: model.to("meta"),
        lambda model: model.load_state_dict({}, strict=False),
    ],
    ids=["double", "meta", "cargar otra cosa"],
)
def test_a_new_head_is_not_lost_on_the_way(use, wrap):
    """Antes, llevar el modelo a otro tipo o a otro sitio ponía en la cabeza nueva la matriz de siempre."""
    model = tiny_model(tie_weights=True)
    model.out_head = nn.Linear(8, 2, bias=False)
    with pytest.raises(ValueError, match=r"se sustituyó uno solo.*escribe model\.tied = False"):
        use(wrap(model))
    assert model.out_head.weight.shape == (2, 8)
    model.tied = False
    use(wrap(model))
    assert model.out_head.weight.shape == (2, 8)


def test_a_piece_converted_with_overwrite_is_refused():
    model = tiny_model(tie_weights=True)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        model.out_head.to(torch.float64)
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
    with pytest.raises(ValueError, match="ya no son el mismo tensor"):
        model(tokens(1, 3))


@pytest.mark.parametrize("way", ["a mano", "una cabeza copiada"])
def test_the_tie_can_be_undone_on_purpose(way):
    model = tiny_model(tie_weights=True)
    BREAKERS[way](model)
    with pytest.raises(ValueError, match=r"escribe model\.tied = False.*vuelve a unirlos"):
        model(tokens(1, 3))
    model.tied = False
    assert model(tokens(1, 3)).shape == (1, 3, 13)
    other = GPTModel(model.cfg)  # la configuración dice lo que es ahora
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(tokens(1, 3)), model(tokens(1, 3)))


def test_a_head_of_two_classes_on_purpose():
    model = tiny_model(tie_weights=True)
    model.out_head, model.tied = nn.Linear(8, 2), False
    assert model(tokens(1, 3)).shape == (1, 3, 2)
    assert HEAD in model.double().state_dict()


def test_tied_says_what_the_configuration_says():
    assert tiny_model().tied is False  # aunque no lleve la clave
    assert [tiny_model(tie_weights=value).tied for value in (False, True)] == [False, True]


@pytest.mark.parametrize("value", ["no", 0, None])
def test_tied_is_true_or_false(value):
    with pytest.raises(ValueError, match="tied debe ser True o False; llegó"):
        tiny_model().tied = value


# --- Podados, parametrizados, envueltos -----------------------------------------------------------


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


class Adapter(nn.Module):
    """Una capa con LoRA, como las que la envuelven: ni `weight`, ni `in_features`."""

    def __init__(self, base):
        super().__init__()
        self.base, (wide, narrow) = base, base.weight.shape
        self.down, self.up = nn.Linear(narrow, 2, bias=False), nn.Linear(2, wide, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def on(name, change):
    def apply(model):
        change(getattr(model, name))
        return model

    return apply


def halve(module):
    prune.l1_unstructured(module, "weight", 0.5)


def double(module):
    nn.utils.parametrize.register_parametrization(module, "weight", Doubled())


def adapt(model):
    model.out_head = Adapter(model.out_head)
    return model


CHANGES = {
    "cabeza podada": on("out_head", halve),
    "incrustación podada": on("tok_emb", halve),
    "las dos podadas": lambda model: on("tok_emb", halve)(on("out_head", halve)(model)),
    "cabeza parametrizada": on("out_head", double),
    "incrustación parametrizada": on("tok_emb", double),
    "weight_norm": on("out_head", nn.utils.parametrizations.weight_norm),
    "weight_norm en la incrustación": on("tok_emb", nn.utils.parametrizations.weight_norm),
    "LoRA": adapt,
    "compilado": lambda model: torch.compile(model, backend="eager"),
    "DataParallel": nn.DataParallel,
    "anidado": nn.Sequential,
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_model_loads_its_own_state(change, tied):
    source, target = (CHANGES[change](tiny_model(seed, tie_weights=tied)) for seed in (1, 2))
    state = {name: tensor.clone() for name, tensor in source.state_dict().items()}
    assert target.load_state_dict(state, strict=True) == ([], [])
    assert torch.equal(target(tokens(2, 5)), source(tokens(2, 5)))


def test_functional_call_replaces_both_ends():
    model = tiny_model(tie_weights=True)
    values = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    assert torch.equal(torch.func.functional_call(model, values, tokens(1, 3)), model(tokens(1, 3)))
