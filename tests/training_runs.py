"""Lo que comparten las pruebas del entrenador: corridas diminutas."""

from gpt_course.training.settings import Settings

TINY = {
    "context_length": 144,
    "emb_dim": 8,
    "n_heads": 2,
    "n_layers": 1,
    "drop_rate": 0.0,
    "qkv_bias": False,
}


def tiny(**changes):
    """Ajustes de una corrida de seis pasos que mide cada tres y guarda cada dos."""
    small = {"config": TINY, "steps": 6, "batch": 2, "eval_every": 3, "eval_batches": 1, "save_every": 2}
    return Settings(**{**small, "lr": 0.01, "keep": 2, **changes})
