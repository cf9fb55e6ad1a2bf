"""Las figuras de la vinculación: datos y rótulos en español."""

import pytest
from matplotlib.colors import to_hex

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE
from gpt_course.plotting.tying import plot_curves, plot_seeds, plot_shares, plot_two_ends

CURVES = {"dos": [[3.0, 2.0], [3.5, 2.5]], "una": [[4.0, 2.25], [4.5, 2.75]]}
PANELS = {"final": {"dos": [1.0, 3.0], "una": [2.0, 2.5]}, "mejor": {"dos": [1.0, 1.5], "una": [0.5, 0.25]}}


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


def test_every_seed_has_its_line_and_each_model_its_mean():
    ax = plot_curves([50, 100], CURVES, "Título")
    drawn = [(color(line), list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
    assert drawn == [
        (BLUE, [50, 100], [3.0, 2.0]),
        (BLUE, [50, 100], [3.5, 2.5]),
        (BLUE, [50, 100], [3.25, 2.25]),
        (ORANGE, [50, 100], [4.0, 2.25]),
        (ORANGE, [50, 100], [4.5, 2.75]),
        (ORANGE, [50, 100], [4.25, 2.5]),
    ]
    seed, mean = ax.lines[0], ax.lines[2]
    assert mean.get_linewidth() > 2 * seed.get_linewidth() and seed.get_alpha() < 0.5
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["dos", "una"]
    means = (ax.lines[2], ax.lines[5])
    assert len({(line.get_linestyle(), line.get_marker()) for line in means}) == 2  # no solo el color
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
        assert ax.get_ylabel() == "pérdida"
    assert axes[0].get_ylim() == axes[1].get_ylim()  # una escala para las dos medidas


def test_a_third_model_has_its_own_look():
    ax = plot_curves([1], {"a": [[1.0]], "b": [[2.0]], "c": [[3.0]]}, "Título")
    assert [color(line) for line in ax.lines[1::2]] == [BLUE, ORANGE, GREEN]


def test_shares_in_percent():
    ax = plot_shares({"pequeño": 0.25, "grande": 0.05}, "Título")
    assert [bar.get_width() for bar in ax.patches] == [25.0, 5.0]
    assert [text.get_text() for text in ax.texts] == ["25,0 %", "5,0 %"]
    assert ax.get_xlabel() == "% de los parámetros del modelo con dos matrices" and ax.yaxis_inverted()
