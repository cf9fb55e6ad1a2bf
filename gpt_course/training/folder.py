"""La carpeta de una corrida: el registro, los puntos de control y, al acabar, el modelo."""

import os
import shutil
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch

from gpt_course.models import save_model
from gpt_course.training.checkpoints import Checkpoints, only_one
from gpt_course.training.log import NAME, Log, best_step, read_log
from gpt_course.training.settings import Settings
from gpt_course.training.trainer import read_state


@contextmanager
def opened(out, world):
    """La carpeta `out`, creada si no existe y sin otro proceso que escriba en ella."""
    out = Path(out)
    if world.main:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"No se puede crear la carpeta {out}: {error.strerror}. Elige otra.") from None
    with only_one(out) if world.main else nullcontext():
        world.wait()
        yield out


class Folder:
    """Lo que una corrida deja en el disco. say: función que recibe los avisos."""

    def __init__(self, out, trainer, say):
        self.out, self.trainer, self.say = out, trainer, say
        self.checkpoints = Checkpoints(out / "puntos", trainer.settings.keep)
        self.log, self.saved = None, 0

    def begin(self, resume):
        """Empieza la corrida o, con `resume`, la pone donde se quedó; devuelve el registro.

        Errores: `ValueError` si la carpeta ya tiene otra cosa o si los ajustes no son los de la corrida.
        """
        trainer, rows = self.trainer, find_rows(self.out)
        if rows and not resume:
            raise ValueError(
                f"En {self.out} ya hay una corrida. Síguela con --resume (`resume=True`) o elige otra "
                "carpeta."
            )
        if not rows:
            check_empty(self.out)
        if rows:
            stored = stored_settings(rows, self.out)
            self._check_run(rows[0], stored)
            self._warn_of_threads(rows[0])
            step = trainer.world.sum(self._latest(stored) if trainer.world.main else 0)
            self._check_steps(stored, step)
            rows = self._cut(rows[1:], step)
            if step:
                trainer.restore(self.checkpoints.path(step))
                if trainer.world.main:
                    self.checkpoints.prune(best_step(rows))  # lo que faltó por quitar
            self.saved = step
            self.say(f"Se sigue desde el paso {step} de {trainer.settings.steps}.")
        elif resume:
            self.say(f"En {self.out} no hay ninguna corrida que seguir: se empieza.")
        trainer.world.wait()  # que nadie lea la carpeta después de que el primero escriba en ella
        path = self.out / NAME if trainer.world.main else None
        self.log = Log(path, [trainer.header(), *rows])
        return self.log

    def save(self):
        """Guarda un punto de control de este paso, si no lo hay. Errores: `OSError` si el disco no deja."""
        trainer = self.trainer
        if trainer.step == self.saved:
            return
        state = trainer.state()
        if trainer.world.main:
            self.log.sync()  # nada de lo que el punto de control da por hecho puede faltar
            best = best_step(self.log.rows)
            self.checkpoints.save(trainer.step, lambda folder: trainer.write(folder, state), best)
        trainer.world.wait()
        self.saved = trainer.step

    def export(self):
        """Guarda el modelo en la carpeta, para usarlo."""
        model = self.trainer.world.plain(self.trainer.model)
        if self.trainer.world.main:
            for name in os.listdir(self.out):  # lo que dejó a medias un proceso que murió: ahora va entero
                if name.startswith((".guardando-", ".cambio-a-medias")):
                    shutil.rmtree(self.out / name)
            save_model(model, self.trainer.source.tokenizer, self.out)
        self.trainer.world.wait()

    def rescue(self, good):
        """Deja en la carpeta los últimos pesos buenos, los del paso `good` o antes, y dice cuáles son."""
        if self.trainer.step > good:
            steps = [step for step in self.checkpoints.steps() if step <= good]
            if not steps:
                return " Aún no había ningún punto de control con pesos buenos."
            self.trainer.read_weights(self.checkpoints.path(steps[-1]))
            good = steps[-1]
        self.export()
        return f" En {self.out} quedan los pesos del paso {good}."

    def _warn_of_threads(self, head):
        before, now = head.get("machine", {}).get("threads"), torch.get_num_threads()
        if before != now:  # otro reparto suma en otro orden
            self.say(
                f"Aviso: la corrida empezó con otra cuenta de hilos ({before}) y ahora son {now}: los "
                "números pueden cambiar en la última cifra. Para que no, fija `OMP_NUM_THREADS`."
            )

    def _latest(self, stored):
        def stranger(folder):
            found = read_state(folder)["run"]
            names = Settings(**found).differences(stored)
            return f"es de otra corrida (con otro {', otro '.join(names)})" if names else None

        step = self.checkpoints.latest(stranger, self.say)
        if step is None and any(self.checkpoints.folder.glob("apartado-*")):
            raise ValueError(
                f"Ningún punto de control de {self.checkpoints.folder} sirve. Nada se ha borrado: "
                "recupéralos de una copia, o empieza en otra carpeta."
            )
        return step or 0

    def _check_run(self, head, stored):
        names = [name for name in self.trainer.settings.differences(stored) if name not in ("steps", "data")]
        if head["source"] != self.trainer.source.description:
            names.insert(0, "data")
        if names:
            raise ValueError(_refusal(self.out, names, stored, self.trainer.settings))

    def _check_steps(self, stored, step):
        """Otro `steps` vale si hasta aquí las tasas habrían sido las mismas."""
        settings = self.trainer.settings
        same = all(settings.factor(s) == stored.factor(s) for s in range(1, step + 1))
        if settings.steps != stored.steps and not (same and settings.steps >= step):
            raise ValueError(
                _refusal(self.out, ["steps"], stored, settings)
                + f" Con otro `steps`, las tasas hasta el paso {step} no habrían sido las mismas."
            )

    def _cut(self, rows, step):
        """Las líneas hasta `step`, que es hasta donde se repite; las demás se escribirán otra vez."""
        measures = self.trainer.settings.measures
        kept = [row for row in rows if row["step"] <= step and ("loss" in row or measures(row["step"]))]
        if [row["step"] for row in kept if "loss" in row] != list(range(1, step + 1)):
            raise ValueError(
                f"Al registro {self.out / NAME} le faltan líneas hasta el paso {step}. Recupéralo de una "
                "copia, o empieza en otra carpeta."
            )
        return kept


def find_rows(out):
    """Las líneas del registro de `out`, o ninguna si no hay corrida."""
    return read_log(out) if (Path(out) / NAME).exists() else []


def stored_settings(rows, out):
    """Los `Settings` de una corrida ya empezada. Errores: `ValueError` si son de otra versión del curso."""
    try:
        return Settings(**rows[0]["run"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"El registro de {out} es de otra versión del curso: {error}.") from None


def check_empty(out):
    """Exige que en `out` no haya nada que se pueda pisar. Errores: `ValueError`."""
    visible = [name for name in os.listdir(out) if not name.startswith(".")]
    if visible:
        raise ValueError(
            f"{out} ya tiene otras cosas ({', '.join(sorted(visible)[:3])}) y no se pisan. Elige una carpeta "
            "nueva."
        )


def _refusal(out, names, stored, asked):
    said, wanted = (
        ", ".join(f"{name} = {settings.deciding().get(name)}" for name in names)
        for settings in (stored, asked)
    )
    return (
        f"La corrida de {out} es con {said}, y se pide {wanted}: no sería la misma. Quita ese cambio o "
        "empieza en otra carpeta."
    )
