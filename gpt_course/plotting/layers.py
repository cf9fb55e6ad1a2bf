"""Figuras de las capas del bloque: la normalización en el plano, GELU y lo que pasa capa a capa."""

import matplotlib.pyplot as plt
from matplotlib.ticker import LogFormatterMathtext, LogLocator, MaxNLocator, NullFormatter

from gpt_course.plotting.style import BLUE, GREEN, INK, ORANGE, PAPER, SKY, dress, finish

# Cada curva se distingue también sin color: por el trazo y por la marca.
_STYLES = ((INK, ":", "o"), (BLUE, "--", "s"), (GREEN, "-.", "^"), (ORANGE, "-", "D"))
_LETTERS = (11, 12, 13)  # marcas, rótulos y título


def plot_normalised(before, after):
    """Vectores de dos números en el plano, antes y después de la normalización de capa.

    before, after: tensores (N, 2), en el mismo orden. La marca dice qué número es mayor: triángulo
    naranja, el segundo; cuadrado azul, el primero; círculo, ninguno. Devuelve los dos ejes.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.6), dpi=100, facecolor=PAPER)
    for ax, points in ((left, before), (right, after)):
        limit = 1.25 * points.abs().max().item()
        ax.axline((0, 0), slope=1, color=INK, lw=1, ls="--")
        for (x, y), (first, second) in zip(points.tolist(), before.tolist(), strict=True):
            gap = second - first
            color, marker = (ORANGE, "^") if gap > 0 else (BLUE, "s") if gap < 0 else (INK, "o")
            ax.plot(x, y, marker, color=color, markersize=10, alpha=0.85)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", facecolor=PAPER)
        ax.set_xlabel("primer número")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    left.set_ylabel("segundo número")
    for ax, title in ((left, "Antes"), (right, "Después de normalizar")):
        dress(ax, title, numbers="xy", letters=_LETTERS)
    figure.tight_layout()
    return left, right


def plot_gelu_and_relu(x, gelu, relu):
    """GELU y ReLU en una misma figura, con la zona en la que difieren sombreada.

    x, gelu, relu: tensores (N,), x de menor a mayor.
    """
    _, ax = plt.subplots(figsize=(7, 4.6), dpi=100, facecolor=PAPER)
    x, gelu, relu = x.tolist(), gelu.tolist(), relu.tolist()
    ax.fill_between(x, gelu, relu, color=SKY, alpha=0.6, label="diferencia")
    ax.plot(x, relu, color=BLUE, ls="--", lw=2.5, label="ReLU")
    ax.plot(x, gelu, color=ORANGE, lw=2.5, label="GELU")
    ax.axhline(0, color=INK, lw=0.8)
    ax.axvline(0, color=INK, lw=0.8)
    ax.set(xlabel="entrada", ylabel="salida", facecolor=PAPER)
    ax.legend(fontsize=12, framealpha=1)
    return finish(ax, "GELU y ReLU: dónde difieren", numbers="xy", letters=_LETTERS)


def plot_gradients(lengths):
    """Longitud (norma) del gradiente en cada capa, con escala logarítmica.

    lengths: diccionario nombre de la red → una longitud por capa, de la primera a la última.
    """
    ax = _log_curves(lengths, first=1)
    ax.set(xlabel="capa (la 1 toca la entrada)", ylabel="longitud del gradiente")
    ax.yaxis.set_major_formatter(LogFormatterMathtext())
    return finish(ax, "¿Cuánto gradiente llega a cada capa?", numbers="x", letters=_LETTERS)


def plot_losses(losses):
    """Pérdida en cada paso del entrenamiento, con escala logarítmica.

    losses: diccionario nombre de la red → una pérdida por paso.
    """
    ax = _log_curves(losses, first=0)
    ax.set(xlabel="paso de entrenamiento", ylabel="pérdida")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_formatter(NullFormatter())
    return finish(ax, "¿Quién aprende?", numbers="xy", letters=_LETTERS)


def _log_curves(curves, first):
    _, ax = plt.subplots(figsize=(7, 5), dpi=100, facecolor=PAPER)
    for (name, values), (color, line, marker) in zip(curves.items(), _STYLES, strict=False):
        steps = range(first, first + len(values))
        every = max(1, len(values) // 8)
        ax.plot(steps, values, color=color, ls=line, lw=2, marker=marker, markevery=every, label=name)
    ax.set_yscale("log")
    ax.set_facecolor(PAPER)
    ax.legend(fontsize=11, framealpha=1)
    return ax
