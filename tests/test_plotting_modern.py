"""Las figuras de los modelos de hoy: lo que dibujan sale de los datos, con rótulos en español."""

import math

import pytest
import torch
from matplotlib.colors import to_hex

from gpt_course.plotting.modern import (
    draw_head_groups,
    draw_rotation,
    plot_cache_sizes,
    plot_curves,
    plot_gate,
    plot_norms,
    plot_variants,
)
from gpt_course.plotting.style import BLUE, GREY, ORANGE, SKY


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def colors(patches):
    return [to_hex(patch.get_facecolor()).upper() for patch in patches]


def test_each_vector_goes_with_an_arrow_to_its_result():
    vectors = torch.tensor([[3.0, 4.0], [-2.5, 1.0]])
    results = {"A": -vectors, "B": vectors / 2}
    axes = plot_norms(vectors, results)
    assert [ax.get_title() for ax in axes] == ["A", "B"]
    for ax, after in zip(axes, results.values(), strict=True):
        arrows = [(text.xyann, text.xy) for text in ax.texts]
        pairs = zip(vectors.tolist(), after.tolist(), strict=True)
        assert [tuple(map(tuple, arrow)) for arrow in arrows] == [(tuple(a), tuple(b)) for a, b in pairs]
    assert axes[0].get_ylabel() == "segundo número" and axes[1].get_xlabel() == "primer número"


@pytest.mark.parametrize(("degrees", "product"), [(30, "0,50"), (45, "0,00"), (90, "−1,00")])
def test_the_product_is_the_cosine_of_the_angle_between_the_two(degrees, product):
    axes = draw_rotation([(2, 0), (5, 3)], degrees)
    assert [ax.get_title() for ax in axes] == [f"producto: {product}"] * 2
    assert texts(axes[1]) == ["q\n5", "k\n3", f"{2 * degrees}°"]
    tip = axes[1].texts[0].xy  # la flecha de la query: cinco giros
    angle = math.radians(5 * degrees)
    assert tip == pytest.approx((math.cos(angle), math.sin(angle)))


def test_each_curve_has_its_stroke_and_the_zone_starts_where_asked():
    ax = plot_curves([1, 2, 4], {"a": [1, 2, 3], "b": [3, 2, 1]}, "Título", "x", "y", limit=(2, "más allá"))
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 2, 3], [3, 2, 1]]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    (zone,) = ax.patches
    assert (zone.get_x(), zone.get_x() + zone.get_width()) == (2, 4)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["más allá", "a", "b"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("Título", "x", "y")
    assert not plot_curves([1, 2], {"a": [1, 2]}, "Título", "x", "y").patches


@pytest.mark.parametrize(("count", "marker"), [(12, "o"), (13, "None")])
def test_the_points_of_a_curve_are_marked_if_they_are_few(count, marker):
    ax = plot_curves(list(range(count)), {"a": list(range(count))}, "Título", "x", "y")
    assert ax.lines[0].get_marker() == marker


def test_the_gate_marks_its_openings_on_the_curve():
    left, right = plot_gate([-2.0, 0.0, 2.0], [-0.2, 0.0, 1.8], [-1, 1], {0.1: [0, 0], 2.0: [-1.8, 1.8]})
    marks = [tuple(line.get_xydata()[0]) for line in left.lines if line.get_marker() == "o"]
    assert marks == [(0.0, 0.0), (2.0, 1.8)]  # el punto de la curva más cercano
    assert [list(line.get_ydata()) for line in right.lines[:2]] == [[0, 0], [-1.8, 1.8]]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["puerta 0,1", "puerta 2"]


def test_the_heads_of_a_group_share_color_and_key():
    ax = draw_head_groups(4, (2, 1))
    assert colors(ax.patches) == [ORANGE, ORANGE, ORANGE, SKY, SKY, SKY, *[ORANGE] * 5]
    ends = [(line.get_xdata()[0], line.get_xdata()[1]) for line in ax.lines[:4]]
    assert ends == [(0.5, 1.0), (1.5, 1.0), (2.5, 3.0), (3.5, 3.0)]
    assert texts(ax) == ["key y\nvalue", "query", "2 de key", "1 sola de key"]


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="debe dividir a 8; llegó 3"):
        draw_head_groups(8, (2, 3))


def test_the_cache_of_each_model_is_a_bar():
    ax = plot_cache_sizes({"uno": 300.0, "dos": 68.625}, "Título")
    assert [bar.get_width() for bar in ax.patches] == [300.0, 68.625]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["uno", "dos"]
    assert texts(ax) == ["300", "68,6"] and ax.yaxis_inverted()


def test_each_seed_is_a_point_and_the_band_is_that_of_the_base():
    ax = plot_variants({"base": [1.0, 1.5], "otra": [0.5, 0.75]}, "Título", "pérdida")
    assert [list(line.get_xdata()) for line in ax.lines] == [[1.0, 1.5], [0.5, 0.75]]
    assert [line.get_color() for line in ax.lines] == [BLUE, ORANGE]
    (band,) = ax.patches
    assert (band.get_x(), band.get_width()) == (1.0, 0.5) and colors([band]) == [GREY]
    means = [mean.get_segments()[0][0][0] for mean in ax.collections]
    assert means == [1.25, 0.625] and ax.yaxis_inverted()
