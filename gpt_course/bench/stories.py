"""Entrenar con los cuentos: un modelo pequeño, en el que cuenta cada operación, y lotes con relleno."""

import statistics
import tempfile

from tqdm import tqdm

from gpt_course.bench.loops import HALVED, OURS, TRAINER, check_trainer, opened, plain_loop, trainer_loop

BATCH, STEPS = 16, 30  # filas de un lote y pasos que se miden: la segunda vez que pasan los mismos lotes


def run_stories(contenders, *, rounds=3, turn=None):
    """`batch`, filas; `speeds`, tokens por segundo de cada uno según los hilos; `failed`, los motivos.

    Y lo que pierde el curso con los productos en bf16, `halved`: los tokens por segundo según los hilos y su
    última pérdida, junto a la de float32.

    Un turno es un proceso nuevo con los mismos pesos y los mismos lotes; se da la mediana de las vueltas.
    Todos recortan el gradiente a 1, como el `Trainer` de transformers. Quien no da la misma pérdida, fuera.
    """
    from gpt_course.bench.rounds import take_turn_apart, write_weights
    from gpt_course.config import STORY_CONFIG

    names, failed = [*contenders, HALVED], {}
    if "transformers" in names:
        names.append(TRAINER)
        failed |= check_trainer()
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
                    if name in (OURS, HALVED):
                        raise
                    failed[name] = str(error)
    ours, halved = (found["1"][name][0]["last"] for name in (OURS, HALVED))
    speeds = _medians(found, failed)
    fast = {threads: measured.pop(HALVED) for threads, measured in speeds.items()}
    rounded = {"speeds": fast, "loss": halved, "loss_fp32": ours, "steps": 2 * STEPS}
    return {"batch": BATCH, "speeds": speeds, "halved": rounded, "failed": failed}


def _medians(found, failed):
    """Los tokens por segundo de cada uno; a quien no pierde lo mismo lo apunta en `failed`."""
    expected = found["1"][OURS][0]["loss"]
    for name, results in found["1"].items():
        if name != HALVED and abs(results[0]["loss"] - expected) > 1e-4 * expected:
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
    """Entrena unos pasos y da la mediana de los tokens por segundo, y la primera y la última pérdida.

    La primera vez que sale una forma, oneDNN prepara su producto: eso se paga una vez, y no se mide.
    """
    from gpt_course.stories import story_batch

    contender, name = opened(order["contender"]), order["contender"]
    model = contender.load(contender.build(order["cfg"]), weights).train()
    batches = [story_batch(BATCH * step, BATCH) for step in range(STEPS)] * 2
    loop = trainer_loop if name == TRAINER else plain_loop
    seconds, losses = loop(contender, model, batches, clip=1.0)
    speeds = [int(mask.sum()) / time_ for (_, _, mask), time_ in zip(batches, seconds, strict=True)]
    return {"speed": statistics.median(speeds[STEPS:]), "loss": losses[0], "last": losses[-1]}
