"""Figuras de la vinculación de pesos: los dos gradientes, las carreras con cada semilla y los repartos."""

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE, spanish

# Cada modelo se distingue por el color, por el trazo y por la marca.
LOOKS = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, ":", "^"))


def plot_two_ends(labels, from_input, from_output, title):
    """Dos barras por fila de la matriz: lo que mide el gradiente que le llega por cada extremo.

    labels: nombres de las filas, de arriba abajo. from_input, from_output: longitudes, en el mismo orden.
    """
    _, ax = plt.subplots(figsize=(7, 0.55 * len(labels) + 1.6), dpi=100)
    ends = (("por la incrustación", from_input, ORANGE, 0.2), ("por la cabeza", from_output, BLUE, -0.2))
    for label, lengths, color, shift in ends:
        ax.barh([row - shift for row in range(len(labels))], lengths, 0.38, color=color, label=label)
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    ax.set_xlabel("longitud del gradiente de la fila")
    ax.legend(fontsize=11, frameon=False, loc="lower right")
    return _finish(ax, title, numbers=("x",))


def plot_curves(steps, curves, title):
    """Una línea por semilla, para cada modelo: la pérdida de validación según los pasos dados.

    steps: pasos en que se midió. curves: modelo → lista de listas, una por semilla.
    """
    _, ax = plt.subplots(figsize=(7, 4.4), dpi=100)
    for (name, runs), (color, dash, marker) in zip(curves.items(), LOOKS, strict=False):
        for index, losses in enumerate(runs):
            label = name if index == 0 else None
            ax.plot(steps, losses, dash, color=color, lw=1.5, marker=marker, ms=4, label=label)
    ax.set(xlabel="pasos de entrenamiento", ylabel="pérdida de validación")
    ax.legend(fontsize=11, frameon=False)
    return _finish(ax, title, numbers=("y",))


def plot_seeds(panels, title):
    """Un punto por semilla y una raya en la media, para cada modelo; un panel por medida.

    panels: rótulo → {modelo: lista de valores}. Devuelve la lista de ejes, cada uno con su escala.
    """
    figure, grid = plt.subplots(1, len(panels), figsize=(8, 4.2), dpi=100, squeeze=False)
    for ax, (label, results) in zip(grid[0], panels.items(), strict=True):
        for x, ((_, values), (color, _, marker)) in enumerate(zip(results.items(), LOOKS, strict=False)):
            spread = [x + 0.08 * (index - (len(values) - 1) / 2) for index in range(len(values))]
            ax.plot(spread, values, marker, color=color, ms=7, ls="none")
            ax.hlines(sum(values) / len(values), x - 0.35, x + 0.35, color=INK, lw=1.5)
        ax.set_xticks(range(len(results)), results)
        ax.set_xlim(-0.6, len(results) - 0.4)
        ax.yaxis.set_major_locator(MaxNLocator(6))
        _finish(ax, label, numbers=("y",))
    grid[0, 0].set_ylabel("pérdida")
    figure.suptitle(title, fontsize=13, color=INK)
    figure.tight_layout()
    return list(grid[0])


def plot_shares(shares, title):
    """Barras horizontales con un tanto por ciento cada una. shares: nombre → parte, entre 0 y 1."""
    percents = [100 * share for share in shares.values()]
    _, ax = plt.subplots(figsize=(7, 0.55 * len(shares) + 1.4), dpi=100)
    ax.barh(range(len(shares)), percents, color=BLUE)
    ax.set_yticks(range(len(shares)), shares)
    ax.invert_yaxis()
    ax.bar_label(ax.containers[0], [f"{spanish(value, 1)} %" for value in percents], padding=4, fontsize=11)
    ax.set(xlabel="% de los parámetros", xlim=(0, 1.2 * max(percents)))
    return _finish(ax, title, numbers=("x",))


def _finish(ax, title, numbers):
    ax.set_title(title, fontsize=12)
    ax.spines[["top", "right"]].set_visible(False)
    for axis in numbers:
        getattr(ax, f"{axis}axis").set_major_formatter(lambda value, _: spanish(round(value, 6)))
    ax.tick_params(labelsize=11)
    ax.xaxis.label.set_size(12)
    ax.yaxis.label.set_size(12)
    ax.figure.tight_layout()
    return ax
