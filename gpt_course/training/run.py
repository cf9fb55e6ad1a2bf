"""Una corrida entera: entrenar, medir, apuntar y guardar, y poder seguir si se interrumpe.

    `run(Settings(data="cuentos", steps=200), "mi_corrida")`

En la carpeta quedan el modelo, que abre `load_model`, con `config.json` y `tokenizer.json`; el registro,
`log.jsonl`; y en `puntos/`, los puntos de control, que también se abren con `load_model`.
"""

import sys
import time
from contextlib import nullcontext
from signal import SIGINT
from typing import NamedTuple

import torch
from tqdm import tqdm

from gpt_course.training.folder import Folder, opened
from gpt_course.training.interruption import Interruption
from gpt_course.training.log import Log, best_step
from gpt_course.training.trainer import NotFinite, Trainer
from gpt_course.training.world import World


class Result(NamedTuple):
    """Lo que da una corrida: el modelo en modo de evaluación, su tokenizador, el registro y los datos."""

    model: torch.nn.Module
    tokenizer: object
    log: list
    source: object


class Stopped(KeyboardInterrupt):
    """La corrida se interrumpió y está guardada: el texto dice cómo seguir. signal: qué la interrumpió."""

    def __init__(self, text, signal):
        super().__init__(text)
        self.signal = signal


def run(settings, out=None, *, resume=False, progress=False, say=None, world=None):
    """Entrena lo que piden unos `Settings` y devuelve un `Result`.

    No toca el generador de torch de quien llama.

    out: carpeta en la que se guarda todo; sin ella, nada. resume: sigue la corrida que haya en `out`; con los
    mismos hilos, salen los mismos números que si no se hubiera parado.
    progress: una barra en la salida de errores. say: función que recibe los avisos; de serie, van
    ahí.
    Con `Ctrl-C` acaba el paso, guarda y lanza `Stopped`.
    Errores: `ValueError` si los ajustes no sirven, si no son los de la corrida que se sigue o si la pérdida
    deja de ser un número finito; `OSError` si falla el disco o si otro proceso usa `out`.
    """
    world = world or World()
    say = (say or _complain) if world.main else _keep_quiet
    with torch.random.fork_rng(devices=[]), opened(out, world) if out else nullcontext() as place:
        trainer = Trainer(settings, world)
        folder = Folder(place, trainer, say) if out else None
        log = folder.begin(resume) if folder else Log(rows=[trainer.header()])
        try:
            _train(trainer, log, folder, progress and world.main)
        finally:
            log.close()
    return Result(trainer.model.eval(), trainer.source.tokenizer, log.rows, trainer.source)


def _train(trainer, log, folder, progress):
    settings, world, bar = trainer.settings, trainer.world, Bar(trainer, progress)
    with bar, Interruption(world.signals, loud=world.main, active=folder is not None) as interruption:
        try:
            while trainer.step < settings.steps and not world.sum(interruption.signal):
                _advance(trainer, log, folder)
                bar.show(log.rows)
        except NotFinite as error:
            kept = folder.rescue(error.good) if folder else ""
            raise ValueError(f"{error}{kept} Prueba con una tasa de aprendizaje (`lr`) menor.") from None
        if folder and trainer.step:
            folder.save()
        if trainer.step == settings.steps:
            trainer.sharpen()
        if folder and trainer.step:
            folder.export()
    if trainer.step < settings.steps:
        raise Stopped(
            f"Interrumpido en el paso {trainer.step} de {settings.steps}.", interruption.signal or SIGINT
        )


def _advance(trainer, log, folder):
    """Un paso, con lo que toque tras él: medir y guardar."""
    log.add(trainer.advance())
    step, best = trainer.step, False
    if trainer.settings.measures(step):
        log.add(trainer.evaluate())
        best = best_step(log.rows) == step
    if folder and (best or step % trainer.settings.save_every == 0):
        folder.save()


class Bar:
    """La barra de progreso, en la salida de errores: la pérdida, los tokens por segundo y lo que falta."""

    def __init__(self, trainer, visible):
        self.trainer, self.start = trainer, (time.perf_counter(), trainer.tokens)
        steps = trainer.settings.steps
        self.bar = tqdm(total=steps, initial=trainer.step, unit="paso", disable=not visible)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()

    def show(self, rows):
        seconds = time.perf_counter() - self.start[0]
        speed = (self.trainer.tokens - self.start[1]) / seconds
        row = rows[-1]
        what = f"validación {row['validation']:.4f}" if "validation" in row else f"pérdida {row['loss']:.4f}"
        self.bar.set_postfix_str(f"{what}, {speed:.0f} tokens/s", refresh=False)
        self.bar.update()


def _complain(text):
    print(text, file=sys.stderr)


def _keep_quiet(_):
    """Los avisos son del primer proceso."""
