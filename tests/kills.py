"""Mata un entrenamiento muchas veces, en instantes sorteados, y comprueba que al seguirlo sale el mismo.

    python tests/kills.py             # 20 veces
    python tests/kills.py 5 --seed 7

Cada vez es un proceso de verdad al que se mata de golpe (en Linux y macOS, `kill -9`). La semilla decide
cuántas líneas del registro se esperan y cuántas milésimas más. Al final, el registro y los pesos deben ser,
bit a bit, los de otra corrida que nadie interrumpió.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from training_runs import TINY

from gpt_course.models import load_model
from gpt_course.training.log import read_log, without_clock

ROOT = Path(__file__).resolve().parents[1]
STEPS = 300
HARD = ["--optimizer", "muon", "--accumulation", "2", "--drop-rate", "0.1", "--schedule", "wsd"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kills", type=int, nargs="?", default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "tiny.json")
        config.write_text(json.dumps(TINY), encoding="utf-8")
        whole, broken = Path(folder, "entera"), Path(folder, "rota")
        started(config, whole).wait()
        expected = without_clock(read_log(whole))
        dice = random.Random(options.seed)
        print(f"{'':>3} {'se sigue en':>11} {'muere tras':>10}   a medias")
        for number in range(1, options.kills + 1):
            wait = dice.randint(1, 2 * STEPS // options.kills), dice.uniform(0, 0.03)
            print(f"{number:>3} {kill(config, broken, *wait)}", flush=True)
        code = started(config, broken).wait()
        same = code == 0 and without_clock(read_log(broken)) == expected and equal_weights(whole, broken)
    print(f"{options.kills} muertes, {STEPS} pasos: registro y pesos {'iguales' if same else 'DISTINTOS'}.")
    return 0 if same else 1


def started(config, out):
    """Un proceso que entrena en `out`, o sigue lo que haya."""
    small = ["--steps", STEPS, "--batch", 2, "--eval-every", 20, "--eval-batches", 1, "--save-every", 7]
    command = [sys.executable, "-m", "gpt_course.training", "--data", "cuentos", "--config", config]
    command += ["--out", out, "--resume", *small, *HARD]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


def kill(config, out, lines, delay):
    """Mata un proceso cuando ha escrito `lines` líneas y pasan `delay` segundos; cuenta qué quedó."""
    before = log_of(out).stat().st_ino if log_of(out).exists() else None
    process = started(config, out)
    while process.poll() is None and (not log_of(out).exists() or log_of(out).stat().st_ino == before):
        time.sleep(0.002)  # hasta que corta el registro por donde sigue, y lo cambia por otro archivo
    first = last_step(out)
    while process.poll() is None and last_step(out) < min(first + lines, STEPS):
        time.sleep(0.002)
    time.sleep(delay)
    process.kill()
    process.wait()
    left = sorted(path.name for path in out.rglob(".*") if path.name not in (".en-uso",))
    return f"{first:>11} {last_step(out):>10}   {', '.join(left) or '—'}"


def log_of(out):
    return out / "log.jsonl"


def last_step(out):
    rows = read_log(out) if log_of(out).exists() else []
    return rows[-1].get("step", 0) if rows else 0


def equal_weights(one, other):
    (a, _), (b, _) = load_model(one), load_model(other)
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


if __name__ == "__main__":
    sys.exit(main())
