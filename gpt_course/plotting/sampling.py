"""Figuras del muestreo: la temperatura, lo que dejan los filtros y las frecuencias de un sorteo."""

import matplotlib.pyplot as plt

from gpt_course.plotting.style import BLUE, GREY, INK, ORANGE, SKY, dress, finish, spanish


def plot_words_by_temperature(words, probabilities):
    """Un panel de barras por temperatura, todos con la misma escala; la palabra mayor, en naranja.

    words: rótulos. probabilities: diccionario temperatura → lista de probabilidades. Devuelve los ejes.
    """
    axes = _panels(len(probabilities), 1.95, len(words))
    for ax, (temperature, values) in zip(axes, probabilities.items(), strict=True):
        _columns(ax, words, values, [ORANGE if value == max(values) else BLUE for value in values])
        dress(ax, f"τ = {spanish(temperature)}", numbers="y")
    axes[0].figure.tight_layout()
    return axes


def plot_filters(rows, labels):
    """Una rejilla: por fila, una distribución; por columna, lo que queda de ella tras cada filtro.

    rows: diccionario nombre → lista de listas de probabilidades, de mayor a menor; la primera, sin filtrar.
    labels: un título por columna. En gris claro queda la silueta de lo quitado. Devuelve los ejes por filas.
    """
    size = {"figsize": (8.2, 2.6 * len(rows)), "dpi": 100, "sharey": "row", "squeeze": False}
    _, grid = plt.subplots(len(rows), len(labels), **size)
    for axes, (name, panels) in zip(grid, rows.items(), strict=True):
        positions = range(1, len(panels[0]) + 1)
        for ax, label, values in zip(axes, labels, panels, strict=True):
            kept = sum(value > 0 for value in values)
            ax.bar(positions, panels[0], color=GREY)  # la silueta de partida
            ax.bar(positions, values, color=BLUE, width=0.5)
            ax.set_xticks([1, len(panels[0])])
            dress(ax, f"{label}\nquedan {kept}", numbers="xy")
        axes[0].set_ylabel(f"{name}\nprobabilidad")
    for ax in grid[-1]:
        ax.set_xlabel("tokens, de mayor a menor")
    grid[0, 0].figure.tight_layout()
    return grid


def plot_draw(words, probabilities, u):
    """La regla de 0 a 1 partida en tramos: cae en uno el número `u`, y esa es la palabra elegida.

    words, probabilities: un tramo por palabra. u: número de [0, 1).
    """
    _, ax = plt.subplots(figsize=(7.5, 1.9), dpi=100)
    left = 0.0
    for word, probability in zip(words, probabilities, strict=True):
        chosen = left <= u < left + probability
        ax.barh(0, probability, left=left, color=ORANGE if chosen else SKY, edgecolor=INK, height=0.7)
        ax.text(left + probability / 2, 0, word, ha="center", va="center", fontsize=13, color=INK)
        left += probability
    ax.annotate(f"u = {spanish(u, 4)}", (u, 0.36), (u, 0.75), ha="center", fontsize=13, color=INK)
    ax.plot([u, u], [-0.35, 0.65], color=INK, lw=2.5)
    ax.set(xlim=(0, 1), ylim=(-0.4, 1.1), yticks=[], xlabel="probabilidad acumulada")
    ax.spines["left"].set_visible(False)
    return finish(ax, numbers="x")


def plot_frequencies(words, probabilities, frequencies, draws):
    """Barras pareadas por palabra: lo que dice el modelo y lo que salió en `draws` sorteos."""
    _, ax = plt.subplots(figsize=(7, 3.4), dpi=100)
    positions = range(len(words))
    series = ((-0.2, probabilities, BLUE, "probabilidad"), (0.2, frequencies, ORANGE, "frecuencia medida"))
    for shift, values, color, label in series:
        bars = ax.bar([x + shift for x in positions], values, width=0.38, color=color, label=label)
        ax.bar_label(bars, [spanish(value, 3) for value in values], padding=2, fontsize=11)
    ax.set_xticks(positions, words, fontsize=13)
    ax.set(
        title=f"{spanish(draws)} sorteos",
        ylabel="proporción",
        ylim=(0, 1.15 * max([*probabilities, *frequencies])),
    )
    ax.legend(frameon=False, fontsize=12, loc="upper left")
    return finish(ax, numbers="y")


def _panels(count, width, words):
    _, axes = plt.subplots(1, count, figsize=(width * count + 0.3, 2.9), dpi=100, sharey=True, squeeze=False)
    axes[0, 0].set(ylim=(0, 1.12), ylabel="probabilidad")
    return axes[0]


def _columns(ax, words, values, colors):
    bars = ax.bar(range(len(words)), values, color=colors)
    ax.bar_label(bars, [spanish(value, 2) for value in values], padding=2, fontsize=11)
    ax.set_xticks(range(len(words)), words, fontsize=12)
