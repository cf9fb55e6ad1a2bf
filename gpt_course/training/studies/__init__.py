"""Los experimentos de las lecciones 10 y 14: entrenamientos cortos con los cuentos, y sus registros.

Cada estudio es una lista de pruebas, y cada prueba, los ajustes en que se aparta de `BASE` y, a veces,
alguno más: `init`, con qué números empieza («gpt2», de serie, o «torch»); `forgets`, qué olvida al reanudarse
en el paso `PAUSE` (nada, el optimizador, los datos o el generador); `variant`, una de las de la lección 14
(ver `variants`), y `rows`, de cuántos tokens son las filas con que se entrena (ver `lengths`). La orden
`python -m gpt_course.training.studies NOMBRE` las entrena y apunta cada una en una línea de `NOMBRE.jsonl`,
aquí: si se corta, sigue por la que falta.
"""

import json
from pathlib import Path

from gpt_course.training.studies.variants import double_trials, length_trials, variant_trials

FOLDER = Path(__file__).parent
BASE = {"data": "cuentos", "steps": 300, "batch": 8, "warmup": 50, "eval_every": 100, "eval_batches": 16}
RATES = (5e-3, 1.2e-2, 3e-2)
PAUSE = 120
MODELS = {  # los cinco que se comparan, cada uno con su mejor tasa
    "dos matrices": {},
    "una matriz": {"tied": True},
    "dos matrices, PyTorch": {"init": "torch"},
    "una matriz, PyTorch": {"tied": True, "init": "torch"},
    "Muon": {"optimizer": "muon"},
}


def rates():
    """Tres tasas, la última demasiado alta, con calentamiento y sin él."""
    return [{"lr": lr, "warmup": warmup, "seed": 0} for lr in (1e-3, 5e-3, 5e-2) for warmup in (50, 0)]


def sweep():
    """Cada modelo con tres tasas y la semilla 0: de aquí sale la mejor de cada uno."""
    return [{**model, "lr": lr, "seed": 0} for model in MODELS.values() for lr in RATES]


def seeds():
    """Cada modelo con su mejor tasa y cinco semillas que no se usaron para elegirla."""
    best = best_rates()
    return [
        {**model, "lr": best[name], "seed": seed} for seed in range(1, 6) for name, model in MODELS.items()
    ]


def resumes():
    """Una corrida con dropout, la misma reanudada y tres que olvidan algo al reanudarse."""
    common = {"lr": 5e-3, "seed": 0, "drop_rate": 0.1, "steps": 2 * PAUSE, "schedule": "constant"}
    return [common, *({**common, "forgets": what} for what in ("nada", "optimizador", "datos", "generador"))]


STUDIES = {"tasas": rates, "barrido": sweep, "semillas": seeds, "reanudar": resumes}
STUDIES |= {"variantes": variant_trials, "doble": double_trials, "longitud": length_trials}


def read_study(name, folder=FOLDER):
    """Las pruebas que hay en el registro de un estudio: diccionarios con `trial`, `losses` y `validation`.

    La primera línea del archivo, que dice con qué orden y en qué equipo se hizo, no va con ellas.
    """
    return _lines(folder / f"{name}.jsonl")[1:]


def find_trial(rows, trial):
    """La línea de una prueba, o None si no está."""
    return next((row for row in rows if row["trial"] == trial), None)


def best_rates(rows=None):
    """Modelo → la tasa con que menos perdió en validación, de las del barrido."""
    rows = read_study("barrido") if rows is None else rows
    best = {}
    for name, model in MODELS.items():
        found = [find_trial(rows, {**model, "lr": lr, "seed": 0}) for lr in RATES]
        if None in found:
            raise ValueError(
                "Falta el barrido de tasas: ejecuta antes `python -m gpt_course.training.studies barrido`."
            )
        best[name] = min(found, key=lambda row: row["validation"][-1][1])["trial"]["lr"]
    return best


def _lines(path):
    """Los diccionarios de un archivo; una última línea a medias, de un proceso que murió, no cuenta."""
    if not path.exists():
        return []
    *whole, _ = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in whole]
