"""Las figuras de la vinculación: datos, rótulos en español y letra legible."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE
from gpt_course.plotting.tying import plot_curves, plot_seeds, plot_shares, plot_two_ends

matplotlib.use("Agg")  # sin ventanas
CURVES = {"dos": [[3.0, 2.0], [3.5, 2.5]], "una": [[4.0, 2.25], [4.5, 2.75]]}
PANELS = {"final": {"dos": [1.0, 3.0], "una": [2.0, 2.5]}, "mejor": {"dos": [1.0, 1.5], "una": [0.5, 0.25]}}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


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


def test_every_seed_has_its_line_and_each_model_one_name():
    ax = plot_curves([50, 100], CURVES, "Título")
    drawn = [(color(line), list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
    assert drawn == [
        (BLUE, [50, 100], [3.0, 2.0]),
        (BLUE, [50, 100], [3.5, 2.5]),
        (ORANGE, [50, 100], [4.0, 2.25]),
        (ORANGE, [50, 100], [4.5, 2.75]),
    ]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["dos", "una"]
    assert len({(line.get_linestyle(), line.get_marker()) for line in ax.lines}) == 2  # no solo el color
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("pasos de entrenamiento", "pérdida de validación")


def test_every_seed_is_a_point_and_the_mean_a_line():
    axes = plot_seeds(PANELS, "Título")
    assert [ax.get_title() for ax in axes] == ["final", "mejor"]
    for ax, results in zip(axes, PANELS.values(), strict=True):
        assert [list(line.get_ydata()) for line in ax.lines] == list(results.values())
        assert [color(line) for line in ax.lines] == [BLUE, ORANGE]
        for x, line in enumerate(ax.lines):
            assert sum(line.get_xdata()) / 2 == pytest.approx(x)
        means = [segment.get_segments()[0][0][1] for segment in ax.collections]
        assert means == [sum(values) / 2 for values in results.values()]
        assert all(to_hex(segment.get_color()[0]).upper() == INK for segment in ax.collections)
        assert [label.get_text() for label in ax.get_xticklabels()] == ["dos", "una"]
    assert axes[0].get_ylabel() == "pérdida"


def test_a_third_model_has_its_own_look():
    ax = plot_curves([1], {"a": [[1.0]], "b": [[2.0]], "c": [[3.0]]}, "Título")
    assert [color(line) for line in ax.lines] == [BLUE, ORANGE, GREEN]


def test_shares_in_percent():
    ax = plot_shares({"pequeño": 0.25, "grande": 0.05}, "Título")
    assert [bar.get_width() for bar in ax.patches] == [25.0, 5.0]
    assert [text.get_text() for text in ax.texts] == ["25,0 %", "5,0 %"]
    assert ax.get_xlabel() == "% de los parámetros" and ax.yaxis_inverted()


DRAWINGS = [
    lambda: [plot_two_ends(["el", "luz"], [0.5, 0.0], [0.2, 0.1], "Título")],
    lambda: [plot_curves([50, 100], CURVES, "Título")],
    lambda: plot_seeds(PANELS, "Título"),
    lambda: [plot_shares({"pequeño": 0.237, "grande": 0.05}, "Título")],
]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_figures_are_legible_on_a_phone(draw):
    for ax in draw():
        ax.figure.canvas.draw()
        legend = ax.get_legend().get_texts() if ax.get_legend() else []
        texts = [
            *ax.texts,
            *ax.get_xticklabels(),
            *ax.get_yticklabels(),
            ax.xaxis.label,
            ax.yaxis.label,
            *legend,
        ]
        assert min(text.get_fontsize() for text in texts if text.get_text()) >= 11
        assert ax.figure.get_figwidth() <= 8.5
        assert not any("." in text.get_text() for text in texts)  # coma decimal
