"""Figuras de los pesos: un archivo byte a byte, los dos juegos de nombres, el reparto y lo comprobado."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from gpt_course.plotting.diagrams import box, canvas
from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, SKY

_PER_LINE = 16
_COLORS = (ORANGE, SKY, GREY)
# Qué le pasa a un tensor en el camino → color de sus flechas y trazo, para quien no distingue el color.
KINDS = {
    "igual": (BLUE, "-"),
    "trasponer": (ORANGE, "--"),
    "partir en 3 y trasponer": (GREEN, "-."),
    "no se carga": (INK, ":"),
}


def draw_bytes(parts, title):
    """Un archivo pequeño, un byte por casilla y 16 por línea, con un color por parte.

    parts: rótulo → lista de textos, uno por byte, en el orden del archivo (tres partes como mucho).
    Errores: `ValueError` si hay más partes que colores.
    """
    if len(parts) > len(_COLORS):
        raise ValueError(f"Se distinguen {len(_COLORS)} partes como mucho; llegaron {len(parts)}.")
    cells = [
        (text, color) for (_, texts), color in zip(parts.items(), _COLORS, strict=False) for text in texts
    ]
    lines = -(-len(cells) // _PER_LINE)
    ax = canvas(
        7.4, 0.42 * (lines + len(parts) + 1.4), (-1.5, _PER_LINE + 0.3), (lines + len(parts) + 0.4, -1)
    )
    ax.text(_PER_LINE / 2, -0.45, title, ha="center", va="center", fontsize=14, color=INK)
    for place, (text, color) in enumerate(cells):
        x, y = place % _PER_LINE, place // _PER_LINE
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor=color, edgecolor=INK, lw=0.8))
        ax.text(x + 0.5, y + 0.53, text, ha="center", va="center", fontsize=11, color=INK, family="monospace")
    for line in range(lines):
        ax.text(-0.25, line + 0.53, str(_PER_LINE * line), ha="right", va="center", fontsize=11, color=INK)
    for row, ((label, texts), color) in enumerate(zip(parts.items(), _COLORS, strict=False)):
        y = lines + 0.3 + row
        ax.add_patch(Rectangle((0, y + 0.15), 0.7, 0.7, facecolor=color, edgecolor=INK, lw=0.8))
        ax.text(1, y + 0.53, f"{label}: {len(texts)} bytes", va="center", fontsize=12, color=INK)
    return ax


def draw_names(links, titles):
    """Dos columnas de nombres y una flecha de cada tensor del archivo a los nuestros.

    links: lista de (nombre a la izquierda, [nombres a la derecha], clave de `KINDS`). titles: los de
    las dos columnas.
    Errores: `ValueError` si una clave no existe.
    """
    unknown = {kind for _, _, kind in links} - set(KINDS)
    if unknown:
        raise ValueError(f"Las clases son {', '.join(KINDS)}; llegó {', '.join(sorted(unknown))}.")
    right = list(dict.fromkeys(name for _, names, _ in links for name in names))
    rows = max(len(links), len(right))
    ax = canvas(8.2, 0.4 * rows + 1.7, (0, 14.4), (rows + 2.1, -1.1))
    for x, title in ((2.4, titles[0]), (12.0, titles[1])):
        ax.text(x, -0.5, title, ha="center", va="center", fontsize=13, color=INK)
    place = {name: _spread(row, len(right), rows) for row, name in enumerate(right)}
    for name, y in place.items():
        box(ax, 9.6, y, 4.7, 0.8, PAPER, name, size=11)
    for row, (name, ends, kind) in enumerate(links):
        y, (color, dash) = _spread(row, len(links), rows), KINDS[kind]
        box(ax, 0.1, y, 4.6, 0.8, PAPER if ends else GREY, name, size=11)
        for end in ends:
            ax.plot([4.7, 9.6], [y + 0.4, place[end] + 0.4], dash, color=color, lw=2.2)
            ax.plot(9.6, place[end] + 0.4, ">", color=color, ms=8)
    for index, (kind, (color, dash)) in enumerate(KINDS.items()):
        x, y = 0.3 + 7.2 * (index % 2), rows + 0.6 + 0.8 * (index // 2)
        if kind == "no se carga":
            ax.add_patch(Rectangle((x, y - 0.25), 1.4, 0.5, facecolor=GREY, edgecolor=INK, lw=1))
        else:
            ax.plot([x, x + 1.4], [y, y], dash, color=color, lw=2.2)
        ax.text(x + 1.7, y, kind, va="center", fontsize=12, color=INK)
    return ax


def plot_split(fused, parts):
    """La matriz de las tres proyecciones, como viene en el archivo, y las tres que salen, ya traspuestas.

    fused: tensor (C, 3C). parts: nombre → tensor (C, C). Devuelve los ejes: primero el de `fused`.
    """
    figure = plt.figure(figsize=(7.6, 4.8), dpi=100, facecolor=PAPER)
    grid = figure.add_gridspec(2, len(parts), height_ratios=(1, 1.05), hspace=0.3)
    top = figure.add_subplot(grid[0, :])
    limit = fused.abs().max().item()
    look = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
    width = fused.shape[1] // len(parts)
    top.imshow(fused.tolist(), **look)
    for index, name in enumerate(parts):
        top.text(width * (index + 0.5) - 0.5, -0.9, name, ha="center", va="bottom", fontsize=12, color=INK)
        if index:
            top.axvline(width * index - 0.5, color=INK, lw=3)
    top.set_xlabel("c_attn.weight: filas, lo que entra; columnas, lo que sale", fontsize=12)
    axes = [top]
    for index, (name, matrix) in enumerate(parts.items()):
        ax = figure.add_subplot(grid[1, index])
        ax.imshow(matrix.tolist(), **look)
        ax.set_xlabel(f"{name}.weight", fontsize=12)
        axes.append(ax)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    return axes


def plot_checks(results, title):
    """Qué comprobaciones pasa cada carga: una fila por carga y una columna por comprobación.

    results: nombre de la carga → {comprobación: pasa (True o False)}, con las mismas comprobaciones en todas.
    """
    columns = list(next(iter(results.values())))
    _, ax = plt.subplots(figsize=(8.2, 0.5 * len(results) + 1.9), dpi=100, facecolor=PAPER)
    for row, passed in enumerate(results.values()):
        for column, name in enumerate(columns):
            color, mark = (SKY, "✓") if passed[name] else (ORANGE, "✗")
            corner = (column - 0.5, row - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, facecolor=color, edgecolor=PAPER, lw=2))
            ax.text(column, row, mark, ha="center", va="center", fontsize=15, color=INK)
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(results) - 0.5, -0.5))
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="left", rotation_mode="anchor")
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(results)), results)
    ax.tick_params(labelsize=11, length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(title, fontsize=12)
    ax.figure.tight_layout()
    return ax


def _spread(row, count, rows):
    """Reparte `count` nombres en la altura de `rows`."""
    return row * (rows - 1) / max(1, count - 1)
