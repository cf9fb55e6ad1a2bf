"""El tokenizador sin red frente a `tokenizers`, y lo que pasa cuando la tabla falta o está dañada."""

import hashlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken_ext.openai_public import r50k_pat_str
from transformers.convert_slow_tokenizer import bytes_to_unicode

import gpt_course
from gpt_course import tokenizer
from gpt_course.tokenizer import (
    BPETokenizer,
    bpe,
    count_pairs,
    gpt2,
    load_gpt2_merges,
    load_gpt2_tokenizer,
    merge_pair,
    split_text,
    to_parts,
    train_bpe,
)
from gpt_course.tokenizer.pieces import BYTES

STORY = Path(gpt_course.__file__).parent / "data" / "relato.txt"
TEXTS = [
    "",
    "Every effort moves you",
    "Hello, I am",
    "El ñandú comió piñones; ¿quién lo vio? ¡Él, él y ÉL!",
    "e\u0301 frente a é, ﬁ, ǅ, ß",
    "I'm you're they'll we've he'd it's don't I'M DON'T l'été",
    "12345 3,1416 1.000.000 ½ ٣٤ Ⅷ",
    "  dos  espacios   y tres \n\n\n saltos\t\ttabuladores \r\n fin   ",
    "\u00a0\u2003\u200b\u3000raros\ufeff",
    "\x00\x01\x1f\x7f\x80\x9f control",
    "日本語のテキスト、中文字符，한국어 텍스트",
    "नमस्ते สวัสดี שלום مرحبا",
    "🙂 👩‍👩‍👧‍👦 🇲🇽 🏳️‍🌈 \U0010ffff",
    "def f(x):\n    return {'a': x**2}  # código",
    "a" * 300 + "!" * 50 + " " * 70 + "z",
    "".join(map(chr, range(0x20, 0x250))),
]


@pytest.fixture(scope="module")
def encoding():
    return load_gpt2_tokenizer()


@pytest.fixture(scope="module")
def vocabulary():
    """Los 50 257 tokens en orden, a partir de vocab.bpe y del alfabeto de bytes de transformers."""
    lines = gpt2.VOCAB_BPE.read_text(encoding="utf-8").split("\n")[1:-1]
    merges = [tuple(line.split(" ")) for line in lines]
    names = [*bytes_to_unicode().values(), *map("".join, merges), "<|endoftext|>"]
    return {name: index for index, name in enumerate(names)}, merges


@pytest.fixture(scope="module")
def independent(vocabulary):
    vocab, merges = vocabulary
    other = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    other.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    other.decoder = tokenizers.decoders.ByteLevel()
    return other


def test_it_is_gpt2(encoding):
    assert encoding.name == "gpt2"
    assert encoding.n_vocab == 50257
    assert encoding.eot_token == 50256
    assert encoding.special_tokens_set == {"<|endoftext|>"}


def test_pattern_is_that_of_tiktoken(encoding):
    assert r50k_pat_str == tokenizer.PATTERN
    assert encoding._pat_str == r50k_pat_str


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Every effort moves you", [6109, 3626, 6100, 345]),
        ("Every day holds a", [6109, 1110, 6622, 257]),
        ("Hello, I am", [15496, 11, 314, 716]),
    ],
)
def test_known_ids(encoding, text, ids):
    assert encoding.encode(text) == ids


def test_the_vocabulary_is_openai_encoder_json(encoding, vocabulary):
    """El diccionario completo, escrito como OpenAI lo publicó, tiene el SHA-256 de su encoder.json."""
    vocab, _ = vocabulary
    digest = hashlib.sha256(json.dumps(vocab).encode()).hexdigest()
    assert digest == "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"
    byte_of = {char: byte for byte, char in bytes_to_unicode().items()}
    for name, index in vocab.items():
        if index < 50256:
            assert encoding.decode_single_token_bytes(index) == bytes(byte_of[char] for char in name)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_equals_an_independent_implementation(encoding, independent, text):
    ids = encoding.encode(text)
    assert ids == independent.encode(text).ids
    assert encoding.decode(ids) == text


def test_end_of_text(encoding):
    text = "fin<|endoftext|>otro"
    ids = encoding.encode(text, allowed_special={"<|endoftext|>"})
    assert ids.count(50256) == 1
    assert encoding.decode(ids) == text
    assert 50256 not in encoding.encode(text, disallowed_special=())


def test_the_table_is_the_published_one():
    assert tokenizer.VOCAB_BPE_SHA256 == "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
    assert hashlib.sha256(gpt2.VOCAB_BPE.read_bytes()).hexdigest() == tokenizer.VOCAB_BPE_SHA256


def test_the_licence_travels_with_the_table():
    assert any("LICENSE" in path.name for path in gpt2.VOCAB_BPE.parent.iterdir())


def test_loading_twice_gives_the_same_object():
    assert load_gpt2_tokenizer() is load_gpt2_tokenizer()


# --- Tabla dañada o ausente, y sin red -----------------------------------------------------------


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Una copia de la tabla para estropearla, sin red a la que acudir."""

    def no_network(*args, **kwargs):
        raise AssertionError("El tokenizador intentó salir a la red.")

    path = tmp_path / "vocab.bpe"
    path.write_bytes(gpt2.VOCAB_BPE.read_bytes())
    monkeypatch.setattr(gpt2, "VOCAB_BPE", path)
    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(socket, "create_connection", no_network)
    load_gpt2_tokenizer.cache_clear()
    yield path
    load_gpt2_tokenizer.cache_clear()


def test_it_reads_the_table_without_a_network(table):
    assert load_gpt2_tokenizer().encode("Hello, I am") == [15496, 11, 314, 716]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:1000],
        lambda data: b"",
        lambda data: data + b"\n",
        lambda data: data.replace(b"\n", b"\r\n"),  # git con finales de línea de Windows
        lambda data: data.replace(b"h e\n", b"h a\n", 1),
    ],
    ids=["truncada", "vacía", "añadida", "crlf", "cambiada"],
)
def test_a_damaged_table_is_refused_and_left_alone(table, spoil):
    damaged = spoil(table.read_bytes())
    table.write_bytes(damaged)
    with pytest.raises(ValueError) as error:
        load_gpt2_tokenizer()
    digest = hashlib.sha256(damaged).hexdigest()
    for piece in (
        tokenizer.VOCAB_BPE_SHA256,
        digest,
        f"({len(damaged)} bytes)",
        "está dañado",
        "git checkout",
    ):
        assert piece in str(error.value)
    assert table.read_bytes() == damaged


def test_a_missing_table_says_how_to_recover_it(table):
    table.unlink()
    with pytest.raises(OSError, match=r"No se puede leer .*vocab\.bpe.*Recupéralo con: git checkout"):
        load_gpt2_tokenizer()
    assert not table.exists()


OFFLINE = """
import socket
def no_network(*args, **kwargs): raise OSError("sin red")
socket.socket = socket.create_connection = socket.getaddrinfo = no_network
from gpt_course.tokenizer import load_gpt2_tokenizer
print(load_gpt2_tokenizer().encode("Hello, I am"))
"""


def test_a_fresh_process_without_network_or_home(tmp_path):
    places = dict.fromkeys(["HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"], str(tmp_path))
    root = Path(gpt_course.__file__).parents[1]
    environment = {key: value for key, value in os.environ.items() if "TIKTOKEN" not in key}
    environment |= {**places, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", OFFLINE], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[15496, 11, 314, 716]\n", "")
    assert not list(tmp_path.iterdir())  # ninguna caché


# --- El BPE que se entrena -----------------------------------------------------------------------


def train_elsewhere(text, vocab_size, min_frequency):
    """Las fusiones y los números que aprende `tokenizers` del mismo texto, con sus tokens en bytes."""
    other = tokenizers.Tokenizer(tokenizers.models.BPE())
    other.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size - 1,  # sin el especial, que allí va aparte
        min_frequency=min_frequency,
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    other.train_from_iterator([text], trainer)
    model = json.loads(other.to_str())["model"]
    byte_of = {char: byte for byte, char in bytes_to_unicode().items()}

    def as_bytes(name):
        return bytes(byte_of[char] for char in name)

    merges = [tuple(map(as_bytes, pair)) for pair in model["merges"]]
    return merges, {as_bytes(name): index for name, index in model["vocab"].items()}


def random_text(seed, alphabet, length):
    return "".join(random.Random(seed).choices(alphabet, k=length))


def unicode_text(seed):
    """Letras asignadas de todo Unicode, con espacios: lo peor que puede llegar."""
    generator, chars = random.Random(seed), []
    while len(chars) < 300:
        char = chr(generator.choice([generator.randrange(0x250), generator.randrange(0x20000)]))
        if unicodedata.category(char) not in {"Cn", "Cs"}:
            chars += [char, *" " * (generator.random() < 0.3)]
    return "".join(chars)


TRAINING = {
    "relato": (STORY.read_text(encoding="utf-8"), 700, 2),
    "hasta agotarlo": (STORY.read_text(encoding="utf-8")[:3000], 5000, 2),
    "repetidas": ("aaaaaaaaa aaaa aaa aaaaaa", 300, 1),
    "empates": ("ab cd ef gh ñá éü 🙂", 400, 1),
    **{f"azar {seed}": (random_text(seed, "abñ ", 200), 320, 1 + seed % 3) for seed in range(6)},
}


@pytest.mark.parametrize("name", TRAINING)
def test_training_learns_the_same_merges_in_the_same_order(name):
    text, vocab_size, min_frequency = TRAINING[name]
    merges, numbers = train_elsewhere(text, vocab_size, min_frequency)
    ours = train_bpe(text, vocab_size, min_frequency=min_frequency)
    assert ours.merges == merges
    assert ours.number == numbers
    assert ours.n_vocab == len(numbers) + 1 <= vocab_size
    assert ours.decode(ours.encode(text)) == text


def train_slowly(text, vocab_size, min_frequency):
    """El algoritmo tal cual: en cada paso se vuelve a contar todo."""
    words = {to_parts(piece): times for piece, times in Counter(split_text(text)).items()}
    number, merges = {part: index for index, part in enumerate(BYTES)}, []
    while len(number) < vocab_size - 1:
        counts = count_pairs(words)
        pair = min(counts, key=lambda p: (-counts[p], number[p[0]], number[p[1]]), default=None)
        if pair is None or counts[pair] < min_frequency:
            return merges
        merges.append(pair)
        number.setdefault(pair[0] + pair[1], len(number))
        words = {merge_pair(parts, pair): times for parts, times in words.items()}
    return merges


@settings(max_examples=200, deadline=None)
@given(st.text("abcñ '🙂", min_size=1, max_size=120), st.integers(257, 330), st.integers(1, 3))
def test_counting_only_what_changes_learns_the_same(text, vocab_size, min_frequency):
    ours = train_bpe(text, vocab_size, min_frequency=min_frequency)
    assert ours.merges == train_slowly(text, vocab_size, min_frequency)


@st.composite
def some_merges(draw):
    """Fusiones escritas a mano: varias pueden dar el mismo token, y una corta, salir después de una larga."""
    known, merges = [b"a", b"b"], []
    for _ in range(draw(st.integers(1, 25))):
        pair = tuple(draw(st.sampled_from(known)) for _ in range(2))
        if len(pair[0] + pair[1]) < 9 and pair not in merges:
            merges.append(pair)
            known.append(pair[0] + pair[1])
    return merges


@settings(max_examples=200, deadline=None)
@given(some_merges(), st.text("ab", min_size=1, max_size=80))
def test_encoding_gives_the_last_of_the_steps(merges, piece):
    ours = BPETokenizer(merges)
    expected = [ours.number[part] for part in ours.steps(piece)[-1]]
    assert ours.encode(piece) == expected == ours.encode(piece)  # la segunda vez, de memoria
    assert ours.encode(f"{piece}{piece}") == [ours.number[p] for p in ours.steps(piece * 2)[-1]]


def test_what_is_remembered_has_a_limit(monkeypatch):
    monkeypatch.setattr(bpe, "_REMEMBERED", 10)
    ours, text = train_bpe(STORY.read_text(encoding="utf-8")[:2000], 400), STORY.read_text(encoding="utf-8")
    pieces = split_text(text)
    fresh = {piece: BPETokenizer(ours.merges).encode(piece) for piece in set(pieces)}
    assert ours.encode(text) == [token for piece in pieces for token in fresh[piece]]
    assert len(ours._known) <= 10


def test_a_very_long_piece_is_encoded_in_moments():
    """100 000 letras seguidas: paso a paso serían miles de millones de comparaciones."""
    ours, piece = train_bpe("abcabcabc cabcab", 290), random_text(1, "abc", 100_000)
    started = time.process_time()
    assert ours.decode(ours.encode(piece)) == piece
    assert time.process_time() - started < 10


@pytest.fixture(scope="module")
def ours_with_gpt2_tables():
    return BPETokenizer(load_gpt2_merges())


def test_gpt2_is_256_bytes_50000_merges_and_a_special(ours_with_gpt2_tables):
    assert len(ours_with_gpt2_tables.merges) == 50000
    assert (ours_with_gpt2_tables.eot_token, ours_with_gpt2_tables.n_vocab) == (50256, 50257)


@pytest.mark.parametrize("text", [*TEXTS, *map(unicode_text, range(8))])
def test_our_encode_equals_tiktoken(encoding, ours_with_gpt2_tables, text):
    ids = ours_with_gpt2_tables.encode(text)
    assert ids == encoding.encode(text, disallowed_special=())
    assert ours_with_gpt2_tables.decode(ids) == text
    assert ours_with_gpt2_tables.decode_bytes(ids) == encoding.decode_bytes(ids)


def test_the_special_token_is_only_special_when_asked(encoding, ours_with_gpt2_tables):
    text = "uno<|endoftext|><|endoftext|>dos"
    assert ours_with_gpt2_tables.encode(text, special=True) == encoding.encode(text, allowed_special="all")
    assert 50256 not in ours_with_gpt2_tables.encode(text)
    assert ours_with_gpt2_tables.decode([50256]) == "<|endoftext|>"


def test_steps_go_from_bytes_to_tokens():
    ours = train_bpe("mañana mañana mañana", 264)
    history = ours.steps("mañana")
    assert history[0] == (b"m", b"a", b"\xc3", b"\xb1", b"a", b"n", b"a")
    assert all(b"".join(parts) == "mañana".encode() for parts in history)
    assert [len(parts) for parts in history] == sorted((len(parts) for parts in history), reverse=True)
    assert [ours.number[part] for part in history[-1]] == ours.encode("mañana")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ours: train_bpe("hola", 256), "vocab_size debe ser 257 o más .* llegó 256"),
        (lambda ours: train_bpe("hola", 300.0), "vocab_size debe ser un entero"),
        (lambda ours: train_bpe("hola", 300, min_frequency=0), "min_frequency debe ser un entero"),
        (lambda ours: train_bpe("", 300), "Se esperaba un texto con algo dentro"),
        (lambda ours: train_bpe(b"hola", 300), "Se esperaba un texto con algo dentro"),
        (
            lambda ours: ours.encode(None),
            r"Se esperaba un texto; llegó NoneType\. Ponle comillas",
        ),
        (lambda ours: ours.encode(b"hola"), r"llegó bytes\. .*o \.decode\(\)"),
        (lambda ours: ours.steps(5), r"llegó int\. "),  # bytes(5) son cinco ceros
        (lambda ours: ours.steps([104]), r"llegó list\. "),
        (lambda ours: BPETokenizer([("h", "o")]), r"llegó \('h', 'o'\)\. .*cada una como \(b.p., b.a.\)"),
        (lambda ours: BPETokenizer([(b"ho", b"la")]), "que ya existen; llegó"),
        (lambda ours: BPETokenizer([(b"h", b"o", b"l")]), "que ya existen; llegó"),
        (lambda ours: BPETokenizer(ours.merges[::-1]), "Déjalas en el orden en que se aprendieron"),
        (lambda ours: BPETokenizer([b"ho"]), "que ya existen; llegó b'ho'"),
        (lambda ours: BPETokenizer([[b"h", b"o"]]), r"que ya existen; llegó \[b'h', b'o'\]"),
        (lambda ours: ours.encode("a\ud800"), r"sustituto suelto \(U\+D800\)"),
        (lambda ours: ours.decode([ours.n_vocab]), "entero de 0 a .* llegó"),
        (lambda ours: ours.decode([-1]), "entero de 0 a .* llegó -1"),
        (lambda ours: ours.decode([1.0]), "entero de 0 a .* llegó 1.0"),
        (lambda ours: ours.decode([True]), "entero de 0 a .* llegó True"),
        (lambda ours: ours.decode([np.int64(-1)]), r"entero de 0 a .* llegó .*-1"),
        (lambda ours: ours.decode([ours.number[b"\xc3"]]), "no son UTF-8: falta parte de una letra"),
    ],
)
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call(train_bpe("hola hola", 260))


@pytest.mark.parametrize(
    ("text", "recovered"),
    [
        ("\ud83d\ude42", "🙂"),  # las dos mitades de un emoji, como las dejan JavaScript o Windows
        ("hola \ud83d\ude42\ud83d", "hola 🙂"),
        ("\ude42a\ud83db", "ab"),
        ("a\ud83d\ud83d\ude42🙂", "a🙂🙂"),
    ],
)
def test_the_advice_joins_the_halves_of_an_emoji(text, recovered):
    with pytest.raises(ValueError, match="sustituto suelto") as error:
        train_bpe("hola hola", 260).encode(text)
    advised = re.search(r"con: `(texto\..*)`$", str(error.value))[1]
    assert eval(advised, {"texto": text}) == recovered


def test_numbers_of_numpy_are_decoded_too(ours_with_gpt2_tables):
    assert ours_with_gpt2_tables.decode(np.array([15496, 11], dtype=np.uint16)) == "Hello,"


def test_a_generator_is_decoded_too(ours_with_gpt2_tables):
    assert ours_with_gpt2_tables.decode(iter([15496, 11])) == "Hello,"
    with pytest.raises(ValueError, match="llegó 50257"):
        ours_with_gpt2_tables.decode(iter([50257]))


def test_decoding_does_not_copy_the_vocabulary():
    class Counted(list):
        walks = 0

        def __iter__(self):
            Counted.walks += 1
            return super().__iter__()

    ours = train_bpe("hola hola", 260)
    ours.tokens = Counted(ours.tokens)
    assert ours.decode(ours.encode("hola") * 50) == "hola" * 50
    assert Counted.walks == 0


def test_broken_letters_can_be_seen():
    ours = train_bpe("hola", 257)
    assert ours.decode(ours.encode("ñ")[:1], errors="replace") == "\ufffd"
    assert ours.decode_bytes(ours.encode("ñ")[:1]) == b"\xc3"
