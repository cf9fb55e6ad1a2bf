"""En qué orden se aprende y qué cabeza hace qué, con cinco semillas: lo que lee la lección 13.

`python -m gpt_course.training.staircase` entrena cinco veces el modelo de los cuentos y otras cinco uno que
copia cadenas, y reescribe `staircase.json`. Con un hilo de un Intel Xeon tarda unos diez minutos.
"""

import json
from contextlib import ExitStack, contextmanager
from itertools import combinations
from pathlib import Path

import torch
from tqdm import tqdm

from gpt_course.inspection import attention_weights, head_off, induction_scores, logit_lens
from gpt_course.stories.excess import LABELS, excess_by_label, read_stories
from gpt_course.training.copying import copy_batches, copy_loss, make_copier, repeated_strings
from gpt_course.training.loop import train
from gpt_course.training.settings import Settings
from gpt_course.training.trainer import Trainer
from gpt_course.training.world import World

LOG = Path(__file__).with_name("staircase.json")
SEEDS = (1, 2, 3, 4, 5)
RECIPE = {
    "data": "cuentos",
    "steps": 800,
    "optimizer": "muon",
    "lr": 1e-2,
    "weight_decay": 0.0,
    "eval_batches": 1,
}
MARKS = (0, 10, *range(25, RECIPE["steps"] + 1, 25))  # los pasos en que se mide
EXAMS, STORIES = (0, 200, 400), 200  # tres juegos de cuentos que ningún modelo ha leído
CLIMB_STORIES = 100  # los que se miden mientras se entrena
COPY_STEPS = 120


def load_staircase():
    """Lo medido: en `stories` y en `copies`, una corrida por semilla."""
    return json.loads(LOG.read_text(encoding="utf-8"))


def climb(seed, marks, exam):
    """Entrena con `seed` hasta el último de `marks`: (el modelo, y el exceso por etiqueta en cada uno)."""
    with torch.random.fork_rng(devices=[]):
        trainer = Trainer(Settings(seed=seed, **RECIPE), World())
        found = []
        for step in tqdm(range(max(marks) + 1), desc=f"cuentos, semilla {seed}", unit="paso"):
            if step:
                trainer.advance()
            if step in marks:
                found.append(excess(trainer.model, exam))
    return trainer.model.eval(), found


@torch.no_grad()
def excess(model, exam):
    """Los nats de más de cada etiqueta en cada cuento: una lista, en el orden de `LABELS`."""
    return list(excess_by_label(model(exam.x), exam).values())


def damage(model, exam, groups):
    """Lo que sube el exceso de cada etiqueta al apagar cada grupo de cabezas: una fila por grupo."""
    base, rows = excess(model, exam), []
    for group in groups:
        with heads_off(model, group):
            rows.append([without - whole for without, whole in zip(excess(model, exam), base, strict=True)])
    return rows


@contextmanager
def heads_off(model, group):
    """Apaga varias cabezas, parejas (bloque, cabeza), mientras dura el `with`."""
    with ExitStack() as stack:
        for block, head in group:
            stack.enter_context(head_off(model, block, head))
        yield


def heads(model):
    """Las cabezas de un modelo, de abajo arriba: parejas (bloque, cabeza)."""
    return [(b, h) for b, block in enumerate(model.trf_blocks) for h in range(block.att.n_heads)]


def looks(model, exam, label):
    """Cuánto mira cada cabeza a las copias anteriores de la palabra que viene, donde es de clase `label`."""
    rows = exam.label == LABELS.index(label)  # (B, T)
    copies = exam.x[:, None, :] == exam.y[:, :, None]  # (B, T, T)
    weights = attention_weights(model, exam.x)  # (L, B, H, T, T)
    return (weights * copies[:, None]).sum(dim=-1).transpose(2, 3)[:, rows].mean(dim=1).flatten().tolist()


def copy(seed):
    """Entrena un bloque y dos para copiar: lo que pierden, y los dos sin una o dos de sus cabezas."""
    ids, known = repeated_strings(256, torch.Generator().manual_seed(0))
    found = {"seed": seed}
    for n_layers in (1, 2):
        model, optimizer = make_copier(n_layers, seed)
        train(model, copy_batches(seed), optimizer, steps=COPY_STEPS)
        found[f"{n_layers}"] = copy_loss(model.eval(), ids, known)
    found["off"] = {}
    for group in [[place] for place in heads(model)] + [[(b, 0), (b, 1)] for b in (0, 1)]:
        with heads_off(model, group):
            scores = induction_scores(model, ids[:, :-1])[1].tolist()
            found["off"]["+".join(f"{b}.{h}" for b, h in group)] = [*copy_loss(model, ids, known), *scores]
    return found | {"scores": induction_scores(model, ids[:, :-1]).tolist()}


def story_run(seed, exams):
    """Una corrida de los cuentos y lo que se mide al acabar."""
    model, found = climb(seed, MARKS, read_stories(0, CLIMB_STORIES))
    alone = [[place] for place in heads(model)]
    pairs = [pair for pair in combinations(heads(model), 2) if pair[0][0] == pair[1][0]]
    return {
        **{"seed": seed, "excess": found},
        "damage": [damage(model, exam, alone) for exam in exams],
        "pairs": damage(model, exams[0], pairs),
        "looks": {label: looks(model, exams[0], label) for label in ("nombre", "objeto")},
        "lens": [
            list(excess_by_label(logits, exams[0]).values()) for logits in logit_lens(model, exams[0].x)
        ],
    }


def main():
    exams = [read_stories(start, STORIES) for start in EXAMS]
    log = {"labels": LABELS, "steps": MARKS, "stories": [], "copies": [copy(seed) for seed in SEEDS]}
    for seed in SEEDS:
        log["stories"].append(story_run(seed, exams))
        LOG.write_text(json.dumps(_rounded(log), ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _rounded(value):
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    main()
