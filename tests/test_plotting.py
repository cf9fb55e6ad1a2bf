"""Todas las figuras se leen en un móvil; las de la lección 06, además, se comprueban en sus ejes."""

import importlib
import pkgutil
import re

import answers
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex

from gpt_course import plotting
from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M
from gpt_course.plotting.charts import plot_parameters, plot_probabilities, plot_shared_matrix
from gpt_course.plotting.diagrams import MAP_PIECES, draw_architecture, draw_generation, draw_map
from gpt_course.plotting.style import BLUE, ORANGE, spanish, spanish_numbers


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def colors(ax):
    return [to_hex(patch.get_facecolor()).upper() for patch in ax.patches]


@pytest.mark.parametrize("piece", MAP_PIECES)
def test_map_lights_only_the_piece_asked_for(piece):
    lit = [index for index, color in enumerate(colors(draw_map([piece]))) if color == ORANGE]
    assert lit == [list(MAP_PIECES).index(piece)]


def test_map_names_every_piece_with_its_lesson():
    shown = " ".join(texts(draw_map([])))
    for lesson in ("01", "02", "03", "04", "05", "06", "07"):
        assert lesson in shown


def test_map_refuses_a_piece_that_does_not_exist():
    with pytest.raises(ValueError, match=r"tokens.*llegó \['cabezal'\]"):
        draw_map(["cabezal"])


@pytest.mark.parametrize("name", GPT2_CONFIGS)
def test_architecture_shows_the_sizes_of_its_configuration(name):
    cfg = GPT2_CONFIGS[name]
    shown = " | ".join(texts(draw_architecture(cfg)))
    width = cfg["emb_dim"]
    assert f"× {cfg['n_layers']}" in shown
    assert f"{cfg['n_heads']} cabezas de {width // cfg['n_heads']}" in shown
    assert f"50\u202f257 × {width}" in shown and f"1024 × {width}" in shown
    assert f"{width} → {4 * width} → {width}" in shown


def test_architecture_stacks_the_pieces_in_the_order_of_the_model():
    ax = draw_architecture(GPT_CONFIG_124M)
    height = {text.get_text().split("\n")[0]: text.get_position()[1] for text in ax.texts}
    path = [
        "números de los tokens (B, T)",
        "incrustación de tokens",
        "atención multicabeza con",
    ]
    path += ["red feed-forward", "normalización final", "cabeza de salida", "logits (B, T, 50\u202f257)"]
    assert [height[piece] for piece in path] == sorted(height[piece] for piece in path)
    norms = sorted(text.get_position()[1] for text in ax.texts if text.get_text() == "normalización de capa")
    assert norms[0] < height["atención multicabeza con"] < norms[1] < height["red feed-forward"]


def test_the_residual_stream_of_the_architecture_is_one_straight_line():
    ax = draw_architecture(GPT_CONFIG_124M)
    (stream,) = [line for line in ax.lines if to_hex(line.get_color()).upper() == BLUE]
    (x, same), (low, high) = stream.get_data()
    assert x == same
    sums = [text.get_position() for text in ax.texts if text.get_text() == "+"]
    assert [place[0] for place in sums] == [x] * 3 and all(low <= place[1] < high for place in sums)
    assert texts(ax).count("lee") == texts(ax).count("escribe") == 2
    others = [line for line in ax.lines if line is not stream and len(line.get_xdata()) > 1]
    crossed = [line for line in others for place in sums if place in zip(*line.get_data(), strict=True)]
    assert not crossed  # ninguna otra línea llega al centro de una suma


def test_architecture_checks_the_configuration():
    with pytest.raises(ValueError, match="n_layers"):
        draw_architecture({**GPT_CONFIG_124M, "n_layers": 0})


def test_parameters_in_millions_from_top_to_bottom():
    ax = plot_parameters({"entrada": 38_597_376, "salida": 1_500_000}, "Título")
    assert [bar.get_width() for bar in ax.patches] == [38.597376, 1.5]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["entrada", "salida"]
    assert ax.yaxis_inverted()
    assert texts(ax) == ["38,60", "1,50"]
    assert (ax.get_title(), ax.get_xlabel()) == ("Título", "millones de parámetros")


def test_probabilities_light_the_greatest():
    ax = plot_probabilities(["a", "b", "a"], [0.2, 0.5, 0.3], "Título")
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.5, 0.3]
    assert colors(ax) == [BLUE, ORANGE, BLUE]
    assert (ax.get_title(), ax.get_xlabel()) == ("Título", "probabilidad")


def test_shared_matrix_shows_the_row_and_its_products():
    matrix = torch.tensor([[1.0, 0.5], [-1.0, 1.0]])
    left, right = plot_shared_matrix(["perro", "casa"], matrix, read="perro")
    assert left.patches[0].get_xy() == (-0.5, -0.5) and left.patches[0].get_width() == 2
    assert texts(left) == ["1,0", "0,5", "−1,0", "1,0"]
    assert [bar.get_width() for bar in right.patches] == [1.25, -0.5]
    assert "Entrada" in left.get_title() and "Salida" in right.get_title()


def test_generation_lights_the_new_token_of_each_row():
    ax = draw_generation([["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]], n_prompt=2)
    assert texts(ax) == list("ab" + "abc" + "abcd")
    assert [index for index, color in enumerate(colors(ax)) if color == ORANGE] == [4, 8]


def shown(figure):
    """Los textos que se ven: títulos, rótulos, leyendas y las marcas que caen dentro de los ejes."""
    figure.draw_without_rendering()
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    texts += [figure._suptitle] if figure._suptitle else []
    for ax in figure.axes:
        texts += [*ax.texts, ax.title, *(ax.get_legend().get_texts() if ax.get_legend() else [])]
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [axis.label, *(label for tick in ticks for label in (tick.label1, tick.label2))]
    return [text for text in texts if text.get_text() and text.get_visible()]


def public_functions():
    """Las que dibujan una figura de una lección; la de la velocidad es del README, más ancha."""
    modules = [module.name for module in pkgutil.iter_modules(plotting.__path__) if module.name != "bench"]
    found = [vars(importlib.import_module(f"gpt_course.plotting.{name}")) for name in modules]
    return {
        function
        for names in found
        for name, function in names.items()
        if re.match("(draw|plot)_", name) and function.__module__ == names["__name__"]
    }


SAMPLES = [sample for file in answers.load().values() for sample in getattr(file, "FIGURES", [])]
SMALL = {plot_parameters, plot_probabilities, plot_shared_matrix}  # con la letra de matplotlib, de 10 puntos


def test_every_figure_has_a_sample():
    assert {sample.func for sample in SAMPLES} == public_functions()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.func.__name__)
def test_a_figure_is_legible_on_a_phone_and_nothing_is_cut(sample):
    # En una pantalla de 360 px, la letra de 11 puntos de una figura de 9 pulgadas mide unos 6 px.
    sample()
    (figure,) = map(plt.figure, plt.get_fignums())
    texts = shown(figure)
    assert figure.get_figwidth() <= 8.8
    assert figure.get_facecolor()[3] == 1  # fondo opaco: igual con tema claro y oscuro
    assert min(text.get_fontsize() for text in texts) >= (10 if sample.func in SMALL else 11)
    inside = figure.bbox.expanded(1.001, 1.001)
    for text in texts:
        box = text.get_window_extent()
        assert inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1), text
        assert not re.search(r"\d\.\d", text.get_text()), text  # coma decimal


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (-1.5, 2, "−1,50"),
        (0.25, None, "0,25"),
        (3.0, None, "3"),
        (1024, None, "1024"),
        (50257, None, "50\u202f257"),
        (-1, None, "−1"),  # el signo menos, también en los enteros
        (-50257, None, "−50\u202f257"),
    ],
)
def test_spanish_numbers(value, decimals, expected):
    assert spanish(value, decimals) == expected


def test_the_numbers_of_an_axis_have_neither_remains_nor_points():
    _, ax = plt.subplots()
    spanish_numbers(ax, "y")
    marks = [0.1 + 0.2, -0.0, -1.0, 20000.0, 2.5e-4, 1e-17]
    assert [ax.yaxis.get_major_formatter()(value) for value in marks] == [
        "0,3",
        "0",
        "−1",
        "20\u202f000",
        "0,00025",
        "0",
    ]
    assert ax.xaxis.get_major_formatter()(0.5) != "0,5"  # solo los ejes pedidos
