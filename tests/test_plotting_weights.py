"""Las figuras de los pesos: datos y rótulos en español."""

import pytest
import torch
from matplotlib.colors import to_hex

from gpt_course.plotting.style import BLUE, GREEN, GREY, ORANGE, SKY
from gpt_course.plotting.weights import draw_bytes, draw_names, plot_checks, plot_split

PARTS = {"longitud": ["0c", *["00"] * 7], "cabecera": list('{"w":[2,3]}!'), "números": ["3f"] * 24}


def test_every_byte_has_a_box_with_the_colour_of_its_part():
    ax = draw_bytes(PARTS, "Un archivo")
    colors = [to_hex(patch.get_facecolor()).upper() for patch in ax.patches]
    assert colors == [ORANGE] * 8 + [SKY] * 12 + [GREY] * 24 + [ORANGE, SKY, GREY]  # y la leyenda
    texts = [text.get_text() for text in ax.texts]
    assert texts[0] == "Un archivo"
    assert texts[1:45] == [byte for part in PARTS.values() for byte in part]
    assert texts[45:] == [
        "0",
        "16",
        "32",
        "longitud: 8 bytes",
        "cabecera: 12 bytes",
        "números: 24 bytes",
    ]
    corners = [(patch.get_x(), patch.get_y()) for patch in ax.patches[:44]]
    assert corners == [(place % 16, place // 16) for place in range(44)]


def test_more_parts_than_colours_are_refused():
    with pytest.raises(ValueError, match="3 partes como mucho; llegaron 4"):
        draw_bytes({**PARTS, "otra": ["00"]}, "x")


LINKS = [
    ("wte", ["tok_emb", "out_head"], "igual"),
    ("attn.c_attn", ["W_query", "W_key", "W_value"], "partir en 3 y trasponer"),
    ("mlp.c_fc", ["ff.layers.0"], "trasponer"),
    ("attn.bias", [], "no se carga"),
]


def test_a_line_goes_from_each_tensor_to_each_of_ours():
    ax = draw_names(LINKS, ("en el archivo", "aquí"))
    texts = {text.get_text(): text.get_position() for text in ax.texts}
    assert {"en el archivo", "aquí", "wte", "attn.bias", "W_value", "out_head", "trasponer"} <= set(texts)
    lines = [line for line in ax.lines if list(line.get_xdata()) == [4.7, 9.6]]
    expected = [(left, right, kind) for left, rights, kind in LINKS for right in rights]
    assert len(lines) == len(expected) == 6
    color = {"igual": BLUE, "trasponer": ORANGE, "partir en 3 y trasponer": GREEN}
    for line, (left, right, kind) in zip(lines, expected, strict=True):
        assert list(line.get_ydata()) == pytest.approx([texts[left][1], texts[right][1]])
        assert to_hex(line.get_color()).upper() == color[kind]
    assert len({line.get_linestyle() for line in lines}) == 3  # también sin color se distinguen


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"Las clases son igual.*llegó girar"):
        draw_names([("wte", ["tok_emb"], "girar")], ("a", "b"))


def test_the_split_shows_the_file_and_the_three_matrices():
    fused = torch.arange(12.0).reshape(2, 6)
    parts = {name: part.T for name, part in zip(("q", "k", "v"), fused.chunk(3, dim=1), strict=True)}
    top, *rest = plot_split(fused, parts)
    assert top.images[0].get_array().tolist() == fused.tolist()
    assert [ax.images[0].get_array().tolist() for ax in rest] == [part.tolist() for part in parts.values()]
    assert {ax.images[0].get_clim() for ax in (top, *rest)} == {(-11.0, 11.0)}  # los mismos colores
    assert [line.get_xdata()[0] for line in top.lines] == [1.5, 3.5]
    assert [text.get_text() for text in top.texts] == ["q", "k", "v"]
    assert [text.get_position()[0] for text in top.texts] == [0.5, 2.5, 4.5]
    assert [ax.get_xlabel() for ax in rest] == ["q.weight", "k.weight", "v.weight"]
    assert "filas, lo que entra" in top.get_xlabel()


def test_what_fails_is_orange_and_has_its_mark():
    results = {"bien": {"atención": True, "logits": True}, "mal": {"atención": True, "logits": False}}
    ax = plot_checks(results, "comprobación")
    assert [to_hex(patch.get_facecolor()).upper() for patch in ax.patches] == [SKY, SKY, SKY, ORANGE]
    assert [(text.get_position(), text.get_text()) for text in ax.texts] == [
        ((0, 0), "✓"),
        ((1, 0), "✓"),
        ((0, 1), "✓"),
        ((1, 1), "✗"),
    ]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["atención", "logits"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["bien", "mal"]
    assert ax.get_xlabel() == "comprobación" and ax.yaxis_inverted()
