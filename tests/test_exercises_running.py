"""Ejecutar la función de quien estudia: plazo, errores en español, datos intactos y ningún rastro."""

import json
import random
import threading
import time

import pytest
import torch

from gpt_course.exercises.grading import running
from gpt_course.exercises.grading.errors import brief, explained
from gpt_course.exercises.grading.running import TimeUp, preserved_state, run, time_limit
from gpt_course.exercises.grading.wrong import Unsolved, Wrong


def test_the_result_comes_back_and_a_generator_becomes_a_list():
    assert run(lambda a, b: a - b, 5, 3) == 2
    assert run(lambda n: (k * k for k in range(n)), 3) == [0, 1, 4]
    assert run(lambda text: map(len, text), ["a", "bc"]) == [1, 2]


@pytest.mark.parametrize(
    ("function", "arguments", "told"),
    [
        (3, (), "se esperaba una función y llegó un número: pasa su nombre, sin llamarla"),
        (lambda a: None, (1,), "falta `return`"),
        (lambda a: a, (1, 2), r"debe recibir 2 argumentos, como en el enunciado; la tuya dice \(a\)"),
        (lambda a: a.undefined, (1,), "un dato de tipo `int` no tiene `undefined`"),
        (lambda a: 1 / a, (0,), r"en su línea \d+, `.*`: divides entre cero .*La probé con `a = 0`"),
        (lambda a: missing + a, (0,), "no existe el nombre `missing`. Si has reiniciado"),  # noqa: F821
        (lambda x: x + torch.ones(3), (torch.ones(2),), "un tensor mide 2 y el otro 3"),
        (lambda x: x @ torch.ones(3, 1), (torch.ones(1, 2),), "no se puede multiplicar 1x2 por 3x1"),
        (lambda x: x | 1.0, (torch.ones(1),), "no admite números"),
        (lambda d: d["b"], ({"a": 1},), "no tiene la clave `'b'`"),
        (lambda data: json.loads(data), (b"{\xff",), "no son texto: mira cuáles lees .*`data = b'{"),
        (lambda data: json.loads(data[:-1]), (b"[1]",), "no es JSON, o no está entero"),
        (lambda x: x[5], (torch.ones(3),), "lugar 5 de la dimensión 0, que mide 3"),
        (lambda x: x[5], ([1],), "el índice se sale"),
        (lambda: exit(), (), "SystemExit"),
        (lambda x: x if x else 0, (torch.ones(2),), "un solo True o False"),
    ],
)
def test_what_goes_wrong_is_told_in_spanish(function, arguments, told):
    with pytest.raises(Wrong, match=told):
        run(function, *arguments)


def test_the_last_line_of_the_student_is_told():
    def helper(values):
        return values.sum(dim=9)

    def student(values):
        doubled = 2 * values
        return helper(doubled)

    with pytest.raises(Wrong) as told:
        run(student, torch.ones(2, 3))
    assert "`return values.sum(dim=9)`" in str(told.value) and "no tiene la dimensión 9" in str(told.value)
    assert "`values = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]`" in str(told.value)


def test_an_unknown_error_keeps_its_words():
    assert explained(RuntimeError("one\ntwo")) == "`RuntimeError: one`"
    assert explained(KeyError()) == "`KeyError`"


def test_dots_are_unsolved():
    with pytest.raises(Unsolved):
        run(lambda: ...)


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (torch.zeros(2), lambda x: x.add_(1)),
        (torch.zeros(2), lambda x: x.unsqueeze_(0)),
        ([1, 2], lambda x: x.append(3) or x),
        ({"a": [1]}, lambda x: x["a"].append(1) or x),
        (torch.nn.Linear(2, 2), lambda x: torch.nn.init.zeros_(x.weight)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_data_must_stay_as_they_were(value, change):
    def student(data):
        return change(data)

    before = str(value)
    with pytest.raises(Wrong, match="tu función cambia `data`"):
        run(student, value)
    assert str(value) == before  # ha recibido una copia
    assert run(lambda data: 1, value) == 1
    run(student, value, may_change=True)


def forever():
    while True:
        pass


def stubborn():
    while True:
        try:
            while True:
                time.sleep(0.001)
        except Exception:  # un `except Exception` no detiene el plazo
            pass


@pytest.mark.parametrize("endless", [forever, stubborn])
def test_an_endless_loop_is_stopped_and_its_line_told(monkeypatch, endless):
    monkeypatch.setattr(running, "TIME_LIMIT", 0.1)
    start = time.monotonic()
    with pytest.raises(Wrong, match=r"llevaba 0.1 s sin acabar y seguía en su línea \d+, `.*`"):
        run(endless)
    assert time.monotonic() - start < 60  # un equipo cargado puede tardar en dar la vez


@pytest.mark.parametrize("limit", [running._by_thread, time_limit])
def test_a_thread_that_is_not_the_main_one_is_stopped_too(limit):
    seen = []

    def work():
        try:
            with limit(0.05):
                forever()
        except TimeUp:
            seen.append("a tiempo")
        with limit(30):
            seen.append("después")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == ["a tiempo", "después"]


def test_without_signals_the_main_thread_is_stopped_too():  # como en Windows
    with pytest.raises(TimeUp), running._by_thread(0.05):
        forever()
    for _ in range(50):  # si acaba justo a tiempo, la excepción no llega más tarde
        with running._by_thread(30):
            pass


def test_the_alarm_of_before_is_back():
    before = running.signal.getsignal(running.signal.SIGALRM)
    with time_limit(1):
        assert running.signal.getsignal(running.signal.SIGALRM) is not before
    assert running.signal.getsignal(running.signal.SIGALRM) is before
    assert running.signal.getitimer(running.signal.ITIMER_REAL) == (0.0, 0.0)


def test_nothing_of_the_student_s_settings_changes():
    torch.manual_seed(7)
    random.seed(7)
    expected = torch.rand(2), random.random()
    torch.manual_seed(7)
    random.seed(7)
    threads, options = torch.get_num_threads(), repr(torch.tensor(1 / 3))
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad(), preserved_state():
            assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
            torch.manual_seed(1)
            random.seed(1)
            torch.set_default_dtype(torch.float16)
            torch.set_grad_enabled(False)
            torch.set_num_threads(threads + 1)
            torch.set_printoptions(precision=1)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.is_grad_enabled() and torch.get_num_threads() == threads
    assert repr(torch.tensor(1 / 3)) == options
    assert torch.equal(torch.rand(2), expected[0]) and random.random() == expected[1]


def test_a_piece_of_data_is_shown_in_few_letters():
    assert brief(torch.tensor([1 / 3, 2])) == "`[0.3333, 2.0]`"
    assert brief(torch.ones(5, 5)) == "un tensor de forma (5, 5)"
    assert brief(torch.nn.Linear(2, 2)) == "un modelo"
    assert len(brief("a" * 500)) < 80
