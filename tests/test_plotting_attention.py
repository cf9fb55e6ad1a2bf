"""Las figuras de la lección 03 se comprueban en sus ejes: datos y rótulos en español."""

import math

import matplotlib
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb

from gpt_course.plotting.attention import (
    draw_heads,
    draw_mechanism,
    plot_attention,
    plot_attention_cost,
    plot_softmax_by_temperature,
)
from gpt_course.plotting.style import BLUE, ORANGE, SKY

WEIGHTS = torch.tensor([[[1.0, 0.0], [0.25, 0.75]], [[1.0, 0.0], [0.5, 0.5]]])  # (H, T, T)
WORDS = ["casa", "vieja"]


def shown(figure):
    """Los textos visibles de una figura, también las marcas de los ejes."""
    figure.canvas.draw()
    return [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]


def labels(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_mechanism_writes_what_the_last_token_computes():
    x = torch.tensor([[1.0, 0.0], [2.0, -1.0]])
    query = torch.tensor([[9.0, 9.0], [0.0, math.log(3)]])  # la primera no se usa
    shown = labels(draw_mechanism(WORDS, x, query, torch.tensor([[5.0, 0.0], [7.0, 1.0]]), 4 * x))
    assert {"casa\n(1, 0)", "vieja\n(2, −1)", "query", "query\n(0; 1,1)"} <= set(shown)
    assert {"key\n(5, 0)", "key\n(7, 1)", "value\n(4, 0)", "value\n(8, −4)"} <= set(shown)
    assert [text for text in shown if text in ("0,00", "1,10", "0,25", "0,75")] == [
        "0,00",
        "0,25",
        "1,10",
        "0,75",
    ]
    assert shown[-1] == "suma de peso × value: (7, −3)"
    assert not any("9" in text for text in shown)


def boxes(ax):
    """Las casillas: (color, rótulo) → su esquina."""
    names = {text.get_position(): text.get_text() for text in ax.texts}
    corners = [
        (to_hex(p.get_facecolor()).upper(), p.get_x(), p.get_y()) for p in ax.patches if hasattr(p, "get_xy")
    ]
    return [
        (color, names.get((x + 0.5, y + 0.53)), x, y) for color, x, y in corners if color in (ORANGE, SKY)
    ]


@pytest.mark.parametrize("n_heads", [2, 4])
def test_heads_take_columns_and_keep_every_row(n_heads):
    table = torch.arange(12).view(3, 4)
    ax = draw_heads(table, n_heads)
    size = 4 // n_heads
    for head, color in enumerate((ORANGE, SKY)):
        mine = [int(label) for found, label, *_ in boxes(ax) if found == color and label]
        expected = table[:, head * size : (head + 1) * size].flatten().tolist()
        assert mine == 2 * expected  # en la tabla entera y en la de la cabeza
    titles = [f"cabeza {head + 1}: (3, {size})" for head in range(n_heads)]
    assert [text for text in labels(ax) if text.startswith("cabeza")] == titles
    assert labels(ax).count("atención") == n_heads
    assert {"X por su matriz\n(3, 4)", "contextos\n(3, 4)", "out_proj"} <= set(labels(ax))


def test_only_so_many_heads_can_be_told_apart():
    with pytest.raises(ValueError, match="4 cabezas como mucho; llegaron 5"):
        draw_heads(torch.zeros(2, 10), 5)


def test_attention_draws_each_matrix_with_rows_that_look_and_columns_looked_at():
    axes = plot_attention(WEIGHTS, WORDS, ["una", "otra"])
    assert [ax.get_title() for ax in axes] == ["una", "otra"]
    for ax, matrix in zip(axes, WEIGHTS, strict=True):
        assert torch.equal(torch.tensor(ax.images[0].get_array().tolist()), matrix)
        assert ax.get_xlabel() == "token mirado"
        assert [label.get_text() for label in ax.get_xticklabels()] == WORDS
    assert axes[0].get_ylabel() == "token que mira"
    assert [label.get_text() for label in axes[0].get_yticklabels()] == WORDS


def test_attention_uses_the_same_colours_in_every_panel():
    axes = plot_attention(WEIGHTS, WORDS, ["una", "otra"])
    assert {(ax.images[0].norm.vmin, ax.images[0].norm.vmax) for ax in axes} == {(0, 1)}
    bar = axes[0].figure.axes[-1]
    assert bar.get_ylabel() == "peso"
    assert "0,25" in [text.get_text() for text in shown(axes[0].figure)]


def test_attention_writes_each_weight_with_decimal_comma():
    ax = plot_attention(WEIGHTS[:1], WORDS, ["una"], numbers=True)[0]
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    assert cells == {(0, 0): "1,00", (1, 0): "0,00", (0, 1): "0,25", (1, 1): "0,75"}


def test_the_written_weights_contrast_with_their_cell():
    matrix = torch.linspace(0, 1, 25).view(1, 5, 5)
    ax = plot_attention(matrix, list("abcde"), ["una"], numbers=True)[0]
    image = ax.images[0]
    for text in ax.texts:
        x, y = text.get_position()
        cell = image.cmap(image.norm(matrix[0, y, x].item()))
        dark, light = sorted((luminance(cell), luminance(to_rgb(text.get_color()))))
        assert (light + 0.05) / (dark + 0.05) >= 4, text.get_text()


def luminance(color):
    """Luminancia relativa de la WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_attention_needs_a_title_for_each_matrix():
    with pytest.raises(ValueError):
        plot_attention(WEIGHTS, WORDS, ["una"])


def test_temperatures_are_softmax_of_the_scores_divided():
    scores = torch.tensor([0, math.log(2), math.log(4)])
    axes = plot_softmax_by_temperature(["0", "ln 2", "ln 4"], scores, [1, 0.5])
    heights = [[bar.get_height() for bar in ax.patches] for ax in axes]
    assert heights[0] == pytest.approx([1 / 7, 2 / 7, 4 / 7])
    assert heights[1] == pytest.approx([1 / 21, 4 / 21, 16 / 21])
    assert [ax.get_title() for ax in axes] == ["temperatura 1", "temperatura 0,5"]
    assert [text.get_text() for text in axes[1].texts] == ["0,05", "0,19", "0,76"]
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["0", "ln 2", "ln 4"]
    assert axes[0].get_ylabel() == "peso"


def test_cost_draws_a_line_for_each_kind_of_work():
    ax = plot_attention_cost([1024, 16384], {"rectas": [1.0, 2.0], "curvas": [0.5, 4.5]}, "Título", "GFLOPs")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1.0, 2.0], [0.5, 4.5]]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1024, 16384]] * 2
    assert [to_hex(line.get_color()).upper() for line in ax.lines] == [BLUE, ORANGE]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["rectas", "curvas"]
    assert (ax.get_title(), ax.get_xlabel()) == ("Título", "tokens de la secuencia, T")
    assert ax.get_ylabel() == "GFLOPs"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1024", "16\u202f384"]
    assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > 4.5
