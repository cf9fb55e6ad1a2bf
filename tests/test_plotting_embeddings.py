"""Las figuras de la lección 02: datos y rótulos en español."""

import pytest
import torch
from matplotlib.colors import to_hex

from gpt_course.plotting.embeddings import draw_windows, plot_cosine_spread, plot_orders, plot_similarity
from gpt_course.plotting.style import ORANGE, SKY

TOKENS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
PLACES = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
SENTENCES = [[("perro", 0), ("muerde", 1), ("hombre", 2)], [("hombre", 2), ("muerde", 1), ("perro", 0)]]


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def rulers(ax, color):
    """Casillas de un color: (lugar, fila, rótulo)."""
    labels = {text.get_position(): text.get_text() for text in ax.texts}
    boxes = [patch for patch in ax.patches if to_hex(patch.get_facecolor()).upper() == color]
    corners = [patch.get_xy() for patch in boxes]
    return [(x, y, labels[(x + 0.5, y + 0.45)]) for x, y in corners]


def test_windows_are_two_rulers_one_token_apart():
    ax = draw_windows(["El", " per", "ro", " m", "uer", "de"], context_length=3, starts=[0, 2])
    xs, ys = rulers(ax, SKY), rulers(ax, ORANGE)
    assert [label for _, _, label in xs] == ["El", "␣per", "ro", "ro", "␣m", "uer"]
    assert [label for _, _, label in ys] == ["␣per", "ro", "␣m", "␣m", "uer", "de"]
    assert [x for x, _, _ in xs] == [0, 1, 2, 2, 3, 4]
    assert [x for x, _, _ in ys] == [1, 2, 3, 3, 4, 5]
    assert {"texto", "x 0", "y 0", "x 1", "y 1"} <= set(texts(ax))
    assert ax.get_title() == "Ventanas de 3 tokens: y va un lugar por delante de x"


def test_orders_move_each_token_by_its_place():
    for ax, sentence in zip(plot_orders(SENTENCES, TOKENS, PLACES), SENTENCES, strict=True):
        points = [tuple(map(float, line.get_xydata()[0])) for line in ax.lines if len(line.get_xydata())]
        starts, ends = points[0::2], points[1::2]
        assert starts == [tuple(TOKENS[row].tolist()) for _, row in sentence]
        rows = [row for _, row in sentence]
        assert ends == [tuple(row) for row in (TOKENS[rows] + PLACES).tolist()]
        assert texts(ax) == [f"{word} · {place}" for place, (word, _) in enumerate(sentence)]
        assert ax.get_title() == " ".join(word for word, _ in sentence)
        assert ax.get_xlabel() == "primer número"
    labels = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert labels == ["token", "token + lugar"]


def test_similarity_writes_each_number_in_its_box():
    ax = plot_similarity(["animal", "radio"], torch.tensor([[1.0, -0.251], [-0.251, -0.001]]), "Título")
    assert texts(ax) == ["1,00", "−0,25", "−0,25", "0,00"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["animal", "radio"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["animal", "radio"]
    assert ax.get_title() == "Título"


def test_spread_shows_the_share_of_pairs():
    curves = {2: torch.tensor([0.92, -0.92, 0.93, 1.0000001]), 8: torch.zeros(3), 768: torch.full((3,), 0.01)}
    ax = plot_cosine_spread(curves)
    narrow, _, wide = (patch.get_xy()[:, 1] for patch in ax.patches)
    assert narrow.max() == pytest.approx(0.5) and wide.max() == pytest.approx(1)
    assert len({patch.get_linestyle() for patch in ax.patches}) == 3  # también sin color
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["C = 2", "C = 8", "C = 768"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("coseno de las dos filas", "parte de las parejas")
    assert ax.xaxis.get_major_formatter()(-0.5, None) == "−0,5"
