"""Una prueba: entrenar con unos ajustes y, si lo pide, guardar, olvidar algo y seguir."""

import tempfile
import time
from pathlib import Path

import torch

from gpt_course.model import GPTModel
from gpt_course.stories.excess import excess_by_label, read_stories
from gpt_course.training.optimizer import make_optimizer
from gpt_course.training.settings import Settings
from gpt_course.training.sources import VALIDATION
from gpt_course.training.studies import BASE, PAUSE
from gpt_course.training.studies.lengths import BAND, band_excess, packed
from gpt_course.training.studies.variants import EXAM, THIN, recipe
from gpt_course.training.trainer import Trainer
from gpt_course.training.world import World


def run_trial(trial, steps=None):
    """La línea del registro de una prueba; con `steps`, solo hasta ese paso. No toca el generador de torch.

    losses: la pérdida de cada paso (en las variantes, de uno de cada `THIN`), en nats por token.
    validation: parejas (paso, pérdida). seconds: de procesador, con un hilo y sin contar las medidas.
    Las variantes, si acaban, traen también lo que da `_last_measures`.
    """
    settings = trial_settings(trial)
    losses, validation, clock = [], [], 0.0
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        trainer = _begin(settings, trial.get("init"), trial.get("rows"))
        for step in range(1, (steps or settings.steps) + 1):
            if step == PAUSE + 1 and "forgets" in trial:
                trainer = _resume(trainer, Path(folder), trial["forgets"])
            start = time.process_time()
            losses.append(round(trainer.advance()["loss"], 4))
            clock += time.process_time() - start
            if settings.measures(step):
                validation.append([step, round(trainer.evaluate()["validation"], 4)])
        more = _last_measures(trainer, trial) if "variant" in trial and step == settings.steps else {}
    losses = losses[:: THIN if "variant" in trial else 1]
    return {"trial": trial, "losses": losses, "validation": validation, "seconds": round(clock, 1), **more}


def trial_settings(trial):
    """Los `Settings` con que se entrena una prueba."""
    changes = {
        key: value for key, value in trial.items() if key not in ("init", "forgets", "variant", "rows")
    }
    variant = recipe(trial["variant"], rows=trial.get("rows")) if "variant" in trial else {}
    return Settings(**{**BASE, **variant, **changes})


@torch.no_grad()
def _last_measures(trainer, trial):
    """Lo que se mide una sola vez, con el modelo ya entrenado.

    truth: la pérdida en validación de quien sabe la gramática, en nats por token.
    labels: los nats de más en cada cuento, por etiqueta (en el orden de `LABELS`).
    bands: con `rows`, y en lugar de lo demás, lo que da `band_excess`.
    windowed: lo mismo, con una ventana de `BAND` tokens al leer.
    """
    model = trainer.model.eval()
    if "rows" in trial:
        return {"bands": band_excess(model), "windowed": band_excess(model, window=BAND)}
    exam = read_stories(0, EXAM, VALIDATION)
    labels = excess_by_label(model(exam.x), exam)
    return {"truth": round(trainer.source.truth, 6), "labels": [round(n, 3) for n in labels.values()]}


def _begin(settings, init, rows):
    trainer = Trainer(settings, World())
    if rows:  # los cuentos seguidos, en filas de ese largo
        batches = trainer.source.batches
        trainer.source.batches = lambda step: [packed(batch, rows) for batch in batches(step)]
    if init == "torch":  # los números de fábrica, en vez de los de GPT-2
        torch.manual_seed(settings.seed)
        fresh = dict(GPTModel(settings.model_config(trainer.source.vocab_size)).named_parameters())
        with torch.no_grad():
            for name, parameter in trainer.model.named_parameters():
                parameter.copy_(fresh[name])
    return trainer


def _resume(old, folder, forgotten):
    """Otro proceso, en pequeño: se guarda todo y se recupera de nuevo, menos lo que se olvida."""
    old.write(folder, old.state())
    new = Trainer(old.settings, World())
    new.restore(folder)
    if forgotten == "optimizador":
        new.optimizer = make_optimizer(new.model, lr=new.settings.lr, fused=True)
    if forgotten == "datos":
        batches = new.source.batches
        new.source.batches = lambda step: batches(step - PAUSE)
    if forgotten == "generador":
        torch.manual_seed(new.settings.seed)
    return new
