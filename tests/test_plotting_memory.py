"""Las figuras de la memoria: datos y rótulos en español."""

import pytest
from matplotlib.colors import to_hex

from gpt_course.plotting.memory import draw_bits, plot_prediction, plot_roofline, plot_stacked, plot_timeline
from gpt_course.plotting.style import BLUE, GREY, ORANGE, SKY


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


ROWS = {"fp32": ("0", "01111100", "01" + "0" * 21), "fp16": ("0", "01100", "01" + "0" * 8)}


def test_every_bit_has_a_box_with_the_colour_of_its_field():
    ax = draw_bits(ROWS, "0,15625")
    colors = [to_hex(box.get_facecolor()).upper() for box in ax.patches]
    assert len(colors) == 48
    assert colors[:32] == [ORANGE] + [SKY] * 8 + [GREY] * 23
    assert colors[32:] == [ORANGE] + [SKY] * 5 + [GREY] * 10
    corners = [(box.get_x(), box.get_y()) for box in ax.patches]
    assert [x for x, _ in corners] == [*range(16)] * 3 and len({y for _, y in corners}) == 3
    texts = [text.get_text() for text in ax.texts]
    assert "".join(text for text in texts if text in "01") == "".join("".join(row) for row in ROWS.values())
    assert {"0,15625", "fp32: signo 1, exponente 8, fracción 23"} <= set(texts)
    assert "fp16: signo 1, exponente 5, fracción 10" in texts


def test_a_field_that_is_not_made_of_bits_is_refused():
    with pytest.raises(ValueError, match="de raro deben ser ceros y unos"):
        draw_bits({"raro": ("0", "012", "1")}, "x")


COLUMNS = {"a": {"pesos": 1.0, "logits": 0.5}, "b": {"pesos": 2.0, "copia": 1.0, "logits": 0.25}}


def test_parts_are_stacked_in_their_order():
    ax = plot_stacked(COLUMNS, "Título", "GiB", marks=("pico", {"a": 1.2, "b": 3.0}), limit=(8, "tu equipo"))
    heights = {bars.get_label(): list(bars.datavalues) for bars in ax.containers}
    assert heights == {"pesos": [1, 2], "logits": [0.5, 0.25], "copia": [0, 1]}
    bottoms = [[bar.get_y() for bar in bars] for bars in ax.containers]
    assert bottoms == [[0, 0], [1, 2], [1.5, 2.25]]
    assert len({to_hex(bars[0].get_facecolor()) for bars in ax.containers}) == 3
    assert list(ax.lines[0].get_ydata()) == [8, 8]
    assert [segment[0][1] for segment in ax.collections[0].get_segments()] == [1.2, 3.0]
    assert sorted(legend(ax)) == ["copia", "logits", "pesos", "pico", "tu equipo"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b"]
    assert (ax.get_title(), ax.get_ylabel()) == ("Título", "GiB")
    assert ax.yaxis.get_major_formatter()(0.5) == "0,5"


def test_a_stack_needs_neither_marks_nor_limit():
    ax = plot_stacked(COLUMNS, "Título", "%")
    assert not ax.lines and not ax.collections


def test_the_prediction_is_a_line_and_the_measure_circles():
    predicted, measured = {"explícita": [1, 4], "SDPA": [1, 2]}, {"explícita": [1, 4.1], "SDPA": [1, 2]}
    ax = plot_prediction([128, 1024], predicted, measured, "Título", "T", "MiB")
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 4], [1, 4.1], [1, 2], [1, 2]]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "None", "--", "None"]
    assert legend(ax) == ["explícita, predicho", "explícita, medido", "SDPA, predicho", "SDPA, medido"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["128", "1024"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("Título", "T", "MiB")


def test_the_highest_moment_is_orange_and_the_first_is_above():
    moments = {"al empezar": 1.0, "hacia atrás, en la pérdida": 3.5, "optimizador": 2.25}
    ax = plot_timeline(moments, "Título", limit=(3.0, "medido"))
    bars = ax.containers[0]
    assert list(bars.datavalues) == [1.0, 3.5, 2.25]
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars] == [BLUE, ORANGE, BLUE]
    assert [text.get_text() for text in ax.get_yticklabels()] == list(moments) and ax.yaxis_inverted()
    assert [text.get_text() for text in ax.texts] == ["1,00", "3,50", "2,25"]
    assert list(ax.lines[-1].get_xdata()) == [3.0, 3.0] and legend(ax) == ["medido"]
    assert ax.get_xlabel() == "GiB"


def test_the_roof_has_its_corner_where_the_two_limits_meet():
    tasks, measured = {"generar": 0.5, "entrenar": 60.0}, [(0.5, 8.0), (128.0, 90.0)]
    ax = plot_roofline({"esta": (100.0, 20.0)}, tasks, "Título", measured=measured)
    roof, circles, generate, train = ax.lines
    assert roof.get_xdata()[1] == 5 and list(roof.get_ydata()[1:]) == [100, 100]
    assert roof.get_ydata()[0] == pytest.approx(20 * roof.get_xdata()[0])
    assert list(circles.get_xdata()) == [0.5, 128] and list(circles.get_ydata()) == [8, 90]
    assert generate.get_ydata()[1] == 10 and list(generate.get_xdata()) == [0.5, 0.5]
    assert train.get_ydata()[1] == 100
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert legend(ax) == ["esta", "una capa lineal, medida", "generar", "entrenar"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0,1", "1", "10", "100"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("intensidad: FLOP por byte", "GFLOP por segundo")


def test_a_task_reaches_the_highest_of_the_roofs():
    roofs = {"lenta": (100.0, 20.0), "rápida": (400.0, 10.0)}
    ax = plot_roofline(roofs, {"generar": 2.0, "entrenar": 30.0}, "Título")
    slow, fast, generate, train = ax.lines
    assert [line.get_xdata()[1] for line in (slow, fast)] == [5, 40]
    assert [line.get_ydata()[1] for line in (generate, train)] == [40, 300]
    assert len({line.get_linestyle() for line in (slow, fast)}) == 2
    assert legend(ax) == ["lenta", "rápida", "generar", "entrenar"]
    low, high = ax.get_ylim()
    assert low < slow.get_ydata()[0] and low < fast.get_ydata()[0] and high > 400


def test_a_roof_of_nothing_is_refused():
    with pytest.raises(ValueError, match="mayores que 0; llegó 0"):
        plot_roofline({"esta": (100.0, 0)}, {"generar": 1.0}, "Título")
