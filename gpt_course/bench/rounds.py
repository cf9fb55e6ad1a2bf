"""Repartir los turnos, alternarlos y quedarse con las medianas."""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from tqdm import tqdm

from gpt_course import __version__
from gpt_course.bench.contenders import CONTENDERS
from gpt_course.bench.loops import HALVED, OURS, TRAINER, check_trainer, other_ways
from gpt_course.bench.turn import ENOUGH, MEDIUM
from gpt_course.config import GPT2_CONFIGS
from gpt_course.initialization import init_gpt2
from gpt_course.model import GPTModel
from gpt_course.weights import save_gpt2

CFG = {**GPT2_CONFIGS["gpt2"], "drop_rate": 0.0}
SIZES = {
    "read": {"read_long": (1, 1024), "read_batch": (8, 128)},  # (B, T)
    "write": {"write_one": (1, 32, 128), "write_batch": (8, 32, 128)},  # (B, T de entrada, tokens nuevos)
    "train": (4, 256),
    "check": (2, 32),  # los logits en que todos deben coincidir
    "quality": 1024,  # tokens de cada frase en que se comparan float32 y bf16
    "repeats": 3,
    "threads": 2,
}


def installed():
    """Los contendientes que se pueden ejecutar aquí, y su versión."""
    found = {}
    for name, contender in CONTENDERS.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            if importlib.util.find_spec(contender.requires) is not None:
                found[name] = importlib.metadata.version(name)
    return {OURS: __version__, **found}


def run(contenders, *, rounds=3, cfg=CFG, sizes=SIZES, real=None):
    """Mide a los `contenders` en `rounds` vueltas alternadas; la barra, en la salida de errores.

    contenders: {nombre: versión}, como da `installed`. real: carpeta de unos pesos con que medir lo que se
    pierde en bf16; sin ella, los del azar con que se mide lo demás.
    Devuelve lo que leen `report.rows` y `table.table`. Las medianas de cada tarea, en segundos (`peak`, en
    bytes); quien falla o no calcula los mismos logits que el curso queda en `failed`, con su motivo.
    Errores: `RuntimeError` si falla el curso; `OSError` si los pesos no caben en el disco.
    """
    turns = [turn for first in range(rounds) for turn in _round(list(contenders), first)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        order = {
            "cfg": dict(cfg),
            "weights": write_weights(cfg, folder),
            "real": str(real or folder),
            **sizes,
        }
        found, failed = _take_turns(turns, order)
    extra = {kind: [result for each, result in found[OURS] if each == kind] for kind in ("limits", "bf16")}
    others = {name: [result for _, result in found.get(name, [])] for name in (TRAINER, HALVED)}
    medium, found = (_of_kinds(found, contenders, ["read" + end, "train" + end]) for end in (MEDIUM, ""))
    failed |= _different(found, failed)
    good = {name: results for name, results in found.items() if name not in failed}
    return {
        "machine": machine(sizes["threads"]),
        "contenders": {name: contenders[name] for name in good},
        "cfg": dict(cfg),
        "sizes": sizes,
        "limits": {key: statistics.median(row[key] for row in extra["limits"]) for key in extra["limits"][0]},
        "tasks": _tasks(good),
        "medium": _tasks({name: [{"seconds": r["seconds"]} for r in medium[name]] for name in good}),
        "bf16": _bf16(extra["bf16"], real),
        "others": other_ways(others, found[OURS], failed),
        "failed": failed,
    }


def _of_kinds(found, names, kinds):
    """{contendiente: lo medido en los turnos de esas clases}."""
    return {name: [result for kind, result in found.get(name, []) if kind in kinds] for name in names}


def _take_turns(turns, order):
    """{contendiente: [(clase de turno, lo medido)]} y {quien falló: su motivo}."""
    found, failed, slow = {}, check_trainer(), set()
    for kind, name in tqdm(turns, unit="turno", file=sys.stderr):
        if name in failed:
            continue
        again = {task: size for task, size in order["write"].items() if (kind, name, task) not in slow}
        try:
            result = take_turn_apart({**order, "write": again, "kind": kind, "contender": name})
        except RuntimeError as error:
            if name == OURS:
                raise RuntimeError(f"El turno «{kind}» del curso falló: {error}") from None
            failed[name] = str(error)
            continue
        found.setdefault(name, []).append((kind, result))
        slow |= {(kind, name, task) for task, times in result.get("seconds", {}).items() if times[0] > ENOUGH}
    return found, failed


def _round(names, first):
    """Los turnos de una vuelta: cada vez empieza otro contendiente. Los que redondean, solo en la primera."""
    kinds = ("read", "train") if first else ("read", "train", "read" + MEDIUM, "train" + MEDIUM)
    first %= len(names)
    order = names[first:] + names[:first]
    others = [("train", HALVED), *([("train", TRAINER)] if "transformers" in names else [])]
    return [("limits", OURS), *((kind, name) for kind in kinds for name in order), ("bf16", OURS), *others]


def _bf16(results, real):
    seconds = {}
    for task in results[0]["seconds"]:
        seconds[task] = statistics.median(
            time for result in results for time in result["seconds"].get(task, [])
        )
    weights = f"pesos de {Path(real).name}" if real else "pesos al azar"
    return {**results[0], "seconds": seconds, "weights": weights}


def machine(threads):
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, KeyError):  # solo Linux; los demás ya lo han dicho
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        # El nombre solo no basta: en un equipo virtual, todos los de una casa se llaman igual.
        processor = "{model name}, familia {cpu family}, modelo {model}".format_map(said)
    return {"processor": processor, "threads": threads, "torch": torch.__version__}


def write_weights(cfg, folder):
    torch.manual_seed(0)
    model = init_gpt2(GPTModel(cfg))
    torch.nn.init.zeros_(model.pos_emb.weight)  # `litgpt` no tiene posiciones aprendidas
    save_gpt2(model, folder)
    return str(Path(folder, "model.safetensors"))


def take_turn_apart(order):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "gpt_course.bench.turn"]
    text = {"text": True, "encoding": "utf-8"}
    done = subprocess.run(command, env=environment, input=json.dumps(order), capture_output=True, **text)
    if done.returncode == -9:
        raise RuntimeError("el sistema lo detuvo, quizá por falta de memoria")
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"terminó con {done.returncode}, sin decir más"]
        raise RuntimeError(lines[-1])
    return json.loads(done.stdout)


def _different(found, failed):
    """Quiénes no calculan lo mismo que el curso: sus tiempos no serían comparables."""
    wrong = {}
    for what, reason in (
        ("logits", "sus logits no coinciden"),
        ("loss", "su primera pérdida al entrenar no coincide"),
    ):
        values = {name: [r[what] for r in results if what in r] for name, results in found.items()}
        expected = torch.tensor(values[OURS][0])
        for name in found.keys() - failed.keys():
            if not torch.allclose(torch.tensor(values[name]), expected, rtol=1e-4, atol=1e-4):
                wrong[name] = f"{reason} con el curso"
    return wrong


def _tasks(found):
    """{tarea: {contendiente: mediana}}; en segundos, salvo `peak`, en bytes."""
    tasks = {}
    for name, results in found.items():
        times = {}
        for result in results:
            for task, seconds in result.get("seconds", {}).items():
                times.setdefault(task, []).extend(seconds)
            for task in ("peak", "build", "import", "torch"):
                if task in result:
                    times.setdefault(task, []).append(result[task])
        for task, values in times.items():
            tasks.setdefault(task, {})[name] = statistics.median(values)
    return tasks
