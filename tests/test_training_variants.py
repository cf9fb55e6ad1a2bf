"""Los estudios de la lección 14: el presupuesto es el mismo, y lo medido es lo que dice."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from gpt_course.config import STORY_CONFIG, check_config
from gpt_course.loss import next_token_loss
from gpt_course.model import GPTModel
from gpt_course.stories import load_grammar, story_batch
from gpt_course.stories.excess import LABELS, read_stories
from gpt_course.training.studies import lengths, read_study, variants
from gpt_course.training.studies.trials import run_trial, trial_settings

PIECES = [name for name in variants.RATES if name != "RoPE sin devolver"]


def story_model(name, **changes):
    torch.manual_seed(0)
    return GPTModel({**STORY_CONFIG, **variants.changes(name), **changes}).eval()


# --- El presupuesto ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", variants.RATES)
def test_the_budget_counts_what_pytorch_counts(name):
    """Un cuento de longitud media, con la atención a la vista para que PyTorch cuente sus dos productos."""
    model, found = story_model(name), variants.budget(name)
    for block in model.trf_blocks:
        block.att.explicit = True
    words = round(load_grammar().entropy().words)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, words, dtype=torch.long))
    assert counter.get_total_flops() == found.flops * words
    assert found.parameters == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", PIECES)
def test_every_variant_spends_the_same(name):
    ours, theirs = variants.budget(name), variants.budget("GPT-2")
    assert ours.parameters == pytest.approx(theirs.parameters, rel=0.003)
    assert ours.total == pytest.approx(theirs.total, rel=0.002)


def test_the_control_gives_nothing_back():
    control, gpt2 = variants.budget("RoPE sin devolver"), variants.budget("GPT-2")
    table = STORY_CONFIG["context_length"] * STORY_CONFIG["emb_dim"]
    assert control == gpt2._replace(parameters=gpt2.parameters - table)


@pytest.mark.parametrize("name", variants.RATES)
def test_a_variant_changes_its_piece_and_nothing_else(name):
    ours, theirs = (
        trial_settings({"variant": which, "lr": 1e-2, "seed": 1}).as_dict() for which in (name, "GPT-2")
    )
    steps = variants.budget(name).steps
    changed = {key: value for key, value in ours.pop("config").items() if theirs["config"].get(key) != value}
    assert changed == variants.changes(name)
    assert check_config({**STORY_CONFIG, **changed})
    del theirs["config"]
    different = {"steps", "eval_every", "save_every"}  # los pasos, y cada cuántos se mide
    assert {key for key in ours if ours[key] != theirs[key]} <= different and ours["steps"] == steps
    assert (ours["optimizer"], ours["schedule"], ours["sharpen"]) == ("adamw", "cosine", 1.0)


def test_all_the_pieces_are_those_of_each_variant():
    together = {}
    for name in ("RMSNorm", "RoPE", "SwiGLU", "GQA"):
        together |= variants.VARIANTS[name]
    assert {**together, "hidden_dim": None} == {**variants.VARIANTS["todas"], "hidden_dim": None}


# --- Lo medido --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    return read_study("variantes")


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_the_best_rate_is_not_at_the_edge(rows, name):
    """Las tasas de las orillas pierden más que la mejor, con las mismas semillas."""
    best = variants.best_rate(rows, name)
    found = {lr: variants.final_excess(rows, name, lr) for lr in sorted(variants.RATES[name])}
    low, *middle, high = found
    assert all(set(found[lr]) == set(variants.SEEDS) for lr in middle)
    assert sum(found[best].values()) == min(sum(found[lr].values()) for lr in middle)
    for lr in (low, high):
        assert sum(found[lr].values()) > sum(found[best][seed] for seed in variants.PILOT)


def test_what_is_measured_at_the_end_adds_up(rows):
    """Lo que pierde de más cada clase de palabra suma lo que dice la validación, que se midió aparte."""
    words = read_stories(0, variants.EXAM, "validación").mask.sum().item() / variants.EXAM
    for row in rows:
        assert len(row["labels"]) == len(LABELS)
        step, excess = variants.excess_curve(row)[-1]
        assert step == variants.budget(row["trial"]["variant"]).steps
        assert sum(row["labels"]) / words == pytest.approx(excess, abs=2e-4)


def test_the_comparison_is_of_the_same_seeds(rows):
    for name in variants.RATES:
        mine, theirs = variants.final_excess(rows, name), variants.final_excess(rows, "GPT-2")
        assert set(mine) == set(theirs) == set(variants.SEEDS)
        found = variants.differences(rows, name)
        assert found == {seed: mine[seed] - theirs[seed] for seed in variants.SEEDS}


def test_the_doubled_runs_spend_the_double():
    for row in read_study("doble"):
        name, settings = row["trial"]["variant"], trial_settings(row["trial"])
        assert settings.steps == row["validation"][-1][0] == 2 * variants.budget(name).steps
        assert row["trial"]["lr"] in variants.rates(name)


# --- Leer más de lo entrenado -----------------------------------------------------------------------


@pytest.fixture
def short_exam(monkeypatch):
    """El examen largo, con cuatro filas: leerlas con la gramática es lo que tarda."""
    monkeypatch.setattr(lengths, "ROWS", 4)
    lengths.long_exam.cache_clear()
    yield lengths.long_exam()
    lengths.long_exam.cache_clear()


def test_packed_rows_are_the_stories_in_order():
    batch = story_batch(0, 3)
    x, y = lengths.packed(batch, 48)
    text = torch.cat([row[kept] for row, kept in zip(batch[0], batch[2], strict=True)])
    assert torch.equal(x.flatten(), text[: x.numel()]) and len(text) - x.numel() < 48
    assert torch.equal(y.flatten()[:-1], x.flatten()[1:]) and x.shape == y.shape and x.shape[1] == 48


def test_the_long_exam_is_what_the_grammar_says(short_exam):
    exam = short_exam
    assert exam.x.shape == (4, lengths.LONG) and torch.equal(exam.x[:, 1:], exam.y[:, :-1])
    grammar = load_grammar()
    first = [word.log_probability for word in grammar.reading(grammar.story(5, "validación"))]
    assert exam.log_probability[1, : len(first)].tolist() == pytest.approx(first)


def test_each_band_is_the_loss_of_its_places(short_exam):
    model, exam = story_model("RoPE"), short_exam
    found = lengths.band_excess(model)
    long = story_model("RoPE", context_length=lengths.LONG)
    with torch.no_grad():
        losses = F.cross_entropy(long(exam.x).flatten(0, 1), exam.y.flatten(), reduction="none")
        start = next_token_loss(long, exam.x[:, :48], exam.y[:, :48]).item()
    excess = losses.view(exam.x.shape) + exam.log_probability
    assert found[0] == pytest.approx(start + exam.log_probability[:, :48].mean().item(), abs=1e-3)
    for band in (0, 3, 7):
        places = slice(48 * band, 48 * band + 48)
        assert found[band] == pytest.approx(excess[:, places].mean().item(), abs=1e-3)


def test_learned_positions_end_and_a_window_hides_what_is_far(short_exam):
    gpt2 = lengths.band_excess(story_model("GPT-2"))
    assert None not in gpt2[:3] and gpt2[3:] == [None] * 5  # la tabla llega a 144
    rope = story_model("RoPE")
    with torch.no_grad():
        for block in rope.trf_blocks:
            block.att.W_query.weight.mul_(20)  # sin entrenar, casi no mira
    whole, narrow = lengths.band_excess(rope), lengths.band_excess(rope, window=48)
    assert narrow[0] == whole[0] and all(a != b for a, b in zip(narrow[1:], whole[1:], strict=True))
    assert lengths.band_excess(rope, window=lengths.LONG) == whole


def test_the_first_steps_of_a_study_of_lengths_repeat_its_log():
    """Con filas de 48 tokens se entrena con 48: lo dice la pérdida, que es otra."""
    row = read_study("longitud")[0]
    found = run_trial(row["trial"], steps=11)["losses"]
    assert found == pytest.approx(row["losses"][:2], abs=2e-3)
    whole = {key: value for key, value in row["trial"].items() if key != "rows"}
    assert run_trial(whole, steps=1)["losses"] != found[:1]
