"""Lo que está vivo en cada momento, al byte; test_memory_resident.py lo compara con un proceso de verdad."""

import pytest
from reference import TINY

from gpt_course.memory import (
    Plan,
    activations,
    inference_peak,
    inference_sizes,
    inference_timeline,
    state,
    training_peak,
    training_sizes,
    training_timeline,
)

# Los momentos de un paso y de una generación, congelados cuando se midieron (test_memory_resident.py solo los
# ve dentro de un 5 %). Quien cambie la cuenta los mide otra vez y copia aquí los nuevos. Entre todos recorren
# cada rama: con la cabeza vinculada o no, cada formato, SDPA o la matriz T×T, y tramos cortos y largos.
SHORT = {**TINY, "vocab_size": 101, "context_length": 12, "emb_dim": 24, "n_heads": 3, "n_layers": 3}
LONG = {**SHORT, "vocab_size": 11, "context_length": 300, "emb_dim": 6}
TODAY = {"norm": "rms", "positions": "rope", "feed_forward": "swiglu", "bias": False, "hidden_dim": 40}
TODAY |= {"n_heads": 6, "n_kv_heads": 2, "qk_norm": True}
EXPERTS = {**TODAY, "feed_forward": "experts", "n_experts": 3, "experts_per_token": 2}
FROZEN = {  # configuración, plan y, en bytes, los momentos de entrenar y las partidas y momentos de generar
    "corto": (
        SHORT,
        {"batch": 2, "seq": 8},
        [106560, 319856, 487732, 494196, 490960, 502928, 483472, 426416, 455024],
        [106560, 9216, 808, 33792, 106560, 149568, 118120],
    ),
    "vinculado, acumulando": (
        {**SHORT, "tie_weights": True, "drop_rate": 0.1},
        {"batch": 2, "accumulation": 3},
        [106560, 387628, 700704, 710400, 700700, 718652, 508540, 416716, 415276],
        [96864, 13824, 808, 50688, 106560, 161376, 113800],
    ),
    "acumulando, sin vincular": (
        {**SHORT, "qkv_bias": True},
        {"accumulation": 2, "optimizer": "momentum"},
        [107424, 322272, 448228, 453076, 453072, 462048, 373200, 331968, 322272],
        [107424, 6912, 404, 25344, 107424, 139680, 115892],
    ),
    "largo, recomputado": (
        LONG,
        {"batch": 2, "explicit": True, "checkpointing": True, "optimizer": "sgd"},
        [13680, 13680, 181684, 208084, 155544, 6819144, 6709896, 27360, 27360],
        [13680, 86400, 88, 6566400, 13680, 6666480, 114568],
    ),
    "largo, bf16 con dropout": (
        {**LONG, "tie_weights": True, "drop_rate": 0.1},
        {"dtype": "bf16"},
        [6840, 20296, 4834378, 4840978, 4827908, 5814908, 2604732, 27268, 34336],
        [6708, 21600, 22, 79200, 6840, 107508, 31930],
    ),
    "largo, SDPA": (
        LONG,
        {},
        [13680, 41216, 814020, 827220, 801080, 874280, 370232, 54896, 69560],
        [13680, 43200, 44, 158400, 13680, 215280, 64124],
    ),
    "vinculado, muchos tokens": (
        {**SHORT, "vocab_size": 1009, "tie_weights": True},
        {},
        [280896, 552268, 765392, 813824, 813820, 779212, 786076, 930028, 930028],
        [184032, 6912, 4036, 25344, 280896, 216288, 196132],
    ),
    "mixto": (
        {**SHORT, "tie_weights": True},
        {"batch": 2, "dtype": "mixed"},
        [150144, 339196, 490302, 495150, 490300, 499276, 445132, 397324, 424972],
        [48432, 6912, 404, 25344, 150144, 80688, 56900],
    ),
    "mixto, ancho": (
        {**SHORT, "vocab_size": 5, "n_layers": 1},
        {"dtype": "mixed", "optimizer": "sgd", "checkpointing": True},
        [46368, 46368, 51554, 51674, 51672, 80592, 90048, 61824, 71040],
        [15456, 1152, 10, 12672, 46368, 29280, 17194],
    ),
    "piezas de hoy": (
        {**SHORT, **TODAY, "window": 5},
        {"batch": 2, "dtype": "bf16", "checkpointing": True},
        [36576, 109872, 129602, 134450, 129600, 159984, 176832, 146448, 158064],
        [36576, 2304, 404, 9216, 36576, 48096, 40436],
    ),
    "expertos": (
        {**LONG, **EXPERTS, "emb_dim": 12, "tie_weights": True},
        {"batch": 2},
        [58320, 173600, 4445604, 4472004, 4419728, 4585328, 1796192, 232448, 237152],
        [57792, 57600, 88, 432000, 58320, 547392, 144280],
    ),
    "piezas de hoy, explícitas": (
        {**LONG, **TODAY, "emb_dim": 12},
        {"explicit": True, "optimizer": "sgd"},
        [23328, 23328, 8010532, 8023732, 7997856, 12055056, 6752928, 46656, 46656],
        [23328, 28800, 44, 6547200, 23328, 6599328, 66572],
    ),
    "cabezas anchas": (
        {**SHORT, **TODAY, "head_dim": 20, "hidden_dim": 3},
        {},
        [115296, 346032, 494596, 499444, 499440, 494880, 496656, 461328, 494064],
        [115296, 11520, 404, 17664, 115296, 144480, 128372],
    ),
}


TRAINING = [
    "create",
    "start",
    "forward",
    "loss_backward",
    "head_backward",
    "blocks_backward",
    "last_block_backward",
    "end_backward",
    "optimizer",
]
GENERATING = ["weights", "kv_cache", "logits", "block", "create", "blocks", "head"]


@pytest.mark.parametrize(("cfg", "options", "training", "generating"), FROZEN.values(), ids=FROZEN)
def test_every_moment_stays_as_it_was_measured(cfg, options, training, generating):
    plan = Plan(cfg, **options)
    assert training_timeline(plan) == dict(zip(TRAINING, training, strict=True))
    assert training_peak(plan) == max(training)
    found = [*inference_sizes(plan).items(), *inference_timeline(plan).items()]
    assert found == list(zip(GENERATING, generating, strict=True))
    assert inference_peak(plan) == max(generating[4:])
    assert {type(size) for _, size in [*training_timeline(plan).items(), *found]} == {int}


def test_the_entries_of_a_step():
    plan = Plan(SHORT, batch=2, seq=8)
    saved, scores = sum(activations(plan).values()), 4 * 2 * 8 * 101
    assert training_sizes(plan) == {**state(plan), "activations": saved, "logits": scores}
