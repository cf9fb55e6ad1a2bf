"""Entrenar entre dos procesos da lo mismo que en uno, y lo que guarda uno lo siguen otros.

Este archivo es también lo que ejecutan torchrun y los dos procesos. Se lanza una sola vez, y en Linux los dos
procesos son copias (`fork`) del suyo, porque cargar PyTorch tres veces es casi todo lo que cuesta: entrenan
de todas las maneras y, al final, uno muere. Aquí se compara lo que dejaron con lo que da un proceso solo.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gpt_course.training import __main__, torchrun
from gpt_course.training.__main__ import main
from gpt_course.training.distributed import Processes
from gpt_course.training.log import read_log, without_clock
from gpt_course.training.run import Stopped, run
from gpt_course.training.settings import Settings
from gpt_course.training.trainer import Trainer
from gpt_course.training.world import World

ROOT = Path(__file__).parents[1]
CONFIG = {"context_length": 160, "emb_dim": 16, "n_heads": 2, "n_layers": 2, "drop_rate": 0.0}
CONFIG["qkv_bias"] = True
COMMON = {"config": CONFIG, "batch": 4, "schedule": "constant", "warmup": 0, "eval_every": 2}
COMMON |= {"eval_batches": 2, "clip": 0.2}

# Quién da los pasos 1 y 2, y quién el 3 y el 4; el 5 y el 6, siempre un proceso solo.
CHAINS = {
    "suelta": ({"accumulation": 2}, ("ddp", "fsdp")),
    "vinculada": ({"tied": True}, ("fsdp", "ddp")),
    "muon": ({"optimizer": "muon"}, ("uno", "fsdp")),
}


def settings(steps, **changes):
    return Settings(**{**COMMON, **changes, "steps": steps})


# --- Lo que ejecutan los dos procesos ---------------------------------------------------------------


class Meddled(Processes):
    """Un mundo en el que a un proceso le pasa algo justo antes de un paso."""

    def sow(self, seed):
        super().sow(seed)
        if seed.endswith("/3") and self.rank == 1:
            os.kill(os.getpid(), signal.SIGINT)


def launch(folder):
    """La orden torchrun, en este proceso, que lo tiene ya todo cargado."""
    import torch.distributed.fsdp
    import torch.distributed.run
    import torch.distributed.tensor

    Trainer(settings(1), World())  # carga lo que falta: la gramática, `torch._dynamo`…
    copies = ["--start-method=fork", "--run-path"] if sys.platform == "linux" else []
    torch.distributed.run.main(["--standalone", "--nproc_per_node=2", *copies, __file__, folder])


def work(folder):
    """Todo lo que se compara después; `folder` ya tiene lo que empezó el proceso solo."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))  # una copia ya no la lee: la dio torchrun
    torchrun.SILENCE = timedelta(minutes=10)  # en un equipo muy cargado, callar no es estar muerto
    with torchrun.joined(fsdp=True) as sharded:
        seen = {"threads": torch.get_num_threads(), "interface": os.environ.get("GLOO_SOCKET_IFNAME")}
        rank, size = sharded.rank, sharded.size
        worlds = {"fsdp": sharded, "ddp": Processes(rank, size)}
        for name, (changes, writers) in CHAINS.items():
            for steps, writer in zip((2, 4), writers, strict=True):
                if writer != "uno":
                    run(settings(steps, **changes), folder / name, resume=steps > 2, world=worlds[writer])
        for steps, name in ((4, "seguido"), (2, "partido"), (4, "partido")):
            run(settings(steps, drop_rate=0.3), folder / name, resume=True, world=worlds["ddp"])
        with torch.random.fork_rng():
            Trainer(settings(1), sharded).advance()
            draw = torch.rand(()).item()
        seen["same_dice"] = sharded.sum(draw) == 2 * draw
        seen["pieces"] = pieces(sharded)
        for name, world, changes in (
            ("impar", sharded, {"batch": 3}),
            ("desbordada", sharded, {"lr": 1e30}),
            ("interrumpida", Meddled(rank, size), {}),
        ):
            with contextlib.suppress(ValueError, Stopped):
                try:
                    run(settings(6, **changes), folder / name, world=world)
                except BaseException as error:
                    seen[name] = str(error)
                    raise
        (folder / f"rank{rank}.json").write_text(json.dumps(seen))
        sharded.wait()
        Processes.sow = die(folder)
        # La orden entra en el grupo en que ya se está: formar otro con las mismas señas podría no acabar.
        __main__.joined = lambda **_: contextlib.nullcontext(worlds["ddp"])
        return main(command(folder, 6))


def pieces(world):
    """Qué parte de los números de los pesos y del optimizador guarda cada proceso."""
    trainer = Trainer(settings(1), world)
    trainer.advance()
    tensors = [p for p in trainer.model.parameters()]
    tensors += [value for kept in trainer.optimizer.state.values() for value in kept.values() if value.dim()]
    return sum(t.to_local().numel() for t in tensors) / sum(t.numel() for t in tensors)


def die(folder):
    def sow(world, seed):
        if seed.endswith("/4"):
            if world.rank == 0:
                (folder / "muerte").write_text(str(time.time()))
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)  # el otro está ocupado: solo se entera por torchrun

    return sow


def command(folder, steps):
    (folder / "config.json").write_text(json.dumps(CONFIG))
    given = {**COMMON, "data": "cuentos", "config": folder / "config.json", "steps": steps}
    words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [*words, "--out", str(folder / "muerta")]


# --- Lo que se compara --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """La carpeta en la que han trabajado los dos procesos, y lo que torchrun escribió."""
    folder = tmp_path_factory.mktemp("procesos")
    run(settings(2, **CHAINS["muon"][0]), folder / "muon")
    order = [sys.executable, __file__, str(folder)]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}  # si no, con LC_ALL=C sería «?»
    done = subprocess.run(
        order, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=1200
    )
    assert (folder / "muerte").exists(), done.stderr
    done.seconds = time.time() - float((folder / "muerte").read_text())
    return folder, done


@pytest.fixture
def seen(launched):
    return [json.loads((launched[0] / f"rank{rank}.json").read_text()) for rank in range(2)]


def checkpoint(folder, step):
    place = folder / "puntos" / f"paso-{step:06d}"
    return load_file(place / "model.safetensors") | load_file(place / "estado.safetensors")


def assert_close(folder, alone, *, losses=1e-5, weights=1e-5):
    rows, expected = without_clock(read_log(folder))[1:], without_clock(read_log(alone))[1:]
    assert [list(row) for row in rows] == [list(row) for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, rel=0, abs=losses)
    for step in (2, 4, 6):
        one, two = checkpoint(folder, step), checkpoint(alone, step)
        assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in two.items()}
        for name, tensor in one.items():
            torch.testing.assert_close(tensor, two[name], rtol=0, atol=weights, msg=f"{step} {name}")


@pytest.mark.parametrize("name", CHAINS)
def test_whoever_trains_gives_the_same(launched, tmp_path, name):
    changes, _ = CHAINS[name]
    run(settings(6, **changes), tmp_path / "solo")
    run(settings(6, **changes), launched[0] / name, resume=True)
    # Muon redondea sus productos a bf16: una diferencia en el último bit de un gradiente crece.
    limits = {"losses": 1e-4, "weights": 2e-4} if name == "muon" else {}
    assert_close(launched[0] / name, tmp_path / "solo", **limits)
    norms = [row["norm"] for row in read_log(tmp_path / "solo") if "norm" in row]
    assert min(norms) > COMMON["clip"], "sin recorte no se ve que la norma sea la de todos"


def test_the_rows_of_each_process_have_different_lengths():
    batches = [batch for step in range(1, 7) for batch in Trainer(settings(6), World()).source.batches(step)]
    counts = [[int(mask[:2].sum()), int(mask[2:].sum())] for _, _, mask in batches]
    assert all(first != second for first, second in counts), counts


def test_each_process_has_its_dropout_and_resuming_keeps_it(launched, seen):
    rows, parts = (without_clock(read_log(launched[0] / name))[1:] for name in ("seguido", "partido"))
    assert rows == parts
    assert [one["same_dice"] for one in seen] == [False, False]


def test_with_fsdp_each_one_keeps_half(seen):
    assert sum(one["pieces"] for one in seen) == pytest.approx(1)
    assert all(0.4 < one["pieces"] < 0.6 for one in seen)


def test_what_stops_one_stops_all(launched, seen):
    for one in seen:
        assert one["impar"].startswith("Los lotes de 3 filas no se reparten por igual entre 2 procesos.")
        assert "dejó de ser un número finito" in one["desbordada"]
        assert one["interrumpida"].startswith("Interrumpido en el paso 3 de 6.")
    assert [row["step"] for row in read_log(launched[0] / "interrumpida") if "loss" in row] == [1, 2, 3]
    assert checkpoint(launched[0] / "interrumpida", 3)


def test_one_thread_each_and_only_the_inner_network(seen):
    assert [one["threads"] for one in seen] == [1, 1]
    if sys.platform == "linux":
        assert [one["interface"] for one in seen] == ["lo", "lo"]


def test_a_killed_process_stops_the_other_and_one_alone_goes_on(launched, tmp_path):
    folder, done = launched
    assert done.returncode != 0 and done.seconds < 300
    assert "El proceso 2 de 2 se detiene: otro acabó antes de tiempo" in done.stderr
    assert done.stderr.count("--resume") == 1 and "paso/s" in done.stderr
    assert main([*command(folder, 6), "--resume"]) == 0
    run(settings(6), tmp_path)
    assert_close(folder / "muerta", tmp_path)


# --- Sin lanzar nada ------------------------------------------------------------------------------------


@pytest.fixture
def alone(monkeypatch):
    """Las variables que torchrun da a un proceso solo."""
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0",
    }.items():
        monkeypatch.setenv(name, value)


def test_without_torchrun_there_is_one_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with torchrun.joined() as world:
        assert type(world) is World
    with (
        pytest.raises(ValueError, match=r"hay uno solo\. Lánzalo así: `python -m torch.distributed.run "),
        torchrun.joined(fsdp=True),
    ):
        pass


@pytest.mark.parametrize("device", ["gpu", *([] if torch.cuda.is_available() else ["cuda"])])
def test_the_device_must_exist(device):
    with pytest.raises(ValueError, match=f"llegó '{device}'"), torchrun.joined(device=device):
        pass


@pytest.mark.parametrize("changes", [{"RANK": None}, {"MASTER_PORT": None}, {"WORLD_SIZE": "dos"}])
def test_half_the_variables_are_refused(alone, monkeypatch, changes):
    for name, value in changes.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(ValueError, match="hacen falta las variables RANK, WORLD_SIZE"), torchrun.joined():
        pass


def test_a_process_that_does_not_answer_is_told_apart_from_a_fault_of_ours(alone, monkeypatch):
    said = []
    monkeypatch.setattr(torchrun, "_leave", said.append)
    with torchrun.joined(fsdp=True):
        raise RuntimeError("[…/gloo/transport/tcp/pair.cc:537] Connection reset by peer")
    assert said == ["1 de 1"]
    torch.distributed.destroy_process_group()
    with pytest.raises(RuntimeError, match="otra cosa"), torchrun.joined(fsdp=True):
        raise RuntimeError("otra cosa")
    torch.distributed.destroy_process_group()
    assert said == ["1 de 1"] and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_one_speaks_for_all(monkeypatch, capsys):
    waits = []
    monkeypatch.setattr(torchrun.time, "sleep", waits.append)
    torchrun.complain("uno")
    monkeypatch.setenv("LOCAL_RANK", "1")
    torchrun.complain("dos")
    torchrun.complain("tres", shared=True)
    assert capsys.readouterr().err == "uno\ndos\n" and waits == [torchrun.COURTESY]


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1])) if "RANK" in os.environ else launch(sys.argv[1]))
