"""El tokenizador que trae una carpeta de Hugging Face, y la carpeta entera: abrirla y volver a guardarla."""

import json

import pytest
import tokenizers
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import byte_tokenizer, modern, tiny_model, tokens

from gpt_course.generation.text import prompt_ids
from gpt_course.models import load_model, save_model
from gpt_course.models.huggingface import HuggingFaceTokenizer
from gpt_course.tokenizer import encode_special, load_gpt2_tokenizer
from gpt_course.weights import save_gpt2, save_llama

TEXTS = ["", " ", "Había una vez", "el ñandú  comía\n\tpiñones 🙂 日本 123", "a<|end|> b <|begin|>x", "<s> a"]


def sentencepiece():
    """Uno como los de Llama 2 y Mistral: «▁» es el espacio, y lo que no conoce va byte a byte."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abcdeí", "▁a", "▁ab"]
    vocab = {name: index for index, name in enumerate(names)}
    merges = [("▁", "a"), ("▁a", "b")]
    inner = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True
        )
    )
    inner.normalizer = tokenizers.normalizers.Sequence(
        [tokenizers.normalizers.Prepend("▁"), tokenizers.normalizers.Replace(" ", "▁")]
    )
    parts = tokenizers.decoders
    inner.decoder = parts.Sequence(
        [parts.Replace("▁", " "), parts.ByteFallback(), parts.Fuse(), parts.Strip(" ", 1, 0)]
    )
    inner.add_special_tokens(["<s>", "</s>"])
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return inner


KINDS = {"bytes": byte_tokenizer, "sentencepiece": sentencepiece}


def write_tokenizer(folder, inner, **marks):
    inner.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **marks})
    )


@pytest.fixture
def folder(tmp_path):
    """Una carpeta de Llama con un tokenizador de bytes y el vocabulario redondeado: 280 tokens, 288 filas."""
    save_llama(modern(vocab_size=288, context_length=40), tmp_path)
    write_tokenizer(tmp_path, byte_tokenizer(), bos_token="<|begin|>", eos_token="<|end|>")
    return tmp_path


def change(path, **changes):
    found = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not ...}))


# --- El tokenizador ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "first"), [("bytes", "<|begin|>"), ("sentencepiece", "<s>")])
def test_the_tokens_are_those_of_transformers(kind, first, folder):
    write_tokenizer(folder, KINDS[kind](), bos_token=first)
    ours, other = HuggingFaceTokenizer(KINDS[kind]()), transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        ids = other(text)["input_ids"]
        assert encode_special(ours, text) == ours.encode(text, special=True) == ids
        assert ours.decode(ids) == other.decode(ids, skip_special_tokens=False)
    assert ours.n_vocab == len(other)


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_special_tokens_are_only_text_unless_it_is_said(make):
    ours = HuggingFaceTokenizer(make())
    special = set(ours.inner.get_added_tokens_decoder())
    text = "a<|end|></s><s><|begin|>b"
    assert special & set(ours.encode(text, special=True)) and not special & set(ours.encode(text))
    assert ours.decode(ours.encode(text)).lstrip() == text


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.text(max_size=20).filter(lambda text: text == text.strip(" ▁")))
def test_the_bytes_of_the_tokens_are_those_of_the_text(kind, text):
    ours = _READY[kind]
    data = ours.decode_bytes(ours.encode(text))
    assert data.removeprefix(b" " if kind == "sentencepiece" else b"") == text.encode()
    assert data == b"".join(ours.decode_bytes([token]) for token in ours.encode(text))


_READY = {kind: HuggingFaceTokenizer(make()) for kind, make in KINDS.items()}


def test_what_has_no_token_writes_nothing():
    ours = HuggingFaceTokenizer(byte_tokenizer())
    assert ours.decode_bytes([ours.n_vocab + 3, 0]) == b"<|begin|>"
    ours.inner.add_tokens(["日本"])  # no está escrito con las letras de los bytes
    assert ours.decode_bytes(HuggingFaceTokenizer(ours.inner).encode("日本")) == "日本".encode()


@pytest.mark.parametrize("ids", [[-1], [1.0], ["a"], [True], [2**40], [[1]]], ids=str)
def test_what_is_not_a_token(ids):
    ours = HuggingFaceTokenizer(byte_tokenizer())
    for decode in (ours.decode, ours.decode_bytes):
        with pytest.raises(ValueError, match="Un número de token es un entero de 0 a 279; llegó"):
            decode(ids)


@pytest.mark.parametrize(("text", "message"), [(3, "Se esperaba un texto"), ("a\ud800", r"sustituto suelto")])
def test_what_is_not_a_text(text, message):
    with pytest.raises(ValueError, match=message):
        HuggingFaceTokenizer(byte_tokenizer()).encode(text)


def test_the_text_is_never_cut_nor_filled():
    inner = byte_tokenizer()
    inner.enable_truncation(2)
    inner.enable_padding(length=50)
    ours = HuggingFaceTokenizer(inner)
    assert ours.decode(ours.encode("Había una vez")) == "Había una vez"


@pytest.mark.parametrize(
    ("decoder", "found"), [(None, "nada"), (tokenizers.decoders.WordPiece(), "WordPiece")], ids=str
)
def test_tokens_that_are_joined_in_another_way(decoder, found):
    inner = byte_tokenizer()
    if decoder is None:
        inner = tokenizers.Tokenizer(inner.model)
    else:
        inner.decoder = decoder
    with pytest.raises(ValueError, match=f"junta sus tokens con {found}, y aquí se sabe hacer con ByteLevel"):
        HuggingFaceTokenizer(inner)


# --- La carpeta -------------------------------------------------------------------------------------------


def test_a_folder_with_its_tokenizer(folder):
    model, tokenizer = load_model(folder)
    assert isinstance(tokenizer, HuggingFaceTokenizer) and model.cfg["vocab_size"] == 288
    assert (tokenizer.n_vocab, tokenizer.begin, tokenizer.ends, tokenizer.eot_token) == (280, 0, (1,), 1)
    assert prompt_ids(tokenizer, "Había") == [0, *tokenizer.encode("Había")]
    other = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        ids = tokens(2, 9, 288)
        torch.testing.assert_close(model(ids), other(ids).logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("generation", "config", "words", "ends"),
    [
        ({"eos_token_id": [2, 1]}, {"eos_token_id": 0}, "<|end|>", (2, 1)),
        ({"eos_token_id": 2}, {}, None, (2,)),
        (None, {"eos_token_id": 2}, "<|end|>", (2,)),
        ({}, {"eos_token_id": [1, 2]}, None, (1, 2)),
        ({}, {}, {"content": "<|turn|>", "lstrip": False}, (2,)),
        ({}, {}, "<|otro|>", ()),
        (None, {}, None, ()),
    ],
    ids=str,
)
def test_who_says_how_a_text_ends(folder, generation, config, words, ends):
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    change(folder / "config.json", **config)
    change(folder / "tokenizer_config.json", eos_token=words)
    tokenizer = load_model(folder)[1]
    assert tokenizer.ends == ends and tokenizer.eot_token == (ends[0] if ends else None)


def test_where_a_text_begins_if_nothing_is_said(folder):
    inner = byte_tokenizer()
    inner.post_processor = tokenizers.processors.ByteLevel()  # como el de Qwen, que no pone nada delante
    write_tokenizer(folder, inner, bos_token="<|turn|>", eos_token="<|end|>")
    assert prompt_ids(load_model(folder)[1], "") == [2]
    assert prompt_ids(load_model(folder)[1], "a") == load_model(folder)[1].encode("a")
    change(folder / "tokenizer_config.json", bos_token=None)
    assert prompt_ids(load_model(folder)[1], "") == [1]
    change(folder / "tokenizer_config.json", eos_token=None)
    with pytest.raises(ValueError, match="no dice con qué token empieza un texto: escribe cómo empieza"):
        prompt_ids(load_model(folder)[1], "")


def test_a_round_trip_in_the_format_of_the_course(folder, tmp_path):
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 1]}))
    model, tokenizer = load_model(folder)
    save_model(model, tokenizer, tmp_path / "nuestro")
    assert json.loads((tmp_path / "nuestro" / "config.json").read_text())["tokenizer"] == "huggingface"
    again, other = load_model(tmp_path / "nuestro")
    assert again.cfg == model.cfg and all(map(torch.equal, again.parameters(), model.parameters()))
    assert (other.begin, other.ends, other.n_vocab) == (0, (2, 1), 280)
    assert all(other.encode(text, special=True) == tokenizer.encode(text, special=True) for text in TEXTS)


def test_the_tokenizer_of_gpt2_beside_a_llama(tmp_path):
    save_llama(modern(vocab_size=50257, emb_dim=8, n_layers=1), tmp_path)
    assert load_model(tmp_path)[1] is load_gpt2_tokenizer()
    change(tmp_path / "vocab.json", **{"Ġthe": 3})
    with pytest.raises(ValueError, match=r"no es el de GPT-2.*Carga solo el modelo con `load_llama`"):
        load_model(tmp_path)
    write_tokenizer(tmp_path, byte_tokenizer())  # Qwen trae los dos: manda tokenizer.json
    change(tmp_path / "config.json", bos_token_id=0, eos_token_id=1)
    assert load_model(tmp_path)[1].n_vocab == 280


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE = {
    "tokenizador cortado": (lambda d: cut(d / "tokenizer.json"), "tokenizer.json no es un JSON completo"),
    "de otra cosa": (
        lambda d: (d / "tokenizer.json").write_text('{"merges": ["a b"]}'),
        "tokenizer.json no es un tokenizador que `tokenizers` entienda",
    ),
    "una fusión de más": (
        lambda d: change(d / "tokenizer.json", model={"type": "BPE", "vocab": {"a": 0}, "merges": ["x y"]}),
        "que `tokenizers` entienda",
    ),
    "fin imposible": (
        lambda d: change(d / "config.json", eos_token_id=281),
        "empieza o acaba un texto debe ser un entero de 0 a 279; llegó 281",
    ),
    "fin raro": (lambda d: change(d / "config.json", eos_token_id="1"), "de 0 a 279; llegó '1'"),
    "comienzo raro": (lambda d: change(d / "config.json", bos_token_id=[[1]]), r"de 0 a 279; llegó \[1\]"),
    "otra familia": (
        lambda d: change(d / "config.json", model_type="gemma2"),
        "model_type = 'gemma2', y aquí",
    ),
    "generación cortada": (
        lambda d: (d / "generation_config.json").write_text('{"eos'),
        "generation_config.json no es un JSON completo",
    ),
    "pesos cortados": (lambda d: cut(d / "model.safetensors"), "no es un archivo de pesos completo y sano"),
}


@pytest.mark.parametrize(("spoil", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_folder_is_refused(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ValueError, match=message):
        load_model(folder)


def test_a_tokenizer_with_more_tokens_than_the_model(folder):
    save_llama(modern(vocab_size=279), folder)
    with pytest.raises(ValueError, match="El modelo tiene 279 tokens y el tokenizador, 280: no van juntos"):
        load_model(folder)
    save_llama(modern(vocab_size=280), folder)
    assert load_model(folder)[0].cfg["vocab_size"] == 280


def test_the_tokenizer_that_is_missing_is_named(folder):
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    with pytest.raises(
        FileNotFoundError, match=r"Falta .*tokenizer\.json.*carga solo el modelo con `load_llama`"
    ):
        load_model(folder)


def test_spoilt_tokenizers_never_give_another_error(folder):
    """Cada parte con cada valor absurdo: o un error claro, o un tokenizador."""
    whole, refused = json.loads((folder / "tokenizer.json").read_text()), 0
    places = [(whole, key) for key in whole] + [(whole["model"], key) for key in whole["model"]]
    for owner, key in places:
        kept = owner[key]
        for value in (0, -1, None, "x", [], [1], {}, {"type": "BPE"}, [["a"]], True):
            owner[key] = value
            (folder / "tokenizer.json").write_text(json.dumps(whole))
            try:
                tokenizer = load_model(folder)[1]
            except ValueError as error:
                assert len(str(error)) < 700
                refused += 1
            else:
                assert tokenizer.decode_bytes(tokenizer.encode("una vez")) is not None
        owner[key] = kept
    assert 60 < refused < len(places) * 10


def test_a_gpt2_beside_a_tokenizer_of_another(tmp_path):
    """Lo de siempre: una carpeta de GPT-2 solo se abre con su tokenizador."""
    save_gpt2(tiny_model(vocab_size=280), tmp_path)
    write_tokenizer(tmp_path, byte_tokenizer())
    with pytest.raises(ValueError, match="no es el de GPT-2"):
        load_model(tmp_path)
