"""Figuras de la vinculación de pesos: los dos gradientes, las carreras con cada semilla y los repartos."""

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE, finish, spanish

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
    return finish(ax, title, numbers="x")


def plot_curves(steps, curves, title):
    """La pérdida de validación según los pasos dados: fina, una línea por semilla; gruesa, la media.

    steps: pasos en que se midió. curves: modelo → lista de listas, una por semilla.
    """
    _, ax = plt.subplots(figsize=(7, 4.4), dpi=100)
    for (name, runs), (color, dash, marker) in zip(curves.items(), LOOKS, strict=False):
        for losses in runs:
            ax.plot(steps, losses, dash, color=color, lw=1, alpha=0.35)
        mean = [sum(column) / len(column) for column in zip(*runs, strict=True)]
        ax.plot(steps, mean, dash, color=color, lw=3, marker=marker, ms=7, label=name)
    ax.set(xlabel="pasos de entrenamiento", ylabel="pérdida de validación")
    ax.legend(fontsize=11, frameon=False)
    return finish(ax, title, numbers="y")


def plot_seeds(panels, title):
    """Un punto por semilla y una raya en la media, para cada modelo; un panel por medida.

    panels: rótulo → {modelo: lista de valores}. Devuelve la lista de ejes, de arriba abajo y a una escala.
    """
    size = (6.5, 2.7 * len(panels) + 0.4)
    figure, grid = plt.subplots(len(panels), 1, figsize=size, dpi=100, squeeze=False, sharey=True)
    for ax, (label, results) in zip(grid[:, 0], panels.items(), strict=True):
        for x, ((_, values), (color, _, marker)) in enumerate(zip(results.items(), LOOKS, strict=False)):
            spread = [x + 0.08 * (index - (len(values) - 1) / 2) for index in range(len(values))]
            ax.plot(spread, values, marker, color=color, ms=8, ls="none")
            ax.hlines(sum(values) / len(values), x - 0.35, x + 0.35, color=INK, lw=1.5)
        ax.set_xticks(range(len(results)), results)
        ax.set_xlim(-0.6, len(results) - 0.4)
        ax.set_ylabel("pérdida")
        ax.yaxis.set_major_locator(MaxNLocator(6))
        finish(ax, label, numbers="y")
        ax.tick_params(labelsize=13)
    figure.suptitle(title, fontsize=13, color=INK)
    figure.tight_layout()
    return list(grid[:, 0])


def plot_shares(shares, title):
    """Barras horizontales con un tanto por ciento cada una. shares: nombre → parte, entre 0 y 1."""
    percents = [100 * share for share in shares.values()]
    _, ax = plt.subplots(figsize=(7, 0.55 * len(shares) + 1.4), dpi=100)
    ax.barh(range(len(shares)), percents, color=BLUE)
    ax.set_yticks(range(len(shares)), shares)
    ax.invert_yaxis()
    ax.bar_label(ax.containers[0], [f"{spanish(value, 1)} %" for value in percents], padding=4, fontsize=11)
    ax.set(xlabel="% de los parámetros del modelo con dos matrices", xlim=(0, 1.2 * max(percents)))
    return finish(ax, title, numbers="x")
