"""Figuras de lo que ha cambiado desde GPT-2: normas, giros, una puerta, cabezas que comparten y su efecto."""

import math

import matplotlib.pyplot as plt
from matplotlib.patches import Arc, Rectangle

from gpt_course.plotting.diagrams import canvas
from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, SKY, dress, finish, spanish

_LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (SKY, ":"))  # se distinguen también sin color
_HEADS = (ORANGE, SKY, GREEN, GREY)
_LETTERS = (11, 12, 12)  # marcas, rótulos y título


def plot_norms(vectors, results):
    """Adónde lleva cada norma unos vectores de dos números: una flecha de puntos de cada uno a su resultado.

    vectors: tensor (N, 2). results: nombre → tensor (N, 2), en el mismo orden. Devuelve un eje por norma.
    """
    figure, axes = plt.subplots(1, len(results), figsize=(8.2, 4.7), dpi=90, facecolor=PAPER, sharey=True)
    limit = 1.15 * vectors.abs().max().item()
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.2, "ls": ":"}
    for ax, (name, after) in zip(axes, results.items(), strict=True):
        ax.axline((0, 0), slope=1, color=GREY, lw=1.5)
        for (x, y), place in zip(vectors.tolist(), after.tolist(), strict=True):
            ax.annotate("", place, (x, y), arrowprops=arrow)
            ax.plot(x, y, "o", color=BLUE, ms=9)
            ax.plot(*place, "D", color=ORANGE, mec=INK, ms=8, zorder=3)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel="primer número")
        dress(ax, name, numbers="xy", letters=_LETTERS)
    axes[0].set_ylabel("segundo número", fontsize=12)
    figure.tight_layout()
    return list(axes)


def draw_rotation(pairs, degrees):
    """Una *query* y una *key* que nacen mirando a la derecha y giran `degrees` grados por lugar.

    pairs: lista de (lugar de la *query*, lugar de la *key*), un panel cada una. Bajo cada letra va su lugar.
    Devuelve los ejes.
    """
    figure, axes = plt.subplots(1, len(pairs), figsize=(8.2, 8.2 / len(pairs)), dpi=90, facecolor=PAPER)
    for ax, places in zip(axes, pairs, strict=True):
        ax.add_patch(plt.Circle((0, 0), 1, fill=False, color=GREY, lw=2))
        angles = [degrees * place for place in places]
        for name, place, angle, color in zip(("q", "k"), places, angles, (ORANGE, BLUE), strict=True):
            x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            arrow = {"arrowstyle": "-|>", "color": color, "lw": 3, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", (x, y), (0, 0), arrowprops=arrow)
            ax.text(1.28 * x, 1.3 * y, f"{name}\n{place}", ha="center", va="center", fontsize=13, color=INK)
        low, high = sorted(angles)
        ax.add_patch(Arc((0, 0), 0.7, 0.7, theta1=low, theta2=high, color=INK, lw=1.5))
        middle = math.radians((low + high) / 2)
        at = (0.55 * math.cos(middle), 0.55 * math.sin(middle))
        ax.text(*at, f"{spanish(high - low)}°", ha="center", va="center", fontsize=12, color=INK)
        ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
        ax.axis("off")
        product = math.cos(math.radians(high - low))
        dress(ax, f"producto: {spanish(round(product, 2) + 0.0, 2)}", letters=(11, 12, 13))
    figure.tight_layout()
    return list(axes)


def plot_curves(xs, curves, title, xlabel, ylabel, *, limit=None):
    """Una línea por curva. limit: (x, rótulo) del lugar desde el que el fondo se sombrea.

    xs: abscisas. curves: nombre → un valor por abscisa, cuatro como mucho; NaN donde no lo hay.
    """
    _, ax = plt.subplots(figsize=(8.2, 4.2), dpi=80, facecolor=PAPER)
    if limit:
        ax.axvspan(limit[0], xs[-1], color=GREY, lw=0, alpha=0.6, label=limit[1], zorder=0)
    for (name, values), (color, dash) in zip(curves.items(), _LINES, strict=False):
        marks = {"marker": "o", "ms": 6} if len(xs) <= 12 else {}
        ax.plot(xs, values, dash, color=color, lw=2.4, label=name, clip_on=False, zorder=3, **marks)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(xs[0], xs[-1]))
    ax.grid(axis="y", alpha=0.3)
    ax.legend(fontsize=11, frameon=False)
    return finish(ax, title, numbers="xy", letters=_LETTERS)


def plot_gate(gates, silu, ups, openings):
    """La puerta de SwiGLU: a la izquierda, cuánto abre; a la derecha, lo que deja pasar.

    gates, silu: la curva de la puerta. ups: lo que llega por la otra rama. openings: valor de la puerta → lo
    que sale por cada valor de `ups`. Devuelve los dos ejes.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 4.2), dpi=85, facecolor=PAPER)
    left.plot(gates, silu, color=INK, lw=2.5)
    for (gate, values), (color, dash) in zip(openings.items(), _LINES, strict=False):
        nearest = min(range(len(gates)), key=lambda i: abs(gates[i] - gate))
        left.plot(gates[nearest], silu[nearest], "o", color=color, mec=INK, ms=9)
        right.plot(ups, values, dash, color=color, lw=2.5, label=f"puerta {spanish(gate)}")
    for ax, xlabel, title in (
        (left, "puerta", "Cuánto abre la puerta"),
        (right, "lo que llega", "Lo que deja pasar"),
    ):
        ax.axhline(0, color=GREY, lw=1, zorder=0)
        ax.axvline(0, color=GREY, lw=1, zorder=0)
        ax.set_xlabel(xlabel)
        dress(ax, title, numbers="xy", letters=_LETTERS)
    right.legend(fontsize=11, frameon=False)
    figure.tight_layout()
    return left, right


def draw_head_groups(n_heads, kv_heads):
    """Qué cabeza de *key* y *value* lee cada cabeza de *query*, con tantos paneles como maneras de compartir.

    n_heads: cabezas de *query*. kv_heads: cuántas de *key* y *value* hay en cada panel.
    Errores: `ValueError` si alguna no divide a `n_heads`.
    """
    wrong = [count for count in kv_heads if n_heads % count]
    if wrong:
        raise ValueError(f"Cada número de cabezas de key debe dividir a {n_heads}; llegó {wrong[0]}.")
    width = n_heads + 1.2
    ax = canvas(8.2, 2.5, (-3.2, width * len(kv_heads) - 0.8), (-1.1, 3.0))
    for row, name in ((0.0, "key y\nvalue"), (2.0, "query")):
        ax.text(-0.3, row + 0.4, name, ha="right", va="center", fontsize=12, color=INK)
    for panel, count in enumerate(kv_heads):
        left, group = panel * width, n_heads // count
        for head in range(n_heads):
            owner = head // group
            color = _HEADS[owner % len(_HEADS)]
            target = left + group * (owner + 0.5)
            _cell(ax, left + head, 2.0, color)
            ax.plot((left + head + 0.5, target), (2.0, 0.8), color=INK, lw=1)
            if head % group == 0:
                _cell(ax, target - 0.5, 0.0, color)
        label = f"{count} de key" if count > 1 else "1 sola de key"
        ax.text(left + n_heads / 2, -0.7, label, ha="center", va="center", fontsize=13, color=INK)
    return ax


def plot_cache_sizes(sizes, title):
    """Barras horizontales con los KiB que guarda la caché KV por cada token leído.

    sizes: nombre del modelo → KiB, de arriba abajo.
    """
    _, ax = plt.subplots(figsize=(8.2, 0.55 * len(sizes) + 1.4), dpi=80, facecolor=PAPER)
    bars = ax.barh(range(len(sizes)), sizes.values(), color=BLUE)
    ax.bar_label(bars, [spanish(round(size, 1)) for size in sizes.values()], padding=4, fontsize=12)
    ax.set_yticks(range(len(sizes)), sizes)
    ax.invert_yaxis()
    ax.set(xlabel="KiB por token", xlim=(0, 1.15 * max(sizes.values())))
    return finish(ax, title, numbers="x", letters=(12, 12, 12))


def plot_variants(results, title, xlabel):
    """Una fila por variante y un punto por semilla; la raya vertical es la media. La primera es la base.

    results: nombre → valores, uno por semilla, de arriba abajo. La banda gris, del menor al mayor de la base.
    """
    _, ax = plt.subplots(figsize=(8.2, 0.5 * len(results) + 1.5), dpi=80, facecolor=PAPER)
    base = next(iter(results.values()))
    ax.axvspan(min(base), max(base), color=GREY, lw=0, alpha=0.7, zorder=0)
    for row, values in enumerate(results.values()):
        color = BLUE if row == 0 else ORANGE
        ax.plot(values, [row] * len(values), "o", color=color, mec=INK, ms=8, alpha=0.8)
        ax.vlines(sum(values) / len(values), row - 0.35, row + 0.35, color=INK, lw=2)
    ax.set_yticks(range(len(results)), results)
    ax.set(ylim=(len(results) - 0.5, -0.5), xlabel=xlabel)
    ax.grid(axis="x", alpha=0.3)
    return finish(ax, title, numbers="x", letters=(12, 12, 12))


def _cell(ax, x, y, color):
    ax.add_patch(Rectangle((x + 0.08, y), 0.84, 0.8, facecolor=color, edgecolor=INK, lw=1))
