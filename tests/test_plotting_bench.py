"""La figura de la velocidad: cada barra es lo medido, frente al mejor de los demás."""

import pytest

from gpt_course.plotting.bench import plot_machines, plot_speed

ROWS = [
    {
        "task": "read",
        "label": "leer",
        "unit": "ms",
        "values": {"gpt_course": 100.0, "otro": 200.0, "tercero": 250.0},
        "limit": 50.0,
        "advantage": 2.0,
        "less": True,
    },
    {
        "task": "write",
        "label": "escribir",
        "unit": "tokens/s",
        "values": {"gpt_course": 30.0, "otro": 12.5},
        "limit": None,
        "advantage": 2.4,
        "less": False,
    },
    {
        "task": "alone",
        "label": "nadie más",
        "unit": "ms",
        "values": {"gpt_course": 1.0},
        "limit": None,
        "advantage": None,
        "less": True,
    },
]


def test_the_bars_are_relative_to_the_best_of_the_others():
    ax = plot_speed(ROWS)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([2.0, 2.4, 1.0, 1.0, 0.8])
    assert [text.get_text() for text in ax.texts] == ["100", "30,0", "200", "12,5", "250"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["leer\n(ms)", "escribir\n(tokens/s)"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["gpt_course", "otro", "tercero"]
    assert "frente al mejor de los demás" in ax.get_xlabel()


def test_each_bar_is_next_to_its_task_and_its_number():
    ax = plot_speed(ROWS)
    ax.figure.canvas.draw()
    for bar, text in zip(ax.patches, ax.texts, strict=True):
        assert text.get_position()[1] == pytest.approx(bar.get_y() + bar.get_height() / 2)
        assert ax.figure.bbox.contains(*text.get_window_extent().max)
    assert len({bar.get_y() for bar in ax.patches}) == 5  # ninguna encima de otra


def test_without_rivals_there_is_nothing_to_draw():
    with pytest.raises(ValueError, match="No hay con quién comparar"):
        plot_speed(ROWS[2:])


def test_each_machine_has_its_own_comparison():
    axes = plot_machines({"uno": ROWS, "otro": ROWS[:1]}).axes
    assert [ax.get_title() for ax in axes] == ["uno", "otro"]
    assert [len(ax.patches) for ax in axes] == [5, 3]
    assert [bar.get_width() for bar in axes[1].patches] == pytest.approx([2.0, 1.0, 0.8])
