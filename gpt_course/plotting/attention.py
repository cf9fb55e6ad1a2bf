"""Figuras de la atención: mapas de pesos, la temperatura del softmax y el coste que crece con T²."""

import matplotlib.pyplot as plt
from matplotlib.colors import PowerNorm

from gpt_course.plotting.style import BLUE, INK, ORANGE, PAPER, dress, finish, spanish, spanish_numbers


def plot_attention(weights, words, titles, *, numbers=False):
    """Mapas de calor de los pesos: una fila por token que mira y una columna por token mirado.

    weights: tensor (N, T, T), un panel por matriz. words: los T rótulos. titles: los N títulos.
    numbers: escribe cada peso en su casilla. El color sigue la raíz del peso, para ver los pequeños.
    Devuelve una lista con los N ejes.
    """
    count, size = len(weights), len(words)
    height = 3.6 if numbers else 4.9
    figure, axes = plt.subplots(1, count, figsize=(8.4, height), dpi=100, squeeze=False, facecolor=PAPER)
    norm = PowerNorm(0.5, vmin=0, vmax=1)
    for ax, matrix, title in zip(axes[0], weights.tolist(), titles, strict=True):
        image = ax.imshow(matrix, cmap="Blues", norm=norm)
        ax.set_xticks(range(size), words, fontsize=11, rotation=40 if numbers else 90)
        ax.set_yticks(range(size), words if ax is axes[0][0] else [""] * size, fontsize=11)
        ax.set_title(title, fontsize=12)
        ax.set_xlabel("token mirado", fontsize=11)
        if numbers:
            _write_cells(ax, matrix)
    axes[0][0].set_ylabel("token que mira", fontsize=11)
    figure.tight_layout()
    if not numbers:
        bar = figure.colorbar(image, ax=list(axes[0]), ticks=[0, 0.1, 0.25, 0.5, 1], shrink=0.7)
        spanish_numbers(bar.ax, "y")
        bar.set_label("peso", fontsize=11)
        bar.ax.tick_params(labelsize=11)
    return list(axes[0])


def plot_softmax_by_temperature(labels, scores, temperatures):
    """Barras con softmax(puntuaciones / temperatura): un panel por temperatura, de caliente a fría.

    labels: un rótulo por puntuación. scores: tensor (N,). temperatures: números positivos.
    Devuelve una lista con los ejes.
    """
    figure, axes = plt.subplots(
        1, len(temperatures), figsize=(8.4, 3.1), dpi=100, sharey=True, facecolor=PAPER
    )
    for ax, temperature in zip(axes, temperatures, strict=True):
        values = (scores / temperature).softmax(dim=-1).tolist()
        bars = ax.bar(range(len(labels)), values, color=[BLUE] * (len(values) - 1) + [ORANGE])
        ax.bar_label(bars, [spanish(value, 2) for value in values], fontsize=11, padding=2)
        ax.set_xticks(range(len(labels)), labels, fontsize=11)
        ax.set(ylim=(0, 1.1), yticks=[0, 0.5, 1])
        dress(ax, f"temperatura {spanish(float(temperature))}", numbers="y")
    axes[0].set_ylabel("peso", fontsize=11)
    figure.tight_layout()
    return list(axes)


def plot_attention_cost(lengths, costs, title, unit):
    """Dos curvas de trabajo frente al número de tokens: la primera en azul y la segunda en naranja.

    lengths: longitudes T. costs: diccionario rótulo → lista de costes, uno por longitud. unit: su unidad.
    """
    _, ax = plt.subplots(figsize=(7.5, 3.9), dpi=100, facecolor=PAPER)
    for (label, values), color, marker in zip(costs.items(), (BLUE, ORANGE), "os", strict=True):
        ax.plot(lengths, values, color=color, marker=marker, lw=2, label=label)
    ax.legend(fontsize=12, frameon=False)
    ax.set(xlabel="tokens de la secuencia, T", ylabel=unit)
    ax.set_xticks(lengths, [spanish(length) for length in lengths])
    ax.set_ylim(0, 1.12 * max(max(values) for values in costs.values()))
    return finish(ax, title, numbers="y", letters=(11, 12, 13))


def _write_cells(ax, matrix):
    """Escribe el peso en cada casilla, en blanco sobre las oscuras."""
    for y, row in enumerate(matrix):
        for x, value in enumerate(row):
            color = "white" if value > 0.45 else INK
            ax.text(x, y, spanish(value, 2), ha="center", va="center", fontsize=12, color=color)
