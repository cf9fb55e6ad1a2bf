"""Qué se pierde al guardar los pesos en bf16: la pérdida en un texto y cuántas veces cambia el favorito."""

import copy

import torch
import torch.nn.functional as F

from gpt_course.data import load_story
from gpt_course.tokenizer import load_gpt2_tokenizer


@torch.no_grad()
def bf16_quality(model, length):
    """Compara `model`, en float32, con su copia en bf16 en las primeras frases del relato del curso.

    Devuelve las dos pérdidas y la fracción de lugares donde el token más probable es el mismo.
    """
    vocab_size = model.tok_emb.num_embeddings
    tokens = torch.tensor(load_gpt2_tokenizer().encode(load_story())) % vocab_size  # en GPT-2 no cambia nada
    windows = tokens[: 4 * length].view(4, length)
    x, y = windows[:, :-1], windows[:, 1:].flatten()
    found = {}
    for name, other in (("fp32", model), ("bf16", copy.deepcopy(model).bfloat16())):
        logits = other(x).float().flatten(0, 1)
        found[name] = logits.argmax(dim=1)
        found[f"loss_{name}"] = F.cross_entropy(logits, y).item()
    same = (found.pop("fp32") == found.pop("bf16")).float().mean().item()
    return {**found, "same_token": same}
