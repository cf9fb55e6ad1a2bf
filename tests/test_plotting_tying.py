"""Las figuras de la vinculación: datos y rótulos en español."""

import pytest
from matplotlib.colors import to_hex

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE
from gpt_course.plotting.tying import plot_gaps, plot_shares, plot_two_ends


def color(line):
    return to_hex(line.get_color()).upper()


def test_two_bars_for_each_row():
    ax = plot_two_ends(["el", "luz"], [0.5, 0.0], [0.25, 0.125], "Título")
    entering, leaving = ax.containers
    assert [bar.get_width() for bar in entering] == [0.5, 0.0]
    assert [bar.get_width() for bar in leaving] == [0.25, 0.125]
    assert {to_hex(bar.get_facecolor()).upper() for bar in entering} == {ORANGE}
    assert {to_hex(bar.get_facecolor()).upper() for bar in leaving} == {BLUE}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["el", "luz"]
    for row, (above, below) in enumerate(zip(entering, leaving, strict=True)):
        assert above.get_y() + above.get_height() == pytest.approx(row - 0.01)
        assert below.get_y() == pytest.approx(row + 0.01)
    assert ax.yaxis_inverted()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "por la incrustación",
        "por la cabeza",
    ]


def test_each_recipe_has_a_point_of_each_model():
    ax = plot_gaps(["0,02", "1/√C"], {"una estrecha": [0.5, 0.25], "una ancha": [0.125, -0.25]}, "Título")
    zero, narrow, wide = ax.lines
    assert list(zero.get_xdata()) == [0, 0] and color(zero) == INK
    assert list(narrow.get_xdata()) == [0.5, 0.25] and list(wide.get_xdata()) == [0.125, -0.25]
    assert list(narrow.get_ydata()) == list(wide.get_ydata()) == [0, 1]
    assert [color(narrow), color(wide)] == [ORANGE, GREEN]
    assert narrow.get_marker() != wide.get_marker()  # no solo el color
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0,02", "1/√C"] and ax.yaxis_inverted()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["una estrecha", "una ancha"]
    assert "pierde más" in ax.get_xlabel()


def test_shares_in_percent():
    ax = plot_shares({"pequeño": 0.25, "grande": 0.05}, "Título")
    assert [bar.get_width() for bar in ax.patches] == [25.0, 5.0]
    assert [text.get_text() for text in ax.texts] == ["25,0 %", "5,0 %"]
    assert ax.get_xlabel() == "% de los parámetros del modelo con dos matrices" and ax.yaxis_inverted()
