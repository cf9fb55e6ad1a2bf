"""Los pesos de Llama y su familia, de ida y de vuelta, frente a transformers; y lo que no se debe aceptar."""

import copy
import functools
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import transformers
from reference import count, modern, randomize, tiny_model, tokens
from safetensors.torch import load_file, save_file

from gpt_course.config import LLAMA_STYLE, check_config, complete
from gpt_course.model import GPTModel
from gpt_course.tokenizer import load_gpt2_tokenizer
from gpt_course.weights import load_llama, save_gpt2, save_llama, skeleton
from gpt_course.weights.llama_config import FAMILIES, from_llama, to_llama
from gpt_course.weights.llama_names import llama_name

V, T = 31, 16
SIZES = {
    "vocab_size": V,
    "max_position_embeddings": T,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
STRETCHED = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8,
}
MODELS = {
    "llama": ("Llama", {"rms_norm_eps": 1e-3}),
    "llama 3, vinculado": ("Llama", {"rope_scaling": STRETCHED, "tie_word_embeddings": True}),
    "mistral": ("Mistral", {"sliding_window": 3}),
    "mistral sin ventana": ("Mistral", {"sliding_window": None, "head_dim": 6, "num_key_value_heads": 4}),
    "qwen2": ("Qwen2", {"rope_theta": 500.0}),
    "qwen3, vinculado": ("Qwen3", {"head_dim": 8, "tie_word_embeddings": True}),
    "qwen3 con ventana": (
        "Qwen3",
        {"head_dim": 10, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0},
    ),
    "mixtral": ("Mixtral", {"num_local_experts": 3, "num_experts_per_tok": 2, "sliding_window": None}),
}


@functools.cache
def theirs(name):
    """El modelo de transformers, con todos sus números sorteados."""
    family, changes = MODELS[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**{**SIZES, **copy.deepcopy(changes)})
    return randomize(getattr(transformers, f"{family}ForCausalLM")(config)).eval()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """{nombre: carpeta} de lo que guarda transformers; no se tocan."""
    root = tmp_path_factory.mktemp("suyos")
    for name in MODELS:
        theirs(name).save_pretrained(root / name)
    return {name: root / name for name in MODELS}


@pytest.fixture
def folder(folders, tmp_path):
    return shutil.copytree(folders["llama 3, vinculado"], tmp_path / "suyo")


def change(folder, **changes):
    """Cambia claves de config.json; con ..., las quita."""
    path = folder / "config.json"
    found = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not ...}))


def same_logits(model, other):
    ids = tokens(2, T, V)
    with torch.no_grad():
        return torch.allclose(model(ids), other(ids).logits, rtol=0, atol=1e-5)


def opened(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


# --- Ida y vuelta -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_we_open_what_transformers_saves(name, folders):
    loaded, other = load_llama(folders[name]), theirs(name)
    assert same_logits(loaded, other)
    assert not loaded.training and {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert count(loaded) == other.num_parameters()
    assert loaded.tied is other.config.tie_word_embeddings
    assert (loaded.out_head.weight is loaded.tok_emb.weight) is loaded.tied


@pytest.mark.parametrize("name", MODELS)
def test_transformers_opens_what_we_save(name, folders, tmp_path):
    loaded = load_llama(folders[name])
    save_llama(loaded, tmp_path / "una" / "dentro de otra")
    other = opened(tmp_path / "una" / "dentro de otra")
    assert same_logits(loaded, other)
    # Sin ventana, un Mistral es un Llama.
    assert type(other) is type(theirs("llama" if name == "mistral sin ventana" else name))
    assert other.config.rope_parameters == theirs(name).config.rope_parameters
    again = load_llama(tmp_path / "una" / "dentro de otra")
    assert complete(again.cfg) == complete(loaded.cfg)
    assert all(map(torch.equal, again.parameters(), loaded.parameters()))


OURS = {
    "LlamaForCausalLM": {},
    "MistralForCausalLM": {"window": 3},
    "Qwen2ForCausalLM": {"qkv_bias": True, "tie_weights": True},
    "Qwen3ForCausalLM": {"qk_norm": True, "head_dim": 6, "emb_dim": 10},
    "MixtralForCausalLM": {"feed_forward": "experts", "n_experts": 3, "experts_per_token": 2},
    "MistralForCausalLM, por la anchura": {"head_dim": 6, "emb_dim": 10},
    "Qwen2ForCausalLM, con ventana": {"qkv_bias": True, "window": 3},
}


@pytest.mark.parametrize(("kind", "changes"), OURS.items(), ids=OURS)
def test_our_own_models(kind, changes, tmp_path):
    """Los que nacen aquí, con lo que su configuración deja sin decir."""
    model = modern(vocab_size=V, context_length=T, drop_rate=0.1, **changes)
    save_llama(model, tmp_path)
    other = opened(tmp_path)
    assert same_logits(model, other) and type(other).__name__ == kind.split(",")[0]
    assert ends(tmp_path) == (None, None)  # los números de GPT-2 no dicen nada de otro vocabulario
    loaded = load_llama(tmp_path)
    assert complete(loaded.cfg) == {**complete(model.cfg), "drop_rate": 0.0}
    assert all(map(torch.equal, loaded.parameters(), model.parameters()))


def test_the_parameters_are_counted_once_when_tied(folders):
    """Qwen escribe la cabeza también si es la incrustación; otra distinta no sería de ese modelo."""
    assert "lm_head.weight" not in load_file(folders["llama 3, vinculado"] / "model.safetensors")


@pytest.mark.parametrize("equal", [True, False])
def test_a_tied_head_that_is_written_too(folder, equal):
    state = load_file(folder / "model.safetensors")
    state["lm_head.weight"] = state["model.embed_tokens.weight"] + (0 if equal else 1)
    save_file(state, folder / "model.safetensors")
    if equal:
        loaded = load_llama(folder)
        assert loaded.tied and loaded.out_head.weight is loaded.tok_emb.weight
    else:
        with pytest.raises(ValueError, match=r"tie_word_embeddings = True y lm_head\.weight no es igual"):
            load_llama(folder)


def test_a_tied_head_without_its_embedding(folder):
    state = load_file(folder / "model.safetensors")
    state["lm_head.weight"] = state.pop("model.embed_tokens.weight")
    save_file(state, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"Faltan: model\.embed_tokens\.weight; sobran: ninguno"):
        load_llama(folder)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_are_read_in_float32(folder, dtype, tmp_path):
    path = folder / "model.safetensors"
    state = {name: tensor.to(dtype) for name, tensor in load_file(path).items()}
    save_file(state, path)
    loaded = load_llama(folder)
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32 and torch.equal(tensor, state[llama_name(name)].float())
    save_llama(loaded.to(dtype), tmp_path / "otro")
    kept = load_file(tmp_path / "otro" / "model.safetensors")
    assert kept.keys() == state.keys() and all(torch.equal(kept[name], state[name]) for name in state)


def test_the_first_llamas_wrote_their_rotations(folder):
    state = load_file(folder / "model.safetensors")
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(2)
    save_file(state, folder / "model.safetensors")
    assert same_logits(load_llama(folder), theirs("llama 3, vinculado"))


@pytest.mark.parametrize(
    "spelling",
    [
        {"rope_parameters": ..., "rope_theta": 10000.0, "rope_scaling": STRETCHED},
        {"rope_parameters": ..., "rope_scaling": {"type": "llama3", **STRETCHED}},
        {"rope_theta": 10000, "rope_scaling": STRETCHED},
        {"rope_parameters": {**STRETCHED, "rope_theta": 10000}, "partial_rotary_factor": 1.0},
        {"num_key_value_heads": 2, "head_dim": ..., "attention_bias": ..., "mlp_bias": ...},
        {"sliding_window": 3, "layer_types": None},  # el Llama de transformers no las mira
    ],
    ids=str,
)
def test_the_same_written_in_other_ways(folder, spelling):
    change(folder, **spelling)
    assert same_logits(load_llama(folder), theirs("llama 3, vinculado"))
    assert same_logits(load_llama(folder), opened(folder))


@pytest.mark.parametrize("unread", [["rope_parameters"], ["rope_scaling", "rope_theta"]], ids=["4", "5"])
def test_each_transformers_finds_its_own_spelling(unread, folders, tmp_path):
    save_llama(load_llama(folders["llama 3, vinculado"]), tmp_path)
    change(tmp_path, **dict.fromkeys(unread, ...))
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    assert config.rope_parameters == {**STRETCHED, "rope_theta": 10000.0}


def test_a_llama_with_little_written():
    """Como los primeros: ni RoPE, ni cabezas de key y value, ni D."""
    settings = {**SIZES, "model_type": "llama", "rms_norm_eps": 1e-6}
    del settings["num_key_value_heads"]
    cfg, other = complete(from_llama(settings)), transformers.LlamaConfig(**settings)
    assert (cfg["n_kv_heads"], cfg["head_dim"], cfg["tie_weights"]) == (4, 4, False)
    assert {"rope_theta": cfg["rope_base"], "rope_type": "default"} == other.rope_parameters


@pytest.mark.parametrize(
    ("changes", "window"),
    [
        ({"use_sliding_window": False, "sliding_window": 4}, None),
        ({"use_sliding_window": False, "sliding_window": 4, "max_window_layers": 0}, None),
        ({"use_sliding_window": True, "sliding_window": 4, "num_hidden_layers": 28}, None),
        ({"use_sliding_window": True, "sliding_window": None}, None),
        ({"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 2}, None),
        ({"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0}, 4),
        ({"use_sliding_window": True, "sliding_window": 4, "layer_types": ["full_attention"] * 2}, None),
        ({"use_sliding_window": True, "sliding_window": 4, "layer_types": ["sliding_attention"] * 2}, 4),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["Qwen2", "Qwen3"])
def test_the_window_of_a_qwen(changes, window, kind):
    settings = {**SIZES, "model_type": kind.lower(), "head_dim": 4, "rms_norm_eps": 1e-6, **changes}
    assert from_llama(settings)["window"] == window
    other = getattr(transformers, f"{kind}Config")(**settings)
    assert (other.sliding_window if "sliding_attention" in other.layer_types else None) == window


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": "2"}, "num_hidden_layers debe ser un entero mayor o igual que 1; llegó '2'"),
        ({"max_window_layers": -1}, "max_window_layers debe ser un entero mayor o igual que 0; llegó -1"),
        ({"num_hidden_layers": 29}, "Unas capas leen por una ventana y otras no"),
    ],
    ids=str,
)
def test_a_window_of_a_qwen_that_cannot_be(changes, message):
    settings = {**SIZES, "model_type": "qwen3", "head_dim": 4, "rms_norm_eps": 1e-6, **changes}
    with pytest.raises(ValueError, match=rf"^config\.json no sirve\. {message}"):
        from_llama({**settings, "use_sliding_window": True, "sliding_window": 4})


# --- Los publicados ---------------------------------------------------------------------------------------

# El config.json de meta-llama/Llama-3.2-1B (revisión 4e20de3), sin lo que no cambia el modelo.
LLAMA_1B = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": 128001,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 16,
    "num_key_value_heads": 8,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {
        "factor": 32.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "rope_theta": 500000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": 128256,
}
# El de Qwen/Qwen3-0.6B, igual.
QWEN_06B = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "max_position_embeddings": 40960,
    "max_window_layers": 28,
    "model_type": "qwen3",
    "num_attention_heads": 16,
    "num_hidden_layers": 28,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 151936,
}
PUBLISHED = pytest.mark.parametrize(
    ("settings", "parameters"), [(LLAMA_1B, 1_235_814_400), (QWEN_06B, 596_049_920)], ids=["llama", "qwen"]
)


def build(settings):
    kind = settings["architectures"][0]
    config = getattr(transformers, kind.replace("ForCausalLM", "Config"))(**copy.deepcopy(settings))
    return getattr(transformers, kind)(config)


@PUBLISHED
def test_a_published_model_has_the_names_and_shapes_of_transformers(settings, parameters):
    model = skeleton.skeleton(from_llama(settings))
    with torch.device("meta"):
        other = build(settings)
    assert count(model) == other.num_parameters() == parameters
    expected = {name: p.shape for name, p in other.named_parameters()}
    assert {llama_name(name): p.shape for name, p in model.named_parameters()} == expected


@PUBLISHED
def test_a_published_configuration_there_and_back(settings, parameters):
    written = to_llama(from_llama(settings))
    assert from_llama(written) == from_llama(settings)
    kind = getattr(transformers, written["architectures"][0].replace("ForCausalLM", "Config"))
    made, published = (kind(**copy.deepcopy(each)).to_dict() for each in (written, settings))
    ignored = {"bos_token_id", "eos_token_id", "dtype", "max_window_layers"}  # la última, sin ventana
    assert {key for key in published if made[key] != published[key]} <= ignored


WINDOW, LAYERS = {"sliding_window"}, {"use_sliding_window", "max_window_layers"}


@pytest.mark.parametrize(
    ("family", "changes", "more"),
    [
        ("llama", {}, set()),
        ("mistral", {"window": 3}, WINDOW),
        ("qwen2", {}, WINDOW | LAYERS),
        ("qwen3", {"window": 3}, WINDOW | LAYERS),
        ("mixtral", {"n_experts": 2, "experts_per_token": 1}, {*WINDOW, "num_local_experts"}),
    ],
)
def test_each_family_says_only_what_is_its_own(family, changes, more):
    """Lo que una familia no mira tampoco se escribe: quien leyera el archivo creería que cuenta."""
    written = to_llama({**LLAMA_STYLE, **FAMILIES[family], **changes})
    assert written["model_type"] == family
    extra = written.keys() & {*WINDOW, *LAYERS, "num_local_experts"}
    assert extra == more
    assert not more or written["sliding_window"] == changes.get("window")
    assert "use_sliding_window" not in more or written["use_sliding_window"] is ("window" in changes)


@PUBLISHED
def test_a_published_model_in_small(settings, parameters, tmp_path):
    """Entera, con sus piezas, sus proporciones y sus posiciones, y números al azar."""
    small = {"vocab_size": V, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    small |= {"head_dim": settings["head_dim"] // 8, "num_attention_heads": 4, "num_key_value_heads": 2}
    torch.manual_seed(1)
    other = randomize(build({**settings, **small})).eval()
    other.save_pretrained(tmp_path / "suyo")
    change(tmp_path / "suyo", **{key: settings[key] for key in ("rope_scaling", "rope_theta")})
    change(tmp_path / "suyo", rope_parameters=...)  # como en el publicado
    loaded = load_llama(tmp_path / "suyo")
    assert same_logits(loaded, other)
    save_llama(loaded, tmp_path / "nuestro")
    assert same_logits(loaded, opened(tmp_path / "nuestro"))


def test_llama_style_brings_the_tokenizer_of_gpt2(tmp_path):
    cfg = {**LLAMA_STYLE, "emb_dim": 8, "n_heads": 4, "hidden_dim": 8, "n_layers": 1, "context_length": T}
    model = GPTModel(cfg).eval()
    save_llama(model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("config.json", "merges.txt", "model.safetensors", "tokenizer_config.json", "vocab.json")
    ]
    other = transformers.AutoTokenizer.from_pretrained(tmp_path)
    text = "¿Qué  tal?<|endoftext|> ñandú 123"
    assert other(text)["input_ids"] == load_gpt2_tokenizer().encode(text, allowed_special="all")
    assert ends(tmp_path) == (50256, 50256) == (other.bos_token_id, other.eos_token_id)


def ends(folder):
    """Con qué token empieza y acaba un texto, según config.json."""
    config = transformers.AutoConfig.from_pretrained(folder)
    return config.bos_token_id, config.eos_token_id


# --- Varios archivos --------------------------------------------------------------------------------------


@pytest.fixture
def shards(folders, tmp_path):
    theirs("qwen2").save_pretrained(tmp_path / "trozos", max_shard_size="6KB")
    assert len(list((tmp_path / "trozos").glob("*.safetensors"))) > 2
    return tmp_path / "trozos"


def files(folder):
    return sorted(folder.glob("*.safetensors"))


def rewrite_index(folder, edit):
    path = folder / "model.safetensors.index.json"
    found = json.loads(path.read_text())
    edit(found["weight_map"])
    path.write_text(json.dumps(found))


def test_weights_in_several_files(shards, folders):
    loaded, whole = load_llama(shards), load_llama(folders["qwen2"])
    assert all(map(torch.equal, loaded.parameters(), whole.parameters()))
    rewrite_index(shards, lambda places: places.update({"a.rotary_emb.inv_freq": files(shards)[0].name}))
    assert load_llama(shards).cfg == whole.cfg


def test_a_missing_file_is_named(shards):
    last = files(shards)[-1]
    last.unlink()
    with pytest.raises(FileNotFoundError, match=f"repartidos en .* archivos y falta: {last.name}"):
        load_llama(shards)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_file_cut_short(shards, keep):
    path = files(shards)[1]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=rf"{path.name} no es un archivo de pesos completo y sano"):
        load_llama(shards)


def test_a_file_of_another_copy(shards):
    first, second = files(shards)[:2]
    shutil.copy(first, second)
    with pytest.raises(
        ValueError, match=rf"index\.json y {second.name} no son de la misma copia: en este falta"
    ):
        load_llama(shards)
    state = load_file(first)
    name = next(iter(state))
    rewrite_index(
        shards, lambda places: places.clear() or places.update({name: first.name, "x": second.name})
    )
    save_file({"x": torch.ones(1), name: state[name]}, second)
    with pytest.raises(ValueError, match=f"no son de la misma copia: en este se repite {name}"):
        load_llama(shards)


@pytest.mark.parametrize(
    "place",
    [
        *("../malo.safetensors", "/malo.safetensors", "a.bin", "C:x.safetensors", 3),
        *(r"..\malo.safetensors", "malo\0.safetensors"),
    ],
)
def test_an_index_that_points_elsewhere(shards, place):
    shutil.copy(files(shards)[0], shards.parent / "malo.safetensors")
    rewrite_index(shards, lambda places: places.update({"lm_head.weight": place}))
    with pytest.raises(
        ValueError, match=r"en weight_map se espera el nombre de un \.safetensors de esa carpeta"
    ):
        load_llama(shards)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": [1]}', '{"a'])
def test_an_index_that_is_not_one(shards, text):
    (shards / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ValueError, match=r"model\.safetensors\.index\.json"):
        load_llama(shards)


def test_an_index_is_read_up_to_ten_million_bytes(shards):
    path = shards / "model.safetensors.index.json"
    text = path.read_text()
    path.write_text(" " * 2 * 10**6 + text)  # más que un config.json
    load_llama(shards)
    path.write_text(" " * 10**7 + text)
    with pytest.raises(ValueError, match="no es un JSON completo"):
        load_llama(shards)


# --- Lo que no se admite ----------------------------------------------------------------------------------

SCALED = {"factor": 2.0, "rope_theta": 10000.0}
REFUSED = {
    "otra familia": ({"model_type": "gemma3_text"}, "model_type = 'gemma3_text', y aquí se abren llama, mis"),
    "sin familia": ({"model_type": ...}, "model_type = None"),
    "familia rara": ({"model_type": ["llama"]}, "model_type ="),
    "otra activación": ({"hidden_act": "gelu"}, "hidden_act = 'gelu'; este modelo solo admite 'silu'"),
    "sesgos de la atención": (
        {"attention_bias": True},
        "attention_bias = True; este modelo solo admite False",
    ),
    "sesgos de la red": ({"mlp_bias": True}, "mlp_bias = True; este modelo solo admite False"),
    "dropout": ({"attention_dropout": 0.1}, "attention_dropout = 0.1"),
    "cuantizado": ({"quantization_config": {"quant_method": "fp8"}}, "quantization_config = {'quant_method'"),
    "yarn": ({"rope_parameters": {"rope_type": "yarn", **SCALED}}, "a la manera 'yarn', y aquí solo está"),
    "dynamic": ({"rope_parameters": {"rope_type": "dynamic", **SCALED}}, "a la manera 'dynamic'"),
    "linear": (
        {"rope_parameters": ..., "rope_scaling": {"type": "linear", **SCALED}},
        "a la manera 'linear'",
    ),
    "longrope": ({"rope_parameters": {"rope_type": "longrope", **SCALED}}, "a la manera 'longrope'"),
    "un trozo de la cabeza": ({"partial_rotary_factor": 0.5}, "Gira solo una parte de cada cabeza"),
    "uno en cada capa": (
        {"rope_parameters": {"full_attention": {"rope_theta": 5.0}}},
        "Dice un RoPE distinto para cada clase de capa",
    ),
    "dos bases": ({"rope_theta": 5.0}, "Dice dos valores de rope_theta: 10000.0 y 5.0"),
    "dos clases": (
        {"rope_scaling": {"rope_type": "linear"}},
        "dos valores de rope_type: 'linear' y 'llama3'",
    ),
    "RoPE, una lista": ({"rope_parameters": [1]}, r"debe ser un diccionario; llegó \[1\]"),
    "RoPE a medias": ({"rope_parameters": {"rope_type": "llama3", "factor": 2.0}}, "rope_scaling debe ser"),
    "base enorme": ({"rope_parameters": {"rope_theta": 10**400}}, "config.json no sirve"),
    "falta una medida": ({"hidden_size": ...}, "config.json no sirve. Faltan: hidden_size"),
    "faltan dos": (
        {"intermediate_size": ..., "rms_norm_eps": None},
        "Faltan: intermediate_size, rms_norm_eps",
    ),
    "un texto": ({"num_attention_heads": "4"}, "config.json no sirve. n_heads debe ser un entero"),
    "cabezas de más": ({"num_key_value_heads": 3}, "config.json no sirve. n_kv_heads debe dividir a n_heads"),
    "vínculo raro": (
        {"tie_word_embeddings": "sí"},
        "config.json no sirve. tie_weights debe ser True o False",
    ),
    "más bloques": ({"num_hidden_layers": 3}, r"Faltan: model\.layers\.2\."),
    "menos bloques": ({"num_hidden_layers": 1}, r"sobran: model\.layers\.1\."),
    "muchísimos": ({"num_hidden_layers": 10**9}, "n_layers = 1000000000, y se admite hasta 1000"),
    "muchos": ({"num_hidden_layers": 999}, "dice 999 bloques y en model.safetensors solo hay 20 tensores"),
    "anchura imposible": ({"hidden_size": 10**30}, "emb_dim = 1000.*, y se admite hasta 100000"),
    "red imposible": ({"intermediate_size": 10**18}, "hidden_dim = 1000.*, y se admite hasta 100000000"),
    "otra anchura": ({"hidden_size": 32}, r"debe tener la forma \(31, 32\); llegó \(31, 16\)"),
    "sin vincular": ({"tie_word_embeddings": False}, r"Faltan: lm_head\.weight; sobran: ninguno"),
    "otras piezas": ({"model_type": "qwen3"}, r"Faltan: model\.layers\.0\.self_attn\.q_norm\.weight"),
    "Qwen sin D": ({"model_type": "qwen3", "head_dim": ...}, "Faltan: head_dim"),
    "Mistral sin ventana": ({"model_type": "mistral"}, "Falta sliding_window"),
    "Mixtral sin base": (
        {"model_type": "mixtral", "rope_parameters": ..., "num_local_experts": 2, "num_experts_per_tok": 1},
        "Falta rope_theta",
    ),
    "Mixtral sin expertos": ({"model_type": "mixtral"}, "Faltan: num_local_experts, num_experts_per_tok"),
    "capas distintas": (
        {"model_type": "qwen3", "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1},
        "Unas capas leen por una ventana y otras no",
    ),
    "capas distintas, una a una": (
        {
            "model_type": "mistral",
            "sliding_window": 4,
            "layer_types": ["full_attention", "sliding_attention"],
        },
        "Unas capas leen por una ventana y otras no",
    ),
    "capas de otra clase": (
        {"model_type": "mistral", "sliding_window": 4, "layer_types": ["chunked_attention"] * 2},
        "Unas capas leen por una ventana y otras no",
    ),
    "del curso": ({"emb_dim": 16}, "es una carpeta de `save_model`: ábrela con `load_model`"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_a_configuration_that_is_refused(folder, changes, message):
    change(folder, **changes)
    with pytest.raises(ValueError, match=message) as error:
        load_llama(folder)
    assert len(str(error.value)) < 700


LARGEST = {"n_layers": 1000, "n_experts": 1000, "emb_dim": 100_000, "n_heads": 100_000}
LARGEST |= {"head_dim": 100_000, "vocab_size": 10**8, "hidden_dim": 10**8}
TWO_EXPERTS = {**LLAMA_STYLE, "feed_forward": "experts", "n_experts": 2, "experts_per_token": 1}


def refused_before_it_is_made(cfg, n_tensors, message):
    """Lo que se contesta a un archivo con esa configuración y tantos tensores, de otro modelo."""
    source, shapes = SimpleNamespace(path=Path("x.safetensors")), {str(n): (1,) for n in range(n_tensors)}
    with pytest.raises(ValueError, match=message):
        skeleton.model_from(source, shapes, cfg, llama_name)


@pytest.mark.parametrize(("name", "most"), LARGEST.items())
def test_how_large_a_model_can_be(name, most):
    message = rf"El modelo tendría {name} = {most + 1}, y se admite hasta {most}\."
    refused_before_it_is_made({**TWO_EXPERTS, name: most + 1}, 0, message)
    refused_before_it_is_made({**TWO_EXPERTS, name: most}, 0, "solo hay 0 tensores")


def test_a_model_without_numbers_draws_none_and_the_rest_is_done():
    weight = torch.zeros(3)
    with skeleton._Undrawn():
        torch.nn.init.normal_(weight)
        torch.nn.init.constant_(weight, 1.0)
        made = torch.full((2,), 3, dtype=torch.float64)
    assert weight.tolist() == [0, 0, 0] and made.tolist() == [3, 3] and made.dtype == torch.float64


@pytest.mark.parametrize(("cfg", "least"), [(TWO_EXPERTS, 8), (LLAMA_STYLE, 4)], ids=["expertos", "sin"])
def test_each_expert_of_each_block_has_some_tensor(cfg, least):
    cfg = {**cfg, "n_layers": 4}
    refused_before_it_is_made(cfg, least - 1, f"dice 4 bloques y en x.safetensors solo hay {least - 1} tens")
    refused_before_it_is_made(cfg, least, r"No son los \d+ tensores de este modelo.* sobran: 0, 1, 2 y")


VALUES = [0, 1, -1, 2**63, 1e300, 0.5, None, True, "", "ñ", [], [[1]], {}, {"a": []}]


def test_spoilt_configurations_never_give_another_error():
    """Cada clave con cada valor absurdo: o un error claro, o una configuración que se puede crear."""
    whole = {**LLAMA_1B, "model_type": "qwen3", "use_sliding_window": True, "sliding_window": 8}
    whole |= {"layer_types": ["sliding_attention"] * 16, "max_window_layers": 0, "rope_parameters": {}}
    whole |= {"partial_rotary_factor": 1.0, "quantization_config": None}
    scaling = LLAMA_1B["rope_scaling"]
    spoilt = [{**whole, key: value} for key in whole for value in VALUES]
    spoilt += [
        {**LLAMA_1B, "rope_scaling": {**scaling, key: value}} for key in (*scaling, "x") for value in VALUES
    ]
    refused = 0
    for settings in spoilt:
        try:
            cfg = from_llama(settings)
        except ValueError as error:
            assert len(str(error)) < 700
            refused += 1
        else:
            assert check_config(cfg) == cfg
    assert 300 < refused < len(spoilt) - 50


@pytest.mark.parametrize("keep", [0, 7, 60, 0.5, -1])
def test_weights_cut_short(folder, keep):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if keep == 0.5 else keep])
    with pytest.raises(ValueError, match=r"model\.safetensors no es un archivo de pesos completo y sano"):
        load_llama(folder)


def test_quantized_numbers_are_refused(folder):
    state = load_file(folder / "model.safetensors")
    state["model.norm.weight"] = state["model.norm.weight"].to(torch.int8)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"float32, float16 o bfloat16; .* model\.norm\.weight \(I8\)"):
        load_llama(folder)


@pytest.mark.parametrize(
    ("missing", "message"), [("config.json", "que dice qué modelo es"), ("model.safetensors", "No existe")]
)
def test_what_is_missing_is_named(folder, missing, message):
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        load_llama(folder)


@pytest.mark.parametrize("text", ["", "[1]", '{"model_type": "lla'])
def test_a_broken_configuration(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json"):
        load_llama(folder)


def test_a_change_by_halves_is_told(folder):
    (folder / ".cambio-a-medias").mkdir()
    (folder / "config.json").unlink()
    with pytest.raises(ValueError, match="cambio a medias"):
        load_llama(folder)


# --- Guardar ----------------------------------------------------------------------------------------------

STRANGERS = {
    "un GPT-2": ({}, "tiene estas piezas a la vez: norm = 'layer', positions = 'learned'"),
    "solo RMSNorm": (
        {"norm": "rms", "bias": False},
        "a la vez: positions = 'learned', feed_forward = 'gelu'",
    ),
    "Qwen 2 y 3 a la vez": ({"modern": True, "qkv_bias": True, "qk_norm": True}, "a la vez: qk_norm = True"),
    "expertos y QK-norm": (
        {"modern": True, "feed_forward": "experts", "n_experts": 2, "experts_per_token": 1, "qk_norm": True},
        "a la vez: feed_forward = 'experts'",
    ),
}


@pytest.mark.parametrize(("changes", "message"), STRANGERS.values(), ids=STRANGERS)
def test_pieces_that_no_family_has(changes, message, tmp_path):
    changes = dict(changes)
    model = modern(**changes) if changes.pop("modern", False) else tiny_model(**changes)
    with pytest.raises(ValueError, match=message):
        save_llama(model, tmp_path / "nada")
    assert not (tmp_path / "nada").exists()


def alter(place, value):
    def change(model):
        owner, name = place.rsplit(".", 1)
        setattr(model.get_submodule(owner) if owner != "model" else model, name, value)

    return change


CHANGED = {
    "otras cabezas": (alter("trf_blocks.1.att.n_kv_heads", 4), r"att\.n_kv_heads es 4 y no 2"),
    "otra base": (alter("rotary.base", 5.0), r"rotary\.base es 5\.0 y no 10000\.0"),
    "otro estirado": (alter("rotary.scaling", STRETCHED), r"rotary\.scaling es \{"),
    "otro eps": (alter("trf_blocks.0.norm2.eps", 1e-6), r"norm2\.eps es 1e-06"),
    "menos expertos": (alter("trf_blocks.0.ff.experts_per_token", 1), r"ff\.experts_per_token es 1 y no 2"),
    "otra norma": (alter("model.final_norm", torch.nn.RMSNorm(8)), r"falta final_norm\.scale"),
    "un adorno": (alter("model.extra", torch.nn.ReLU()), "sobra extra"),
}


@pytest.mark.parametrize(("change", "message"), CHANGED.values(), ids=CHANGED)
def test_another_model_than_its_configuration(change, message, tmp_path):
    model = modern(feed_forward="experts", n_experts=3, experts_per_token=2)
    change(model)
    with pytest.raises(ValueError, match=message):
        save_llama(model, tmp_path / "nada")
    assert not (tmp_path / "nada").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modern": True}, "GPT-2 no tiene norm = 'rms', positions = 'rope', feed_forward = 'swiglu'"),
        ({"window": 3}, "GPT-2 no tiene window = 3. Guárdalo con `save_llama`.* o con `save_model`"),
        ({"norm_eps": 1e-6}, "GPT-2 no tiene norm_eps = 1e-06"),
        ({"hidden_dim": 8}, "GPT-2 no tiene hidden_dim = 8"),
    ],
    ids=str,
)
def test_other_pieces_are_not_saved_as_gpt2(changes, message, tmp_path):
    changes = dict(changes)
    model = modern() if changes.pop("modern", False) else tiny_model(**changes)
    with pytest.raises(ValueError, match=message):
        save_gpt2(model, tmp_path / "nada")
    assert not (tmp_path / "nada").exists()
    save_gpt2(tiny_model(norm="layer", hidden_dim=32, window=None), tmp_path)  # dicho, y lo de siempre


def test_all_the_files_change_or_none(tmp_path, disk_full_at):
    old, new = modern(seed=1), modern(seed=2, n_kv_heads=4)
    save_llama(old, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for last in range(1, 5):  # sacar dos y meter dos
        with disk_full_at(last), pytest.raises(OSError, match="siguen como estaban"):
            save_llama(new, tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_shared_blocks_are_written_twice(tmp_path):
    model = modern()
    model.trf_blocks[1] = model.trf_blocks[0]
    save_llama(model, tmp_path)
    loaded = load_llama(tmp_path).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())


def test_ends_that_were_separated_are_saved_as_two(tmp_path):
    model = modern(tie_weights=True)
    model.tied = False
    model.out_head.weight = torch.nn.Parameter(model.tok_emb.weight + 1)
    save_llama(model, tmp_path)
    loaded = load_llama(tmp_path)
    assert not loaded.tied and torch.equal(loaded.out_head.weight, model.out_head.weight)


def test_every_family_is_tried():
    assert {kind.split("For")[0].lower() for kind in OURS} == set(FAMILIES)
