"""Figuras del entrenamiento: cómo baja la pérdida, y hasta dónde puede bajar."""

import matplotlib.pyplot as plt

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE, SKY, finish

_COLORS = (BLUE, ORANGE, GREEN, SKY)


def plot_loss_curve(runs, title, *, floor=None):
    """La pérdida de cada corrida: una línea fina al entrenar y otra con puntos en la validación.

    runs: nombre → líneas de su registro. floor: la pérdida más baja posible, en nats por token, si se sabe.
    """
    _, ax = plt.subplots(figsize=(8, 4.6), dpi=100)
    for index, (name, rows) in enumerate(runs.items()):
        color, label = _COLORS[index % len(_COLORS)], f"{name}: " if name else ""
        for key, text, look in (
            ("loss", "entrenamiento", {"lw": 0.8, "alpha": 0.5}),
            ("validation", "validación", {"marker": "o", "ms": 4, "lw": 1.8}),
        ):
            points = [(row["step"], row[key]) for row in rows if key in row]
            ax.plot(*zip(*points, strict=True), color=color, label=label + text, **look)
    if floor is not None:
        ax.axhline(floor, color=INK, lw=1.5, ls="--", label="la más baja posible")
    ax.set(xlabel="paso", ylabel="pérdida (nats por token)")
    ax.legend(fontsize=11, frameon=False)
    return finish(ax, title, numbers="xy")
