"""Los estudios: sus registros son los que dan sus órdenes, y nadie los ha retocado."""

import hashlib
import json

import pytest
import torch

from gpt_course.stories import load_grammar
from gpt_course.training import studies
from gpt_course.training.studies import FOLDER, PAUSE, STUDIES, best_rates, find_trial, read_study, trials
from gpt_course.training.studies.__main__ import main
from gpt_course.training.studies.trials import run_trial
from gpt_course.training.studies.variants import THIN

# De cada archivo, para que un número cambiado a mano se note. Si repites un estudio, pon aquí los nuevos.
DIGESTS = {
    "tasas": "6a7ab9eb938d7c344692e9498e92543d1fd6bd4248f105f1db1b01eb7df21ff1",
    "barrido": "6f52bb72d2d2fe49a194160a05d6634b6b8a2f56992261cf32bc8380b8172660",
    "semillas": "5d6592cd3c59392140506e2888d117f5a417c362c77d2e28b3bc0478a585a08d",
    "reanudar": "31f05181cf9ca6f40d39372afcdcc6a2bb642f5ef1010a9bac0e0da57c70ae79",
    "variantes": "af8eb6147672d2aace3c2b0a97bd3f401c25a905f810a25a9774833126b0b330",
    "longitud": "3ca2bdfd8b92ac8c829777cb27753c2f1ceb30dcea148f53d66663944baa0df6",
    "doble": "fbc41ce63dfc920f986a03e347270208c63e86eee48766c7d983ae7d33b5a5e4",
}


@pytest.fixture
def few_stories(monkeypatch):
    """Mide con un solo lote: al entrenar no cambia nada, y es casi todo lo que tarda una prueba corta."""
    monkeypatch.setattr(trials, "BASE", {**studies.BASE, "eval_batches": 1})


def head(name):
    return json.loads((FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[0])


def test_every_study_has_its_log_and_nothing_else():
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == set(STUDIES) == set(DIGESTS)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.jsonl")) < 300_000


@pytest.mark.parametrize("name", STUDIES)
def test_nobody_has_touched_a_log(name):
    assert hashlib.sha256((FOLDER / f"{name}.jsonl").read_bytes()).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("name", STUDIES)
def test_a_log_has_every_trial_of_its_study_whole(name):
    rows = read_study(name)
    assert [row["trial"] for row in rows] == STUDIES[name]()
    for row in rows:
        settings = trials.trial_settings(row["trial"])
        thin = THIN if "variant" in row["trial"] else 1
        assert len(row["losses"]) == len(range(0, settings.steps, thin))
        steps = [step for step in range(1, settings.steps + 1) if settings.measures(step)]
        assert [step for step, _ in row["validation"]] == steps and row["seconds"] > 0
        assert all(0 < value < 100 for value in [*row["losses"], *(loss for _, loss in row["validation"])])


@pytest.mark.parametrize("name", STUDIES)
def test_a_log_tells_how_it_was_made(name):
    told = head(name)
    assert told["command"] == f"python -m gpt_course.training.studies {name}"
    assert told["torch"].startswith("2.") and told["processor"] and told["threads"] == 1
    assert told["floor"] == pytest.approx(load_grammar().entropy().nats_per_word, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "place"),
    [("tasas", 5), ("barrido", -1), ("semillas", 3), ("semillas", -5), ("reanudar", 0), ("variantes", -3)],
)
def test_the_first_steps_of_a_trial_repeat_its_log(name, place, few_stories):
    row = read_study(name)[place]
    found = run_trial(row["trial"], steps=11)["losses"]
    assert found == pytest.approx(row["losses"][: len(found)], abs=2e-3)


def test_the_rates_of_the_seeds_are_the_best_of_the_sweep():
    rows = read_study("barrido")
    for name, model in studies.MODELS.items():
        losses = {
            lr: find_trial(rows, {**model, "lr": lr, "seed": 0})["validation"][-1][1] for lr in studies.RATES
        }
        assert losses[best_rates()[name]] == min(losses.values())
    assert {row["trial"]["seed"] for row in read_study("semillas")} == {1, 2, 3, 4, 5}  # la 0 eligió la tasa
    with pytest.raises(ValueError, match="studies barrido"):
        best_rates(rows[1:])


def test_what_is_forgotten_is_seen_when_the_lesson_says(few_stories, monkeypatch):
    """También en pequeño: antes de reanudar nada cambia; después, según lo que se olvida."""
    monkeypatch.setattr(trials, "PAUSE", 3)
    common = {"lr": 5e-3, "seed": 0, "drop_rate": 0.1, "warmup": 0}
    whole = run_trial(common, steps=6)["losses"]
    short = {
        what: run_trial({**common, "forgets": what}, steps=6)["losses"]
        for what in ("nada", "optimizador", "datos", "generador")
    }
    for runs, pause, reference in ((short, 3, whole), (logged(), PAUSE, read_study("reanudar")[0]["losses"])):
        first = {what: losses[pause] == reference[pause] for what, losses in runs.items()}
        second = {what: losses[pause + 1] == reference[pause + 1] for what, losses in runs.items()}
        assert all(losses[:pause] == reference[:pause] for losses in runs.values())
        assert runs["nada"] == reference
        assert first == {"nada": True, "optimizador": True, "datos": False, "generador": False}
        assert second == {"nada": True, "optimizador": False, "datos": False, "generador": False}


def logged():
    return {
        row["trial"]["forgets"]: row["losses"] for row in read_study("reanudar") if "forgets" in row["trial"]
    }


def test_the_initialisation_of_pytorch_is_that_of_the_model(few_stories):
    """Con los números de fábrica la primera pérdida es otra, y vincular la dispara."""
    first = {
        (tied, init): run_trial({"lr": 5e-3, "seed": 1, "tied": tied, "init": init}, steps=1)["losses"][0]
        for tied in (False, True)
        for init in ("gpt2", "torch")
    }
    assert first[False, "gpt2"] < first[False, "torch"] < 7 < 20 < first[True, "torch"]
    assert first[True, "gpt2"] < 6.5


def test_a_trial_leaves_the_generator_of_torch_as_it_was(few_stories):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    run_trial({"lr": 5e-3, "seed": 1, "init": "torch"}, steps=1)
    assert torch.equal(torch.get_rng_state(), before)


# --- La orden ---------------------------------------------------------------------------------------


@pytest.fixture
def pretended(monkeypatch):
    """Un estudio de tres pruebas que no entrenan; la lista que da crece con cada una que se hace."""
    done = []

    def run(trial):
        done.append(trial["seed"])
        return {"trial": trial, "losses": [1.0], "validation": [[1, 1.0]], "seconds": 0.1}

    monkeypatch.setattr("gpt_course.training.studies.__main__.run_trial", run)
    monkeypatch.setitem(STUDIES, "tasas", lambda: [{"seed": seed} for seed in range(3)])
    return done


def test_the_command_trains_only_what_is_missing(tmp_path, pretended, monkeypatch):
    assert main(["tasas"], tmp_path) == 0
    assert pretended == [0, 1, 2]
    path = tmp_path / "tasas.jsonl"
    *_, third, _ = path.read_text(encoding="utf-8").split("\n")
    kept = path.read_text(encoding="utf-8").removesuffix(third + "\n")
    path.write_text(kept + third[:9], encoding="utf-8")  # murió al escribir la última
    assert main(["tasas"], tmp_path) == 0
    assert pretended == [0, 1, 2, 2]
    assert [row["trial"]["seed"] for row in read_study("tasas", tmp_path)] == [0, 1, 2]


def test_ctrl_c_keeps_what_is_done(tmp_path, pretended, monkeypatch, capsys):
    def interrupted(trial):
        if trial["seed"] == 1:
            raise KeyboardInterrupt
        return {"trial": trial, "losses": [1.0], "validation": [[1, 1.0]], "seconds": 0.1}

    monkeypatch.setattr("gpt_course.training.studies.__main__.run_trial", interrupted)
    assert main(["tasas"], tmp_path) == 130
    assert "Interrumpido" in capsys.readouterr().err
    assert [row["trial"]["seed"] for row in read_study("tasas", tmp_path)] == [0]


@pytest.mark.parametrize("arguments", [[], ["rates"], ["tasas", "--prisa"]])
def test_bad_input_is_one_sentence(tmp_path, arguments, capsys):
    assert main(arguments, tmp_path) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and "Por ejemplo" in err
    assert not list(tmp_path.iterdir())


def test_the_seeds_need_the_sweep(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(studies, "read_study", lambda name: [])
    assert main(["semillas"], tmp_path) == 2
    assert "studies barrido" in capsys.readouterr().err
