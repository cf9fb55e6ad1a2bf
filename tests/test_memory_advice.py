"""El veredicto y el consejo: lo que basta, basta; lo que se junta, hace falta; si nada basta, se dice."""

import itertools
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_course.config import GPT2_CONFIGS, MODERN_CONFIGS
from gpt_course.memory import Plan, inference_peak, training_peak
from gpt_course.memory.advice import _apply, _levers, _size, advice, verdict, with_margin

GIB = 2**30
SMALL = GPT2_CONFIGS["gpt2"]
MODELS = [*GPT2_CONFIGS.values(), *MODERN_CONFIGS.values()]


@pytest.mark.parametrize(
    ("room", "words"),
    [(0, "cabe muy justo"), (3 * GIB, "cabe en"), (-1, "no cabe")],
    ids=["0", "3 GiB", "-1 B"],
)
@pytest.mark.parametrize(("task", "peak"), [("Entrenar", training_peak), ("Generar", inference_peak)])
def test_the_verdict(task, peak, room, words):
    plan = Plan(SMALL, seq=64)
    text = verdict(plan, peak(plan) + room)
    line = next(line for line in text.splitlines() if line.startswith(task))
    assert line.startswith(f"{task}: {words}")
    assert (f"{line}\n  " in text) == (words != "cabe en")  # el consejo, solo si hace falta


def test_what_fits_needs_no_advice():
    text = verdict(Plan(SMALL, seq=64), 64 * GIB)
    assert len(text.splitlines()) == 2 and "no cabe" not in text


@st.composite
def cases(draw):
    """Un plan, una de las dos tareas y una memoria en la que no cabe con su margen."""
    plan = Plan(
        {**draw(st.sampled_from(MODELS)), "drop_rate": draw(st.sampled_from([0.0, 0.1]))},
        batch=draw(st.sampled_from([1, 2, 6, 64])),
        seq=draw(st.sampled_from([1, 8, 100, 1024])),
        dtype=draw(st.sampled_from(["fp32", "bf16", "mixed"])),
        optimizer=draw(st.sampled_from(["sgd", "momentum", "adamw"])),
        explicit=draw(st.booleans()),
        checkpointing=draw(st.booleans()),
        accumulation=draw(st.sampled_from([1, 3])),
    )
    peak = draw(st.sampled_from([training_peak, inference_peak]))
    return plan, peak, int(with_margin(peak(plan)) * draw(st.floats(0.02, 0.999)))


def options_of(plan, peak):
    return {name: fields for lever in _levers(plan, training=peak is training_peak) for name, fields in lever}


def named_in(text):
    """Los cambios que nombra un consejo, en su orden."""
    listed = re.search(r"(?:cambios: |B: |ayuda \()(.*?)(?:\.$|\): )", text)
    return listed[1].split("; ") if listed else []


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(cases())
def test_the_advice_is_true(case):
    plan, peak, ram = case
    text, options = advice(plan, ram, peak), options_of(plan, peak)
    names = named_in(text)
    applied = _apply(plan, [(name, options[name]) for name in names])
    strongest = [lever[-1] for lever in _levers(plan, training=peak is training_peak)]
    subsets = [mix for n in range(len(strongest) + 1) for mix in itertools.combinations(strongest, n)]
    peaks = [(len(mix), peak(_apply(plan, mix))) for mix in subsets]
    enough = [size for size, high in peaks if with_margin(high) <= ram]
    if text.startswith("Basta"):
        assert names and all(with_margin(peak(replace(plan, **options[name]))) <= ram for name in names)
    elif text.startswith("Con estos"):
        assert with_margin(peak(applied)) <= ram and len(names) == min(enough) > 1
        assert stated(text) == pytest.approx(peak(applied), rel=0.06)
    else:
        assert not enough
        least = min(high for _, high in peaks)
        if text.startswith("Ningún cambio"):
            assert least == peak(plan)
        else:
            assert peak(applied) == least and stated(text) == pytest.approx(with_margin(least), rel=0.06)
            assert len(names) == min(size for size, high in peaks if high == least)  # ninguno de adorno


def stated(text):
    """Los bytes del tamaño que nombra un consejo."""
    number, unit = re.search(r"([\d,.]+\d) ([GM]iB|B)", text).groups()
    return float(number.replace(",", "")) * {"GiB": GIB, "MiB": 2**20, "B": 1}[unit]


def test_the_advice_of_the_course():
    plan = Plan(GPT2_CONFIGS["gpt2-xl"], batch=8, dtype="bf16")
    text = advice(plan, 8 * GIB, training_peak)
    assert "el pico baja a 6.40 GiB: lotes de 1 frase acumulados; recomputación de los bloques; SGD" in text


def test_the_mildest_change_is_chosen():
    plan = Plan(SMALL, batch=8)
    ram = with_margin(training_peak(replace(plan, batch=4, accumulation=2)))
    assert "lotes de 4 frases acumulados" in advice(plan, ram, training_peak)


def test_a_change_that_is_just_enough_is_enough():
    plan = Plan(SMALL, seq=64)
    ram = with_margin(training_peak(replace(plan, optimizer="sgd")))
    text = advice(plan, ram, training_peak)
    assert text.startswith("Basta con uno") and "SGD" in text


def test_the_changes_that_are_tried():
    plan = Plan(SMALL, batch=6, seq=8, accumulation=2, explicit=True)
    plain = {**plan.cfg, "drop_rate": 0.0}
    common = [
        {"sin dropout, con SDPA": {"cfg": plain, "explicit": False}},
        {"bf16 en todo": {"dtype": "bf16"}},
        {"frases de 4 tokens": {"seq": 4}, "frases de 2 tokens": {"seq": 2}},
    ]
    batches = {3: "lotes de 3 frases", 2: "lotes de 2 frases", 1: "lotes de 1 frase"}
    assert list(map(dict, _levers(plan, training=False))) == [
        {name: {"batch": size, "accumulation": 2} for size, name in batches.items()},
        *common,
    ]
    assert list(map(dict, _levers(plan, training=True))) == [
        {f"{name} acumulados": {"batch": size, "accumulation": 12 // size} for size, name in batches.items()},
        common[0],
        {"recomputación de los bloques": {"checkpointing": True}},
        *common[1:],
        {"SGD como optimizador": {"optimizer": "sgd"}},
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (100_000, "100,000 B"),
        (104_858, "0.10 MiB"),
        (10**8, "95.37 MiB"),
        (107_374_183, "0.10 GiB"),
        (5000 * GIB, "5,000.00 GiB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_suits_it(size, text):
    assert _size(size) == text


def test_a_change_that_changes_nothing_is_not_named():
    plan = Plan({**SMALL, "drop_rate": 0.0}, seq=1, dtype="bf16", optimizer="sgd", checkpointing=True)
    assert advice(plan, 2**20, training_peak).startswith("Ningún cambio")


def test_the_advice_for_generating_does_not_speak_of_training():
    text = advice(Plan(GPT2_CONFIGS["gpt2-xl"], batch=8), 5 * GIB, inference_peak)
    assert "recomputación" not in text and "SGD" not in text and "acumulados" not in text and "bf16" in text


def test_an_enormous_batch_is_answered_too():
    text = advice(Plan(SMALL, batch=10**8, seq=8), 64 * GIB, training_peak)
    assert "frases acumulados" in text


@pytest.mark.parametrize(("more", "words"), [(-1, "cabe muy justo"), (1, "cabe en")], ids=["menos", "más"])
@pytest.mark.parametrize(("task", "peak"), [("Entrenar", training_peak), ("Generar", inference_peak)])
def test_tight_means_less_than_a_tenth_and_half_a_gibibyte(task, peak, more, words):
    plan = Plan(SMALL, seq=64)
    ram = math.floor(1.1 * peak(plan) + GIB / 2) + more
    line = next(line for line in verdict(plan, ram).splitlines() if line.startswith(task))
    assert line.startswith(f"{task}: {words}")


@pytest.mark.parametrize(("task", "peak"), [("Entrenar", training_peak), ("Generar", inference_peak)])
def test_the_whole_margin_is_not_tight(task, peak):
    plan = Plan(GPT2_CONFIGS["gpt2"], batch=1, seq=8)
    line = next(line for line in verdict(plan, with_margin(peak(plan))).splitlines() if line.startswith(task))
    assert line.startswith(f"{task}: cabe en ")
