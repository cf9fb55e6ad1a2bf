"""Escribir texto según sale, nunca media letra, y la orden de la terminal frente a `generate`."""

import io
import json
import math
import shutil
import sys

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import byte_tokenizer, modern, tiny_model

from gpt_course import models
from gpt_course.generation import __main__ as command
from gpt_course.generation import generate, stream_text, text
from gpt_course.models import save_model
from gpt_course.models.huggingface import HuggingFaceTokenizer
from gpt_course.stories import load_grammar, load_story_tokenizer
from gpt_course.tokenizer import BPETokenizer, load_gpt2_tokenizer, train_bpe
from gpt_course.weights import save_llama

BPE = train_bpe("Había una vez un ñandú que comía piñones. Había una vez un pingüino.", 275)
STORIES = load_story_tokenizer()
THEIRS = HuggingFaceTokenizer(byte_tokenizer(), ends=(1, 2), begin=0)


def model_for(tokenizer, **cfg):
    return tiny_model(**{"vocab_size": tokenizer.n_vocab, "context_length": 40, **cfg})


MODEL = model_for(BPE)  # cuando lo que elige lo decide la prueba


def written(monkeypatch, tokenizer, ids, prompt=""):
    """Los trozos que se dan si el modelo elige `ids`, y los tokens que leyó."""
    read = []

    def fake(model, prompt_ids, max_new_tokens, **options):
        read.append((prompt_ids.tolist(), max_new_tokens, options))
        return iter([torch.tensor([token]) for token in ids])

    with monkeypatch.context() as patch:
        patch.setattr(text, "stream", fake)
        return list(stream_text(MODEL, tokenizer, prompt, 50)), read[0]


# --- Texto según sale -------------------------------------------------------------------------------------


def test_a_letter_is_given_whole(monkeypatch):
    ours, phrase = BPETokenizer([]), "¡Ñandú 🙂 日本!"  # un token por byte
    parts, _ = written(monkeypatch, ours, ours.encode(phrase))
    assert parts == list(phrase)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30), st.integers(0, 3), st.lists(st.integers(0, 255), max_size=3))
def test_what_is_written_is_what_is_decoded(phrase, cut, noise):
    """También si faltan bytes al final o hay alguno que no es de ninguna letra."""
    ours = BPETokenizer([])
    ids = ours.encode(phrase)
    ids = ids[: len(ids) - cut] + noise + ours.encode(phrase)
    with pytest.MonkeyPatch.context() as patch:
        parts, _ = written(patch, ours, ids)
    assert "".join(parts) == ours.decode(ids, errors="replace")
    assert all(parts)


def test_a_letter_that_never_ends_is_shown_at_the_end(monkeypatch):
    ours = BPETokenizer([])
    parts, _ = written(monkeypatch, ours, ours.encode("añ")[:-1])
    assert parts == ["a", "\ufffd"]


@pytest.mark.parametrize("tokenizer", [BPE, STORIES, load_gpt2_tokenizer()], ids=["bpe", "cuentos", "gpt2"])
def test_it_stops_at_the_end_of_text(monkeypatch, tokenizer):
    phrase = load_grammar().story(0)
    ids = tokenizer.encode(phrase)
    parts, (_, count, options) = written(monkeypatch, tokenizer, [*ids, tokenizer.eot_token, *ids])
    assert "".join(parts) == phrase and (count, options["eos_id"]) == (50, tokenizer.eot_token)


@pytest.mark.parametrize("end", THEIRS.ends)
def test_it_stops_at_any_of_the_ends(monkeypatch, end):
    ids = THEIRS.encode("ñandú <|turn|>")
    parts, (_, _, options) = written(monkeypatch, THEIRS, [*ids, 0, end, *ids])
    assert "".join(parts) == "ñandú <|turn|><|begin|>" and options["eos_id"] == 1


@pytest.mark.parametrize(
    ("tokenizer", "prompt", "expected"),
    [
        (THEIRS, "", [0]),
        (THEIRS, "una", [0, *THEIRS.encode("una")]),
        (THEIRS, "una<|turn|>", [0, *THEIRS.encode("una"), 2]),
        (BPE, "Había una vez", BPE.encode("Había una vez")),
        (BPE, "", [BPE.eot_token]),
        (BPE, "fin<|endoftext|>", [*BPE.encode("fin"), BPE.eot_token]),
        (load_gpt2_tokenizer(), "<|endoftext|>Hello", [50256, 15496]),
        (STORIES, "", [STORIES.eot_token]),
        (STORIES, load_grammar().story(1), [STORIES.eot_token, *STORIES.encode(load_grammar().story(1))]),
        (STORIES, f"{STORIES.words[0]}  ", [STORIES.eot_token, 0]),
    ],
)
def test_where_the_text_begins(monkeypatch, tokenizer, prompt, expected):
    _, (read, _, _) = written(monkeypatch, tokenizer, [], prompt)
    assert read == [expected]


@pytest.mark.parametrize("seed", range(4))
def test_the_text_is_that_of_generate(seed):
    model = model_for(BPE)
    options = {"temperature": 1.2, "top_k": 200, "top_p": 0.95}
    torch.manual_seed(seed)
    parts = list(stream_text(model, BPE, "Había", 60, **options))  # y la ventana se corre
    torch.manual_seed(seed)
    ids = torch.tensor([BPE.encode("Había")])
    out = generate(model, ids, 60, eos_id=BPE.eot_token, **options)[0, ids.shape[1] :].tolist()
    assert "".join(parts) == BPE.decode(out, errors="replace").removesuffix("<|endoftext|>")
    assert len(parts) > 5


def test_bad_input_is_refused_before_the_first_letter():
    with pytest.raises(ValueError, match="max_new_tokens"):
        stream_text(model_for(BPE), BPE, "a", -1)
    with pytest.raises(ValueError, match=r"En estos cuentos no existe ' dragona'.*Prueba con"):
        stream_text(model_for(STORIES), STORIES, f"{STORIES.words[0]} dragona")


# --- La orden ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modelo")
    save_model(model_for(BPE), BPE, folder)
    return folder


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuentos")
    save_model(model_for(STORIES), STORIES, folder)
    return folder


def run(*arguments):
    return command.main([str(argument) for argument in arguments])


def test_the_order_writes_what_stream_text_gives(folder, capsys):
    arguments = ["--model", folder, "--prompt", "Había", "--max-tokens", 30, "--seed", 7]
    assert run(*arguments, "--temperature", 0.9, "--top-k", 50, "--top-p", 0.9) == 0
    model, tokenizer = models.load_model(folder)
    options = {"temperature": 0.9, "top_k": 50, "top_p": 0.9, "generator": torch.Generator().manual_seed(7)}
    expected = "Había" + "".join(stream_text(model, tokenizer, "Había", 30, **options)) + "\n"
    assert capsys.readouterr() == (expected, "")


def test_a_seed_repeats_the_text_and_without_it_changes(folder, capsys):
    texts = []
    for seed in (["--seed", 3], ["--seed", 3], ["--seed", 4], [], []):
        assert run("--model", folder, "--max-tokens", 30, *seed) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] and len(set(texts)) == 4


def test_greedy(folder, capsys):
    assert run("--model", folder, "--temperature", 0, "--prompt", "una") == 0
    model, _ = models.load_model(folder)
    assert capsys.readouterr().out == f"una{''.join(stream_text(model, BPE, 'una', 200))}\n"


def test_without_a_model_the_stories_are_written(stories, capsys, monkeypatch):
    monkeypatch.setattr(models, "STORIES", stories)
    assert run("--max-tokens", 5, "--seed", 1) == 0
    assert STORIES.encode(capsys.readouterr().out.rstrip("\n"))


class Closed(io.StringIO):
    """Una salida cuyo lector se va después de la primera línea."""

    def write(self, content):
        if "\n" in self.getvalue() or self.getvalue().count(" ") > 3:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(content)


def test_a_reader_that_leaves_is_not_an_error(folder, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        assert run("--model", folder, "--prompt", "a b c d e f") == 0
        assert sys.stdout is None  # al acabar, nadie intenta vaciarla
    assert capsys.readouterr().err == ""


def test_ctrl_c_keeps_what_was_written(folder, capsys, monkeypatch):
    def interrupted(*_, **__):
        yield " una"
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "stream_text", interrupted)
    assert run("--model", folder, "--prompt", "Había") == 130
    assert capsys.readouterr() == (
        "Había una",
        "\nInterrumpido: el texto se queda a medias. Para otro, repite la orden.\n",
    )


def test_a_prompt_that_does_not_fit_is_told(folder, capsys):
    assert run("--model", folder, "--prompt", "ñ" * 41, "--max-tokens", 2) == 0
    out, err = capsys.readouterr()
    count = len(BPE.encode("ñ" * 41))
    assert err == f"Aviso: el comienzo tiene {count} tokens y el modelo solo lee los últimos 40.\n"
    assert out.startswith("ñ" * 41)
    assert run("--model", folder, "--prompt", "x" * 40, "--max-tokens", 2) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prompt"], "No se entiende --prompt: le falta su valor"),
        (["--otra"], "No existe la opción '--otra'"),
        (["--temperature", "0,8"], "`--temperature` debe ser un número, con punto decimal; llegó '0,8'"),
        (["--temperature", "-1"], "temperature debe ser un número del intervalo [0, ∞); llegó -1.0"),
        (["--temperature", "nan"], "temperature debe ser un número"),
        (["--top-k", "2.5"], "`--top-k` debe ser un entero; llegó '2.5'"),
        (["--top-k", "0"], "top_k debe ser un entero mayor o igual que 1"),
        (["--top-p", "1.5"], "top_p debe ser un número del intervalo (0, 1]"),
        (["--max-tokens", "-3"], "max_new_tokens debe ser un entero mayor o igual que 0"),
        (["--max-tokens", "dos"], "`--max-tokens` debe ser un entero; llegó 'dos'"),
        (["--seed", "-1"], "`--seed` debe ser un entero de 0 a 2**64 - 1; llegó -1"),
        (["--seed", str(2**64)], "`--seed` debe ser un entero de 0 a"),
        (["--seed", "1", "--temperature", "0"], "Con `--temperature 0` se elige siempre el más probable"),
        (["--top-k", "5", "--temperature", "0"], "Con temperature=0 se elige siempre el mayor y top_k"),
        (["--prompt", "a\udcff"], "`--prompt` no es un texto UTF-8"),
        (["--model", "nada"], "No existe la carpeta nada"),
    ],
)
def test_a_wrong_order(folder, capsys, arguments, message):
    assert run("--model", folder, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Error: ") and message in err and err.count("\n") == 1


def test_a_word_that_is_not_in_the_stories(stories, capsys):
    assert run("--model", stories, "--prompt", f"{STORIES.words[0]} dragona") == 2
    out, err = capsys.readouterr()
    assert out == "" and "En estos cuentos no existe ' dragona'" in err and "Prueba con" in err


def test_broken_weights_are_told_in_one_sentence(tmp_path, capsys):
    model = model_for(BPE)
    with torch.no_grad():
        model.out_head.weight[3] = math.nan
    save_model(model, BPE, tmp_path)
    assert run("--model", tmp_path) == 2
    assert "No se puede elegir un token" in capsys.readouterr().err


# --- Una carpeta de Llama ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """Pesos en varios archivos, configuración y tokenizador, como los publica Hugging Face."""
    folder = tmp_path_factory.mktemp("llama")
    model = modern(vocab_size=288, context_length=40, n_layers=1)
    with torch.no_grad():
        model.tok_emb.weight *= 3  # para que el más probable cambie de un lugar a otro
    save_llama(model, folder)
    other = transformers.AutoModelForCausalLM.from_pretrained(folder)
    other.generation_config.update(bos_token_id=0, eos_token_id=[1, 2])
    (folder / "model.safetensors").unlink()
    other.save_pretrained(folder, max_shard_size="8KB")
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def test_a_llama_writes_what_transformers_writes(llama, capsys):
    other = transformers.AutoModelForCausalLM.from_pretrained(llama).eval()
    tokenizer, texts = byte_tokenizer(), []
    capsys.readouterr()
    for prompt in ("Había una vez", "el pingüino", "piñones<|turn|>"):
        assert run("--model", llama, "--prompt", prompt, "--max-tokens", 20, "--temperature", 0) == 0
        ids = torch.tensor([tokenizer.encode(prompt).ids])
        out = other.generate(ids, max_new_tokens=20, do_sample=False, pad_token_id=1)[0, ids.shape[1] :]
        ended = out[-1] in (1, 2)
        expected = tokenizer.decode(out[: len(out) - ended].tolist(), skip_special_tokens=False)
        texts.append(capsys.readouterr())
        assert texts[-1] == (f"{prompt}{expected}\n", "")
    assert len(set(texts)) == 3


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


WRONG_FOLDERS = {
    "falta un trozo": (lambda d: max(d.glob("model-*")).unlink(), "repartidos en "),
    "un trozo cortado": (lambda d: cut(max(d.glob("model-*"))), "no es un archivo de pesos completo y sano"),
    "sin tokenizador": (lambda d: (d / "tokenizer.json").unlink(), "tokenizer.json, con el tokenizador"),
    "tokenizador cortado": (lambda d: cut(d / "tokenizer.json"), "tokenizer.json no es un JSON completo"),
    "otra familia": (
        lambda d: (d / "config.json").write_text(json.dumps({"model_type": "phi3"})),
        "config.json dice model_type = 'phi3', y aquí se abren llama, mistral, qwen2, qwen3, mixtral y",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), WRONG_FOLDERS.values(), ids=WRONG_FOLDERS)
def test_a_folder_that_cannot_be_opened(llama, tmp_path, capsys, spoil, message):
    folder = shutil.copytree(llama, tmp_path / "copia")
    spoil(folder)
    assert run("--model", folder, "--prompt", "una") == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Error: ") and message in err and err.count("\n") == 1
