"""Las figuras de la caché: datos y rótulos en español."""

import pytest
from matplotlib.colors import to_hex

from gpt_course.plotting.cache import draw_batch, draw_cache, draw_steps, plot_token_cost
from gpt_course.plotting.style import GREY, ORANGE, PAPER, SKY


def colors(ax):
    return [to_hex(patch.get_facecolor()).upper() for patch in ax.patches]


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("n", [1, 4, 6])
def test_each_step_is_a_triangle_whose_last_row_is_new(n):
    ax = draw_steps(n)
    new = n * (n + 1) // 2
    old = sum(t * (t - 1) // 2 for t in range(1, n + 1))
    found, legend = colors(ax)[:-3], colors(ax)[-3:]
    assert legend == [ORANGE, SKY, PAPER]
    half = len(found) // 2
    assert sorted(found[:half]) == sorted([ORANGE] * new + [SKY] * old)
    assert sorted(found[half:]) == sorted([ORANGE] * new + [PAPER] * old)
    hatched = [patch.get_hatch() for patch in ax.patches if to_hex(patch.get_facecolor()).upper() == SKY]
    assert set(hatched) == {"//"}  # se distingue sin color
    words = {"sin caché", "con caché", "fila nueva", "se repite", "no hace falta", f"paso {n}"}
    assert words | {"cada fila, quién mira; cada columna, a quién"} <= set(texts(ax))


@pytest.mark.parametrize("n", [0, 7])
def test_steps_that_do_not_fit_are_refused(n):
    with pytest.raises(ValueError, match=f"de 1 a 6 pasos; llegó {n}"):
        draw_steps(n)


def test_the_new_rows_of_a_triangle_are_below():
    ax = draw_steps(3)
    boxes = ax.patches[:10]  # los tres pasos sin caché
    lowest = max(box.get_y() for box in boxes)
    assert all((box.get_y() == lowest) == (to_hex(box.get_facecolor()).upper() == ORANGE) for box in boxes)
    assert ax.yaxis_inverted()


def test_the_cache_fills_from_the_left():
    ax = draw_cache([("entrada", 0, 2), ("uno más", 2, 1)], room=4)
    assert colors(ax) == [ORANGE, ORANGE, PAPER, PAPER, SKY, SKY, ORANGE, PAPER, SKY, ORANGE, PAPER]
    assert [box.get_x() for box in ax.patches[:8]] == [0, 1, 2, 3] * 2
    key = {"ya estaba", "se escribe", "libre"}
    assert {"entrada", "uno más", "lugar", *"0123"} | key == set(texts(ax))


def test_a_call_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="«más» se escriben 5 lugares y solo hay 4"):
        draw_cache([("más", 3, 2)], room=4)


def test_padding_has_neither_token_nor_position():
    ax = draw_batch([["x", "El"], ["La", "mar"]], [[0, 0], [0, 1]], [[False, True], [True, True]])
    assert colors(ax) == [GREY, SKY, SKY, SKY]
    assert [box.get_hatch() for box in ax.patches] == ["xx", None, None, None]
    assert texts(ax)[:6] == ["El", "pos. 0", "La", "pos. 0", "mar", "pos. 1"]
    assert "x" not in texts(ax) and {"0", "1"} <= set(texts(ax))


def test_each_way_is_a_line_with_its_own_stroke():
    series = {"sin caché": [1, 4, 9.5], "con caché": [1, 1, 1]}
    ax = plot_token_cost([1, 2, 3], series, "Título", "token, T", "GFLOP", limit=(2, "límite"))
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[1, 4, 9.5], [1, 1, 1]]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    assert [line.get_marker() for line in ax.lines] == ["o", "s"]
    assert list(ax.get_xticks()) == [1, 2, 3]
    (zone,) = ax.patches
    assert (zone.get_x(), zone.get_x() + zone.get_width()) == (2, 3)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["sin caché", "con caché", "límite"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("Título", "token, T", "GFLOP")
    assert ax.get_yscale() == "log" and ax.get_ylim() == (0.5, 19)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1", "10"]


def test_a_long_line_has_no_markers():
    ax = plot_token_cost(list(range(1000)), {"a": list(range(1, 1001))}, "Título", "x", "y")
    assert ax.lines[0].get_marker() == "None" and len(ax.lines) == 1
