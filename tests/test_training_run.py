"""La corrida entera: lo que calcula, y que seguir donde se quedó es como no haber parado nunca."""

import functools
import itertools
import json
import math
import os
import platform
import shutil
import signal
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from training_runs import TINY, tiny

from gpt_course.fast import chunked_loss, make_fast
from gpt_course.initialization import init_gpt2
from gpt_course.model import GPTModel
from gpt_course.models import load_model
from gpt_course.stories import load_grammar, load_story_tokenizer, story_batch
from gpt_course.training import checkpoints, folder, trainer
from gpt_course.training.checkpoints import Checkpoints, only_one
from gpt_course.training.log import read_log, without_clock
from gpt_course.training.objective import halved_loss
from gpt_course.training.run import Stopped, run
from gpt_course.training.world import World

RELATO = {"data": "relato", "config": {**TINY, "context_length": 16}}


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def quiet(text):
    pass


@functools.cache
def at_once():
    """La corrida diminuta, sin carpeta ni parar: lo que debe salir también por cualquier otro camino."""
    return run(tiny())


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Esperar al disco no cambia lo que ve otro proceso; que se espera lo mira test_training_checkpoints."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


# --- Lo que calcula -------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_losses_are_those_of_a_loop_by_hand(accumulation):
    settings = tiny(steps=5, accumulation=accumulation, warmup=2, clip=0.5, head_rate=accumulation)
    rows = [row for row in run(settings).log if "loss" in row]
    torch.manual_seed(settings.seed)
    model = init_gpt2(GPTModel({"vocab_size": load_story_tokenizer().n_vocab, **TINY}))
    head = model.out_head.weight
    decayed = [p for p in model.parameters() if p.dim() == 2 and p is not head]
    others = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}]
    groups.append({"params": [head], "weight_decay": 0.1})
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95))
    seen = 0
    for index, rate in enumerate([0.5, 1, 0.75, 0.5, 0.25]):
        rate = rate if index < 2 else (1 + math.cos(math.pi * (index - 1) / 4)) / 2
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * rate
        optimizer.param_groups[2]["lr"] *= accumulation
        rows_a_step = 2 * accumulation
        x, y, mask = story_batch(index * rows_a_step, rows_a_step, settings.seed)  # de una vez
        loss = torch.nn.functional.cross_entropy(model(x)[mask], y[mask])
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        seen += int(mask.sum())
        row = rows[index]
        assert row["loss"] == pytest.approx(loss.item(), rel=1e-5)
        assert row["norm"] == pytest.approx(norm.item(), rel=1e-4)
        assert (row["step"], row["tokens"]) == (index + 1, seen)
        assert row["lr"] == pytest.approx(0.01 * rate)


def test_the_validation_is_measured_as_it_says():
    result = run(tiny(eval_batches=3, sharpen=1.5))
    *_, row = [row for row in result.log if "validation" in row]
    grammar, lost, truth, count, size = load_grammar(), 0, 0, 0, 0
    with torch.no_grad():
        for index in range(6):
            x, y, mask = story_batch(index, 1, "validación")
            lost += torch.nn.functional.cross_entropy(result.model(x)[mask], y[mask], reduction="sum").item()
            story = grammar.story(index, "validación")
            truth -= grammar.log_probability(story)
            count, size = count + int(mask.sum()), size + len(story.encode())
    assert row["validation"] == pytest.approx(lost / count, rel=1e-5)
    assert row["bits"] == pytest.approx(lost / count / math.log(2), rel=1e-5)
    assert row["bits_per_byte"] == pytest.approx(lost / size / math.log(2), rel=1e-5)
    assert row["excess"] == pytest.approx((lost - truth) / count, rel=1e-4)
    assert row["floor"] == grammar.entropy().nats_per_word


def test_at_the_end_the_logits_may_be_sharpened(tmp_path):
    """Solo los del modelo que se guarda: lo que hace falta para seguir, y lo que se mide antes, es igual."""
    plain = run(tiny(steps=4, eval_every=2))
    sharp = run(tiny(steps=4, eval_every=2, sharpen=1.5), tmp_path)
    x = story_batch(0, 2)[0]
    with torch.no_grad():
        torch.testing.assert_close(sharp.model(x), 1.5 * plain.model(x), rtol=1e-5, atol=1e-6)
    assert same_weights(load_model(tmp_path)[0], sharp.model)
    assert same_weights(load_model(tmp_path / "puntos" / "paso-000004")[0], plain.model)
    middle, last = ([row for row in each.log if "validation" in row] for each in (plain, sharp))
    assert (
        middle[0]["validation"] == last[0]["validation"] and middle[1]["validation"] != last[1]["validation"]
    )
    again = run(tiny(steps=4, eval_every=2, sharpen=1.5), tmp_path, resume=True, say=quiet)
    assert same_weights(again.model, sharp.model)  # una vez y no dos


def test_rows_and_header():
    result = run(tiny(steps=7))
    head, *rows = result.log
    kinds = [(row["step"], "validation" in row) for row in rows]
    steps = [(step, False) for step in range(1, 8)]
    assert kinds == sorted([*steps, (3, True), (6, True), (7, True)])
    assert head["run"] == tiny(steps=7).as_dict()
    assert head["parameters"] == sum(p.numel() for p in result.model.parameters())
    source = result.source
    assert (head["floor"], head["bytes_per_token"]) == (source.floor, source.bytes_per_token)
    machine = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    assert head["machine"] == {**machine, "processor": platform.processor()}
    assert not result.model.training


@pytest.mark.parametrize(("name", "kinds"), [("adamw", ["AdamW"]), ("muon", ["Muon", "AdamW"])])
def test_the_optimizer_is_the_one_asked_for_and_makes_its_step_in_one_go(name, kinds):
    optimizer = trainer.Trainer(tiny(optimizer=name), World()).optimizer
    found = getattr(optimizer, "optimizers", [optimizer])
    assert [type(each).__name__ for each in found] == kinds
    assert all(group["fused"] is True for group in found[-1].param_groups)


@pytest.mark.parametrize(("dtype", "loss"), [("fp32", chunked_loss), ("bf16", halved_loss)])
def test_each_precision_has_its_loss(dtype, loss):
    assert trainer.Trainer(tiny(dtype=dtype), World()).job.loss is loss


def test_dropout_rests_while_it_measures():
    one = trainer.Trainer(tiny(drop_rate=0.5), World())
    assert one.evaluate()["validation"] == one.evaluate()["validation"]
    assert one.model.training


class HalfWorld(World):
    """El primero de dos procesos: apunta lo que se le pide."""

    size = 2

    def __init__(self):
        self.shared, self.sown = [], []

    def share(self, batch):
        self.shared.append(len(batch[0]))
        return [piece[: len(piece) // 2] for piece in batch]

    def sow(self, seed):
        self.sown.append(seed)


def test_a_row_longer_than_the_table_of_positions_is_refused():
    with pytest.raises(ValueError, match=r"Hay filas de \d+ tokens y context_length es 9: elige uno mayor"):
        trainer.Trainer(tiny(config={**TINY, "context_length": 9}), World())


def test_the_names_in_a_checkpoint_are_always_the_same(stopped):
    """Las corridas que ya están guardadas se siguen leyendo."""
    names = load_file(stopped / "puntos" / "paso-000005" / trainer.TENSORS)
    assert {name.partition("/")[0] for name in names} == {"optimizador", "generador"}
    assert "generador/torch" in names


def test_what_is_shared_among_processes():
    with pytest.raises(ValueError, match=r"lotes de 3 filas .* entre 2 procesos.*múltiplo de 2"):
        trainer.Trainer(tiny(batch=3), HalfWorld())
    one = trainer.Trainer(tiny(), HalfWorld())
    one.exam = [one.exam[0], [piece[:1] for piece in one.exam[0]]]
    one.evaluate()
    assert one.world.shared == [2]  # el lote de una sola fila lo miran los dos
    one.advance()
    one.advance()
    assert one.world.sown == ["123/1", "123/2"]  # cada paso, otro dropout


def test_the_seconds_are_those_of_the_clock_also_when_it_goes_on(tmp_path, monkeypatch):
    """Con un reloj que avanza 1,0006 s cada vez que se mira, eso tardan cada paso y cada medida."""
    clock = itertools.count(0, 1.0006)
    monkeypatch.setattr(trainer, "time", SimpleNamespace(perf_counter=clock.__next__))
    with pytest.raises(Stopped):
        stop_after(4, tiny(), tmp_path / "otra")
    again = run(tiny(), tmp_path / "otra", resume=True, say=quiet)
    seconds = [row["seconds"] for row in again.log[1:]]
    assert seconds == [round(1.0006 * count, 3) for count in range(1, 6 + 2 + 1)]


def test_the_generator_of_the_caller_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(tiny(steps=1, drop_rate=0.2))
    assert torch.equal(torch.rand(3), expected)


# --- Parar y seguir -------------------------------------------------------------------------------


class Snapshots:
    """Copia la carpeta justo antes y justo después de cada cosa que se hace en el disco.

    Es lo que deja un `kill -9` en ese instante: los archivos como están, y nada de lo que aún no se escribió.
    """

    def __init__(self, out, copies, monkeypatch):
        self.out, self.copies, self.count = out, copies, 0
        for module, name in [
            *((os, name) for name in ("rename", "replace")),
            (checkpoints.shutil, "rmtree"),
            *((trainer, name) for name in ("save_model", "save_file")),
            (folder, "save_model"),
        ]:
            monkeypatch.setattr(module, name, self.around(getattr(module, name)))

    def around(self, function):
        def watched(*args, **options):
            self.take()
            result = function(*args, **options)
            self.take()
            return result

        return watched

    def take(self):
        if self.out.exists():
            shutil.copytree(self.out, self.copies / f"{self.count:03d}")
            self.count += 1


def distinct(copies):
    """Las copias que no son iguales que la de antes."""
    seen = None
    for copy in sorted(copies.iterdir()):
        files = [path for path in sorted(copy.rglob("*")) if path.is_file()]
        found = [(path.relative_to(copy).as_posix(), path.read_bytes()) for path in files]
        if found != seen:
            yield copy
        seen = found


HARD = {"optimizer": "muon", "accumulation": 2, "drop_rate": 0.2}


@pytest.mark.parametrize(("changes", "every"), [({}, 1), ({**HARD, **RELATO}, 9)], ids=["cuentos", "relato"])
def test_killed_at_any_instant_and_resumed_is_like_never_stopped(changes, every, tmp_path, monkeypatch):
    settings, out, copies = tiny(steps=4, **changes), tmp_path / "corrida", tmp_path / "copias"
    copies.mkdir()
    with monkeypatch.context() as patch:
        Snapshots(out, copies, patch)
        whole = run(settings, out)
    killed = list(distinct(copies))
    assert len(killed) > 15
    for copy in killed[::every]:
        again = run(settings, copy, resume=True, say=quiet)
        assert without_clock(again.log) == without_clock(whole.log), copy
        assert without_clock(read_log(copy)) == without_clock(read_log(out)) == without_clock(whole.log)
        assert same_weights(load_model(copy)[0], whole.model)
        assert Checkpoints(copy / "puntos", 2).steps() == Checkpoints(out / "puntos", 2).steps()
        left = {path.name for path in copy.rglob("*")}
        assert not any(name.startswith((".escribiendo", ".borrando", ".guardando")) for name in left)


@pytest.mark.parametrize("end", ['{"step": 5, "lo', '{"step": 5, "loss": 1.0}\n{"step": 6', "\x00\x00"])
def test_a_half_line_at_the_end_of_the_log_is_no_obstacle(end, tmp_path):
    with pytest.raises(Stopped):
        stop_after(4, tiny(), tmp_path / "otra")
    with open(tmp_path / "otra" / "log.jsonl", "a", encoding="utf-8") as file:
        file.write(end)
    again = run(tiny(), tmp_path / "otra", resume=True, say=quiet)
    assert without_clock(again.log) == without_clock(at_once().log)


def stop_after(step, settings, out, number=signal.SIGINT, say=quiet, **options):
    """La corrida, con una señal que llega a este proceso mientras se da el paso siguiente a `step`."""
    with pytest.MonkeyPatch.context() as patch:
        advance = trainer.Trainer.advance

        def interrupted(self):
            if self.step == step - 1:
                signal.raise_signal(number)
            return advance(self)

        patch.setattr(trainer.Trainer, "advance", interrupted)
        return run(settings, out, say=say, **options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_step_saves_and_says_where(number, tmp_path, capsys):
    before = signal.getsignal(number)
    with pytest.raises(Stopped, match=r"Interrumpido en el paso 3 de 6") as caught:
        stop_after(3, tiny(), tmp_path / "otra", number, quiet)
    assert caught.value.signal == number
    assert "Se acaba este paso y se guarda; otra interrupción corta sin guardar." in capsys.readouterr().err
    assert signal.getsignal(number) == before  # como estaba
    model, _ = load_model(tmp_path / "otra")  # ya se puede usar
    assert same_weights(model, load_model(tmp_path / "otra" / "puntos" / "paso-000003")[0])
    again = run(tiny(), tmp_path / "otra", resume=True, say=quiet)
    assert without_clock(again.log) == without_clock(at_once().log)


def test_other_threads_are_warned_of(tmp_path):
    run(tiny(), tmp_path)
    said, threads = [], torch.get_num_threads()
    run(tiny(), tmp_path, resume=True, say=said.append)
    assert not any("hilos" in text for text in said)
    try:
        torch.set_num_threads(threads + 1)
        run(tiny(), tmp_path, resume=True, say=said.append)
    finally:
        torch.set_num_threads(threads)
    assert any(f"otra cuenta de hilos ({threads}) y ahora son {threads + 1}" in text for text in said)


def test_a_finished_run_can_be_resumed_and_nothing_changes(tmp_path):
    whole = run(tiny(), tmp_path)
    before = files(tmp_path / "puntos")
    (tmp_path / "model.safetensors").unlink()  # como si hubiera muerto antes de escribirlo
    again = run(tiny(), tmp_path, resume=True, say=quiet)
    assert without_clock(again.log) == without_clock(whole.log)
    assert same_weights(load_model(tmp_path)[0], whole.model)
    assert files(tmp_path / "puntos") == before


# --- Lo que se rechaza ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Una corrida que se paró en el paso 5."""
    out = tmp_path_factory.mktemp("parada") / "corrida"
    with pytest.raises(Stopped):
        stop_after(5, tiny(), out)
    return out


@pytest.fixture
def copy(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "copia")


def files(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.02}, r"es con lr = 0\.01, y se pide lr = 0\.02"),
        ({"batch": 3, "seed": 5}, r"batch = 2, seed = 123, y se pide batch = 3, seed = 5"),
        ({"tied": True}, "es con tie_weights = False, y se pide tie_weights = True"),
        ({"drop_rate": 0.5}, r"drop_rate = 0\.0, y se pide drop_rate = 0\.5"),
        ({"steps": 7}, r"steps = 6, y se pide steps = 7.*hasta el paso 5 no habrían sido las mismas"),
        ({"optimizer": "muon"}, "optimizer = adamw"),
        ({"eval_batches": 2}, "eval_batches = 1"),
        (RELATO, "es con data = cuentos"),
    ],
)
def test_other_settings_are_refused_by_name(changes, message, copy):
    before = files(copy)
    with pytest.raises(ValueError, match=message):
        run(tiny(**changes), copy, resume=True, say=quiet)
    assert files(copy) == before


def test_what_changes_no_number_may_be_other(copy, tmp_path):
    again = run(tiny(save_every=1, keep=5), copy, resume=True, say=quiet)
    assert without_clock(again.log[1:]) == without_clock(at_once().log[1:])


@pytest.mark.parametrize(("schedule", "first"), [("constant", 4), ("constant", 5), ("wsd", 10)])
def test_more_steps_where_the_rates_so_far_are_the_same(schedule, first, tmp_path):
    longer = tiny(schedule=schedule, warmup=1, steps=first + 3)
    with pytest.raises(Stopped) if schedule == "wsd" else pytest.MonkeyPatch.context():
        stop_after(5, tiny(schedule=schedule, warmup=1, steps=first), tmp_path / "corta")
    again = run(longer, tmp_path / "corta", resume=True, say=quiet)
    whole = run(longer, tmp_path / "larga")
    assert without_clock(again.log) == without_clock(whole.log)
    assert same_weights(again.model, whole.model)


def test_a_folder_with_a_run_is_not_started_again(copy):
    before = files(copy)
    with pytest.raises(ValueError, match=r"ya hay una corrida\. Síguela con --resume"):
        run(tiny(), copy)
    assert files(copy) == before


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "tesis.txt").write_text("cinco años")
    for resume in (False, True):
        with pytest.raises(ValueError, match=r"ya tiene otras cosas \(tesis\.txt\)"):
            run(tiny(), tmp_path, resume=resume, say=quiet)
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == ["tesis.txt"]


def test_two_processes_do_not_share_a_folder(copy):
    before = files(copy)
    with only_one(copy), pytest.raises(OSError, match="Otro proceso está entrenando en"):
        run(tiny(), copy, resume=True)
    assert files(copy) == before


def break_file(name, change):
    def broken(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return broken


def of_another_run(folder):
    path = folder / "estado.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    state["run"]["lr"] = 0.5
    path.write_text(json.dumps(state), encoding="utf-8")
    seal = json.loads((folder / "huellas.json").read_text())
    seal["estado.json"] = checkpoints._digest(path)
    (folder / "huellas.json").write_text(json.dumps(seal))


SPOILT = "estado.safetensors está cortado o cambiado"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (
            break_file("model.safetensors", lambda data: data[:-1]),
            "model.safetensors está cortado o cambiado",
        ),
        (break_file("estado.safetensors", lambda data: data[:-9] + b"!" + data[-8:]), SPOILT),
        (break_file("estado.safetensors", lambda data: b""), SPOILT),
        (
            break_file("estado.json", lambda data: data.replace(b"5", b"4")),
            "estado.json está cortado o cambiado",
        ),
        (break_file("huellas.json", lambda data: data[:40]), "huellas.json no es un JSON entero"),
        (break_file("huellas.json", lambda data: b"[1]"), "huellas.json no es un JSON entero"),
        (break_file("huellas.json", lambda data: b"{}"), "huellas.json no es un JSON entero"),
        (lambda folder: (folder / "model.safetensors").unlink(), "falta model.safetensors"),
        (lambda folder: (folder / "huellas.json").unlink(), "falta huellas.json"),
        (of_another_run, "es de otra corrida (con otro lr)"),
    ],
)
def test_a_damaged_checkpoint_is_put_aside_and_the_one_before_is_used(damage, fault, copy):
    damage(copy / "puntos" / "paso-000005")
    said = []
    again = run(tiny(), copy, resume=True, say=said.append)
    assert f"paso-000005 no sirve, porque {fault}: se aparta en apartado-000005" in said[0]
    assert said[1] == "Se sigue desde el paso 4 de 6."
    assert (copy / "puntos" / "apartado-000005").is_dir()  # nada se borra
    assert without_clock(again.log) == without_clock(at_once().log)


def test_if_none_is_left_nothing_is_started_over(copy):
    for folder_ in (copy / "puntos").glob("paso-*"):
        (folder_ / "model.safetensors").unlink()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"Ningún punto de control.*Nada se ha borrado"):
            run(tiny(), copy, resume=True, say=quiet)


def test_a_log_that_lost_lines_is_refused(copy):
    path = copy / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:3] + lines[4:]), encoding="utf-8")
    with pytest.raises(ValueError, match="le faltan líneas hasta el paso 5"):
        run(tiny(), copy, resume=True, say=quiet)


# --- Lo que deja de ser finito --------------------------------------------------------------------


def spoil(step, what, patch):
    """En ese paso, la pérdida o un gradiente deja de ser un número."""
    backward, steps = World.backward, itertools.count(1)

    def spoiled(self, job, batches):
        loss = backward(self, job, batches)
        if next(steps) != step:
            return loss
        next(job.parameters()).grad[0, 0] = math.inf if what == "gradient" else 0
        return math.nan if what == "loss" else loss

    patch.setattr(World, "backward", spoiled)


@pytest.mark.parametrize(("what", "kept"), [("loss", 3), ("gradient", 4)])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_weights(what, kept, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        spoil(5, what, patch)
        with pytest.raises(ValueError, match=rf"En el paso 5 .* quedan los pesos del paso {kept}\. Prueba"):
            run(tiny(), tmp_path / "mala", say=quiet)
    model, _ = load_model(tmp_path / "mala")
    with pytest.raises(Stopped):
        stop_after(kept, tiny(), tmp_path / "hasta")
    assert same_weights(model, load_model(tmp_path / "hasta")[0])
    rows = read_log(tmp_path / "mala")
    assert rows[-1]["step"] == 4 and all(math.isfinite(row.get("loss", 0)) for row in rows)


def test_a_validation_that_is_not_finite_stops_too(tmp_path):
    settings = tiny(steps=3, eval_every=2, sharpen=1e38)
    with pytest.raises(ValueError, match=r"Tras el paso 3 la pérdida de validación .* del paso 2\. Prueba"):
        run(settings, tmp_path / "mala", say=quiet)
    plain = run(tiny(steps=3, eval_every=2, sharpen=1.5), tmp_path / "buena")
    saved = load_model(tmp_path / "buena" / "puntos" / "paso-000002")[0]
    assert same_weights(load_model(tmp_path / "mala")[0], saved) and not same_weights(saved, plain.model)


def test_not_finite_from_the_start(tmp_path, monkeypatch):
    spoil(1, "loss", monkeypatch)
    with pytest.raises(ValueError, match=r"En el paso 1 .* Aún no había ningún punto de control"):
        run(tiny(), tmp_path, say=quiet)
    with pytest.raises(ValueError, match=r"En el paso 1 .* \(nan\)\. Prueba"):
        spoil(1, "loss", monkeypatch)
        run(tiny())  # sin carpeta


def test_a_rate_that_is_too_high_is_stopped_for_real(tmp_path):
    with pytest.raises(ValueError, match=r"finito .*Prueba con una tasa de aprendizaje"):
        run(tiny(lr=1e30, warmup=0, steps=20, clip=0), tmp_path, say=quiet)


def test_the_fast_path_is_used():
    result = run(tiny(steps=1))
    assert [type(m) for m in result.model.modules()] == [type(m) for m in make_fast(result.model).modules()]
    assert type(result.model.out_head).__name__ == "FastLinear"
