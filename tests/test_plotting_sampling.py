"""Las figuras del muestreo: datos y rótulos en español."""

import pytest
from matplotlib.colors import to_hex

from gpt_course.plotting.sampling import plot_draw, plot_filters, plot_frequencies, plot_words_by_temperature
from gpt_course.plotting.style import BLUE, GREY, ORANGE, SKY

WORDS = ["pan", "sol", "mar"]


def heights(container):
    return [bar.get_height() for bar in container]


def color(patch):
    return to_hex(patch.get_facecolor()).upper()


def test_one_panel_for_each_temperature():
    cold, hot = plot_words_by_temperature(WORDS, {0.5: [0.05, 0.2, 0.75], 4: [0.3, 0.33, 0.37]})
    assert (cold.get_title(), hot.get_title()) == ("τ = 0,5", "τ = 4")
    assert heights(cold.patches) == [0.05, 0.2, 0.75] and heights(hot.patches) == [0.3, 0.33, 0.37]
    assert [color(bar) for bar in cold.patches] == [BLUE, BLUE, ORANGE]
    assert [label.get_text() for label in hot.get_xticklabels()] == WORDS
    assert [text.get_text() for text in cold.texts] == ["0,05", "0,20", "0,75"]
    assert cold.get_ylabel() == "probabilidad" and cold.get_ylim() == hot.get_ylim()


def test_filters_show_what_is_left_over_the_silhouette():
    rows = {"picuda": [[0.9, 0.1], [1.0, 0.0]], "plana": [[0.5, 0.5], [0.5, 0.5]]}
    grid = plot_filters(rows, ["sin filtro", "top-p = 0,8"])
    assert grid.shape == (2, 2)
    assert [heights(container) for container in grid[0, 1].containers] == [[0.9, 0.1], [1.0, 0.0]]
    assert [color(container[0]) for container in grid[0, 1].containers] == [GREY, BLUE]
    assert grid[0, 1].get_title() == "top-p = 0,8\nquedan 1" and grid[1, 1].get_title().endswith("quedan 2")
    assert grid[1, 1].get_xlabel() == "tokens, de mayor a menor"
    assert grid[0, 0].get_ylabel() == "picuda\nprobabilidad" and grid[1, 0].get_ylabel().startswith("plana")


@pytest.mark.parametrize(("u", "chosen"), [(0.0, 0), (0.2, 1), (0.5, 2), (0.9999, 2)])
def test_the_draw_lights_the_stretch_where_the_number_falls(u, chosen):
    ax = plot_draw(WORDS, [0.2, 0.3, 0.5], u)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.2, 0.3, 0.5])
    assert [bar.get_x() for bar in ax.patches] == pytest.approx([0, 0.2, 0.5])
    assert [color(bar) for bar in ax.patches] == [ORANGE if index == chosen else SKY for index in range(3)]
    shown = [text.get_text() for text in ax.texts]
    assert shown[:3] == WORDS and shown[3] == f"u = {u:.4f}".replace(".", ",")
    assert ax.get_xlabel() == "probabilidad acumulada"
    ax.figure.canvas.draw()
    assert "0,2" in [label.get_text() for label in ax.get_xticklabels()]


def test_frequencies_beside_probabilities():
    ax = plot_frequencies(WORDS, [0.2, 0.3, 0.5], [0.25, 0.25, 0.5], 1000)
    assert [heights(container) for container in ax.containers] == [[0.2, 0.3, 0.5], [0.25, 0.25, 0.5]]
    assert (ax.get_title(), ax.get_ylabel()) == ("1000 sorteos", "proporción")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["probabilidad", "frecuencia medida"]
    assert ax.texts[0].get_text() == "0,200"
    assert [label.get_text() for label in ax.get_xticklabels()] == WORDS
