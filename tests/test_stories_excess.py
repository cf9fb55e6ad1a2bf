"""Lo que un modelo pierde de más que la gramática, repartido por clases de palabras."""

import math

import pytest
import torch

from gpt_course.stories import load_grammar, load_story_tokenizer, story_batch
from gpt_course.stories.excess import LABELS, excess_by_label, read_stories

COUNT = 6


@pytest.fixture(scope="module")
def stories():
    return read_stories(3, COUNT)


def test_the_stories_are_those_of_the_batch_with_their_reading(stories):
    batch = story_batch(3, COUNT, "validación")
    assert all(torch.equal(a, b) for a, b in zip(stories, batch, strict=False))
    grammar, words = load_grammar(), load_story_tokenizer().words
    for row in range(COUNT):
        reading, length = grammar.reading(grammar.story(3 + row, "validación")), int(stories.mask[row].sum())
        assert [words[i] for i in stories.y[row, :length].tolist()] == [word.word for word in reading]
        assert [LABELS[i] for i in stories.label[row, :length].tolist()] == [word.label for word in reading]
        assert stories.log_probability[row, :length].tolist() == [word.log_probability for word in reading]
    assert (stories.label[~stories.mask] == -1).all() and not stories.log_probability[~stories.mask].any()
    assert {LABELS[i] for i in stories.label[stories.mask].tolist()} <= set(LABELS)


def test_another_series_gives_other_stories(stories):
    assert not torch.equal(read_stories(3, COUNT, seed=1).x[:, :30], stories.x[:, :30])


def exact_logits(stories):
    """Lo que diría quien sabe la gramática entera: el logaritmo de su probabilidad, en cada lugar."""
    tokenizer, grammar = load_story_tokenizer(), load_grammar()
    logits = torch.full((*stories.x.shape, tokenizer.n_vocab), -torch.inf, dtype=torch.float64)
    for row in range(COUNT):
        for place, truth in enumerate(grammar.follow(grammar.story(3 + row, "validación"))):
            for word, probability in truth.items():
                logits[row, place, tokenizer.number[word]] = math.log(probability)
    return logits


def test_who_knows_the_grammar_loses_nothing_more(stories):
    logits = exact_logits(stories)
    logits[~stories.mask] = 0  # lo que se diga en el relleno no cuenta
    excess = excess_by_label(logits, stories)
    assert tuple(excess) == LABELS
    assert all(abs(value) < 1e-9 for value in excess.values())


def test_the_parts_add_up_to_the_whole_and_each_goes_to_its_label(stories):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn((*stories.x.shape, load_story_tokenizer().n_vocab), generator=generator)
    excess = excess_by_label(logits, stories)
    losses = -logits.double().log_softmax(-1).gather(-1, stories.y[..., None])[..., 0]
    whole = (losses + stories.log_probability)[stories.mask].sum().item() / COUNT
    assert sum(excess.values()) == pytest.approx(whole, abs=1e-6)
    for place, label in enumerate(LABELS):  # con un logit mayor en esos lugares, solo baja esa clase
        better = logits.clone()
        rows = stories.label == place
        better[rows] = better[rows].scatter(-1, stories.y[rows][:, None], 30.0)
        changed = excess_by_label(better, stories)
        assert [name for name in LABELS if changed[name] != excess[name]] == [label] * bool(rows.any())
