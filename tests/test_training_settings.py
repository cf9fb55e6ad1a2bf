"""Los ajustes de una corrida: lo que se decide al crearlos, y en qué se distinguen dos."""

import json
from dataclasses import replace

import pytest
import torch
from modern import EVERYTHING
from training_runs import TINY, tiny

from gpt_course.config import GPT_CONFIG_124M, STORY_CONFIG
from gpt_course.training.schedule import factor
from gpt_course.training.settings import Settings
from gpt_course.training.trainer import Trainer
from gpt_course.training.world import World


def without_vocabulary(cfg):
    return {key: value for key, value in cfg.items() if key != "vocab_size"}


def test_what_is_not_said_is_decided():
    stories, text = Settings(), Settings(data="relato")
    assert stories.config == {**without_vocabulary(STORY_CONFIG), "tie_weights": False}
    assert text.config == {**without_vocabulary(GPT_CONFIG_124M), "tie_weights": False}
    assert (stories.lr, text.lr, tiny(lr=None).lr) == (5e-3, 6e-4, 1e-3)
    assert (stories.warmup, Settings(steps=70).warmup, Settings(steps=3).warmup) == (50, 7, 0)
    assert Settings(eval_every=30).save_every == 30
    assert Settings(config="cuentos", tied=True, drop_rate=0.5).config["drop_rate"] == 0.5


def test_they_survive_json():
    for settings in (Settings(), tiny(tied=True, drop_rate=0.25), Settings(data="relato", context=64)):
        assert Settings(**json.loads(json.dumps(settings.as_dict()))) == settings


def test_the_vocabulary_is_that_of_the_data():
    assert Settings().model_config(31)["vocab_size"] == 31
    assert tiny(config={**TINY, "vocab_size": 9}).model_config(9)["vocab_size"] == 9
    with pytest.raises(ValueError, match=r"vocab_size = 9 y los datos tienen 31"):
        tiny(config={**TINY, "vocab_size": 9}).model_config(31)


def test_when_it_measures_and_at_what_rate():
    settings = tiny(steps=8, warmup=2, schedule="wsd")
    assert [step for step in range(1, 9) if settings.measures(step)] == [3, 6, 8]
    expected = [factor(step, schedule="wsd", steps=8, warmup=2) for step in range(1, 9)]
    assert [settings.factor(step) for step in range(1, 9)] == expected


@pytest.mark.parametrize("name", [*Settings().as_dict()])
def test_a_difference_is_called_by_its_name(name):
    other = {"data": "relato", "config": {**TINY, "emb_dim": 4}, "tied": True, "drop_rate": 0.5, "context": 9}
    other |= {"schedule": "wsd", "optimizer": "muon", "dtype": "bf16", "lr": 0.5, "clip": 9.0, "warmup": 3}
    base = tiny(data="relato", config={**TINY, "context_length": 16})
    changed = replace(base, **{name: other.get(name, 7)})
    if name == "data":
        base = changed
        changed = replace(base, data="otra")
    called = {"config": ["context_length", "emb_dim"], "tied": ["tie_weights"]}
    free = name in ("save_every", "keep")
    assert sorted(changed.differences(base)) == ([] if free else called.get(name, [name]))
    assert base.differences(base) == []


@pytest.mark.parametrize("config", [{}, 5, ["cuentos"], "no/hay.json"])
def test_bad_configurations(config):
    with pytest.raises(ValueError, match=r"configuración"):
        Settings(config=config)


def test_a_file_brings_the_pieces_of_today(tmp_path):
    path = tmp_path / "hoy.json"
    path.write_text(json.dumps(EVERYTHING), encoding="utf-8")
    settings = tiny(config=str(path))
    assert settings.config == {**EVERYTHING, "tie_weights": False}
    assert Settings(**json.loads(json.dumps(settings.as_dict()))) == settings
    assert settings.model_config(EVERYTHING["vocab_size"]) == settings.config
    assert tiny(config={**EVERYTHING, "window": 4}).differences(settings) == ["window"]
    path.write_text(json.dumps({**EVERYTHING, "positions": "alibi"}), encoding="utf-8")
    with pytest.raises(ValueError, match="positions debe ser"):
        tiny(config=str(path))


def test_a_trainer_sharpens_what_its_last_norm_has():
    trainer = Trainer(
        tiny(config={**EVERYTHING, "vocab_size": 425, "context_length": 144}, sharpen=2.0), World()
    )
    trainer.model.eval()
    ids = torch.tensor([[1, 2, 3]])
    before = trainer.model(ids)
    trainer.sharpen()
    torch.testing.assert_close(trainer.model(ids), 2 * before)
