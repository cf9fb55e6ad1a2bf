"""Entrenar en pequeño: la pérdida, el optimizador, el bucle y los bloques que se calculan dos veces."""

from gpt_course.loss import next_token_loss
from gpt_course.training.loop import evaluate, train
from gpt_course.training.optimizer import make_optimizer
from gpt_course.training.recomputation import checkpoint_blocks

__all__ = ["checkpoint_blocks", "evaluate", "make_optimizer", "next_token_loss", "train"]
