"""Figuras de la lección 01: datos, títulos y rótulos."""

import matplotlib
import pytest

from gpt_course.plotting.style import BLUE, GREY, ORANGE
from gpt_course.plotting.tokenization import (
    draw_merge_tree,
    plot_compression,
    plot_language_cost,
    readable,
)


@pytest.mark.parametrize(
    ("token", "text"),
    [(b" pan", "␣pan"), (b"\xc3", "C3"), (b"\xe2\x80", "E2 80"), ("ñ".encode(), "ñ"), (b"\n", "↵")],
)
def test_bytes_are_written_to_be_read(token, text):
    assert readable(token) == text


def test_the_tree_has_a_node_for_each_byte_and_merge():
    history = [(b"p", b"a", b"n", b"s"), (b"p", b"an", b"s"), (b"pan", b"s")]
    ax = draw_merge_tree(history, "Árbol de «pans»")
    assert ax.get_title() == "Árbol de «pans»"
    assert ax.get_ylabel() == "fusiones hechas"
    assert [text.get_text() for text in ax.texts if text.get_bbox_patch()].count("an") == 1
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places["a"] == (1, 0)
    assert places["an"] == (1.5, 1)
    assert places["pan"] == (0.75, 2)
    assert len(ax.lines) == 4  # dos ramas por fusión
    colors = {text.get_text(): text.get_bbox_patch().get_facecolor() for text in ax.texts}
    assert matplotlib.colors.same_color(colors["pan"], ORANGE)
    assert matplotlib.colors.same_color(colors["a"], GREY)


def test_two_merges_of_the_same_step_are_both_drawn():
    ax = draw_merge_tree([(b"l", b"a", b"l", b"a"), (b"la", b"la")], "lala")
    nodes = [text.get_position() for text in ax.texts if text.get_text() == "la"]
    assert {(0.5, 1), (2.5, 1)} == set(nodes)


def test_the_cost_of_a_language():
    ax = plot_language_cost(["Hola.", "Adiós."], [3, 5], [1, 2], "Precio")
    assert (ax.get_title(), ax.get_xlabel()) == ("Precio", "tokens de GPT-2")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Hola.", "Adiós."]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["inglés", "español"]
    english, spanish = ax.lines
    assert list(english.get_xdata()) == [1, 2]
    assert list(spanish.get_xdata()) == [3, 5]
    assert english.get_color() == BLUE and spanish.get_color() == ORANGE
    assert english.get_marker() != spanish.get_marker()  # no solo el color los distingue
    assert ax.yaxis_inverted()


def test_compression():
    ax = plot_compression([257, 1000], [20000, 6000], ("GPT-2", 8373), "Menos tokens")
    assert ax.get_title() == "Menos tokens"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("tokens del vocabulario", "tokens del relato")
    curve, reference = ax.lines
    assert list(curve.get_xdata()) == [257, 1000]
    assert list(curve.get_ydata()) == [20000, 6000]
    assert list(reference.get_ydata()) == [8373, 8373]
    assert ax.texts[0].get_text() == "GPT-2: 8373"
    assert ax.yaxis.get_major_formatter()(20000, 0) == "20\u202f000"
    assert ax.get_ylim()[0] == 0
