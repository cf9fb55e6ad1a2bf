"""Una prueba: entrenar con unos ajustes y, si lo pide, guardar, olvidar algo y seguir."""

import tempfile
import time
from pathlib import Path

import torch

from gpt_course.model import GPTModel
from gpt_course.training.optimizer import make_optimizer
from gpt_course.training.settings import Settings
from gpt_course.training.studies import BASE, PAUSE
from gpt_course.training.trainer import Trainer
from gpt_course.training.world import World


def run_trial(trial, steps=None):
    """La línea del registro de una prueba; con `steps`, solo hasta ese paso. No toca el generador de torch.

    losses: la pérdida de cada paso, en nats por token. validation: parejas (paso, pérdida). seconds: de
    procesador, con un hilo y sin contar las medidas.
    """
    changes = {key: value for key, value in trial.items() if key not in ("init", "forgets")}
    settings = Settings(**{**BASE, **changes})
    losses, validation, clock = [], [], 0.0
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        trainer = _begin(settings, trial.get("init"))
        for step in range(1, (steps or settings.steps) + 1):
            if step == PAUSE + 1 and "forgets" in trial:
                trainer = _resume(trainer, Path(folder), trial["forgets"])
            start = time.process_time()
            losses.append(round(trainer.advance()["loss"], 4))
            clock += time.process_time() - start
            if settings.measures(step):
                validation.append([step, round(trainer.evaluate()["validation"], 4)])
    return {"trial": trial, "losses": losses, "validation": validation, "seconds": round(clock, 1)}


def _begin(settings, init):
    trainer = Trainer(settings, World())
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
