"""Todos los ejercicios del curso, contra las respuestas buenas y malas de `answers/`."""

import importlib
import inspect
import json
import math
import numbers
import pkgutil
import re
from decimal import Decimal
from fractions import Fraction

import answers
import manifest
import numpy as np
import pytest
import repository
import torch

from gpt_course import exercises
from gpt_course.exercises import EXERCISES, check, core

core.grader("modelo.1")  # los registra todos


def by_topic():
    """Módulo de `gpt_course/exercises` → nombres de los ejercicios de su tema, también los de `varied`."""
    modules = {}
    for package in (exercises, exercises.varied):
        for module in pkgutil.iter_modules(package.__path__):
            source = inspect.getsource(importlib.import_module(f"{package.__name__}.{module.name}"))
            modules[package, module.name] = answers.DECLARED.findall(source)
    topics = {}
    for (package, module), found in modules.items():
        if package is exercises and found:
            (topic,) = {topic for topic, _ in found}
            places = [int(n) for each in modules.values() for other, n in each if other == topic]
            topics[module] = [f"{topic}.{place}" for place in sorted(places)]
    assert sorted(EXERCISES) == sorted(name for names in topics.values() for name in names)
    return topics


TOPICS = by_topic()
FILES = answers.load()
TABLES = {topic: getattr(file, "ANSWERS", {}) for topic, file in FILES.items()}
ANSWERS = {name: table for tables in TABLES.values() for name, table in tables.items()}
FACTS = [
    pytest.param(fact, id=f"{topic}-{name}")
    for topic, file in FILES.items()
    for name, fact in vars(file).items()
    if name.startswith("fact_")
]


def fails(*arguments):
    raise RuntimeError("se rompió\ny más")


# Lo que nadie espera: ningún ejercicio lo da por bueno y todos contestan en una línea.
ODD = [None, True, math.nan, math.inf, 10**400, "", "texto", b"1", object(), {}, {"a": 1}, [], [None], [1, 2]]
ODD += [[[1, 2]], 3 + 1j, torch.zeros(0), torch.zeros(7), torch.zeros(3, 3), torch.ones(5, 3)]
ODD += [torch.zeros(7, 7), torch.zeros(3, 7, 2), torch.zeros(1, 1, dtype=torch.bool), str, len, fails]
ODD += [lambda: 1 / 0, lambda *given: None, lambda *given: "texto", lambda *given: given]


def containers(answer):
    """Un mismo valor escrito de todas las maneras en que llega."""
    first = answer[0] if isinstance(answer, tuple | list) else answer
    if isinstance(first, str | bytes) and not (first is answer and str(answer).strip().isalpha()):
        return [answer]
    if isinstance(answer, str):
        return [answer, answer.upper(), f" {answer}) ", f"«{answer}»", [answer], (answer,)]
    if isinstance(answer, numbers.Real):
        return written(answer)
    table = torch.as_tensor(answer).detach().double()
    if table.dim() == 0:
        return [answer]
    rows = table.tolist()
    found = [rows, tuple(map(tuple, rows)) if table.dim() > 1 else tuple(rows), table, table.float()]
    found += [table.numpy(), list(table), [row.numpy() for row in table], str(rows), table.requires_grad_()]
    found += [[row.numpy().astype("float32") for row in table.detach()]]
    if (table == table.round()).all():
        found += [table.int(), table.int().numpy(), table.int().tolist(), table.bfloat16()]
    if set(table.flatten().tolist()) <= {0, 1}:
        found += [table.bool(), table.bool().tolist(), table.bool().numpy()]
    return found


def written(number):
    """Un número, como lo escribe cada cual."""
    found = [float(number), torch.tensor(number), torch.tensor([float(number)]), np.float64(number)]
    found += [[number], (number,), np.array([number]), str(number), str(number).replace(".", ",")]
    found += [Decimal(str(number)), f" {number:,} ", f"{number:_}".replace("-", "\u2212")]
    found += [f"{number:,}".translate(str.maketrans(",.", ".,")), f"{number:,}".replace(",", "\u202f")]
    if isinstance(number, int):
        found += [np.int64(number), Fraction(number), number + 1e-9]
        found += [torch.tensor(number).int()] if number < 2**31 else []
        if number >= 1000 and not re.search(",0(?!00)", f"{number:,}"):  # 20,488,000; 4,096 no es Python
            found += [tuple(map(int, f"{number:,}".split(",")))]
    return found


def rounded(answer):
    """Una respuesta con dos decimales, si se parece a lo que era."""
    if isinstance(answer, torch.Tensor) and answer.isfinite().all():
        near = answer.double().round(decimals=2)
        return near if (near - answer).abs().max() < 0.04 * answer.abs().max() else answer
    if isinstance(answer, float) and abs(round(answer, 2) - answer) < 0.04 * abs(answer):
        return round(answer, 2)
    return answer


def faults(topics, tables):
    """Lo que falta o sobra en las tablas. topics: tema → ejercicios. tables: tema → su `ANSWERS`."""
    found = [f"{topic}: falta answers/{topic}.py" for topic in topics if topic not in tables]
    found += [f"{topic}: answers/{topic}.py no es de ningún tema" for topic in tables if topic not in topics]
    for topic in topics.keys() & tables.keys():
        found += [f"{name}: sin respuestas" for name in topics[topic] if name not in tables[topic]]
        found += [
            f"{name}: no es un ejercicio de {topic}" for name in tables[topic].keys() - {*topics[topic]}
        ]
        for name, table in tables[topic].items():
            if table.keys() != {"right", "wrong"}:
                found.append(f"{name}: su tabla lleva «right» y «wrong», nada más")
            elif not table["right"]:
                found.append(f"{name}: falta una respuesta buena")
            elif len({hint for _, hint in table["wrong"] if hint}) < 3:
                found.append(f"{name}: hacen falta tres respuestas malas con pistas distintas")
    return sorted(found)


def told(name, answer, capsys):
    """Lo que contesta `check`: una línea, sin traza ni nada por la salida de errores."""
    assert check(name, answer) is None
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "Traceback" not in out and not err
    return out


def unmarked(text):
    """Sin los signos del código y del énfasis, que en la pantalla son otros."""
    return re.sub("[`*«»]", "", text)


def spellings(answer):
    """Cómo se escribe una respuesta que ninguna pista debe dar. De una corta, que sale por azar, nada."""
    if isinstance(answer, torch.Tensor):
        answer = answer.tolist()
    if isinstance(answer, (tuple, list)):
        return {str(answer), str(answer)[1:-1]}
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        return set()
    if float(answer).is_integer():
        return {str(int(answer))} if abs(answer) >= 1000 else set()
    return {f"{answer:.{digits}g}" for digits in (4, 5, 6)}


def test_every_exercise_has_its_answers():
    assert faults(TOPICS, TABLES) == []


GOOD = {"right": [1], "wrong": [(2, "dos"), (3, "tres"), (4, "cuatro")]}


@pytest.mark.parametrize(
    ("topics", "tables", "fault"),
    [
        ({"a": ["x.1"], "b": ["y.1"]}, {"a": {"x.1": GOOD}}, "b: falta answers/b.py"),
        ({"a": ["x.1"]}, {"a": {"x.1": GOOD}, "b": {}}, "b: answers/b.py no es de ningún tema"),
        ({"a": ["x.1", "x.2"]}, {"a": {"x.1": GOOD}}, "x.2: sin respuestas"),
        ({"a": ["x.1"]}, {"a": {"x.1": GOOD, "x.3": GOOD}}, "x.3: no es un ejercicio de a"),
        ({"a": ["x.1"]}, {"a": {"x.1": {**GOOD, "rigth": []}}}, "x.1: su tabla lleva"),
        ({"a": ["x.1"]}, {"a": {"x.1": {"wrong": GOOD["wrong"]}}}, "x.1: su tabla lleva"),
        ({"a": ["x.1"]}, {"a": {"x.1": {**GOOD, "right": []}}}, "x.1: falta una respuesta buena"),
        ({"a": ["x.1"]}, {"a": {"x.1": {**GOOD, "wrong": GOOD["wrong"][:2]}}}, "x.1: hacen falta tres"),
        ({"a": ["x.1"]}, {"a": {"x.1": {**GOOD, "wrong": [(2, "dos")] * 3}}}, "x.1: hacen falta tres"),
        (
            {"a": ["x.1"]},
            {"a": {"x.1": {**GOOD, "wrong": [(2, ""), (3, "b"), (4, "c")]}}},
            "x.1: hacen falta",
        ),
    ],
)
def test_what_is_missing_or_left_over_is_told(topics, tables, fault):
    (found,) = faults(topics, tables)
    assert found.startswith(fault)
    assert faults({"a": ["x.1"]}, {"a": {"x.1": GOOD}}) == []


@pytest.mark.parametrize("topic", TOPICS)
def test_the_exercises_of_a_topic_are_five_at_least_and_follow_one_another(topic):
    (prefix,) = {name.split(".")[0] for name in TOPICS[topic]}
    numbered = [int(name.split(".")[1]) for name in TOPICS[topic]]
    assert numbered == list(range(numbered[0], numbered[0] + len(numbered)))
    assert numbered[0] in (0, 1) and numbered[-1] >= 5  # el 0 es de muestra
    with pytest.raises(ValueError, match=f"Los temas son: .*{prefix}"):
        check("nada.1", ...)


def is_a_value(name):
    return not callable(ANSWERS[name]["right"][0])


@pytest.mark.parametrize("name", ANSWERS)
def test_a_right_answer_is_accepted_however_it_is_written(name, capsys):
    for right in ANSWERS[name]["right"]:
        for answer in [right, *(containers(right) if is_a_value(name) else [])]:
            out = told(name, answer, capsys)
            assert out.startswith(f"✓ {name}: "), (answer, out)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_mistake_rounded_or_not_gets_its_hint_and_not_the_solution(name, capsys):
    outs, right = "", {text for right in ANSWERS[name]["right"] for text in spellings(right)}
    for mistake, hint in ANSWERS[name]["wrong"]:
        near = rounded(mistake) if is_a_value(name) else mistake
        for answer in [mistake, *([near] if near is not mistake else [])]:
            out = told(name, answer, capsys)
            assert out.startswith(f"✗ {name}: ") and unmarked(hint) in unmarked(out), (answer, out)
            assert "no se entiende la respuesta" not in out  # lo previsto se reconoce
            plain = re.sub("(?<=\\d)[,\u202f](?=\\d{3})", "", out)
            assert not [text for text in right if text in plain], (answer, out)
            outs += unmarked(out)
    hints = [hint for _, hint in getattr(EXERCISES[name], "hints", ())]
    assert [hint for hint in hints if unmarked(hint) not in outs] == []  # ninguna sobra


@pytest.mark.parametrize("name", ANSWERS)
def test_an_odd_answer_is_wrong_and_told_in_one_line(name, capsys):
    for answer in ODD:
        out = told(name, answer, capsys)
        assert out.startswith(f"✗ {name}: "), (answer, out)


@pytest.mark.parametrize("name", ANSWERS)
def test_dots_are_unsolved_and_a_function_still_to_be_written_too(name, capsys):
    to_be_written = [lambda *given: ...] if callable(ANSWERS[name]["right"][0]) else []
    for answer in (..., (..., ...), [1, ...], *to_be_written):
        assert told(name, answer, capsys).startswith(f"○ {name}: sin resolver")


@pytest.mark.parametrize("fact", FACTS)
def test_the_answers_written_by_hand_are_those_of_the_package(fact):
    fact()


def test_the_solutions_of_the_course_are_accepted():
    cells = [
        cell
        for path in manifest.notebooks()
        if path.parent.name == "soluciones"
        for cell in json.loads(repository.committed(path))["cells"]
    ]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = "\n".join("".join(output.get("data", {}).get("text/plain", [])) for output in outputs)
    verdicts = set(re.findall(r"^([✓✗○]) (\w+\.\d+): ", printed, re.M))
    assert verdicts == {("✓", name) for name in ANSWERS if not name.endswith(".0")}
