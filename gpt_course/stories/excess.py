"""Cuánto pierde un modelo de más que la gramática, y en qué clase de palabras."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from gpt_course.stories.grammar import load_grammar
from gpt_course.stories.tokenizer import story_batch

# Las etiquetas de las palabras, en el orden en que se muestran.
LABELS = ("fija", "libre", "concordancia", "nombre", "objeto", "pronombre", "trama", "cuenta")


class ReadStories(NamedTuple):
    """Un lote de cuentos y lo que la gramática dice de cada palabra: todo, (B, T)."""

    x: torch.Tensor
    y: torch.Tensor
    mask: torch.Tensor  # False en lo que sobra de los cuentos cortos
    log_probability: torch.Tensor  # de cada palabra de y (nats); 0 en lo que sobra
    label: torch.Tensor  # su lugar en LABELS; −1 en lo que sobra


def read_stories(start, count, seed="validación"):
    """`count` cuentos de la serie `seed` desde el número `start`, leídos por la gramática: `ReadStories`."""
    x, y, mask = story_batch(start, count, seed)
    log_probability = torch.zeros(mask.shape, dtype=torch.float64, device="cpu")
    label = torch.full(mask.shape, -1, device="cpu")
    grammar = load_grammar()
    for row in range(count):
        for place, word in enumerate(grammar.reading(grammar.story(start + row, seed))):
            log_probability[row, place] = word.log_probability
            label[row, place] = LABELS.index(word.label)
    return ReadStories(x, y, mask, log_probability, label)


def excess_by_label(logits, stories):
    """Nats que unos logits pierden de más que la gramática en cada cuento, por etiqueta: {etiqueta: nats}.

    logits: (B, T, V), lo que un modelo dice de `stories.x`. La suma es el exceso medio de un cuento entero.
    """
    told = stories.label >= 0  # lo que sobra no se mide
    losses = F.cross_entropy(logits[told].double(), stories.y[told], reduction="none")
    excess, label, count = losses + stories.log_probability[told], stories.label[told], len(stories.y)
    return {name: excess[label == i].sum().item() / count for i, name in enumerate(LABELS)}
