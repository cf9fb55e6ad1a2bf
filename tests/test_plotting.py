"""Las figuras se comprueban en sus ejes: datos, rótulos en español y letra legible."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex

from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M
from gpt_course.plotting.charts import plot_parameters, plot_probabilities, plot_shared_matrix
from gpt_course.plotting.diagrams import MAP_PIECES, draw_architecture, draw_generation, draw_map
from gpt_course.plotting.style import BLUE, ORANGE, spanish

matplotlib.use("Agg")  # sin ventanas


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


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
        "atención multicabeza con máscara causal",
    ]
    path += ["red feed-forward", "normalización final", "cabeza de salida", "logits (B, T, 50\u202f257)"]
    assert [height[piece] for piece in path] == sorted(height[piece] for piece in path)
    norms = sorted(text.get_position()[1] for text in ax.texts if text.get_text() == "normalización de capa")
    assert (
        norms[0] < height["atención multicabeza con máscara causal"] < norms[1] < height["red feed-forward"]
    )


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


@pytest.mark.parametrize("draw", [lambda: draw_map(["modelo"]), lambda: draw_architecture(GPT_CONFIG_124M)])
def test_diagrams_are_legible_on_a_phone(draw):
    # En una pantalla de 360 px, la letra de 11 puntos de una figura de 9 pulgadas mide unos 6 px.
    ax = draw()
    assert ax.figure.get_figwidth() <= 9
    assert min(text.get_fontsize() for text in ax.texts if text.get_text()) >= 11
    assert ax.figure.get_facecolor()[3] == 1  # fondo opaco: igual con tema claro y oscuro


@pytest.mark.parametrize("draw", [lambda: draw_map(["modelo"]), lambda: draw_architecture(GPT_CONFIG_124M)])
def test_every_label_fits_in_the_figure(draw):
    figure = draw().figure
    figure.canvas.draw()
    for text in figure.axes[0].texts:
        if text.get_text():
            box = text.get_window_extent()
            assert figure.bbox.contains(box.x0, box.y0) and figure.bbox.contains(box.x1, box.y1), text


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (-1.5, 2, "−1,50"),
        (0.25, None, "0,25"),
        (3.0, None, "3"),
        (1024, None, "1024"),
        (50257, None, "50\u202f257"),
    ],
)
def test_spanish_numbers(value, decimals, expected):
    assert spanish(value, decimals) == expected
