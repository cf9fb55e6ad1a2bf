"""Leer una respuesta y compararla: qué número se escribió, con cuántas cifras, y si es el que se esperaba."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_course.exercises.grading.comparing import ANY, agrees, same
from gpt_course.exercises.grading.expecting import expect_choice, expect_number, expect_table
from gpt_course.exercises.grading.reading import read_number, read_values
from gpt_course.exercises.grading.wrong import Wrong


def values(answer):
    return {value.item() for value, _ in read_number(answer)}


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("1.128", {1.128, 1128}),
        ("1,128", {1.128, 1128}),
        ("20\u202f488\u202f000", {20488000}),
        ("20 488 000", {20488000}),
        ("20.488.000", {20488000}),
        ("20,488,000", {20488000}),
        ("20_488_000", {20488000}),
        ("20.488.000,5", {20488000.5}),
        ("20,488,000.5", {20488000.5}),
        ("−3,04", {-3.04}),
        ("-3.04", {-3.04}),
        ("+7", {7}),
        ("0,785", {0.785}),
        (",5", {0.5}),
        ("1e-3", {0.001}),
        ("2,5e3", {2500}),
        ("1/32", {0.03125}),
        ("−1/4", {-0.25}),
        ((20, 488, 0), {20488000}),
        ((1, 128), {1.128, 1128}),
        ((1, 5), {1.5}),
        ((-18, 25), {-18.25}),
        ((1, 128.5), {1128.5}),
        ([7], {7}),
        (True, {1}),
        (Fraction(1, 4), {0.25}),
        (Decimal("2.50"), {2.5}),
        (np.float32(0.5), {0.5}),
        (np.array([[3]]), {3}),
        (torch.tensor([0.25], requires_grad=True), {0.25}),
    ],
    ids=repr,
)
def test_a_number_is_read_as_it_is_written(answer, read):
    assert values(answer) == read


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("siete", "llegó 'siete'"),
        ("6 MiB", "llegó '6 MiB'"),
        ("1,12,128", "llegó '1,12,128'"),
        ("", "llegó ''"),
        ("1/0", "llegó '1/0'"),
        (None, "¿falta un `return`"),
        (torch.ones(2), r"un tensor de forma \(2,\)"),
        ([1, 2], "una colección"),
        ((1, 2, 3, 4, 5, 6), "una colección"),
        ({7}, "una colección"),
        (len, "una función, y aquí va lo que devuelve"),
        (3 + 1j, "complex"),
        (math.nan, "finito y llegó nan"),
        (10**400, "finito y llegó inf"),
        (torch.ones(200, 200), "40000 números"),
    ],
    ids=lambda case: str(case)[:20],
)
def test_what_is_not_a_number_is_told_in_spanish(answer, told):
    with pytest.raises(Wrong, match=told):
        read_number(answer)


@settings(max_examples=40)
@given(st.integers(-(10**12), 10**12))
def test_an_integer_is_read_in_every_notation(number):
    english = f"{number:,}"
    for text in (english, english.replace(",", "."), english.replace(",", "\u202f"), f"{number:_}"):
        assert number in values(text)
        assert number in values(text.replace("-", "−"))


@settings(max_examples=40)
@given(st.decimals(-(10**6), 10**6, places=3))
def test_a_decimal_is_read_with_its_decimals(number):
    for text in (str(number), str(number).replace(".", ","), f"{number:,}"):
        assert (float(number), 3) in [(value.item(), decimals) for value, decimals in read_number(text)]


@pytest.mark.parametrize(
    ("answer", "decimals"),
    [(7, 0), (7.0, 0), (0.5, 1), (1.25, 2), (1e-3, 3), (np.float32(0.79), 2), (torch.tensor(0.785), 3)],
)
def test_decimals_are_those_that_were_written(answer, decimals):
    assert read_number(answer)[0][1] == decimals


def test_a_table_is_read_in_every_container():
    for answer in (
        [[1, 0.5]],
        ((True, "0,5"),),
        "[[1, 0.5]]",
        [torch.tensor([1, 0.5])],
        np.array([[1, 0.5]]),
    ):
        assert torch.equal(read_values(answer)[0], torch.tensor([[1, 0.5]]).double())
    assert read_values("2; 5")[0].tolist() == read_values("(2, 5)")[0].tolist() == [2, 5]
    assert read_values("[−0,2; 1,5]")[0].tolist() == [-0.2, 1.5]
    assert read_values(range(3))[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "answer",
    [{1, 2}, [[1], [2, 3]], ["a"], "uno, dos", object(), [None], [3j]],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_a_table_is_told(answer):
    with pytest.raises(Wrong, match=r"se esperaba una lista|no miden todas lo mismo"):
        read_values(answer)


@pytest.mark.parametrize(
    "answer", [math.sqrt(128), 11.31, 11.3137, "11,3", 11.3, (11, 31), np.float32(11.31)]
)
def test_rounding_is_right(answer):
    expect_number(answer, math.sqrt(128))


@pytest.mark.parametrize(
    ("answer", "expected", "how", "told"),
    [
        (11, 128**0.5, {}, "es casi eso: da algún decimal más"),
        (11.33, 128**0.5, {}, "demasiado grande"),
        (196.3, 196.3164, {"decimals": 2}, "casi eso: da dos decimales"),
        (8.5, 9, {}, "demasiado pequeño"),
        (4.99, 5, {}, "demasiado pequeño"),
        (2838585345, 2838585344, {}, "demasiado grande"),
        (1e-3, 0, {}, "demasiado grande"),
        (18, -18, {}, "mira el signo"),
        (1.128, 1128, {}, "separa los decimales"),
        (6144, 6, {"unit": "MiB"}, "eso son KiB"),
        (6.29, 6, {"unit": "MiB"}, r"eso son MB \(10⁶ bytes\); se piden MiB"),
        (12, 1.5, {"unit": "bytes"}, "eso son bits"),
    ],
)
def test_what_is_not_the_number_gets_the_sentence_it_deserves(answer, expected, how, told):
    with pytest.raises(Wrong, match=told):
        expect_number(answer, expected, **how)


@pytest.mark.parametrize("answer", [1.73, 1.7320508, "1,7", torch.tensor(1.732), [1.73]])
def test_a_rounded_mistake_gets_its_hint_and_the_nearest_one(answer):
    with pytest.raises(Wrong, match="la raíz"):
        expect_number(answer, 3, [(1.75, "otra"), (3**0.5, "la raíz"), (1.8, "otra más")])


def test_a_mistake_that_is_also_the_answer_rounded_is_accepted():
    expect_number(3.04, 3.042, [(3.0411, "no")])


def test_a_table_agrees_with_the_digits_that_were_written():
    right = torch.tensor([1 / 7, 2 / 7, 4 / 7])
    expect_table([0.14, 0.29, 0.57], right)
    expect_table(["1/7", "2/7", "4/7"], right)
    for wrong in ([0.1, 0.3, 0.6], [0.14, 0.28, 0.58]):
        with pytest.raises(Wrong, match="de 3 números no lo son"):
            expect_table(wrong, right)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([2, 1], "al revés"),
        (torch.tensor([[9], [9]]), "en columna"),
        ([1, 3], "1 de 2 números no lo son"),
        ([1, 2, 3], "se esperaban 2 números y llegaron 3"),
        (7, r"se esperaba la forma \(2,\) y llegó \(\)"),
        ([1, math.inf], "no es finito"),
    ],
)
def test_a_table_that_is_not_right_gets_its_hint(answer, told):
    with pytest.raises(Wrong, match=told):
        expect_table(answer, [1, 2], [([2, 1], "al revés"), ([[ANY], [ANY]], "en columna")])
    with pytest.raises(Wrong, match=r"repasa|al revés|en columna|finito"):
        expect_table(
            answer, [1, 2], [([2, 1], "al revés"), ([[ANY], [ANY]], "en columna")], otherwise="repasa"
        )


@pytest.mark.parametrize("answer", ["b", " B ", "b)", "(B)", "«b»", ["b"], ("b",)])
def test_choice_accepts(answer):
    expect_choice(answer, "b", {"a": "no", "c": "tampoco"})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("a", "^no$"),
        ("C", "tampoco"),
        ("d", "a, b, c; llegó `d`"),
        (None, "None"),
        (torch.zeros(7, 7), "un tensor"),
    ],
    ids=str,
)
def test_choice_refuses(answer, told):
    with pytest.raises(Wrong, match=told):
        expect_choice(answer, "b", {"a": "no", "c": "tampoco"})


@settings(max_examples=40)
@given(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-3), st.integers(2, 6))
def test_rounding_agrees_and_one_unit_more_does_not(number, decimals):
    reading = (torch.tensor(round(number, decimals), dtype=torch.float64), decimals)
    near = abs(round(number, decimals) - number) <= 1e-2 * abs(number)
    assert agrees(reading, number, tolerance=0) == near
    two_more = (reading[0] + math.copysign(2 * 10.0**-decimals, number), decimals)
    assert not agrees(two_more, number, tolerance=0)


@pytest.mark.parametrize(
    ("result", "expected", "equal"),
    [
        ([1, 2], torch.tensor([1, 2]), True),
        (torch.tensor([True, False]), torch.tensor([1, 0]), True),
        (torch.tensor([0.0, -math.inf]), torch.tensor([False, True]), False),
        (torch.tensor([1.0, math.nan]), torch.tensor([1.0, 2.0]), False),
        (torch.tensor([math.nan]), torch.tensor([math.nan]), True),
        (torch.tensor([1.001]), torch.tensor([1.0]), False),
        (torch.tensor([[1, 2]]), torch.tensor([1, 2]), False),
        ([("a", 1)], [["a", 1]], True),
        (torch.tensor([1, 2]), [1, 2], True),
        (["a"], ["b"], False),
        ("1", 1, False),
        (1, "1", False),
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": [1]}, {"a": [1], "b": 2}, False),
        ({"x"}, ["x"], False),
        (torch.tensor([1j]), torch.tensor([0.0]), False),
        (object(), 3, False),
        ({1}, {1}, True),
        ([1], {1}, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_function_returns_is_compared_by_value(result, expected, equal):
    assert same(result, expected) == equal
