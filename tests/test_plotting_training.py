"""Las figuras del entrenamiento: datos, medias y rótulos."""

import pytest

from gpt_course.plotting.style import BLUE, ORANGE
from gpt_course.plotting.training import plot_autopsy, plot_loss_curve, plot_seeds, plot_smoothed


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_run_has_two_lines_and_its_floor():
    rows = [{"run": {}}, {"step": 1, "loss": 6.0}, {"step": 2, "loss": 5.0}, {"step": 2, "validation": 5.5}]
    ax = plot_loss_curve({"": rows}, "Título", floor=0.5)
    training, validation, floor = ax.lines
    assert list(training.get_xdata()) == [1, 2] and list(training.get_ydata()) == [6, 5]
    assert list(validation.get_xdata()) == [2] and list(validation.get_ydata()) == [5.5]
    assert list(floor.get_ydata()) == [0.5, 0.5]
    assert labels(ax) == ["entrenamiento", "validación", "la más baja posible"]


def test_each_point_is_the_mean_of_the_last_steps():
    ax = plot_smoothed({"una": [4.0, 2.0, 3.0], "otra": [1.0, 1.0, 1.0]}, "Título", window=2)
    one, other = ax.lines
    assert list(one.get_xdata()) == [2, 3] and list(one.get_ydata()) == [3.0, 2.5]
    assert list(other.get_ydata()) == [1.0, 1.0]
    assert labels(ax) == ["una", "otra"] and "media de 2 pasos" in ax.get_ylabel()


def test_six_curves_are_told_apart():
    ax = plot_smoothed({str(place): [1.0] * 5 for place in range(6)}, "Título", window=2, floor=0.5)
    *curves, _ = ax.lines
    assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 6
    assert [line.get_color() for line in curves[:3]] == [line.get_color() for line in curves[3:]]


def test_a_point_a_seed_and_a_mark_at_the_mean():
    ax = plot_seeds({"una": [0.25, 0.75], "otra": [1.0]}, "Título", xlabel="exceso")
    points, mean, single, alone = ax.lines
    assert list(points.get_xdata()) == [0.25, 0.75] and set(points.get_ydata()) == {0}
    assert set(mean.get_xdata()) == {0.5} and mean.get_color() == ORANGE
    assert list(single.get_xdata()) == [1.0] and set(single.get_ydata()) == {1}
    assert set(alone.get_xdata()) == {1.0} and ax.get_xlabel() == "exceso"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["una", "otra"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # la primera, arriba


def test_the_autopsy_subtracts_the_run_that_was_not_interrupted():
    whole = [3.0, 2.0, 1.0]
    axes = plot_autopsy(whole, {name: [3.0, 2.0, 1.5] for name in "ABCD"}, 2, "Título")
    assert [ax.get_title() for ax in axes.flat] == list("ABCD")
    pause, curve = axes[0, 0].lines
    assert set(pause.get_xdata()) == {2}
    assert list(curve.get_xdata()) == [1, 2, 3] and list(curve.get_ydata()) == [0, 0, 0.5]
    assert curve.get_color() == BLUE


def test_the_autopsy_wants_four_runs_of_the_same_length():
    with pytest.raises(ValueError):
        plot_autopsy([1.0], {"A": [1.0]}, 1, "Título")
    with pytest.raises(ValueError):
        plot_autopsy([1.0], {name: [1.0, 2.0] for name in "ABCD"}, 1, "Título")
