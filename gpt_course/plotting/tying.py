"""Figuras de la vinculación de pesos: los dos gradientes, lo que cambia con la receta y los repartos."""

import matplotlib.pyplot as plt

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE, finish, spanish

LOOKS = ((ORANGE, "s"), (GREEN, "^"))  # cada modelo se distingue por el color y por la marca


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


def plot_gaps(recipes, gaps, title):
    """Cuánto pierde de más cada modelo que el de referencia, que es el 0: un punto por receta.

    recipes: nombres de las recetas, de arriba abajo. gaps: modelo → diferencias, en el mismo orden.
    """
    _, ax = plt.subplots(figsize=(7, 0.6 * len(recipes) + 2.0), dpi=100)
    ax.axvline(0, color=INK, lw=1.5)
    for (name, values), (color, marker) in zip(gaps.items(), LOOKS, strict=False):
        ax.plot(values, range(len(recipes)), marker, color=color, ms=10, ls="none", label=name)
    ax.set_yticks(range(len(recipes)), recipes)
    ax.set_ylim(len(recipes) - 0.5, -0.5)
    ax.grid(axis="x", alpha=0.3)
    ax.set_xlabel("diferencia de pérdida: a la derecha del 0, pierde más")
    ax.legend(fontsize=11, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=2)
    return finish(ax, title, numbers="x")


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
