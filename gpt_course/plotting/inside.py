"""Figuras de lo que hay dentro de un modelo que ha aprendido: cuándo, quién y a qué altura."""

import matplotlib.pyplot as plt
from matplotlib.colors import PowerNorm

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE, PAPER, SKY, decades, dress, finish, spanish

_LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (SKY, ":"))  # se distinguen también sin color


def plot_truth_and_model(words, truth, model, title):
    """Dos filas de barras con la probabilidad de cada palabra: arriba la verdad, abajo el modelo.

    words: los rótulos. `truth`, `model`: probabilidades, en el mismo orden. Devuelve los dos ejes.
    """
    figure, axes = plt.subplots(2, 1, figsize=(8.4, 4.4), dpi=80, sharex=True, sharey=True, facecolor=PAPER)
    for ax, values, color, name in zip(
        axes, (truth, model), (BLUE, ORANGE), ("verdad", "modelo"), strict=True
    ):
        bars = ax.bar(range(len(words)), values, color=color)
        ax.bar_label(bars, [spanish(value, 2) for value in values], fontsize=11, padding=2)
        ax.set(ylim=(0, 1.2 * max(*truth, *model)), ylabel=name)
        dress(ax, title if ax is axes[0] else None, numbers="y")
    axes[1].set_xticks(range(len(words)), words, fontsize=11)
    figure.tight_layout()
    return list(axes)


def plot_costs(words, entropies, divergences, title):
    """Dos filas de barras, un lugar por palabra: arriba lo que duda la verdad; abajo lo que añade el modelo.

    words: la palabra que vino en cada lugar. `entropies`, `divergences`: nats, en el mismo orden; cada fila
    lleva su propia escala. Devuelve los dos ejes.
    """
    figure, axes = plt.subplots(2, 1, figsize=(8.7, 4.8), dpi=80, sharex=True, facecolor=PAPER)
    names = ("entropía (nats)", "divergencia KL (nats)")
    for ax, values, color, name in zip(axes, (entropies, divergences), (BLUE, ORANGE), names, strict=True):
        ax.bar(range(len(words)), values, color=color)
        ax.set(ylabel=name, ylim=(0, 1.1 * max(values)), xlim=(-0.7, len(words) - 0.3))
        dress(ax, title if ax is axes[0] else None, numbers="y", letters=(11, 11, 12))
    axes[1].set_xticks(range(len(words)), words, fontsize=11, rotation=90)
    figure.tight_layout()
    return list(axes)


def plot_excess_curves(steps, curves, title):
    """Una curva por clase de palabra: nats de más en cada cuento, en escala logarítmica, según se entrena.

    steps: pasos. curves: etiqueta → exceso en cada paso, cuatro como mucho; lo menor que 0,01 se dibuja ahí.
    """
    _, ax = plt.subplots(figsize=(8.2, 4.2), dpi=80, facecolor=PAPER)
    for (label, values), (color, style) in zip(curves.items(), _LINES, strict=False):
        drawn = [max(value, 0.01) for value in values]
        ax.plot(steps, drawn, style, color=color, lw=2.2, label=label)
    ax.set(yscale="log", xlabel="pasos de entrenamiento", ylabel="nats de más por cuento")
    decades(ax.yaxis)
    ax.grid(axis="y", alpha=0.3)
    ax.legend(fontsize=11, frameon=False, loc="upper right")
    return finish(ax, title, numbers="xy")


def plot_arrivals(arrivals, title):
    """En qué paso aprende cada semilla cada clase de palabras: una fila por clase y un punto por semilla.

    arrivals: etiqueta → pasos, uno por semilla, de arriba abajo; los de una semilla llevan la misma marca.
    """
    _, ax = plt.subplots(figsize=(8.2, 0.5 * len(arrivals) + 1.6), dpi=80, facecolor=PAPER)
    seeds = len(next(iter(arrivals.values())))
    for seed, marker in zip(range(seeds), "os^Dv", strict=False):
        rows = [row + 0.12 * (seed - (seeds - 1) / 2) for row in range(len(arrivals))]
        values = [steps[seed] for steps in arrivals.values()]
        ax.plot(values, rows, marker, color=BLUE, ms=8, mec=INK, ls="none", alpha=0.8)
    ax.set_yticks(range(len(arrivals)), arrivals)
    ax.set(ylim=(len(arrivals) - 0.5, -0.5), xlabel="pasos de entrenamiento")
    ax.set_xlim(0)
    ax.grid(axis="x", alpha=0.3)
    return finish(ax, title, numbers="x")


def plot_heads(rows, columns, values, title):
    """Una tabla de números con el color de su tamaño: una fila por cabeza y una columna por cosa medida.

    rows, columns: rótulos. values: tabla de números; los negativos van en blanco. El color sigue la raíz.
    """
    height = 0.42 * len(rows) + 2.2
    figure, ax = plt.subplots(figsize=(8.7, height), dpi=80, facecolor=PAPER)
    top = max(max(row) for row in values)
    ax.imshow(values, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=top, clip=True), aspect="auto")
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            color = "white" if value > 0.35 * top else INK
            ax.text(
                x, y, spanish(round(value, 2) + 0.0, 2), ha="center", va="center", fontsize=11, color=color
            )
    ax.set_xticks(range(len(columns)), columns, fontsize=11, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(rows)), rows, fontsize=11)
    ax.set_title(title, fontsize=12)
    figure.tight_layout()
    return ax


def plot_lens(words, depths, tops, probabilities, title):
    """Lo que diría el modelo a cada altura: en cada casilla, su favorita; el color, lo probable que la ve.

    words: la palabra que vino en cada lugar (las columnas). depths: los nombres de las alturas, de abajo
    arriba. tops: por altura, la favorita de cada lugar. probabilities: lo que le da, en el mismo orden.
    """
    _, ax = plt.subplots(figsize=(8.7, 0.62 * len(depths) + 1.7), dpi=80, facecolor=PAPER)
    ax.imshow(probabilities, cmap="Blues", vmin=0, vmax=1.4, aspect="auto", origin="lower")
    for y, row in enumerate(tops):
        for x, word in enumerate(row):
            right = word == words[x]
            ax.text(x, y, word, ha="center", va="center", fontsize=11, weight="bold" if right else "normal")
    ax.set_yticks(range(len(depths)), depths)
    ax.set_xticks(range(len(words)), words)
    ax.set_xlabel("palabra que vino; en negrita, las acertadas")
    return finish(ax, title, letters=(11, 11, 12))


def plot_jump(steps, losses, scores, title):
    """Dos paneles con los mismos pasos: arriba la pérdida de cada modelo; abajo la puntuación de cada cabeza.

    losses, scores: nombre → valores, uno por paso. Devuelve los dos ejes.
    """
    figure, axes = plt.subplots(2, 1, figsize=(8.2, 5.4), dpi=80, sharex=True, facecolor=PAPER)
    for ax, curves, name in zip(axes, (losses, scores), ("pérdida (nats)", "puntuación"), strict=True):
        for (label, values), (color, style) in zip(curves.items(), _LINES, strict=False):
            ax.plot(steps, values, style, color=color, lw=2.2, label=label)
        ax.set(ylabel=name, ylim=(0, None))
        ax.legend(fontsize=11, frameon=False, loc="best")
        dress(ax, title if ax is axes[0] else None, numbers="xy")
    axes[1].set_xlabel("pasos de entrenamiento")
    axes[1].set_ylim(0, 1)
    figure.tight_layout()
    return list(axes)
