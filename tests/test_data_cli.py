"""De textos a una carpeta de tokens: a trozos como de una vez, y lo que no se puede convertir."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpt_course.data import WindowDataset, load_story, make_loader, open_tokens, reading, writing
from gpt_course.data.__main__ import main
from gpt_course.data.reading import read_documents, read_pieces
from gpt_course.data.writing import train_on_sample, write_tokens
from gpt_course.tokenizer import BPETokenizer, load_gpt2_tokenizer, split_text, train_bpe
from gpt_course.tokenizer.pieces import BYTES

ROOT = Path(__file__).parents[1]
GPT2 = load_gpt2_tokenizer()
# Lo que más fácil se corta mal: filas de espacios de toda clase, apóstrofos, letras de varios bytes.
ALPHABET = [
    "a",
    "ñ",
    "日",
    "🙂",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "'",
    "'ll",
    "l",
    "s",
    "1",
    ",",
    "\u00a0",
    "\u3000",
]
ALPHABET += ["\x1c", "\x85", "\u2028", "\ufeff", "<|endoftext|>", "<|", "|>"]


@pytest.fixture
def story(tmp_path):
    path = tmp_path / "relato.txt"
    path.write_bytes(load_story().encode())
    return path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def error_of(capsys, *arguments):
    """La única frase de una orden que falla."""
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    *_, line = err.replace("\r", "\n").strip().split("\n")
    assert out == "" and line.startswith("Error: ") and "Traceback" not in err
    return line


def numbers(directory):
    """Los tokens de una carpeta, leídos por numpy."""
    info = json.loads((directory / "tokens.json").read_text(encoding="utf-8"))
    return np.fromfile(directory / "tokens.bin", dtype={"uint16": "<u2", "uint32": "<u4"}[info["dtype"]])


# --- A trozos, como de una vez ----------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=60).map("".join), st.integers(1, 40))
@example("uno    dos", 6)  # se lee hasta la mitad de los espacios
def test_the_pieces_give_the_tokens_of_the_whole(tmp_path_factory, text, block):
    path = tmp_path_factory.getbasetemp() / "trozos.txt"
    path.write_bytes(text.encode())
    pieces = list(read_pieces(path, block))
    assert "".join(pieces) == text
    assert [part for piece in pieces for part in split_text(piece)] == split_text(text)
    encoded = [token for piece in pieces for token in GPT2.encode(piece, allowed_special="all")]
    assert encoded == GPT2.encode(text, allowed_special="all")


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_the_story_is_cut_and_nothing_changes(story, block):
    pieces = list(read_pieces(story, block))
    assert len(pieces) > 10 and "".join(pieces) == load_story()
    assert [token for piece in pieces for token in GPT2.encode(piece)] == GPT2.encode(load_story())


def test_every_piece_is_as_short_as_the_text_allows(tmp_path):
    path = tmp_path / "palabras.txt"
    path.write_text("pan " * 10_000, encoding="utf-8")
    assert max(map(len, read_pieces(path, 100))) <= 104


def test_seen_adds_up_to_the_file(story):
    read = []
    list(read_pieces(story, 1000, read.append))
    assert sum(read) == story.stat().st_size and max(read) == 1000


def test_documents_are_separated_by_the_end_of_text(tmp_path):
    texts = ["uno dos\n", "\ufefftres\r\n", "  cuatro"]
    paths = [tmp_path / f"{index}.txt" for index in range(3)]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode())
    assert "".join(read_documents(paths, 4)) == "<|endoftext|>".join(texts)


def test_letters_without_an_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LONGEST", 1000)
    path = tmp_path / "adn.txt"
    path.write_text("hola " + "ACGT" * 300, encoding="utf-8")
    with pytest.raises(ValueError, match=r"adn\.txt tiene más de 1,000 letras seguidas sin un espacio"):
        list(read_pieces(path, 100))
    path.write_text("hola " + "ACGT" * 240, encoding="utf-8")
    assert "".join(read_pieces(path, 100)) == path.read_text(encoding="utf-8")


# --- La carpeta -------------------------------------------------------------------------------------------


def test_two_texts_in_one_folder(tmp_path, story, capsys):
    other = tmp_path / "otro.txt"
    other.write_bytes("\ufeffEl perro.\r\nEl gato<|endoftext|>y nada más.".encode())
    assert run(story, other, "--tokenizer", "gpt2", "--out", tmp_path / "tokens") == 0
    expected = GPT2.encode(
        load_story() + "<|endoftext|>" + other.read_bytes().decode(), allowed_special="all"
    )
    assert expected.count(50256) == 2
    assert numbers(tmp_path / "tokens").tolist() == expected
    data = (tmp_path / "tokens" / "tokens.bin").read_bytes()
    assert json.loads((tmp_path / "tokens" / "tokens.json").read_text(encoding="utf-8")) == {
        "dtype": "uint16",
        "count": len(expected),
        "bytes": story.stat().st_size + other.stat().st_size,
        "sha256": hashlib.sha256(data).hexdigest(),
        "vocab_size": 50257,
        "tokenizer": "gpt2",
        "files": ["relato.txt", "otro.txt"],
    }
    out = capsys.readouterr().out
    assert f"son {len(expected):,} tokens" in out and "de un vocabulario de 50,257" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["otro.txt", "relato.txt", "tokens"]
    assert (tmp_path / "tokens").stat().st_mode == tmp_path.joinpath("tokens").parent.stat().st_mode | 0o055


def test_a_folder_is_read_without_loading_it(tmp_path, story):
    write_tokens([story], GPT2, tmp_path / "tokens")
    tokens, ids = open_tokens(str(tmp_path / "tokens")), GPT2.encode(load_story())
    assert len(tokens) == len(ids) and tokens.tokenizer.name == "gpt2"
    assert tokens[10:50].dtype == torch.int64 and tokens[10:50].tolist() == ids[10:50]
    assert tokens[-1].item() == ids[-1] and tokens.info["count"] == len(ids)
    ours, theirs = (WindowDataset(each, 32, 16) for each in (tokens, ids))
    assert len(ours) == len(theirs)
    for batch, other in zip(make_loader(ours, 8, seed=1), make_loader(theirs, 8, seed=1), strict=True):
        assert all(map(torch.equal, batch, other))


def test_a_trained_tokenizer_travels_with_its_tokens(tmp_path, story, capsys):
    assert run(story, "--tokenizer", 500, "--out", tmp_path / "tokens") == 0
    tokens = open_tokens(tmp_path / "tokens")
    assert tokens.tokenizer.merges == train_bpe(load_story(), 500).merges
    assert tokens.info["tokenizer"] == "bpe" and tokens.info["vocab_size"] == tokens.tokenizer.n_vocab == 500
    assert tokens.tokenizer.decode(tokens[:].tolist()) == load_story()
    assert "Entrenando un tokenizador de 500 tokens" in capsys.readouterr().err


def test_more_than_65536_tokens_need_32_bits(tmp_path, story):
    big = BPETokenizer([(left, right) for left in BYTES for right in BYTES])
    write_tokens([story], big, tmp_path / "tokens")
    tokens = open_tokens(tmp_path / "tokens")
    assert tokens.info["dtype"] == "uint32" and big.n_vocab == 256 + 65536 + 1
    assert tokens[:].tolist() == numbers(tmp_path / "tokens").tolist() == big.encode(load_story())
    limit = BPETokenizer(big.merges[: 2**16 - 257])
    write_tokens([story], limit, tmp_path / "justo")
    assert json.loads((tmp_path / "justo" / "tokens.json").read_text())["dtype"] == "uint16"


@pytest.mark.parametrize("kind", ["gpt2", "bpe"])
def test_several_processes_give_the_same(tmp_path, story, monkeypatch, kind):
    tokenizer = GPT2 if kind == "gpt2" else train_bpe(load_story()[:3000], 300)
    write_tokens([story, story], tokenizer, tmp_path / "uno")
    submitted = []

    class Pool(writing.ProcessPoolExecutor):
        def submit(self, function, piece):
            submitted.append(len(piece))
            return super().submit(function, piece)

    monkeypatch.setattr(writing, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(writing, "ALONE", 0)
    monkeypatch.setattr(writing, "BLOCK", 1000)
    write_tokens([story, story], tokenizer, tmp_path / "varios")
    assert len(submitted) > 20 and not writing._there
    assert [path.read_bytes() for path in sorted((tmp_path / "uno").iterdir())] == [
        path.read_bytes() for path in sorted((tmp_path / "varios").iterdir())
    ]


def test_a_sample_is_spread_over_the_files(tmp_path, monkeypatch):
    """Con 16 veces más texto que muestra, entra uno de cada 16 trozos, también del último archivo."""
    paths = [tmp_path / f"{letter}.txt" for letter in "abcd"]
    for path in paths:
        path.write_text(f"{path.stem * 7} " * 2**13, encoding="utf-8")  # 64 KiB
    monkeypatch.setattr(writing, "SAMPLE", 2**14)
    seen = []
    monkeypatch.setattr(writing, "train_bpe", lambda text, size: seen.append(text))
    train_on_sample(paths, 300)
    assert 2**13 < len(seen[0]) < 2**15
    assert all(path.stem * 7 in seen[0] for path in paths) and "<|" not in seen[0]


# --- Lo que no se puede convertir -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"malo\.txt está vacío: no hay nada que convertir"),
        (b"abc\xff def", r"malo\.txt no es UTF-8: falla en el byte 3\."),
        (b"a" * 3000 + b" " + b"\xc3", r"malo\.txt no es UTF-8: falla en el byte 3,001\."),
        ("ñ".encode() * 2000 + b"\xc3(", r"falla en el byte 4,000\."),
        ("adiós".encode("utf-16"), r"falla en el byte 0\. Conviértelo antes"),
    ],
)
@pytest.mark.parametrize("block", [1, 7, 2**20])
def test_what_is_not_a_text(tmp_path, capsys, monkeypatch, content, message, block):
    monkeypatch.setattr(writing, "BLOCK", block)
    (tmp_path / "malo.txt").write_bytes(content)
    assert re.search(message, error_of(capsys, tmp_path / "malo.txt", "--out", tmp_path / "tokens"))
    assert [path.name for path in tmp_path.iterdir()] == ["malo.txt"]


def test_a_bad_text_among_good_ones_leaves_nothing(tmp_path, story, capsys, monkeypatch):
    monkeypatch.setattr(writing, "ALONE", 0)  # con procesos auxiliares
    monkeypatch.setattr(writing, "BLOCK", 1000)
    (tmp_path / "malo.txt").write_bytes(load_story().encode() + b"\xff")
    for tokenizer in ("gpt2", 300):
        line = error_of(
            capsys, story, tmp_path / "malo.txt", "--tokenizer", tokenizer, "--out", tmp_path / "tokens"
        )
        assert f"malo.txt no es UTF-8: falla en el byte {len(load_story().encode()):,}." in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["malo.txt", "relato.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), r"Faltan los archivos de texto\. Por ejemplo: `python -m gpt_course\.data libro\.txt"),
        (("relato.txt",), r"Falta `--out`"),
        (("nada.txt", "--out", "t"), r"No existe nada\.txt\. Comprueba el nombre"),
        (("carpeta", "--out", "t"), r"carpeta no es un archivo"),
        (("relato.txt", "--out", "relato.txt"), r"relato\.txt ya existe y no es una carpeta"),
        (("relato.txt", "--out", "llena"), r"llena ya existe y no está vacía\. Elige otra carpeta"),
        (("relato.txt", "--out", "no/esta"), r"No existe no, donde crear esta"),
        (("relato.txt", "--out", "t", "--tokenizer", "gpt3"), r"debe ser gpt2 o cuántos tokens .* 'gpt3'"),
        (("relato.txt", "--out", "t", "--tokenizer", "256"), r"de 257 a 999999; llegó '256'"),
        (("relato.txt", "--out", "t", "--tokenizer", "-5"), r"No se entiende --tokenizer|llegó '-5'"),
        (("relato.txt", "--out", "t", "--tokenizer", "1e3"), r"llegó '1e3'"),
        (("relato.txt", "--out"), r"No se entiende --out: le falta su valor o le sobra"),
        (("relato.txt", "--out", "t", "--otra"), r"No existe la opción '--otra'"),
    ],
)
def test_a_wrong_order(tmp_path, story, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "carpeta").mkdir()
    (tmp_path / "llena").mkdir()
    (tmp_path / "llena" / "notas.txt").write_text("mías")
    before = sorted(tmp_path.rglob("*"))
    assert re.search(message, error_of(capsys, *arguments))
    assert sorted(tmp_path.rglob("*")) == before and story.read_bytes() == load_story().encode()


def test_an_empty_folder_is_filled(tmp_path, story):
    (tmp_path / "tokens").mkdir()
    write_tokens([story], GPT2, tmp_path / "tokens")
    assert open_tokens(tmp_path / "tokens").info["files"] == ["relato.txt"]


def test_a_text_that_cannot_be_read(tmp_path, story, capsys, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reading, "open", refuse, raising=False)
    line = error_of(capsys, story, "--out", tmp_path / "tokens")
    assert "No se puede leer" in line and "Permission denied. Comprueba los permisos" in line


def test_a_full_disk_leaves_nothing(tmp_path, story, capsys):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (100, 4096):  # ni el principio, ni el final
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            code = run(story, "--out", tmp_path / "tokens")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert code == 2
        assert "No se pudieron escribir los tokens en" in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["relato.txt"]


def die(piece):
    os._exit(9)


def test_a_helper_that_dies_is_explained(tmp_path, story, capsys, monkeypatch):
    monkeypatch.setattr(writing, "ALONE", 0)
    monkeypatch.setattr(writing, "_encode_there", die)
    line = error_of(capsys, story, "--out", tmp_path / "tokens")
    assert "un proceso auxiliar murió, quizá por falta de memoria. Comprueba" in line
    assert [path.name for path in tmp_path.iterdir()] == ["relato.txt"]


def test_an_interruption_leaves_nothing(tmp_path, story, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_encode", interrupt)
    assert run(story, "--out", tmp_path / "tokens") == 130
    assert "Interrumpido: no queda nada a medias" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["relato.txt"]


@pytest.mark.skipif(os.name != "posix", reason="SIGINT a un grupo de procesos es cosa de POSIX")
def test_ctrl_c_in_a_terminal_stops_every_process(tmp_path):
    """La señal llega, como en una terminal, al principal y a los auxiliares, en pleno trabajo."""
    (tmp_path / "largo.txt").write_text(load_story() * 250, encoding="utf-8")
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from gpt_course.data.__main__ import main; sys.exit(main(['largo.txt', '--out', 'tokens']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        **{"cwd": tmp_path, "env": environment, "text": True, "start_new_session": True},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
    )
    while child.poll() is None and not any(
        path.stat().st_size for path in tmp_path.glob(".tokens-*/*/*.bin")
    ):
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 130 and out == "" and "Traceback" not in err
    assert "Interrumpido: no queda nada a medias" in err
    assert [path.name for path in tmp_path.iterdir()] == ["largo.txt"]


# --- Carpetas que no se deben abrir -----------------------------------------------------------------------


def cut(folder):
    data = (folder / "tokens.bin").read_bytes()
    (folder / "tokens.bin").write_bytes(data[:-1])


def note(**changes):
    def change(folder):
        path = folder / "tokens.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, r"tokens\.bin mide .* bytes y tokens\.json dice .*: está cortado"),
        (note(count=5), r"tokens\.json dice 10: está cortado o es de otra carpeta"),
        (note(count=0), r"debe decir `dtype` .* y 0\."),
        (note(count="5"), r"y '5'\. Vuelve a crear"),
        (note(dtype="int64"), r"dice 'int64'"),
        (note(dtype="uint32"), r"está cortado o es de otra carpeta"),
        (note(dtype=["uint16"]), r"dice \['uint16'\]"),
        (note(tokenizer="otro"), r"pone 'otro'"),
        (note(tokenizer="bpe"), r"Falta .*tokenizer\.json"),
        (note(vocab_size=7), r"dice 7 tokens distintos y el tokenizador tiene 50257"),
        (lambda folder: (folder / "tokens.json").write_text('{"a'), r"no es un JSON completo"),
        (lambda folder: (folder / "tokens.json").unlink(), r"No existe .*tokens\.json\. Vuelve a crear"),
        (lambda folder: (folder / "tokens.bin").unlink(), r"No existe .*tokens\.bin"),
    ],
)
def test_a_damaged_folder_is_not_opened(tmp_path, story, spoil, message):
    write_tokens([story], GPT2, tmp_path / "tokens")
    spoil(tmp_path / "tokens")
    with pytest.raises((ValueError, OSError), match=message):
        open_tokens(tmp_path / "tokens")
