"""Guardar un modelo con su tokenizador y volver a tenerlo; y las carpetas que no se deben aceptar."""

import json
import shutil

import pytest
import tiktoken
import tokenizers
import torch
from reference import FIVE_CONFIGS, modern, tiny_model, tokens
from safetensors.torch import load_file, save_file
from torch import nn

from gpt_course import models
from gpt_course.fast import make_fast
from gpt_course.models import load_model, load_story_model, save_model
from gpt_course.stories import load_grammar, load_story_tokenizer
from gpt_course.tokenizer import END_OF_TEXT, PATTERN, load_gpt2_tokenizer, train_bpe
from gpt_course.weights import load_gpt2, save_gpt2

TEXT = "El perro de mi abuela come pan. El pan de mi abuela, ¡qué bueno!"
BPE = train_bpe(TEXT, 270)
FILES = ["config.json", "model.safetensors", "tokenizer.json"]


def model_for(tokenizer, **cfg):
    return tiny_model(**{**cfg, "vocab_size": tokenizer.n_vocab})


@pytest.fixture
def saved(tmp_path):
    """Un modelo vinculado, con sesgos y con un BPE nuestro, y su carpeta."""
    model = model_for(BPE, qkv_bias=True, tie_weights=True, drop_rate=0.2)
    save_model(model, BPE, tmp_path / "modelo")
    return model, tmp_path / "modelo"


def change(path, **changes):
    """Cambia claves de un JSON; con None, las quita."""
    found = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))


# --- Ida y vuelta -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", FIVE_CONFIGS, ids=str)
def test_a_round_trip_changes_nothing(cfg, tmp_path):
    model = model_for(BPE, **cfg)
    save_model(model, BPE, str(tmp_path / "una" / "dentro de otra"))
    loaded, tokenizer = load_model(str(tmp_path / "una" / "dentro de otra"))
    assert loaded.cfg == model.cfg and not loaded.training
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())
    assert (loaded.out_head.weight is loaded.tok_emb.weight) is cfg["tie_weights"]
    ids = tokens(2, 5, BPE.n_vocab)
    assert torch.equal(loaded(ids), model(ids))
    assert tokenizer.merges == BPE.merges and tokenizer.decode(tokenizer.encode(TEXT)) == TEXT


MODERN = {
    "Llama": {"tie_weights": True},
    "Qwen 3": {"qk_norm": True, "head_dim": 6, "emb_dim": 10, "window": 3, "rope_base": 500.0},
    "Mixtral": {"feed_forward": "experts", "n_experts": 3, "experts_per_token": 2},
    "GPT-2 con RMSNorm": {"norm": "rms", "positions": "learned", "feed_forward": "gelu", "norm_eps": 1e-6},
    "GPT-2 con RoPE": {"norm": "layer", "feed_forward": "gelu", "hidden_dim": 32, "qkv_bias": True},
}


@pytest.mark.parametrize("changes", MODERN.values(), ids=MODERN)
def test_a_round_trip_with_other_pieces(changes, tmp_path):
    model = modern(vocab_size=BPE.n_vocab, drop_rate=0.2, **changes)
    save_model(model, BPE, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == {
        **{**model.cfg, "tie_weights": model.tied},
        "tokenizer": "bpe",
    }
    loaded, tokenizer = load_model(tmp_path)
    assert loaded.cfg == {**model.cfg, "tie_weights": model.tied} and not loaded.training
    assert all(map(torch.equal, loaded.parameters(), model.parameters()))
    ids = tokens(2, 5, BPE.n_vocab)
    assert torch.equal(loaded(ids), model(ids)) and tokenizer.merges == BPE.merges
    with pytest.raises(
        ValueError, match=r"config.json pide piezas que GPT-2 no tiene .*ábrelo con `load_model`"
    ):
        load_gpt2(tmp_path)


@pytest.fixture
def modern_folder(tmp_path):
    save_model(modern(vocab_size=BPE.n_vocab), BPE, tmp_path / "modelo")
    return tmp_path / "modelo"


def test_the_files_are_those_of_the_course(saved):
    model, directory = saved
    assert sorted(path.name for path in directory.iterdir()) == FILES
    assert load_file(directory / "model.safetensors").keys() == model.state_dict().keys()
    assert "out_head.weight" not in model.state_dict()  # vinculada: la matriz va una vez
    config = json.loads((directory / "config.json").read_text())
    assert config == {**model.cfg, "tokenizer": "bpe"}
    lines = json.loads((directory / "tokenizer.json").read_text(encoding="utf-8"))["merges"]
    assert len(lines) == len(BPE.merges) and "Ġ p" in lines


def test_the_gpt2_tokenizer_is_only_named(tmp_path):
    gpt2 = load_gpt2_tokenizer()
    save_model(model_for(gpt2), gpt2, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES[:2]
    assert load_model(tmp_path)[1] is gpt2


def test_the_words_of_the_stories_go_in_their_order(tmp_path, monkeypatch):
    stories = load_story_tokenizer()
    model = model_for(stories)
    save_model(model, stories, tmp_path)
    written = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert written == {"words": list(load_grammar().words)}
    monkeypatch.setattr(models, "STORIES", tmp_path)
    loaded, tokenizer = load_story_model()
    assert tokenizer.words == stories.words and not loaded.training
    assert all(map(torch.equal, loaded.parameters(), model.parameters()))
    text = load_grammar().story(3)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["El", " perro"], "palabras sin repetir y, la última"),
        (["El", "El", END_OF_TEXT], "alguna repetida"),
        (["El", 3, END_OF_TEXT], "lista de textos, 'words'"),
        (None, "lista de textos, 'words'; llegó None"),
        (["El", END_OF_TEXT], "y el tokenizador, 2: no van juntos"),
    ],
)
def test_damaged_words_are_refused(tmp_path, words, message):
    stories = load_story_tokenizer()
    save_model(model_for(stories), stories, tmp_path)
    change(tmp_path / "tokenizer.json", words=words)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)


def test_a_model_without_ties_and_with_equal_ends_stays_so(tmp_path):
    model = model_for(BPE)
    model.out_head.weight = nn.Parameter(model.tok_emb.weight.detach().clone())
    save_model(model, BPE, tmp_path)
    loaded = load_model(tmp_path)[0]
    assert loaded.cfg["tie_weights"] is False and loaded.out_head.weight is not loaded.tok_emb.weight


def shared_blocks(model):
    model.trf_blocks[1] = model.trf_blocks[0]
    return model


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, lambda model: make_fast(model, inference=True), shared_blocks]
)
def test_a_wrapped_model_is_saved_as_the_one_inside(wrap, tmp_path):
    model = model_for(BPE, tie_weights=True)
    wrapped = wrap(model)
    save_model(wrapped, BPE, tmp_path)
    loaded = load_model(tmp_path)[0].state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_kept_on_disk_and_read_in_float32(dtype, tmp_path):
    model = model_for(BPE).to(dtype)
    save_model(model, BPE, tmp_path)
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {dtype}
    loaded = load_model(tmp_path)[0]
    assert all(
        torch.equal(tensor.float(), loaded.state_dict()[n]) for n, tensor in model.state_dict().items()
    )


def test_load_gpt2_reads_the_same_model(saved):
    model, directory = saved
    assert load_gpt2(directory).cfg == model.cfg


# --- De Hugging Face --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def huggingface(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suyo")
    save_gpt2(tiny_model(vocab_size=50257, emb_dim=4, n_layers=1, qkv_bias=True), folder)
    return folder


@pytest.fixture
def theirs(huggingface, tmp_path):
    return shutil.copytree(huggingface, tmp_path / "suyo")


def as_one_file(folder, **changes):
    """El mismo tokenizador en un solo tokenizer.json, como lo guarda `tokenizers`."""
    vocab = {**json.loads((folder / "vocab.json").read_text()), **changes}
    merges = [tuple(line.split()) for line in (folder / "merges.txt").read_text().splitlines()[1:]]
    vocab.pop(END_OF_TEXT)
    other = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    other.add_special_tokens([END_OF_TEXT])
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink()
    other.save(str(folder / "tokenizer.json"))


def without_vocabulary(folder):
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (folder / name).unlink()


@pytest.mark.parametrize("prepare", [lambda folder: None, as_one_file, without_vocabulary])
def test_a_folder_of_huggingface(theirs, prepare):
    expected = load_gpt2(theirs)
    prepare(theirs)
    model, tokenizer = load_model(theirs)
    assert tokenizer is load_gpt2_tokenizer()
    assert model.cfg == expected.cfg
    assert all(map(torch.equal, model.parameters(), expected.parameters()))


def swapped(folder):
    change(folder / "vocab.json", **{"Ġel": 417, "Ġthe": 1288})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (swapped, "no es el de GPT-2.*Carga solo el modelo con `load_gpt2`"),
        (lambda folder: as_one_file(folder, **{"Ġel": 262, "Ġthe": 1288}), "no es el de GPT-2"),
        (lambda folder: (folder / "vocab.json").write_text("{}"), "no es el de GPT-2"),
        (lambda folder: (folder / "vocab.json").write_text('{"a'), "vocab.json no es un JSON completo"),
    ],
)
def test_another_tokenizer_of_huggingface_is_refused(theirs, spoil, message):
    spoil(theirs)
    with pytest.raises(ValueError, match=message):
        load_model(theirs)


@pytest.mark.parametrize("content", [{}, {"model": 3}, {"model": {"vocab": 3}}, {"added_tokens": [1]}])
def test_a_tokenizer_json_of_something_else(theirs, content):
    without_vocabulary(theirs)
    (theirs / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"En tokenizer\.json se esperaba un vocabulario de Hugging Face"):
        load_model(theirs)


def test_a_small_model_of_huggingface_has_no_tokenizer(tmp_path):
    save_gpt2(tiny_model(), tmp_path)
    with pytest.raises(ValueError, match="no es el de GPT-2"):
        load_model(tmp_path)


def test_a_folder_of_ours_opened_as_a_gpt2(tmp_path):
    """Sin el tokenizador, y con las cabezas que diga quien lo abre."""
    model = model_for(BPE)
    save_model(model, BPE, tmp_path)
    assert load_gpt2(tmp_path).cfg == {**model.cfg, "tie_weights": False}
    assert load_gpt2(tmp_path, n_heads=4).cfg["n_heads"] == 4
    change(tmp_path / "config.json", tie_weights=None)  # sin decirlo, dos matrices
    assert load_gpt2(tmp_path).cfg == {**model.cfg, "tie_weights": False}
    change(tmp_path / "config.json", n_heads=4)
    with pytest.raises(ValueError, match=r"config\.json dice n_heads = 4 y model\.safetensors, 2"):
        load_gpt2(tmp_path)
    change(tmp_path / "config.json", n_heads="dos")
    with pytest.raises(ValueError, match=r"^config\.json no sirve\. n_heads debe ser un entero"):
        load_gpt2(tmp_path)


def test_a_tied_folder_of_ours_says_so(saved):
    change(saved[1] / "config.json", tie_weights=None)
    with pytest.raises(ValueError, match="dice tie_weights = False y los tensores, True"):
        load_gpt2(saved[1])


# --- Lo que no se puede leer ------------------------------------------------------------------------------


def cut(path, keep=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def rename_tensors(directory):
    state = {f"encoder.{n}": t for n, t in load_file(directory / "model.safetensors").items()}
    save_file(state, directory / "model.safetensors")


def untie(directory):
    state = load_file(directory / "model.safetensors")
    save_file({**state, "out_head.weight": state["tok_emb.weight"] + 1}, directory / "model.safetensors")


def config(**changes):
    return lambda directory: change(directory / "config.json", **changes)


def merges(*lines):
    return lambda directory: change(directory / "tokenizer.json", merges=list(lines))


DAMAGE = {
    "pesos cortados": (lambda d: cut(d / "model.safetensors"), "no es un archivo de pesos completo y sano"),
    "pesos vacíos": (lambda d: cut(d / "model.safetensors", 0), "no es un archivo de pesos completo y sano"),
    "otros nombres": (rename_tensors, "No es un GPT-2: se esperaba.*En el archivo hay: encoder"),
    "dos matrices": (untie, "config.json dice tie_weights = True y los tensores, False"),
    "configuración cortada": (lambda d: cut(d / "config.json"), "config.json no es un JSON completo"),
    "una lista": (lambda d: (d / "config.json").write_text("[1]"), "debe ser un diccionario; llegó list"),
    "falta una clave": (config(n_layers=None), r"config.json no sirve. .*Faltan: \['n_layers'\]"),
    "un texto": (config(n_heads="dos"), "config.json no sirve. n_heads debe ser un entero"),
    "otras cabezas": (config(n_heads=4), "config.json dice n_heads = 4 y model.safetensors, 2"),
    "otra anchura": (config(emb_dim=16), "config.json dice emb_dim = 16 y los tensores, 8"),
    "otro contexto": (config(context_length=8), "config.json dice context_length = 8 y los tensores, 7"),
    "más bloques": (config(n_layers=3), "config.json dice n_layers = 3 y los tensores, 2"),
    "sin sesgos": (config(qkv_bias=False), "config.json dice qkv_bias = False y los tensores, True"),
    "sin vincular": (config(tie_weights=False), "config.json dice tie_weights = False y los tensores, True"),
    "otro vocabulario": (config(vocab_size=300), "config.json dice vocab_size = 300 y los tensores, 270"),
    "sin tokenizador": (config(tokenizer=None), "El tokenizador debe ser .*; en modelo pone None"),
    "tokenizador raro": (config(tokenizer="../x"), "El tokenizador debe ser .*; en modelo pone '../x'"),
    "tokenizador de otro": (config(tokenizer="gpt2"), "tiene 270 tokens y el tokenizador, 50257: no van"),
    "fusiones cortadas": (lambda d: cut(d / "tokenizer.json"), "tokenizer.json no es un JSON completo"),
    "sin fusiones": (
        lambda d: change(d / "tokenizer.json", merges=None),
        "lista de textos, 'merges'; llegó None",
    ),
    "menos fusiones": (merges("e l"), "tiene 270 tokens y el tokenizador, 258: no van"),
    "media fusión": (merges("el"), "Cada fusión son dos mitades y un espacio, como «h e»; llegó 'el'"),
    "fusión de tres": (merges("e l l"), "Cada fusión son dos mitades"),
    "otras letras": (merges("e 日"), "Cada fusión son dos mitades"),
    "un número": (merges(3), r"lista de textos, 'merges'; llegó \[3\]"),
    "sin orden": (merges("el la"), "Cada fusión une dos tokens que ya existen"),
}


@pytest.mark.parametrize(("spoil", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_folder_is_refused(saved, spoil, message):
    spoil(saved[1])
    with pytest.raises(ValueError, match=message):
        load_model(saved[1])


MODERN_DAMAGE = {
    "pesos cortados": (lambda d: cut(d / "model.safetensors"), "no es un archivo de pesos completo y sano"),
    "sin una pieza": (config(norm=None), r"No son los \d+ tensores de este modelo.*Faltan: .*norm1\.shift"),
    "otra pieza": (config(feed_forward="gelu"), r"Faltan: trf_blocks\.0\.ff\.layers\.0\.weight.*sobran"),
    "una pieza que no existe": (config(norm="otra"), 'config.json no sirve. norm debe ser "layer" o "rms"'),
    "una clave que no existe": (config(gate=True), r"config.json no sirve. .*sobran: \['gate'\]"),
    "falta una clave": (config(n_layers=None), r"config.json no sirve. .*Faltan: \['n_layers'\]"),
    "más bloques": (config(n_layers=3), r"Faltan: trf_blocks\.2\."),
    "muchos bloques": (config(n_layers=900), "dice 900 bloques y en model.safetensors solo hay 21 tensores"),
    "muchísimos": (config(n_layers=10**9), "tendría n_layers = 1000000000, y se admite hasta 1000"),
    "anchura imposible": (config(emb_dim=4 * 10**20), "tendría emb_dim = 4000.*, y se admite hasta 100000"),
    "base enorme": (config(rope_base=10**400), "config.json no sirve"),
    "otra anchura": (
        config(emb_dim=16),
        r"final_norm\.scale debe tener la forma \(16,\); llegó \(8,\)",
    ),
    "otras cabezas": (config(n_heads=2), "config.json dice n_heads = 2 y model.safetensors, 4"),
    "otras de key": (config(n_kv_heads=1), r"W_key\.weight debe tener la forma \(2, 8\); llegó \(4, 8\)"),
    "vinculado": (config(tie_weights=True), r"sobran: out_head\.weight"),
    "otro vocabulario": (config(vocab_size=300), r"out_head\.weight debe tener la forma \(300, 8\)"),
}


@pytest.mark.parametrize(("spoil", "message"), MODERN_DAMAGE.values(), ids=MODERN_DAMAGE)
def test_a_damaged_folder_with_other_pieces_is_refused(modern_folder, spoil, message):
    spoil(modern_folder)
    with pytest.raises(ValueError, match=message):
        load_model(modern_folder)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("config.json", r"Falta .*config\.json, que dice qué modelo y qué tokenizador son"),
        ("model.safetensors", r"No existe .*model\.safetensors"),
        ("tokenizer.json", r"Falta .*tokenizer\.json, con el tokenizador"),
        (".", r"No existe la carpeta .*modelo\. Se esperaba una de `save_model`"),
    ],
)
def test_what_is_missing_is_named(saved, missing, message):
    _, directory = saved
    shutil.rmtree(directory) if missing == "." else (directory / missing).unlink()
    with pytest.raises(OSError, match=message):
        load_model(directory)


def test_a_file_is_not_a_folder(saved):
    with pytest.raises(OSError, match="No existe la carpeta"):
        load_model(saved[1] / "model.safetensors")


def test_nothing_but_safetensors_is_opened(saved):
    model, directory = saved
    torch.save(model.state_dict(), directory / "model.pt")
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(OSError, match=r"No existe .*model\.safetensors"):
        load_model(directory)


# --- Lo que no se puede guardar ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (train_bpe(TEXT, 260), "tiene 270 tokens y el tokenizador, 260: no van juntos"),
        (None, "Se esperaba el tokenizador de GPT-2 .* llegó NoneType"),
        (
            tiktoken.Encoding("otro", pat_str=PATTERN, mergeable_ranks={b"a": 0}, special_tokens={}),
            "Se esperaba el tokenizador de GPT-2",
        ),
    ],
)
def test_a_tokenizer_of_another_model_is_not_saved(tokenizer, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_model(model_for(BPE), tokenizer, tmp_path / "nada")
    assert not (tmp_path / "nada").exists()


def test_what_is_not_a_gpt2_is_not_saved(tmp_path):
    model = model_for(BPE)
    model.trf_blocks[0].ff.layers[1] = nn.ReLU()
    with pytest.raises(ValueError, match="ReLU y no GELU"):
        save_model(model, BPE, tmp_path / "nada")
    assert not (tmp_path / "nada").exists()


def test_all_the_files_change_or_none(saved, disk_full_at):
    """Un BPE con los mismos tokens y otras fusiones, y otros pesos: mezclados, cargarían sin error."""
    _, directory = saved
    other = train_bpe(TEXT.swapcase(), 270)
    new = model_for(other, seed=9, qkv_bias=True, tie_weights=True, drop_rate=0.2)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    for last in range(1, 7):  # sacar tres y meter tres
        message = r"No se pudo guardar el modelo.*siguen como estaban"
        with disk_full_at(last), pytest.raises(OSError, match=message):
            save_model(new, other, directory)
        assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    save_model(new, other, directory)
    model, tokenizer = load_model(directory)
    assert tokenizer.merges == other.merges != BPE.merges
    assert torch.equal(model.pos_emb.weight, new.pos_emb.weight)
