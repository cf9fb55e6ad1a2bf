"""La tasa de aprendizaje de cada paso, como parte de la mayor."""

import math

SCHEDULES = ("cosine", "wsd", "constant")
DECAY = 0.2  # la última parte de los pasos, en la que `wsd` baja


def factor(step, *, schedule, steps, warmup):
    """Por cuánto se multiplica la tasa en el paso `step`, de 1 a `steps`: un número de (0, 1].

    Sube en línea recta durante los primeros `warmup` pasos. Después, `cosine` baja por medio coseno; `wsd`
    sigue arriba y baja en línea recta en el último quinto de los pasos; `constant` sigue arriba.
    El 0 de la subida queda en el paso 0 y el de la bajada, en el `steps + 1`: ningún paso se da en balde.
    Fuentes: Loshchilov y Hutter (2017), arXiv 1608.03983, para el coseno; *Hu et al.* (2024), arXiv
    2404.06395, para `wsd`.
    """
    if step < warmup:
        return step / warmup
    if schedule == "cosine":
        return (1 + math.cos(math.pi * (step - warmup) / (steps + 1 - warmup))) / 2
    if schedule == "wsd":
        return min(1.0, (steps + 1 - step) / decay_steps(steps))
    return 1.0


def decay_steps(steps):
    """Cuántos pasos tarda `wsd` en bajar de 1 a 0."""
    return max(1, round(DECAY * steps))
