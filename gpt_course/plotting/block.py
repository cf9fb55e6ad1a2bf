"""Figuras del bloque Transformer: el camino con sus notas, su tamaño y pre-LN frente a post-LN."""

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from gpt_course.plotting.diagrams import box, canvas, path, sum_node
from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, finish

ORDERS = {"pre": "pre-LN (GPT-2)", "post": "post-LN (2017)"}
SUBLAYERS = (("atención", ORANGE), ("red feed-forward", GREEN))
_STREAM, _COLUMN, _PANEL = 1.6, 5.1, 7.0  # x del camino, x de las subcapas y anchura de un bloque


def draw_stream(orders=("pre",)):
    """Un bloque por cada orden de `orders`: el camino residual, vertical, y las notas que se le suman.

    orders: claves de `ORDERS`, de izquierda a derecha.
    Errores: `ValueError` si una clave no existe.
    """
    unknown = [order for order in orders if order not in ORDERS]
    if unknown:
        raise ValueError(f"Los órdenes que se dibujan son {', '.join(ORDERS)}; llegó {unknown}.")
    width = _PANEL * len(orders)
    ax = canvas(0.52 * width, 6.2, (0, width), (0, 11))
    for index, order in enumerate(orders):
        left = index * _PANEL
        ax.plot([left + _STREAM] * 2, [0.9, 9.5], color=BLUE, lw=5, zorder=0)
        path(ax, (left + _STREAM, 9.4), (left + _STREAM, 9.8))
        ax.text(left + _STREAM, 0.7, "entra (B, T, C)", ha="center", va="top", fontsize=12, color=INK)
        ax.text(left + _STREAM, 9.9, "sale (B, T, C)", ha="center", va="bottom", fontsize=12, color=INK)
        ax.text(left + _COLUMN, 10.6, ORDERS[order], ha="center", va="center", fontsize=13, color=INK)
        for base, (label, color) in zip((1.2, 5.4), SUBLAYERS, strict=True):
            _sublayer(ax, left, base, label, color, order)
    return ax


def plot_notes(stream, notes, title):
    """Barras con la longitud de cada nota y, encima, la línea del camino, bloque a bloque.

    stream: longitud del camino al entrar en cada bloque. notes: subcapa → longitud de su nota en cada uno.
    """
    _, ax = plt.subplots(figsize=(7, 3.9), dpi=100)
    blocks = range(1, len(stream) + 1)
    width = 0.8 / len(notes)
    for index, (label, lengths) in enumerate(notes.items()):
        positions = [block - 0.4 + width * (index + 0.5) for block in blocks]
        ax.bar(positions, lengths, width, color=(ORANGE, GREEN)[index % 2], label=f"nota: {label}")
    ax.plot(blocks, stream, color=BLUE, lw=3, marker="o", label="camino al entrar")
    ax.set(xlabel="bloque", ylabel="longitud media", xticks=list(blocks), ylim=(0, 1.3 * max(stream)))
    ax.legend(loc="upper left", ncols=3, fontsize=11, frameon=False)
    return finish(ax, title, numbers="y")


def plot_by_depth(panels, title, xlabel, ylabel, *, reference=None):
    """Lo que se mide tras cada bloque: un panel por grupo y una línea por orden, con la misma escala.

    panels: rótulo del panel → {nombre: valores}; el primer valor es el de la entrada, antes del bloque 1.
    reference: (valor, rótulo) de una línea horizontal. Devuelve la lista de ejes.
    """
    figure, grid = plt.subplots(1, len(panels), figsize=(7, 3.9), dpi=100, sharey=True, squeeze=False)
    for ax, (panel, curves) in zip(grid[0], panels.items(), strict=True):
        for (name, values), color, dash in zip(curves.items(), (BLUE, ORANGE), ("-", "--"), strict=False):
            ax.plot(range(len(values)), values, dash, color=color, lw=2.5, label=name)
        if reference:
            ax.axhline(reference[0], color=INK, lw=1, ls=":", label=reference[1])
        ax.set_xlabel(xlabel)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        finish(ax, panel, numbers="y")
    grid[0, 0].set_ylabel(ylabel)
    grid[0, 0].legend(fontsize=11, frameon=False)
    figure.suptitle(title, fontsize=13, color=INK)
    figure.tight_layout()
    return list(grid[0])


def _sublayer(ax, left, base, label, color, order):
    """Una subcapa: lee del camino, pasa por sus cajas y suma su nota; en post-LN se normaliza el camino."""
    x, center = left + _STREAM, left + _COLUMN
    boxes = [(label, color), ("dropout", GREY)]
    if order == "pre":
        boxes.insert(0, ("normalización", GREY))
    else:
        box(ax, x - 1.4, base + 3.2, 2.8, 0.65, GREY, "normalización")
    back = base + 1.05 * len(boxes) + 0.45
    path(ax, (x, base), (center, base), (center, base + 0.4))
    for index, (text, shade) in enumerate(boxes):
        low = base + 0.4 + 1.05 * index
        box(ax, center - 1.6, low, 3.2, 0.65, shade, text)
        if index:
            path(ax, (center, low - 0.4), (center, low))
    path(ax, (center, back - 0.4), (center, back), (x + 0.25, back))
    sum_node(ax, x, back)
    ax.text(x + 0.4, base + 0.1, "lee", va="bottom", fontsize=11, style="italic", color=INK)
    ax.text(x + 0.4, back + 0.1, "escribe", va="bottom", fontsize=11, style="italic", color=INK)
