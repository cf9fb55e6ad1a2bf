"""De dónde salen los lotes: dependen solo del paso, y en cada vuelta se ve todo una vez."""

import json
import math

import pytest
import torch
from training_runs import TINY, tiny

from gpt_course.data import load_story
from gpt_course.data.__main__ import main as write_tokens
from gpt_course.stories import load_grammar, story_batch
from gpt_course.tokenizer import load_gpt2_tokenizer
from gpt_course.training.sources import Windows, open_source

SHORT = {"data": "relato", "config": {**TINY, "context_length": 16}, "batch": 4}


def source(**changes):
    return open_source(tiny(**changes))


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_stories_are_whole_and_none_comes_back():
    stories = source(accumulation=3)
    for step in (1, 2, 9):
        for index, batch in enumerate(stories.batches(step)):
            assert equal(batch, story_batch((step - 1) * 6 + index * 2, 2, 123))
    assert stories.vocab_size == len(load_grammar().words)


def test_the_stories_to_measure_are_others():
    stories = source(eval_batches=2)
    assert all(
        equal(batch, story_batch(2 * k, 2, "validación")) for k, batch in enumerate(stories.validation())
    )
    assert len(stories.validation()) == 2
    grammar = load_grammar()
    exam = [grammar.story(index, "validación") for index in range(4)]
    tokens = sum(int(batch[2].sum()) for batch in stories.validation())
    assert stories.truth == pytest.approx(-sum(map(grammar.log_probability, exam)) / tokens)
    assert stories.bytes_per_token == sum(len(story.encode()) for story in exam) / tokens
    assert stories.floor == grammar.entropy().nats_per_word


def test_the_truth_is_around_the_floor():
    stories = source(batch=25, eval_batches=4)
    assert stories.truth == pytest.approx(stories.floor, rel=0.05) and stories.truth != stories.floor


def counted(count=1000, **changes):
    """Un texto cuyo token número i es i: cada fila dice de dónde sale."""
    note = {"count": count, "bytes": 3 * count}
    return Windows(torch.arange(count), load_gpt2_tokenizer(), note, tiny(**{**SHORT, **changes}), 16)


def starts(batches):
    """Dónde empieza cada fila de unos lotes, comprobado que cada una son 17 tokens seguidos."""
    for x, y in batches:
        assert x.shape == y.shape == (len(x), 16) and x.dtype == y.dtype == torch.int64
        assert torch.equal(x, x[:, :1] + torch.arange(16)) and torch.equal(y, x + 1)
    return [first for x, _ in batches for first in x[:, 0].tolist()]


def test_windows_are_pieces_of_the_text_and_each_lap_sees_them_all_once():
    text = counted(1009)
    windows = (text.cut - 1) // 16
    seen = starts([batch for step in range(1, windows) for batch in text.batches(step)])
    laps = [seen[k * windows : (k + 1) * windows] for k in range(3)]  # un lote puede estar en dos
    for lap in laps:
        first = min(lap)
        assert sorted(lap) == list(range(first, first + 16 * windows, 16))  # seguidas y sin pisarse
        assert lap != sorted(lap) and first >= 0 and max(lap) + 17 <= text.cut
    assert laps[0] != laps[1] and len({min(lap) for lap in laps}) > 1


def test_a_batch_depends_only_on_step_and_seed():
    one, other = source(**SHORT), source(**SHORT)
    late = one.batches(700)[0]
    for step in (1, 300, 700):
        assert equal(one.batches(step)[0], other.batches(step)[0])
    assert equal(late, other.batches(700)[0])
    assert not equal(late, source(**SHORT, seed=5).batches(700)[0])
    halves = source(**{**SHORT, "batch": 2}, accumulation=2).batches(700)
    assert equal(late, [torch.cat(pieces) for pieces in zip(*halves, strict=True)])  # las mismas filas


def test_the_end_of_the_text_is_only_to_measure():
    text = counted(eval_batches=1)
    exam = starts(text.validation())
    assert text.cut == 900 and exam == [900, 900 + 16, 900 + 48, 900 + 64]  # repartidas por las seis que hay
    assert text.bytes_per_token == 3 and text.floor is text.truth is None
    assert starts(counted(eval_batches=9).validation()) == [900, 916, 932, 948]  # lotes enteros
    assert starts(counted(990).validation())[-1] + 17 <= 990


def test_the_relato_is_read_with_the_tokens_of_gpt2():
    relato = source(**SHORT)
    ids = load_gpt2_tokenizer().encode(load_story())
    ((x, y),) = relato.batches(3)
    text = load_gpt2_tokenizer().decode([*x[1].tolist(), y[1, -1].item()])
    assert text in load_story() and relato.vocab_size == 50257
    assert relato.bytes_per_token == len(load_story().encode()) / len(ids)


def test_with_little_to_measure_one_short_batch_is_enough():
    relato = source(**{**SHORT, "config": {**TINY, "context_length": 250}})
    assert [len(x) for x, _ in relato.validation()] == [3]


def test_a_folder_of_tokens(tmp_path):
    text = tmp_path / "libro.txt"
    text.write_text(load_story()[:6000], encoding="utf-8")
    folder = tmp_path / "tokens"
    assert write_tokens([str(text), "--tokenizer", "300", "--out", str(folder)]) == 0
    book = source(**{**SHORT, "data": str(folder)})
    assert book.vocab_size == 300 and book.description == json.loads((folder / "tokens.json").read_text())
    ((x, _),) = book.batches(1)
    assert book.tokenizer.decode(x[0].tolist()) in load_story()
    assert math.isclose(book.bytes_per_token, book.description["bytes"] / len(book.ids))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "novela"}, r"cuentos, relato o una carpeta.*llegó 'novela', que no existe"),
        (
            {**SHORT, "config": {**TINY, "context_length": 900}},
            r"filas de 900 tokens.*se pueden sacar de 836",
        ),
    ],
)
def test_what_cannot_be_opened(changes, message):
    with pytest.raises(ValueError, match=message):
        source(**changes)


def test_a_folder_without_tokens(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No existe .*tokens\.json"):
        source(data=str(tmp_path))
