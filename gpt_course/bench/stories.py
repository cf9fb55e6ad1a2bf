"""Entrenar con los cuentos: un modelo pequeño, en el que cuenta cada operación, y lotes con relleno."""

import importlib.util
import itertools
import statistics
import tempfile
import time

from tqdm import tqdm

BATCH, STEPS, WARM = 16, 40, 5  # filas de un lote, pasos que se miden y los de antes, que tardan más
TRAINER = "transformers con Trainer"
OURS = "gpt_course"


def run_stories(contenders, *, rounds=3, turn=None):
    """`batch`, filas; `speeds`, tokens por segundo de cada uno según los hilos; `failed`, los motivos.

    Un turno es un proceso nuevo con los mismos pesos y los mismos lotes; se da la mediana de las vueltas.
    Todos recortan el gradiente a 1, como el `Trainer` de transformers. Quien no da la misma pérdida, fuera.
    """
    from gpt_course.bench.rounds import take_turn_apart, write_weights
    from gpt_course.config import STORY_CONFIG

    names, failed = list(contenders), {}
    if "transformers" in names:
        names.append(TRAINER)
        if importlib.util.find_spec("accelerate") is None:
            failed[TRAINER] = "no está `accelerate`"
    cfg = {**STORY_CONFIG, "qkv_bias": True, "tie_weights": True}  # los pesos que todos saben leer
    found = {"1": {}, "2": {}}
    turns = [(t, name) for first in range(rounds) for t in found for name in names[first:] + names[:first]]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        order = {"kind": "stories", "cfg": cfg, "weights": write_weights(cfg, folder)}
        for threads, name in tqdm(turns, unit="turno"):
            if name not in failed:
                try:
                    result = (turn or take_turn_apart)({**order, "threads": int(threads), "contender": name})
                    found[threads].setdefault(name, []).append(result)
                except RuntimeError as error:
                    if name == OURS:
                        raise
                    failed[name] = str(error)
    return {"batch": BATCH, "speeds": _medians(found, failed), "failed": failed}


def _medians(found, failed):
    """Los tokens por segundo de cada uno; a quien no pierde lo mismo lo apunta en `failed`."""
    expected = found["1"][OURS][0]["loss"]
    for name, results in found["1"].items():
        if abs(results[0]["loss"] - expected) > 1e-4 * expected:
            failed[name] = "su primera pérdida no coincide con la del curso"
    return {
        threads: {
            name: statistics.median(result["speed"] for result in results)
            for name, results in measured.items()
            if name not in failed
        }
        for threads, measured in found.items()
    }


def story_turn(order, weights):
    """Entrena unos pasos y devuelve la mediana de los tokens por segundo y la primera pérdida."""
    from gpt_course.bench.contenders import CONTENDERS
    from gpt_course.stories import story_batch

    name = order["contender"]
    contender = CONTENDERS["transformers" if name == TRAINER else name]()
    model = contender.load(contender.build(order["cfg"]), weights).train()
    batches = [story_batch(BATCH * step, BATCH) for step in range(WARM + STEPS)]
    loop = _trainer if name == TRAINER else _loop
    seconds, loss = loop(contender, model, batches)
    speeds = [int(mask.sum()) / time_ for (_, _, mask), time_ in zip(batches, seconds, strict=True)]
    return {"speed": statistics.median(speeds[WARM:]), "loss": loss}


def _loop(contender, model, batches):
    import torch

    optimizer, parameters = contender.optimizer(model), list(model.parameters())
    seconds, losses = [], []
    for batch in batches:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = contender.loss(model, *batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    return seconds, losses[0]


def _trainer(contender, model, batches):
    """Lo mismo con el `Trainer` de transformers: los lotes ya hechos, sin guardar nada y sin avisos."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    clock = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__):
            clock.append(time.perf_counter())

        def on_train_end(self, *_, **__):
            clock.append(time.perf_counter())

    data = []
    for x, y, mask in batches:
        labels = y.masked_fill(~mask, -100)
        data.append({"input_ids": x, "labels": labels, "shift_labels": labels})  # ya están corridas
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            **{"output_dir": folder, "max_steps": len(data), "per_device_train_batch_size": 1},
            **{"use_cpu": True, "save_strategy": "no", "report_to": [], "logging_strategy": "no"},
            **{"disable_tqdm": True, "train_sampling_strategy": "sequential", "remove_unused_columns": False},
            **{"learning_rate": 1e-3, "weight_decay": 0.1, "dataloader_pin_memory": False},
        )
        with torch.no_grad():
            first = contender.loss(model.eval(), *batches[0]).item()
        trainer = Trainer(model.train(), arguments, train_dataset=data, callbacks=[Clock()])
        trainer.data_collator = lambda rows: rows[0]
        trainer.train()
    return [after - before for before, after in itertools.pairwise(clock)], first
