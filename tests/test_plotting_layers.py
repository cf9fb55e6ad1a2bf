"""Las figuras de las capas: datos y rótulos en español."""

import torch

from gpt_course.plotting.layers import plot_gelu_and_relu, plot_gradients, plot_losses, plot_normalised
from gpt_course.plotting.style import BLUE, INK, ORANGE

X = torch.tensor([-1.0, 0.0, 1.0])
GELU, RELU = torch.tensor([-0.2, 0.0, 0.8]), torch.tensor([0.0, 0.0, 1.0])
BEFORE = torch.tensor([[1.0, 3.0], [4.0, 2.0], [2.0, 2.0]])
AFTER = torch.tensor([[-1.0, 1.0], [1.0, -1.0], [0.0, 0.0]])
CURVES = {"sin nada": [1e-38, 1e-20, 1.0], "con todo": [2.0, 1.0, 0.5]}


def points(ax):
    """Los puntos sueltos (los de marca), sin la diagonal."""
    return [line for line in ax.lines if line.get_marker() != "None"]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_normalised_draws_every_vector_before_and_after():
    left, right = plot_normalised(BEFORE, AFTER)
    for ax, expected in ((left, BEFORE), (right, AFTER)):
        assert [[*line.get_xdata(), *line.get_ydata()] for line in points(ax)] == expected.tolist()
        # La marca es la del vector de partida, también a la derecha: se ve adónde va cada uno.
        assert [line.get_marker() for line in points(ax)] == ["^", "s", "o"]
        assert [line.get_color() for line in points(ax)] == [ORANGE, BLUE, INK]
        assert ax.get_xlim() == tuple(-value for value in reversed(ax.get_xlim()))
    assert (left.get_title(), right.get_title()) == ("Antes", "Después de normalizar")
    assert (left.get_xlabel(), left.get_ylabel()) == ("primer número", "segundo número")


def test_gelu_and_relu_shade_what_differs():
    ax = plot_gelu_and_relu(X, GELU, RELU)
    curves = {line.get_label(): line for line in ax.lines}
    for name, values in (("GELU", GELU), ("ReLU", RELU)):
        assert list(curves[name].get_xdata()) == [-1, 0, 1]
        assert list(curves[name].get_ydata()) == values.tolist()
    corners = ax.collections[0].get_paths()[0].vertices.tolist()
    for x, y in [(-1, GELU[0].item()), (-1, 0.0), (1, 1.0), (1, GELU[2].item())]:
        assert [x, y] in corners
    assert legend(ax) == ["diferencia", "ReLU", "GELU"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == (
        "GELU y ReLU: dónde difieren",
        "entrada",
        "salida",
    )


def test_gradients_count_the_layers_from_one_on_a_log_scale():
    ax = plot_gradients(CURVES)
    assert [list(line.get_xdata()) for line in ax.lines] == [[1, 2, 3]] * 2
    assert [list(line.get_ydata()) for line in ax.lines] == list(CURVES.values())
    assert ax.get_yscale() == "log"
    assert legend(ax) == list(CURVES)
    assert ax.get_title() == "¿Cuánto gradiente llega a cada capa?"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("capa (la 1 toca la entrada)", "longitud del gradiente")


def test_losses_count_the_steps_from_zero_with_a_decimal_comma():
    ax = plot_losses({"una": [3.0, 0.25]})
    assert list(ax.lines[0].get_xdata()) == [0, 1] and list(ax.lines[0].get_ydata()) == [3.0, 0.25]
    assert ax.get_yscale() == "log" and ax.yaxis.get_major_formatter()(0.1, 0) == "0,1"
    assert {0.5, 1.0, 2.0} <= set(ax.get_yticks().round(4))  # no solo las potencias de diez
    assert all(tick == int(tick) for tick in ax.get_xticks())  # no hay medios pasos
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == (
        "¿Quién aprende?",
        "paso de entrenamiento",
        "pérdida",
    )


def test_four_curves_differ_without_colour():
    ax = plot_losses({name: [1.0, 2.0] for name in "abcd"})
    assert len({line.get_linestyle() for line in ax.lines}) == 4
    assert len({line.get_marker() for line in ax.lines}) == 4
