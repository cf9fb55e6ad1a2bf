"""Entrenar unos pasos, cada uno con su bucle: los segundos de cada paso y las pérdidas.

Del `Trainer`, solo la primera, que es con la que se comprueba que todos hacen lo mismo.
"""

import importlib.util
import itertools
import math
import statistics
import tempfile
import time

OURS = "gpt_course"
TRAINER = "transformers con Trainer"
HALVED = "gpt_course en bf16"


def opened(name):
    """El contendiente de ese nombre; los dos de aquí son otra manera de entrenar con uno de `CONTENDERS`."""
    from gpt_course.bench.contenders import CONTENDERS

    contender = CONTENDERS[{TRAINER: "transformers", HALVED: "gpt_course"}.get(name, name)]()
    if name == HALVED:
        from gpt_course.training.objective import halved_loss

        contender.loss = halved_loss
    return contender


def plain_loop(contender, model, batches, clip=math.inf):
    """El bucle de siempre."""
    import torch

    optimizer, parameters = contender.optimizer(model), list(model.parameters())
    seconds, losses = [], []
    for batch in batches:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = contender.loss(model, *batch)
        loss.backward()
        if math.isfinite(clip):
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    return seconds, losses


def trainer_loop(contender, model, batches, clip=math.inf):
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
    for x, y, *masks in batches:
        labels = y.masked_fill(~masks[0], -100) if masks else y
        data.append({"input_ids": x, "labels": labels, "shift_labels": labels})  # ya están corridas
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            **{"output_dir": folder, "max_steps": len(data), "per_device_train_batch_size": 1},
            **{"use_cpu": True, "save_strategy": "no", "report_to": [], "logging_strategy": "no"},
            **{"disable_tqdm": True, "train_sampling_strategy": "sequential", "remove_unused_columns": False},
            **{"learning_rate": 1e-3, "weight_decay": 0.1, "dataloader_pin_memory": False},
            max_grad_norm=clip if math.isfinite(clip) else 0.0,
        )
        with torch.no_grad():
            first = contender.loss(model.eval(), *batches[0]).item()
        trainer = Trainer(model.train(), arguments, train_dataset=data, callbacks=[Clock()])
        trainer.data_collator = lambda rows: rows[0]
        trainer.train()
    return [after - before for before, after in itertools.pairwise(clock)], [first]


def check_trainer():
    """{`TRAINER`: por qué no se puede usar}, o nada."""
    there = importlib.util.find_spec("accelerate") is not None
    return {} if there else {TRAINER: "no está `accelerate`"}


def other_ways(others, ours, failed):
    """Otras maneras de entrenar: {nombre: segundos y última pérdida}; la última de aquí, para comparar."""
    first, last = next((result["loss"], result["last"]) for result in ours if "last" in result)
    measured = {}
    for name, results in others.items():
        if not results:
            continue
        if name == TRAINER and abs(results[0]["loss"] - first) > 1e-4 * first:
            failed[name] = "su primera pérdida al entrenar no coincide con el curso"
            continue
        seconds = [time for result in results for time in result["seconds"]["train"]]
        measured[name] = {"seconds": statistics.median(seconds), "loss": results[0]["last"], "ours": last}
    return measured
