"""Las figuras del bloque: datos y rótulos en español."""

import pytest
from matplotlib.colors import to_hex

from gpt_course.plotting.block import draw_stream, plot_by_depth, plot_notes
from gpt_course.plotting.style import BLUE, GREEN, ORANGE


def heights(ax, label):
    return sorted(text.get_position()[1] for text in ax.texts if text.get_text() == label)


@pytest.mark.parametrize(("order", "before"), [("pre", True), ("post", False)])
def test_the_normalisation_is_before_or_after_each_sublayer(order, before):
    ax = draw_stream((order,))
    norms = heights(ax, "normalización")
    sublayers = heights(ax, "atención") + heights(ax, "red feed-forward")
    assert len(norms) == 2 and sublayers == sorted(sublayers)
    assert [norm < sublayer for norm, sublayer in zip(norms, sublayers, strict=True)] == [before] * 2


@pytest.mark.parametrize(("order", "on_stream"), [("pre", False), ("post", True)])
def test_only_post_ln_puts_the_normalisation_on_the_stream(order, on_stream):
    ax = draw_stream((order,))
    stream = next(line for line in ax.lines if to_hex(line.get_color()).upper() == BLUE).get_xdata()[0]
    norms = [text.get_position()[0] for text in ax.texts if text.get_text() == "normalización"]
    assert [abs(x - stream) < 1e-9 for x in norms] == [on_stream] * 2


def test_every_sublayer_reads_and_writes_and_is_followed_by_dropout():
    ax = draw_stream(("pre", "post"))
    for label in ("lee", "escribe", "+", "dropout"):
        assert len(heights(ax, label)) == 4
    assert {"pre-LN (GPT-2)", "post-LN (2017)"} <= {text.get_text() for text in ax.texts}


def test_an_order_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"pre, post; llegó \['sandwich'\]"):
        draw_stream(("sandwich",))


def test_notes_are_bars_and_the_stream_is_a_line():
    ax = plot_notes([8, 9], {"atención": [1, 2], "feed-forward": [3, 4]}, "Título")
    assert [list(bars.datavalues) for bars in ax.containers] == [[1, 2], [3, 4]]
    assert [to_hex(bars[0].get_facecolor()).upper() for bars in ax.containers] == [ORANGE, GREEN]
    assert list(ax.lines[0].get_xdata()) == [1, 2] and list(ax.lines[0].get_ydata()) == [8, 9]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(labels) == ["camino al entrar", "nota: atención", "nota: feed-forward"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("Título", "bloque", "longitud media")


def test_one_panel_for_each_group_on_the_same_scale():
    panels = {
        "como PyTorch": {"pre-LN": [1.5, 2.0], "post-LN": [1.0, 0.5]},
        "como GPT-2": {"pre-LN": [1, 2, 3], "post-LN": [3, 2, 1]},
    }
    axes = plot_by_depth(panels, "Título", "bloque", "parecido", reference=(2.5, "azar"))
    assert [ax.get_title() for ax in axes] == list(panels)
    for ax, curves in zip(axes, panels.values(), strict=True):
        assert [list(line.get_ydata()) for line in ax.lines[:2]] == list(curves.values())
        assert list(ax.lines[0].get_xdata()) == list(range(len(curves["pre-LN"])))  # el 0 es la entrada
        assert list(ax.lines[2].get_ydata()) == [2.5, 2.5]
        assert ax.get_xlabel() == "bloque"
    assert axes[0].get_ylim() == axes[1].get_ylim() and axes[0].get_ylabel() == "parecido"
    assert axes[0].figure.get_suptitle() == "Título"
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["pre-LN", "post-LN", "azar"]
    assert axes[0].yaxis.get_major_formatter()(0.5) == "0,5"
    assert axes[0].lines[0].get_linestyle() != axes[0].lines[1].get_linestyle()  # no solo el color
