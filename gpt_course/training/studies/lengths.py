"""Leer más de lo entrenado: filas de un mismo largo al entrenar, y más largas al medir."""

from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F

from gpt_course.model import GPTModel
from gpt_course.stories.excess import read_stories

BAND, BANDS = 48, 8  # lugares de cada banda, y bandas de una fila
LONG = BAND * BANDS
ROWS, STORIES = 48, 5  # filas del examen, y los cuentos seguidos de los que sale cada una


class Exam(NamedTuple):
    """Cuentos seguidos, que nadie ha leído, desde el principio de uno: todo, (B, T)."""

    x: torch.Tensor
    y: torch.Tensor
    log_probability: torch.Tensor  # de cada palabra de y, según la gramática (nats)


def packed(batch, length):
    """Los cuentos de un lote `(x, y, mask)`, uno detrás de otro y cortados en filas: dos (B, `length`).

    Lo que sobra al final, que no llena una fila, se tira.
    """
    x, y, mask = batch
    count = int(mask.sum()) // length * length
    return x[mask][:count].view(-1, length), y[mask][:count].view(-1, length)


@torch.no_grad()
def band_excess(model, **changes):
    """Los nats por token que un modelo pierde de más que la gramática, en cada banda de `BAND` lugares.

    changes: claves de la configuración que se cambian al leer, con los mismos pesos. Donde el modelo no
    llega, None.
    """
    reach = LONG if model.pos_emb is None else min(LONG, model.cfg["context_length"])
    reader = GPTModel({**model.cfg, "context_length": reach, **changes}).eval()
    reader.load_state_dict(model.state_dict())
    exam = long_exam()
    losses = F.cross_entropy(reader(exam.x[:, :reach]).transpose(1, 2), exam.y[:, :reach], reduction="none")
    excess = (losses + exam.log_probability[:, :reach]).unflatten(1, (-1, BAND))  # (B, bandas, BAND)
    found = [round(value, 4) for value in excess.mean(dim=(0, 2)).tolist()]
    return found + [None] * (BANDS - len(found))


@cache
def long_exam():
    """El examen: `ROWS` filas de `LONG` tokens."""
    rows = [read_stories(start * STORIES, STORIES) for start in range(ROWS)]
    parts = [(row.x[row.mask], row.y[row.mask], row.log_probability[row.mask]) for row in rows]
    return Exam(*(torch.stack([part[:LONG] for part in column]) for column in zip(*parts, strict=True)))
