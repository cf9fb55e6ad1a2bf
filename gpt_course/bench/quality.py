"""Qué se pierde al redondear a bf16: la pérdida en un texto y cuántas veces cambia el favorito."""

import copy

import torch
import torch.nn.functional as F

from gpt_course.data import load_story
from gpt_course.fast import make_fast
from gpt_course.tokenizer import load_gpt2_tokenizer


@torch.no_grad()
def rounding_quality(model, length):
    """Compara `model`, en float32, con dos copias en las primeras frases del relato del curso.

    Una lleva los pesos en bf16; la otra, de `make_fast(…, precision="medium")`, redondea los factores de cada
    producto. De cada una devuelve la pérdida (`loss_`), la fracción de lugares donde el token más probable es
    el mismo (`same_`) y lo más que se aleja un logit (`error_`).
    """
    tokens = torch.tensor(load_gpt2_tokenizer().encode(load_story()))
    tokens = tokens % model.cfg["vocab_size"]  # en GPT-2 no cambia nada
    windows = tokens[: 4 * length].view(4, length)
    x, y = windows[:, :-1], windows[:, 1:].flatten()
    exact = model(x).flatten(0, 1)
    found = {"loss_fp32": F.cross_entropy(exact, y).item()}
    medium = make_fast(copy.deepcopy(model), precision="medium")
    for name, other in (("medium", medium), ("bf16", copy.deepcopy(model).bfloat16())):
        logits = other(x).float().flatten(0, 1)
        found[f"loss_{name}"] = F.cross_entropy(logits, y).item()
        found[f"same_{name}"] = (logits.argmax(dim=1) == exact.argmax(dim=1)).float().mean().item()
        found[f"error_{name}"] = (logits - exact).abs().max().item()
    return found
