"""Una corrida por dentro: el modelo, el optimizador y los datos, un paso cada vez."""

import json
import math
import platform
import time

import torch
from safetensors.torch import load_file, save_file

from gpt_course.fast import chunked_loss, make_fast
from gpt_course.initialization import init_gpt2
from gpt_course.model import GPTModel
from gpt_course.models import load_model, save_model
from gpt_course.training.batches import places
from gpt_course.training.objective import halved_loss
from gpt_course.training.optimizer import (
    make_muon,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
    set_rate,
)
from gpt_course.training.sources import open_source

STATE, TENSORS = "estado.json", "estado.safetensors"
_OPTIMIZER, _GENERATOR = "optimizador/", "generador/torch"


class NotFinite(Exception):
    """La pérdida o un gradiente dejó de ser un número. good: el último paso cuyos pesos aún servían."""

    def __init__(self, text, good):
        super().__init__(text)
        self.good = good


class Trainer:
    """El modelo que piden unos `Settings`, con la inicialización de GPT-2, y todo lo que lo entrena.

    Siembra el generador de torch, que después solo gasta el dropout.
    Errores: `ValueError` u `OSError` si los datos o la configuración no sirven.
    """

    def __init__(self, settings, world):
        self.settings, self.world = settings, world
        if settings.batch % world.size:
            raise ValueError(
                f"Los lotes de {settings.batch} filas no se reparten por igual entre {world.size} procesos. "
                f"Elige un `batch` múltiplo de {world.size}."
            )
        self.source = open_source(settings)
        cfg = settings.model_config(self.source.vocab_size)
        torch.manual_seed(settings.seed)
        self.model = make_fast(init_gpt2(GPTModel(cfg))).to(world.device)
        self.parameters = sum(parameter.numel() for parameter in self.model.parameters())
        self.exam = [self._here(batch) for batch in self.source.validation()]
        longest = max(batch[0].shape[1] for batch in self.exam)
        if longest > cfg["context_length"]:
            raise ValueError(
                f"Hay filas de {longest} tokens y context_length es {cfg['context_length']}: elige uno mayor."
            )
        self.job = world.wrap(self.model, halved_loss if settings.dtype == "bf16" else chunked_loss)
        make = make_muon if settings.optimizer == "muon" else make_optimizer
        rates = {name: getattr(settings, name) for name in ("lr", "weight_decay", "head_rate")}
        self.optimizer = make(self.model, **rates, fused=True)
        self.step, self.tokens, self.seconds = 0, 0, 0.0

    def header(self):
        """La primera línea del registro: qué se entrena, y en qué equipo."""
        source, threads = self.source, torch.get_num_threads()
        machine = {"torch": torch.__version__, "threads": threads, "processor": platform.processor()}
        return {
            "run": self.settings.as_dict(),
            "source": source.description,
            "parameters": self.parameters,
            "floor": source.floor,
            "bytes_per_token": source.bytes_per_token,
            "machine": machine,
        }

    def advance(self):
        """Da un paso y devuelve su línea del registro. Errores: `NotFinite`; los pesos no cambian."""
        start, step = time.perf_counter(), self.step + 1
        rate = self.settings.lr * self.settings.factor(step)
        set_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        batches = [self._here(batch) for batch in self.source.batches(step)]
        self.world.sow(f"{self.settings.seed}/{step}")
        loss = self.world.backward(self.job, batches)
        if not math.isfinite(loss):
            raise NotFinite(f"En el paso {step} la pérdida dejó de ser un número finito ({loss}).", step - 2)
        norm = self.world.clip(self.model.parameters(), self.settings.clip or math.inf)
        if not math.isfinite(norm):
            raise NotFinite(f"En el paso {step} un gradiente dejó de ser finito (norma {norm}).", step - 1)
        self.optimizer.step()
        self.step, self.tokens = step, self.tokens + sum(places(*batch) for batch in batches)
        self.seconds += time.perf_counter() - start
        row = {"step": step, "loss": loss, "lr": rate, "norm": norm, "tokens": self.tokens}
        return row | {"seconds": round(self.seconds, 3)}

    @torch.no_grad()
    def sharpen(self):
        """Multiplica los logits por `sharpen`: se hace una vez, al acabar, y no entra en lo que se sigue."""
        for parameter in self._last_norm():
            parameter.mul_(self.settings.sharpen)

    @torch.no_grad()
    def evaluate(self):
        """La línea del registro con la pérdida de validación; la última, ya con `sharpen`.

        Errores: `NotFinite`.
        """
        start, total, count = time.perf_counter(), 0.0, 0
        trained = [parameter.clone() for parameter in self._last_norm()]
        if self.step == self.settings.steps:
            self.sharpen()
        self.model.eval()
        for batch in self.exam:
            uneven = len(batch[0]) % self.world.size  # un examen de menos de un lote: lo miran todos
            mine = batch if uneven else self.world.share(batch)
            total += self.job(*mine).item() * places(*mine)
            count += places(*mine)
        self.model.train()
        for parameter, kept in zip(self._last_norm(), trained, strict=True):
            parameter.copy_(kept)
        loss = self.world.sum(total) / self.world.sum(count)
        if not math.isfinite(loss):
            raise NotFinite(
                f"Tras el paso {self.step} la pérdida de validación no es un número finito ({loss}).",
                self.step - 1,
            )
        self.seconds += time.perf_counter() - start
        bits, source = loss / math.log(2), self.source
        row = {"step": self.step, "validation": loss, "bits": bits, "floor": source.floor}
        row["bits_per_byte"] = bits / source.bytes_per_token
        row["excess"] = None if source.truth is None else loss - source.truth
        return row | {"seconds": round(self.seconds, 3)}

    def state(self):
        """Todo lo que hace falta para seguir: (modelo, tensores, números). La llaman todos los procesos."""
        kept = optimizer_tensors(self.optimizer, self.model)
        tensors = {_OPTIMIZER + name: tensor for name, tensor in self.world.whole(kept).items()}
        tensors[_GENERATOR] = torch.get_rng_state()
        numbers = {"step": self.step, "tokens": self.tokens, "seconds": self.seconds}
        return self.world.plain(self.model), tensors, numbers | {"run": self.settings.as_dict()}

    def write(self, folder, state):
        """Escribe en `folder` lo que dio `state`; la carpeta sirve también para `load_model`."""
        model, tensors, numbers = state
        save_model(model, self.source.tokenizer, folder)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / TENSORS)
        (folder / STATE).write_text(json.dumps(numbers, ensure_ascii=False, indent=1), encoding="utf-8")

    def restore(self, folder):
        """Sigue donde `write` lo dejó, bit a bit."""
        self.read_weights(folder)
        tensors, numbers = load_file(folder / TENSORS), read_state(folder)
        torch.set_rng_state(tensors.pop(_GENERATOR))
        kept = {name.removeprefix(_OPTIMIZER): tensor for name, tensor in tensors.items()}
        restore_optimizer(self.optimizer, self.model, kept, self.world.part)
        self.step, self.tokens, self.seconds = (numbers[name] for name in ("step", "tokens", "seconds"))

    @torch.no_grad()
    def read_weights(self, folder):
        """Pone en el modelo los pesos de un punto de control."""
        loaded, _ = load_model(folder)
        saved = dict(loaded.named_parameters())
        for name, parameter in self.model.named_parameters():
            parameter.copy_(self.world.part(saved[name], parameter))

    def _last_norm(self):
        """Lo que da la última normalización es lineal en estos, y los logits, en lo que ella da."""
        return list(self.model.final_norm.parameters())

    def _here(self, batch):
        return [piece.to(self.world.device) for piece in batch]


def read_state(folder):
    """Los números de un punto de control, con los ajustes de su corrida."""
    return json.loads((folder / STATE).read_text(encoding="utf-8"))
