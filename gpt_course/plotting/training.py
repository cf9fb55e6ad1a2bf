"""Figuras del entrenamiento: cómo baja la pérdida, y hasta dónde puede bajar."""

import matplotlib.pyplot as plt

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE, SKY, dress, finish

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


def plot_smoothed(curves, title, *, window=20, floor=None):
    """Varias pérdidas de entrenamiento, cada una con la media de sus últimos `window` pasos.

    curves: nombre → pérdidas, una por paso. Si son más de cuatro, la segunda mitad repite los colores de la
    primera, con guiones.
    """
    half = len(curves) if len(curves) <= len(_COLORS) else (len(curves) + 1) // 2
    _, ax = plt.subplots(figsize=(8, 4.6), dpi=100)
    for index, (name, losses) in enumerate(curves.items()):
        means = [sum(losses[end - window : end]) / window for end in range(window, len(losses) + 1)]
        look = {"color": _COLORS[index % half], "ls": "-" if index < half else "--"}
        ax.plot(range(window, len(losses) + 1), means, lw=1.8, label=name, **look)
    if floor is not None:
        ax.axhline(floor, color=INK, lw=1.5, ls="--", label="la más baja posible")
    ax.set(xlabel="paso", ylabel=f"pérdida (media de {window} pasos)")
    ax.legend(fontsize=11, frameon=False)
    return finish(ax, title, numbers="xy")


def plot_seeds(results, title, *, xlabel):
    """Una fila por modelo y un punto por semilla: cuánto se dispersan y si se pisan.

    results: nombre → valores, uno por semilla; una raya vertical marca su media.
    """
    _, ax = plt.subplots(figsize=(8, 0.62 * len(results) + 1.5), dpi=100)
    for row, values in enumerate(results.values()):
        ax.plot(values, [row] * len(values), "o", color=BLUE, ms=8, alpha=0.6)
        ax.plot([sum(values) / len(values)] * 2, [row - 0.32, row + 0.32], color=ORANGE, lw=3)
    ax.set_yticks(range(len(results)), results)
    ax.set_ylim(len(results) - 0.5, -0.5)
    ax.grid(axis="x", alpha=0.3)
    ax.set_xlabel(xlabel)
    return finish(ax, title, numbers="x")


def plot_autopsy(whole, resumed, pause, title):
    """Una casilla por corrida reanudada: su pérdida menos la de la corrida que no se interrumpió.

    whole: pérdidas de esta, una por paso. resumed: nombre → pérdidas de las otras. pause: el último paso
    antes de reanudar.
    """
    figure, axes = plt.subplots(2, 2, figsize=(8, 5.4), dpi=100, sharex=True, sharey=True)
    for ax, (name, losses) in zip(axes.flat, resumed.items(), strict=True):
        steps = range(1, len(losses) + 1)
        ax.axvline(pause, color=INK, lw=1, ls="--")
        ax.plot(steps, [a - b for a, b in zip(losses, whole, strict=True)], color=BLUE, lw=1.4)
        dress(ax, name, numbers="xy")
    for ax in axes[1]:
        ax.set_xlabel("paso")
    figure.supylabel("diferencia de pérdida", fontsize=12)
    figure.suptitle(title, fontsize=12)
    figure.tight_layout()
    return axes
