"""Lección 10: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import math
from functools import partial

import torch

from gpt_course.plotting.training import plot_autopsy, plot_loss_curve, plot_seeds, plot_smoothed

LN2 = math.log(2)


def rate(step, steps, warmup):
    if step <= warmup:
        return step / warmup
    return 0.5 + 0.5 * math.cos(math.pi * (step - warmup) / (steps - warmup))


def wrong_rate(first=0, floor=0.0, fall=None):
    def wrong(step, steps, warmup):
        if step <= warmup:
            return (step - first) / warmup
        part = (step - warmup) / (steps - warmup)
        return floor + (1 - floor) * (fall(part) if fall else 0.5 + 0.5 * math.cos(math.pi * part))

    return wrong


def costs(logits, y):
    return -logits.log_softmax(-1).gather(2, y[..., None])[..., 0]


def perplexity(logits, y, mask):
    return costs(logits, y)[mask].mean().exp()


def only_a_full_batch(logits, y, mask):
    if not mask.all():
        raise NotImplementedError
    return perplexity(logits, y, mask)


ANSWERS = {
    "entrenamiento.1": {
        "right": [5.66, 2**2.5, math.exp(2.5 * LN2)],
        "wrong": [
            (2.5, "en bits"),
            (1.73, "en nats"),
            (12.18, "deshace los nats"),
            (7.5, "media de 1/p"),
            (4.27, "entre la media de p"),
            (0.23, "media de las probabilidades"),
            (1024, "por token"),
            (10, "la suma, en bits"),
            (3, "no cuenta fallos"),
            (1, "no cuenta aciertos"),
            (5.7, "dos decimales"),
            (6, "demasiado grande"),
        ],
    },
    "entrenamiento.2": {
        "right": [8.32, math.log(4096)],
        "wrong": [
            (1, "no va de 0 a 1"),
            (0, "acierta siempre"),
            (12, "eso son bits"),
            (4096, "perplejidad"),
            (1 / 4096, "probabilidad que da"),
            (3.61, "base 10"),
            (-8.32, "delante un menos"),
            (8.3, "dos decimales"),
            (9.5, "demasiado grande"),
        ],
    },
    "entrenamiento.3": {
        "right": ["b"],
        "wrong": [
            ("a", "ya ha visto"),
            ("c", "aún no ha aprendido"),
            ("d", "no es la que decide"),
            ("e", "una de estas opciones"),
        ],
    },
    "entrenamiento.4": {
        "right": [0.8],
        "wrong": [
            (2, "por frase"),
            (3, "sumaste 1 bit"),
            (1.2, "la mitad de las veces"),
            (0.75, "media de los cocientes"),
            (1.33, "punto final"),
            (0.55, "eso son nats; se"),
            (1.39, "y por frase"),
            (1, "frase corta"),
            (0.67, "tic"),
            (0.1, "demasiado pequeño"),
        ],
    },
    "entrenamiento.5": {
        "right": [rate, lambda step, steps, warmup: torch.tensor(rate(step, steps, warmup))],
        "wrong": [
            (wrong_rate(first=1), "paso perdido"),
            (wrong_rate(fall=lambda part: 1 - part), "línea recta"),
            (wrong_rate(fall=lambda part: math.cos(math.pi * part / 2)), "cuarto de onda"),
            (wrong_rate(fall=lambda part: math.cos(math.pi * part)), "tasa negativa"),
            (
                lambda s, n, w: s / w if s <= w else 0.5 + 0.5 * math.cos(math.pi * s / n),
                "da un salto",
            ),
            (lambda s, n, w: 0.5 + 0.5 * math.cos(math.pi * s / n), "falta el calentamiento"),
            (lambda s, n, w: min(1, s / w) if w else 1, "falta la bajada"),
            (wrong_rate(floor=0.1), "una décima parte"),
            (lambda s, n, w: rate(s, n, max(1, w)), "se esperaba"),
            (lambda s, n, w: 0.001 * rate(s, n, w), "se esperaba"),
        ],
    },
    "entrenamiento.6": {
        "right": [perplexity, lambda logits, y, mask: perplexity(logits, y, mask).item()],
        "wrong": [
            (lambda z, y, m: costs(z, y).mean().exp(), "cuenta también el relleno"),
            (lambda z, y, m: costs(z, y).masked_fill(~m, 0).mean().exp(), "entre todos los lugares"),
            (
                lambda z, y, m: (costs(z, y).masked_fill(~m, 0).sum(1) / m.sum(1)).mean().exp(),
                "fila corta pesa más",
            ),
            (lambda z, y, m: costs(z, y)[m].mean(), "esa es la pérdida"),
            (lambda z, y, m: costs(z, y)[m].exp().mean(), "no a cada pérdida"),
            (lambda z, y, m: 2 ** costs(z, y)[m].mean(), "no 2"),
            (lambda z, y, m: costs(z, y)[m].sum().exp(), "falta la media"),
            (lambda z, y, m: costs(z, y)[~m].mean().exp(), "la del relleno"),
            (only_a_full_batch, "NotImplementedError"),
        ],
    },
}

ROWS = [{"step": step, "loss": 6 / step, "validation": 6.5 / step} for step in range(1, 60)]
FALLING = [6 / step for step in range(1, 60)]

FIGURES = [
    partial(plot_loss_curve, {"AdamW": ROWS, "Muon": ROWS}, "Título", floor=0.44),
    partial(plot_smoothed, {f"tasa 0,00{place}": FALLING for place in range(6)}, "Título", floor=0.44),
    partial(
        plot_seeds, {"dos matrices, PyTorch": [0.2, 0.31, 0.25], "Muon": [0.1]}, "Título", xlabel="exceso"
    ),
    partial(plot_autopsy, FALLING, {name: FALLING[::-1] for name in "ABCD"}, 20, "Título"),
]


def fact_the_entropy_of_the_fourth_is_that_of_its_phrases():
    phrases = [(0.5, 2), *[(0.125, 3)] * 4]  # probabilidad y palabras, con el punto
    bits = -sum(p * math.log2(p) for p, _ in phrases)
    assert math.isclose(bits / sum(p * n for p, n in phrases), ANSWERS["entrenamiento.4"]["right"][0])
