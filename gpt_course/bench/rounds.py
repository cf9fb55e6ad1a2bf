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

from gpt_course.bench.contenders import CONTENDERS
from gpt_course.bench.turn import ENOUGH
from gpt_course.config import GPT2_CONFIGS
from gpt_course.model import GPTModel, init_gpt2
from gpt_course.weights import save_gpt2

CFG = {**GPT2_CONFIGS["gpt2"], "drop_rate": 0.0}
SIZES = {
    "read": {"read_long": (1, 1024), "read_batch": (8, 128)},  # (B, T)
    "write": {"write_one": (1, 32, 128), "write_batch": (8, 32, 128)},  # (B, T de entrada, tokens nuevos)
    "train": (4, 256),
    "quality": 1024,  # tokens de cada frase en que se comparan float32 y bf16
    "repeats": 3,
    "threads": 2,
}
OURS = "gpt_course"


def installed():
    """Los contendientes que se pueden ejecutar aquí, y su versión."""
    found = {}
    for name, contender in CONTENDERS.items():
        if importlib.util.find_spec(contender.requires) is not None:
            found[name] = importlib.metadata.version(name)
    return found


def run(contenders, *, rounds=3, cfg=CFG, sizes=SIZES, real=None):
    """Mide a los `contenders` en `rounds` vueltas alternadas; la barra, en la salida de errores.

    contenders: {nombre: versión}, como da `installed`. real: carpeta de unos pesos con que medir lo que se
    pierde en bf16; sin ella, los del azar con que se mide lo demás.
    Devuelve lo que leen `report.rows` y `report.table`. Las medianas de cada tarea, en segundos (`peak`, en
    bytes); quien falla o no calcula los mismos logits que el curso queda en `failed`, con su motivo.
    Errores: `RuntimeError` si falla el curso; `OSError` si los pesos no caben en el disco.
    """
    turns = [("limits", OURS), *((kind, name) for kind in ("read", "train") for name in contenders)]
    turns = [*turns * rounds, ("bf16", OURS)]
    found, slow = {name: [] for name in contenders}, {name: set() for name in contenders}
    limits, bf16, failed = [], None, {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        order = {
            "cfg": dict(cfg),
            "weights": _write_weights(cfg, folder),
            "real": str(real or folder),
            **sizes,
        }
        for kind, name in tqdm(turns, unit="turno", file=sys.stderr):
            if name in failed:
                continue
            again = {task: size for task, size in sizes["write"].items() if task not in slow[name]}
            try:
                result = _turn({**order, "write": again, "kind": kind, "contender": name})
            except RuntimeError as error:
                if name == OURS:
                    raise
                failed[name] = str(error)
                continue
            if kind == "limits":
                limits.append(result)
            elif kind == "bf16":
                bf16 = result
            else:
                found[name].append(result)
                slow[name] |= {task for task, times in result["seconds"].items() if times[0] > ENOUGH}
    failed |= _different(found, failed)
    good = {name: results for name, results in found.items() if name not in failed}
    return {
        "machine": _machine(sizes["threads"]),
        "contenders": {name: contenders[name] for name in good},
        "cfg": dict(cfg),
        "sizes": sizes,
        "limits": {key: statistics.median(row[key] for row in limits) for key in limits[0]},
        "tasks": _tasks(good),
        "bf16": _bf16(bf16, real),
        "failed": failed,
    }


def _bf16(result, real):
    medians = {task: statistics.median(seconds) for task, seconds in result["seconds"].items()}
    return {
        **result,
        "seconds": medians,
        "weights": f"pesos de {Path(real).name}" if real else "pesos al azar",
    }


def _machine(threads):
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):  # solo Linux; los demás ya lo han dicho
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return {"processor": processor, "threads": threads, "torch": torch.__version__}


def _write_weights(cfg, folder):
    torch.manual_seed(0)
    model = init_gpt2(GPTModel(cfg))
    torch.nn.init.zeros_(model.pos_emb.weight)  # litgpt no tiene posiciones aprendidas
    save_gpt2(model, folder)
    return str(Path(folder, "model.safetensors"))


def _turn(order):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "gpt_course.bench.turn"]
    text = {"text": True, "encoding": "utf-8"}
    done = subprocess.run(command, env=environment, input=json.dumps(order), capture_output=True, **text)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [
            f"el proceso terminó con {done.returncode}, sin decir más"
        ]
        raise RuntimeError(f"{order['contender']}: {lines[-1]}")
    return json.loads(done.stdout)


def _different(found, failed):
    """Quiénes no calculan lo mismo que el curso: sus tiempos no serían comparables."""
    logits = {name: [r["logits"] for r in results if "logits" in r] for name, results in found.items()}
    expected = torch.tensor(logits[OURS][0])
    wrong = {}
    for name in found.keys() - failed.keys():
        if not all(torch.allclose(torch.tensor(row), expected, rtol=1e-3, atol=1e-3) for row in logits[name]):
            wrong[name] = "sus logits no son los del curso"
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
