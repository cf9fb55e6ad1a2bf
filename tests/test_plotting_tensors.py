"""Las figuras de la lección 00: datos, título y rótulos."""

import pytest
import torch
from matplotlib.colors import to_hex

from gpt_course.plotting.style import ORANGE
from gpt_course.plotting.tensors import draw_broadcast, plot_guesses, plot_slope


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_guesses_are_shares_and_the_favourite_is_orange():
    ax = plot_guesses({"Hace ___": {"sol": 3, "frío": 1}, "Es ___": {"hoy": 2}})
    assert [bar.get_width() for bar in ax.patches] == [0.75, 0.25, 1.0]
    assert [to_hex(bar.get_facecolor()).upper() == ORANGE for bar in ax.patches] == [True, False, True]
    assert texts(ax) == ["Hace ___", "sol", "frío", "Es ___", "hoy"]
    assert ax.get_title() == "¿Cuánta seguridad hay en cada apuesta?"
    assert ax.get_xlabel() == "parte de las fichas"
    assert min(text.get_fontsize() for text in ax.texts) >= 11


def test_every_word_is_written_and_the_ones_that_do_not_fit_go_below():
    ax = plot_guesses({"Vive en ___": {"Lima": 8, "casa": 1, "México": 1}})
    wide, *narrow = ax.texts[1:]
    assert [text.get_text() for text in ax.texts] == ["Vive en ___", "Lima", "casa", "México"]
    bar = ax.patches[0]
    assert bar.get_y() < wide.get_position()[1] < bar.get_y() + bar.get_height()
    assert [text.get_position()[0] for text in narrow] == pytest.approx([0.85, 0.95])
    assert all(text.get_position()[1] > bar.get_y() + bar.get_height() for text in narrow)
    ax.figure.canvas.draw()
    first, second = (text.get_window_extent() for text in narrow)
    assert first.x1 < second.x0 and second.x1 <= ax.figure.bbox.x1


def test_guesses_refuses_a_sentence_without_counters():
    with pytest.raises(ValueError, match=r"al menos una ficha.*«Es ___» tiene 0\. Dale alguna o quítala"):
        plot_guesses({"Es ___": {"hoy": 0}})


def test_broadcast_shows_every_sum():
    ax = draw_broadcast(torch.tensor([[1.0], [2.5]]), torch.tensor([10.0, 20.0]))
    assert texts(ax) == ["1", "2,5", "10", "20", "11", "21", "12,5", "22,5", "+"]
    assert "se repite" in ax.get_title()


@pytest.mark.parametrize("column", [torch.ones(2), torch.ones(2, 2)])
def test_broadcast_says_what_it_expects(column):
    with pytest.raises(ValueError, match=r"columna \(n, 1\).*reshape"):
        draw_broadcast(column, torch.ones(3))


def test_slope_draws_the_tangent_and_the_step():
    ax = plot_slope(lambda w: (2 * w - 6) ** 2, at=1.0, slope=-16.0, step=0.1)
    _, tangent, before, after = ax.lines
    (x0, x1), (y0, y1) = tangent.get_data()
    assert (y1 - y0) / (x1 - x0) == pytest.approx(-16)
    assert [float(v[0]) for v in before.get_data()] == [1, 16]
    assert [float(v[0]) for v in after.get_data()] == pytest.approx([2.6, 0.64])
    assert ax.get_title() == "Un paso cuesta abajo" and ax.get_xlabel() == "w"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "pendiente en w = 1: −16" in labels and "antes" in labels
