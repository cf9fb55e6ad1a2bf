"""Guardar: solo lo que se puede escribir tal cual, y varios archivos a la vez o ninguno, pase lo que pase."""

import json
import os
from functools import partial

import pytest
import torch
from reference import tiny_model, tokens
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import parametrizations, prune

from gpt_course.dropout import Dropout
from gpt_course.fast import make_fast
from gpt_course.model import GPTModel
from gpt_course.training import checkpoint_blocks
from gpt_course.weights import load_gpt2, save_gpt2
from gpt_course.weights.saving import _apart
from gpt_course.weights.swap import HalfDone, replace_together

SWAP = ".cambio-a-medias"  # queda en el disco: es el mismo en todas las versiones

# --- Lo que no se puede escribir ----------------------------------------------------------------------------


class Lora(nn.Module):
    """Una capa lineal con una corrección de rango 1."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.down, self.up = nn.Linear(8, 1, bias=False), nn.Linear(1, 8, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def other_head(model, **options):
    model.out_head = nn.Linear(8, options.pop("classes", 13), **options)


def fewer_heads(model):
    att = model.trf_blocks[0].att
    for name in ("W_query", "W_key", "W_value"):
        setattr(att, name, nn.Linear(8, 4, bias=False))
    att.n_heads, att.out_proj = 1, nn.Linear(4, 8)


def swap(place, module):
    def change(model):
        parent, name = place.rsplit(".", 1)
        setattr(model.get_submodule(parent), name, module)

    return change


CHANGES = {
    "cabeza con sesgo": (other_head, r"sobra out_head\.bias"),
    "dos clases": (
        lambda model: other_head(model, classes=2, bias=False),
        r"out_head\.weight mide \(2, 8\) y no \(13, 8\)",
    ),
    "pesos podados": (
        lambda model: prune.random_unstructured(model.out_head, "weight", amount=0.5),
        r"falta out_head\.weight, sobra out_head\.weight_orig",
    ),
    "cabezas podadas": (fewer_heads, r"W_query\.weight mide \(4, 8\)"),
    "LoRA": (
        lambda model: swap("trf_blocks.0.att.W_query", Lora(model.trf_blocks[0].att.W_query))(model),
        r"falta trf_blocks\.0\.att\.W_query\.weight",
    ),
    "parametrizado": (
        lambda model: parametrizations.weight_norm(model.trf_blocks[0].ff.layers[0]),
        r"falta trf_blocks\.0\.ff\.layers\.0\.weight",
    ),
    "un búfer": (lambda model: model.register_buffer("extra", torch.ones(1)), "sobra extra"),
    "un módulo con pesos": (lambda model: model.add_module("extra", nn.Linear(1, 1)), r"sobra extra\.weight"),
    "un módulo sin pesos": (
        lambda model: model.trf_blocks[1].ff.layers.append(nn.ReLU()),
        r"sobra trf_blocks\.1\.ff\.layers\.3",
    ),
    "la activación, dos veces": (
        lambda model: model.trf_blocks[1].ff.layers.append(model.trf_blocks[1].ff.layers[1]),
        r"sobra trf_blocks\.1\.ff\.layers\.3",
    ),
    "otra activación": (swap("trf_blocks.1.ff.layers.1", nn.ReLU()), r"layers\.1 es ReLU y no GELU"),
    "otra norma": (swap("trf_blocks.0.norm1", nn.LayerNorm(8)), r"falta trf_blocks\.0\.norm1\.scale"),
    "otro eps": (
        lambda model: setattr(model.final_norm, "eps", 1e-6),
        r"final_norm\.eps es 1e-06 y no",
    ),
    "otras cabezas": (
        lambda model: setattr(model.trf_blocks[1].att, "n_heads", 4),
        r"trf_blocks\.1\.att\.n_heads es 4 y no 2",
    ),
    "un bloque menos": (lambda model: model.trf_blocks.pop(1), r"falta trf_blocks\.1"),
    "un bloque más": (lambda model: model.trf_blocks.append(model.trf_blocks[0]), r"sobra trf_blocks\.2"),
    "un sesgo menos": (
        lambda model: setattr(model.trf_blocks[0].att.out_proj, "bias", None),
        r"falta trf_blocks\.0\.att\.out_proj\.bias",
    ),
    "dos probabilidades": (
        lambda model: setattr(model.drop_emb, "p", 0.5),
        "varias probabilidades",
    ),
    "float64": (GPTModel.double, "Se guardan pesos float32, float16 o bfloat16"),
    "maqueta": (lambda model: model.to("meta"), "Se guardan pesos float32, float16 o bfloat16"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_another_model_is_not_saved(change, message, tmp_path):
    model = tiny_model()
    change(model)
    with pytest.raises(ValueError, match=message):
        save_gpt2(model, tmp_path / "nada")
    assert not (tmp_path / "nada").exists()


# Envuelve como el compilador de serie, que aquí no llega a compilar nada y tarda en cargarse.
compiled = partial(torch.compile, backend="eager")


@pytest.mark.parametrize(
    "make",
    [
        *(dict, lambda: None, lambda: nn.Linear(2, 2), lambda: compiled(nn.Linear(2, 2))),
        lambda: nn.Sequential(tiny_model(), nn.Softmax(-1)),
    ],
)
def test_what_is_not_a_model_is_not_saved(make, tmp_path):
    with pytest.raises(ValueError, match="Se esperaba un GPTModel; llegó"):
        save_gpt2(make(), tmp_path)


def compile_blocks(model):
    for index, block in enumerate(model.trf_blocks):
        model.trf_blocks[index] = compiled(block)
    return model


def shared_blocks(model):
    model.trf_blocks[1] = model.trf_blocks[0]
    return model


WRAPPINGS = {
    "compilado": compiled,
    "bloques compilados": compile_blocks,
    "varias GPU": nn.DataParallel,
    "las dos": lambda model: nn.DataParallel(compiled(model)),
    "recomputación": checkpoint_blocks,
    "rápido": make_fast,
    "rápido, por columnas": lambda model: make_fast(model, inference=True),
    "bloques compartidos": shared_blocks,
}


@pytest.mark.parametrize("tie_weights", [True, False])
@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_wrapped_model_is_saved_as_the_one_inside(wrap, tie_weights, tmp_path):
    model, ids = tiny_model(qkv_bias=True, tie_weights=tie_weights), tokens(2, 7)
    wrapped = wrap(model)
    expected = model.state_dict() if wrap is not compile_blocks else tiny_model(**model.cfg).state_dict()
    save_gpt2(wrapped, tmp_path)
    loaded = load_gpt2(tmp_path)
    assert loaded.cfg == model.cfg
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in expected.items())
    if wrap is not compile_blocks and wrap is not compiled:  # compilar cuesta segundos
        torch.testing.assert_close(loaded(ids), model(ids), rtol=0, atol=1e-5)


def test_the_whole_configuration(tmp_path):
    save_gpt2(tiny_model(drop_rate=0.2), tmp_path / "una" / "dentro de otra")
    assert (tmp_path / "una" / "dentro de otra" / "config.json").read_text() == CONFIG


CONFIG = """{
  "architectures": [
    "GPT2LMHeadModel"
  ],
  "model_type": "gpt2",
  "vocab_size": 13,
  "n_positions": 7,
  "n_ctx": 7,
  "n_embd": 8,
  "n_head": 2,
  "n_layer": 2,
  "activation_function": "gelu_new",
  "layer_norm_epsilon": 1e-05,
  "resid_pdrop": 0.2,
  "embd_pdrop": 0.2,
  "attn_pdrop": 0.2,
  "tie_word_embeddings": false,
  "bos_token_id": 12,
  "eos_token_id": 12
}
"""


def test_a_model_whose_dropout_was_taken_away_is_saved_without_it(tmp_path):
    model = tiny_model(drop_rate=0.2)
    for module in [*model.modules()]:
        for name, part in module.named_children():
            if isinstance(part, Dropout):
                setattr(module, name, nn.Identity())
    save_gpt2(model, tmp_path)
    assert load_gpt2(tmp_path).cfg["drop_rate"] == 0.0


def test_ends_that_were_separated_are_saved_as_two(tmp_path):
    model = tiny_model(tie_weights=True)
    model.tied = False
    model.out_head.weight = nn.Parameter(model.tok_emb.weight + 1)
    save_gpt2(model, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["tie_word_embeddings"] is False
    assert torch.equal(load_gpt2(tmp_path).out_head.weight, model.out_head.weight)


def test_the_note_of_the_heads_is_where_the_weights_are(tmp_path):
    save_gpt2(tiny_model(n_heads=4), tmp_path)
    data = (tmp_path / "model.safetensors").read_bytes()
    assert b'"__metadata__":{' in data and b'"format":"pt"' in data and b'"n_head":"4"' in data
    names = load_file(tmp_path / "model.safetensors").keys()
    assert len(names) == 29 and "lm_head.weight" in names  # la única sin `transformer.` delante


def test_only_what_shares_its_memory_is_copied():
    """Copiarlo todo pediría la memoria del modelo otra vez."""
    one, other = torch.ones(2, 3), torch.ones(2)
    apart = dict(_apart({"una": one, "la misma": one, "otra": other}))
    places = [tensor.data_ptr() for tensor in apart.values()]
    assert places[0] == one.data_ptr() and places[2] == other.data_ptr() and places[1] not in places[::2]


# --- Todos o ninguno ----------------------------------------------------------------------------------------


def old_and_new():
    """Dos modelos con los mismos tensores y distintas cabezas: mezclados, cargarían sin error."""
    return tiny_model(seed=1, n_heads=2), tiny_model(seed=2, n_heads=4)


@pytest.fixture
def folder(tmp_path):
    save_gpt2(old_and_new()[0], tmp_path / "modelo")
    return tmp_path / "modelo"


def same(loaded, model):
    equal = torch.equal(loaded.pos_emb.weight, model.pos_emb.weight)
    return equal and loaded.cfg["n_heads"] == model.cfg["n_heads"]


def fail_from(monkeypatch, first, last, action, moved=False):
    """Desde el movimiento número `first` hasta el `last`, en lugar de mover (con `moved`, después), `action`.

    Devuelve la lista de los movimientos.
    """
    moves, real = [], {name: getattr(os, name) for name in ("rename", "replace")}

    def moving(name):
        def move(origin, target):
            moves.append((origin, target))
            now = first <= len(moves) <= last
            if now and not moved:
                action()
            real[name](origin, target)
            if now and moved:
                action()

        return move

    for name in real:
        monkeypatch.setattr(os, name, moving(name))
    return moves


def full():
    raise OSError(28, "No space left on device")


def interrupt():
    raise KeyboardInterrupt


MOVES = 6  # apartar la carpeta, sacar dos, meter dos y devolver la carpeta


def test_how_many_moves_there_are(folder, monkeypatch):
    moves = fail_from(monkeypatch, 0, 0, full)
    save_gpt2(old_and_new()[1], folder)
    assert len(moves) == MOVES
    # lo nuevo se escribe dentro de la carpeta: mover de un disco a otro no es cosa de un instante
    assert moves[0][0].parent == folder and moves[0][0].name.startswith(".guardando-")
    # el que da fe sale el primero y entra el último
    assert moves[1][0].name == "config.json" and moves[-2][1].name == "config.json"


@pytest.mark.parametrize("n", range(1, MOVES + 1))
@pytest.mark.parametrize("error", [full, interrupt], ids=["disco", "Ctrl-C"])
def test_a_move_that_fails_undoes_the_others(folder, monkeypatch, n, error):
    """El enésimo falla y los demás no: o lo de antes, entero, o lo nuevo, entero, y el texto dice cuál."""
    old, new = old_and_new()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with monkeypatch.context() as patch:
        fail_from(patch, n, n, error)
        with pytest.raises((OSError, KeyboardInterrupt)) as caught:
            save_gpt2(new, folder)
    if n < MOVES:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        assert same(load_gpt2(folder), old)
        assert error is not full or "siguen como estaban" in str(caught.value)
        save_gpt2(new, folder)  # y se puede volver a guardar
    elif error is full:
        assert "Los archivos nuevos ya están en su sitio, pero no se pudo quitar" in str(caught.value)
    assert same(load_gpt2(folder), new)


@pytest.mark.parametrize("n", range(1, MOVES + 1))
def test_an_interruption_just_after_a_move(folder, monkeypatch, n):
    """Ctrl-C se atiende al volver del sistema, con el archivo ya movido: tampoco queda nada a medias."""
    old, new = old_and_new()
    with monkeypatch.context() as patch:
        fail_from(patch, n, n, interrupt, moved=True)
        with pytest.raises(KeyboardInterrupt):
            save_gpt2(new, folder)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert same(load_gpt2(folder), old if n < MOVES else new)
    save_gpt2(new, folder)
    assert same(load_gpt2(folder), new)


@pytest.mark.parametrize("n", range(1, MOVES + 1))
def test_when_nothing_can_be_moved_any_more(folder, monkeypatch, n):
    """Desde el enésimo fallan todos, también los que deshacen: nada se mezcla ni se pierde, y se dice."""
    old, new = old_and_new()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with monkeypatch.context() as patch:
        fail_from(patch, n, 99, full)
        with pytest.raises(OSError) as caught:
            save_gpt2(new, folder)
    check_nothing_is_mixed(folder, before, old, new, str(caught.value))


def check_nothing_is_mixed(folder, before, old, new, said=None):
    for name, content in before.items():
        if not (folder / "config.json").exists():
            kept = [folder / name, folder / SWAP / "antes" / name]
            assert content in [path.read_bytes() for path in kept if path.exists()]
    try:
        loaded = load_gpt2(folder)
    except ValueError as error:
        assert "cambio a medias" in str(error) and f"lo que había está en {SWAP}/antes" in str(error)
        assert said is None or (f"En {folder} hay un cambio" in said and f"{SWAP}/antes" in said)
        for path in (folder / SWAP / "antes").iterdir():  # el consejo, hecho
            os.replace(path, folder / path.name)
        loaded = load_gpt2(folder)
        assert same(loaded, old)
    else:
        assert same(loaded, old) or same(loaded, new)
        if said is not None:
            assert ("siguen como estaban" in said) == same(loaded, old) or "nuevos ya están" in said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork no existe en Windows")
@pytest.mark.parametrize("n", range(1, MOVES + 1))
def test_a_process_killed_between_two_moves(folder, monkeypatch, tmp_path, n):
    """El proceso muere justo antes del movimiento enésimo: o todo lo de antes, o todo lo nuevo, o se dice."""
    old, new = old_and_new()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    save_gpt2(new, tmp_path / "otra")
    os.rename(tmp_path / "otra", folder / ".guardando-x")
    if (child := os.fork()) == 0:
        fail_from(monkeypatch, n, n, lambda: os._exit(9))
        replace_together(folder / ".guardando-x", folder, ["config.json", "model.safetensors"])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    check_nothing_is_mixed(folder, before, old, new)


@pytest.mark.parametrize("n", range(1, MOVES + 1))
def test_two_that_save_at_once(folder, monkeypatch, n):
    """El segundo llega justo antes del movimiento enésimo del primero: uno gana entero y el otro lo sabe."""
    _, new = old_and_new()
    third, refused = tiny_model(seed=3, n_heads=1), []

    def another():
        monkeypatch.undo()
        try:
            save_gpt2(third, folder)
        except HalfDone as error:
            refused.append(str(error))

    fail_from(monkeypatch, n, n, another)
    save_gpt2(new, folder)
    assert same(load_gpt2(folder), new)
    assert [f"En {folder} hay un cambio a medias" in text for text in refused] == [True] * (n > 1)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}


def test_a_first_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    for n in range(1, 5):
        with monkeypatch.context() as patch:
            fail_from(patch, n, n, full)
            with pytest.raises(OSError, match=r"siguen como estaban|ya están en su sitio"):
                save_gpt2(tiny_model(), tmp_path / str(n))
        left = [path.name for path in (tmp_path / str(n)).iterdir()]
        assert left == [] or n == 4


def test_nothing_is_left_by_halves_when_the_disk_is_full(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gpt_course.weights.saving.save_file", full)
    with pytest.raises(OSError, match="Comprueba el espacio y los permisos"):
        save_gpt2(tiny_model(seed=1), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


FILES = ["config.json", "model.safetensors"]


@pytest.mark.parametrize(("taken", "other"), [FILES, FILES[::-1]])
def test_a_folder_where_a_file_should_be(folder, taken, other):
    before = (folder / other).read_bytes()
    (folder / taken).unlink()
    (folder / taken).mkdir()
    with pytest.raises(OSError, match=f"{taken} es una carpeta"):
        save_gpt2(tiny_model(seed=1), folder)
    assert (folder / other).read_bytes() == before


def test_a_leftover_that_cannot_be_deleted_is_no_failure(folder, monkeypatch):
    def busy(*arguments, **options):
        raise OSError(16, "Device or resource busy")

    _, new = old_and_new()
    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", busy)
        save_gpt2(new, folder)
    assert same(load_gpt2(folder), new)


def test_the_weights_of_a_change_by_halves_are_not_read_alone(folder):
    (folder / SWAP).mkdir()
    (folder / "config.json").rename(folder / SWAP / "config.json")
    for path in (folder, folder / "model.safetensors"):
        with pytest.raises(ValueError, match="cambio a medias"):
            load_gpt2(path)
    other = (folder / "model.safetensors").rename(folder / "otro.safetensors")  # con otro nombre, no es suyo
    assert same(load_gpt2(other), old_and_new()[0])


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "ocupado").write_text("")
    with pytest.raises(OSError, match="No se pudo guardar el modelo"):
        save_gpt2(tiny_model(), tmp_path / "ocupado")
