"""RoPE: giros a mano, la distancia, los dos repartos, y las frecuencias de Llama 3.1."""

import math

import pytest
import torch
from modern import LLAMA, STRETCHED, as_transformers, modern_model
from reference import random, tokens

from gpt_course.config import OPTIONAL
from gpt_course.rope import Rotary, rotate_half_split, rotate_interleaved, to_half_split, to_interleaved

ROTATIONS = [rotate_half_split, rotate_interleaved]


def turned(x, places, rotate=rotate_half_split, **options):
    return rotate(x, *Rotary(x.shape[-1], **options)(torch.as_tensor(places)))


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_quarter_of_a_turn(rotate):
    quarter = torch.tensor(0.0), torch.tensor(1.0)  # coseno y seno de 90°
    found = rotate(torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]]), *quarter)
    assert found.tolist() == [[0, 1], [-1, 0], [-4, 3]]


def test_each_pair_turns_slower_than_the_one_before():
    rotary = Rotary(6, base=1000.0)
    expected = [1, 1000 ** (-1 / 3), 1000 ** (-2 / 3)]
    torch.testing.assert_close(rotary.frequencies(), torch.tensor(expected))
    cos, sin = rotary(torch.tensor([0, 2]))
    assert cos.shape == sin.shape == (1, 2, 3)
    torch.testing.assert_close(cos[0, 1], torch.tensor([math.cos(2 * theta) for theta in expected]))
    torch.testing.assert_close(sin[0, 1], torch.tensor([math.sin(2 * theta) for theta in expected]))
    assert (cos[0, 0] == 1).all() and (sin[0, 0] == 0).all()
    assert Rotary(6).base == OPTIONAL["rope_base"]


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_it_is_a_product_of_complex_numbers(rotate):
    x, places = random(2, 3, 5, 8, dtype=torch.float64), torch.tensor([0, 1, 7, 50, 1000])
    pairs = (
        x.unflatten(-1, (2, 4)).transpose(-1, -2) if rotate is rotate_half_split else x.unflatten(-1, (4, 2))
    )
    turn = torch.polar(
        torch.ones(5, 4, dtype=torch.float64), places[:, None] * Rotary(8).frequencies().double()
    )
    expected = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turn)  # (2, 3, 5, 4, 2)
    expected = expected.transpose(-1, -2) if rotate is rotate_half_split else expected
    torch.testing.assert_close(turned(x, places, rotate), expected.flatten(-2), rtol=0, atol=1e-4)


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_product_depends_on_the_distance_alone(rotate):
    query, key = random(1, 1, 1, 8), random(1, 1, 1, 8, seed=3)
    products = [
        (turned(query, [m], rotate) * turned(key, [n], rotate)).sum().item()
        for m, n in [(5, 2), (3, 0), (103, 100), (5, 3)]
    ]
    assert products[:3] == pytest.approx([products[0]] * 3, abs=1e-4)
    assert abs(products[3] - products[0]) > 1e-2
    torch.testing.assert_close(turned(query, [9], rotate).norm(), query.norm())


def test_places_of_each_row():
    x, places = random(2, 3, 4, 6), torch.tensor([[0, 1, 2, 3], [0, 0, 0, 1]])
    found = turned(x, places)
    for row in range(2):
        torch.testing.assert_close(found[row], turned(x[row : row + 1], places[row])[0])


# --- Los dos repartos --------------------------------------------------------------------------------


def test_the_two_layouts_are_told_apart_and_one_order_of_rows_mends_it():
    H, D, C = 3, 8, 10
    weight, x, places = random(H * D, C, seed=4), random(2, 5, C), torch.arange(5)

    def products(weight, rotate):
        heads = (x @ weight.T).unflatten(-1, (H, D)).transpose(1, 2)  # (B, H, T, D)
        rotated = turned(heads, places, rotate)
        return rotated @ rotated.transpose(-1, -2)

    interleaved = products(weight, rotate_interleaved)
    assert (products(weight, rotate_half_split) - interleaved).abs().max() > 1
    torch.testing.assert_close(products(to_half_split(weight, D), rotate_half_split), interleaved)
    torch.testing.assert_close(
        products(to_interleaved(weight, D), rotate_interleaved), products(weight, rotate_half_split)
    )
    for there, back in ((to_half_split, to_interleaved), (to_interleaved, to_half_split)):
        assert torch.equal(back(there(weight, D), D), weight)
        assert torch.equal(there(weight[:, 0], D), there(weight, D)[:, 0])  # y los sesgos


def test_the_order_by_hand():
    rows = torch.arange(12.0)  # dos cabezas de 6
    assert to_half_split(rows, 6).tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]


def test_a_model_with_the_weights_of_the_other_layout_gives_other_logits(monkeypatch):
    """Como se convierte un punto de control de Meta: el modelo entero, con un reparto y con el otro."""
    model, ids = modern_model(LLAMA), tokens(2, 9, LLAMA["vocab_size"])
    ours = model(ids)
    torch.testing.assert_close(ours, as_transformers(model, "llama")(ids).logits, rtol=0, atol=1e-5)
    monkeypatch.setattr("gpt_course.grouped_attention.rotate_half_split", rotate_interleaved)
    assert (model(ids) - ours).abs().max() > 1e-2
    with torch.no_grad():
        for block in model.trf_blocks:
            for linear in (block.att.W_query, block.att.W_key):
                linear.weight.copy_(to_interleaved(linear.weight, block.att.head_dim))
    torch.testing.assert_close(model(ids), ours, rtol=0, atol=1e-5)
    monkeypatch.undo()
    assert (model(ids) - ours).abs().max() > 1e-2


# --- Leer más lejos, y la precisión ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "scaling", "head_dim"),
    [
        (500_000.0, {"factor": 32.0, "original_max_position_embeddings": 8192}, 64),  # Llama 3.2
        (500_000.0, {"factor": 8.0, "original_max_position_embeddings": 8192}, 128),  # Llama 3.1
        (500.0, {"factor": 3.0, "original_max_position_embeddings": 16, "high_freq_factor": 2.5}, 20),
    ],
)
def test_frequencies_are_those_of_transformers(base, scaling, head_dim):
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    scaling = {**STRETCHED, **scaling}
    sizes = {"hidden_size": 2 * head_dim, "num_attention_heads": 2, "max_position_embeddings": 131_072}
    other = LlamaRotaryEmbedding(LlamaConfig(**sizes, rope_parameters={"rope_theta": base, **scaling}))
    rotary, plain = Rotary(head_dim, base, scaling), Rotary(head_dim, base)
    found, usual = rotary.frequencies(), plain.frequencies()
    assert torch.equal(found, other.inv_freq)  # ni un bit: lejos, un bit es un giro
    assert found[0] == usual[0] and found[-1] == usual[-1] / scaling["factor"]
    between = (found != usual) & (found != usual / scaling["factor"])
    assert between.any(), "alguna frecuencia queda entre medias"
    places = torch.tensor([[0, 1, 5000, 131_071]])
    cos, sin = other(torch.zeros(1), places)
    ours = rotary(places)
    torch.testing.assert_close(ours[0][:, 0], cos[..., : head_dim // 2], rtol=0, atol=1e-6)
    torch.testing.assert_close(ours[1][:, 0], sin[..., : head_dim // 2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("rotate", ROTATIONS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_16_bits_the_turn_is_exact_and_the_result_rounded(rotate, dtype):
    x = random(1, 2, 4, 8).to(dtype)
    places = [0, 3, 900, 30_000]
    assert turned(x, places, rotate).dtype == dtype
    assert torch.equal(turned(x, places, rotate), turned(x.float(), places, rotate).to(dtype))


def test_nothing_is_learnt_or_saved():
    rotary = Rotary(8)
    assert not rotary.state_dict() and not list(rotary.parameters()) and not list(rotary.buffers())
    cos, _ = rotary.half()(torch.tensor([30_000]))
    assert cos.dtype == torch.float32 and torch.equal(cos, Rotary(8)(torch.tensor([30_000]))[0])


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_gradients(rotate):
    x = random(1, 2, 3, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: turned(x, [0, 4, 9], rotate), x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head_dim": 5}, "head_dim debe ser par, y llegó 5"),
        ({"head_dim": 0}, "head_dim debe ser un entero mayor o igual que 2; llegó 0"),
        ({"head_dim": 4, "base": 0}, r"base debe ser un número del intervalo \(0, ∞\); llegó 0"),
    ],
    ids=str,
)
def test_what_it_does_not_admit(options, message):
    with pytest.raises(ValueError, match=message):
        Rotary(**options)


def test_a_base_that_does_not_turn_says_which_does():
    with pytest.raises(ValueError, match=r"base debe ser un número .* Prueba con 10000\."):
        Rotary(8, base=0)
