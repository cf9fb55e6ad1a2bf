"""Las figuras de la lección 13: datos, orden y rótulos en español."""

from matplotlib.colors import to_hex

from gpt_course.plotting.inside import (
    plot_arrivals,
    plot_costs,
    plot_excess_curves,
    plot_heads,
    plot_jump,
    plot_lens,
    plot_truth_and_model,
)
from gpt_course.plotting.style import BLUE, ORANGE


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def heights(ax):
    return [bar.get_height() for bar in ax.patches]


def test_truth_above_and_model_below_on_the_same_scale():
    above, below = plot_truth_and_model(["a", "b"], [0.75, 0.25], [0.5, 0.375], "Título")
    assert heights(above) == [0.75, 0.25] and heights(below) == [0.5, 0.375]
    assert (above.get_ylabel(), below.get_ylabel()) == ("verdad", "modelo")
    assert above.get_ylim() == below.get_ylim()
    assert [text.get_text() for text in above.texts] == ["0,75", "0,25"]
    assert to_hex(above.patches[0].get_facecolor()).upper() == BLUE
    assert ticks(below.xaxis) == ["a", "b"] and above.get_title() == "Título"


def test_costs_have_a_bar_a_word_in_each_row():
    above, below = plot_costs(["a", "b"], [1.5, 0.0], [0.25, 0.125], "Título")
    assert heights(above) == [1.5, 0.0] and heights(below) == [0.25, 0.125]
    assert "entropía" in above.get_ylabel() and "KL" in below.get_ylabel()
    assert to_hex(below.patches[0].get_facecolor()).upper() == ORANGE
    assert ticks(below.xaxis) == ["a", "b"]


def test_each_label_has_its_curve():
    ax = plot_excess_curves([50, 100], {"nombre": [5.0, 0.5], "fija": [2.0, 0.1]}, "Título")
    assert [list(line.get_ydata()) for line in ax.lines] == [[5.0, 0.5], [2.0, 0.1]]
    assert ax.get_yscale() == "log" and "nats" in ax.get_ylabel()
    assert len({line.get_linestyle() for line in ax.lines}) == 2  # no solo el color
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["nombre", "fija"]


def test_each_seed_has_a_mark_in_each_row():
    ax = plot_arrivals({"fija": [100, 150], "nombre": [300, 250]}, "Título")
    assert [list(line.get_xdata()) for line in ax.lines] == [[100, 300], [150, 250]]
    assert all([round(y) for y in line.get_ydata()] == [0, 1] for line in ax.lines)
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()
    assert ticks(ax.yaxis) == ["fija", "nombre"] and ax.yaxis_inverted()


def test_heads_write_every_number():
    ax = plot_heads(["una", "otra"], ["nombre", "fija"], [[4.0, 0.5], [-0.25, 1.0]], "Título")
    assert [text.get_text() for text in ax.texts] == ["4,00", "0,50", "−0,25", "1,00"]
    assert ticks(ax.yaxis) == ["una", "otra"] and ticks(ax.xaxis) == ["nombre", "fija"]
    assert ax.images[0].norm(4.0) == 1 and ax.images[0].norm(-0.25) == 0


def test_the_lens_goes_up_and_marks_what_is_right():
    ax = plot_lens(
        ["a", "b"], ["entrada", "bloque 0"], [["x", "b"], ["a", "b"]], [[0.1, 0.2], [0.9, 1]], "Título"
    )
    assert [text.get_text() for text in ax.texts] == ["x", "b", "a", "b"]
    assert [text.get_weight() for text in ax.texts] == ["normal", "bold", "bold", "bold"]
    assert not ax.yaxis_inverted()  # la entrada, abajo
    assert ticks(ax.yaxis) == ["entrada", "bloque 0"] and ticks(ax.xaxis) == ["a", "b"]


def test_the_jump_has_the_losses_above_and_the_scores_below():
    above, below = plot_jump(
        [0, 10], {"un bloque": [3.0, 2.0], "dos": [3.0, 0.1]}, {"cabeza 0": [0, 1]}, "Título"
    )
    assert [list(line.get_ydata()) for line in above.lines] == [[3.0, 2.0], [3.0, 0.1]]
    assert [list(line.get_ydata()) for line in below.lines] == [[0, 1]]
    assert "pérdida" in above.get_ylabel() and "puntuación" in below.get_ylabel()
    assert above.get_ylim()[0] == 0 and below.get_ylim() == (0, 1)
    assert below.get_xlabel() == "pasos de entrenamiento"
