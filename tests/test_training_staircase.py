"""La escalera: lo guardado se repite, y las medidas que lleva son las que dice."""

import json

import pytest
import torch
from reference import tiny_model

from gpt_course.stories import load_story_tokenizer
from gpt_course.stories.excess import LABELS, excess_by_label, read_stories
from gpt_course.training import copying, staircase, train

VOCABULARY = load_story_tokenizer().n_vocab


@pytest.fixture(scope="module")
def exam():
    return read_stories(0, 4)


@pytest.fixture(scope="module")
def model():
    return tiny_model(vocab_size=VOCABULARY, context_length=144, n_heads=4)


def test_what_is_kept_has_every_seed_and_every_mark():
    log = staircase.load_staircase()
    assert tuple(log["labels"]) == LABELS and tuple(log["steps"]) == staircase.MARKS
    assert (
        [run["seed"] for run in log["stories"]] == [run["seed"] for run in log["copies"]] == [1, 2, 3, 4, 5]
    )
    for run in log["stories"]:
        assert [len(row) for row in run["excess"]] == [len(LABELS)] * len(staircase.MARKS)
        assert [[len(row) for row in table] for table in run["damage"]] == [[len(LABELS)] * 8] * 3
        assert len(run["pairs"]) == 2 * 6 and len(run["lens"]) == 3
        assert run["excess"][-1] < run["excess"][0]
    assert staircase.LOG.stat().st_size < 100_000


def test_the_first_steps_of_what_is_kept_are_repeated():
    state = torch.get_rng_state()
    exam = read_stories(0, staircase.CLIMB_STORIES)
    _, found = staircase.climb(2, (0, 10), exam)
    kept = staircase.load_staircase()["stories"][1]["excess"]
    for new, old in zip(found, kept, strict=False):  # 0 y 10
        assert new == pytest.approx(old, rel=2e-3, abs=2e-3)
    assert torch.equal(torch.get_rng_state(), state)


def test_damage_is_what_goes_up_without_those_heads(model, exam):
    alone, pair = staircase.damage(model, exam, [[(1, 2)], [(0, 0), (0, 3)]])
    without = tiny_model(vocab_size=VOCABULARY, context_length=144, n_heads=4)
    with torch.no_grad():
        whole = excess_by_label(model(exam.x), exam)
        without.trf_blocks[1].att.out_proj.weight[:, 4:6] = 0
        broken = excess_by_label(without(exam.x), exam)
    assert alone == pytest.approx([broken[label] - whole[label] for label in LABELS], abs=1e-4)
    assert max(map(abs, pair)) > 1e-3 and pair != alone
    assert excess_by_label(model(exam.x), exam) == whole  # no queda nada apagado


def test_looks_adds_the_weight_on_the_earlier_copies(model, exam):
    from gpt_course.inspection import attention_weights

    weights, place = attention_weights(model, exam.x), LABELS.index("nombre")
    found = {head: [] for head in range(8)}
    for row, column in (exam.label == place).nonzero().tolist():
        copies = [s for s in range(column + 1) if exam.x[row, s] == exam.y[row, column]]
        for head in found:
            found[head].append(weights[head // 4, row, head % 4, column, copies].sum().item())
    expected = [sum(values) / len(values) for values in found.values()]
    assert staircase.looks(model, exam, "nombre") == pytest.approx(expected, abs=1e-5)


def test_repeated_strings_repeat_and_know_when():
    ids, known = copying.repeated_strings(64, torch.Generator().manual_seed(3))
    assert ids.shape == (64, 25) and known.shape == (64, 24)
    for row, seen in zip(ids.tolist(), known.tolist(), strict=True):
        period = seen.index(True)
        assert 4 <= period <= 10 and all(seen[period:])
        assert len(set(row[:period])) == period  # sin repetir dentro
        assert all(row[t] == row[t - period] for t in range(period, 25))
        assert seen == [row[t] in row[:t] for t in range(24)]
    assert {seen.index(True) for seen in known.tolist()} == set(range(4, 11))


def test_copy_loss_looks_only_where_it_can_be_known():
    ids, known = copying.repeated_strings(8, torch.Generator().manual_seed(3))

    def perfect(x):
        logits = torch.zeros(*x.shape, copying.SYMBOLS)
        return logits.scatter(-1, ids[:, 1:, None], 100.0).where(known[..., None], 0)

    loss, right = copying.copy_loss(perfect, ids, known)
    assert loss == pytest.approx(0, abs=1e-6) and right == 1


def test_a_copier_is_made_again_by_its_seed_and_learns():
    (first, optimizer), (second, _) = copying.make_copier(2, 1), copying.make_copier(2, 1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    losses = train(first, copying.copy_batches(1), optimizer, steps=5)
    assert losses[-1] < losses[0]


def test_the_command_writes_what_it_measures(monkeypatch, tmp_path):
    monkeypatch.setattr(staircase, "LOG", tmp_path / "log.json")
    monkeypatch.setattr(staircase, "SEEDS", (7,))
    monkeypatch.setattr(staircase, "MARKS", (0, 1))
    monkeypatch.setattr(staircase, "STORIES", 2)
    monkeypatch.setattr(staircase, "CLIMB_STORIES", 2)
    monkeypatch.setattr(staircase, "COPY_STEPS", 1)
    staircase.main()
    log = json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))
    (run,), (copied,) = log["stories"], log["copies"]
    assert run["seed"] == copied["seed"] == 7 and len(run["excess"]) == 2
    assert set(copied["off"]) == {"0.0", "0.1", "1.0", "1.1", "0.0+0.1", "1.0+1.1"}
