"""Esquemas de cajas y flechas: el mapa del curso, la arquitectura y la frase que crece."""

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from gpt_course.config import check_config
from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, SKY, spanish

# Las piezas del mapa: clave → (rótulo, lección, x, y, ancho, alto). Los marcos van antes que su contenido.
MAP_PIECES = {
    "tokens": ("Tokens", "01", 0.1, 1.0, 1.8, 1.5),
    "modelo": ("GPT · 06", None, 2.3, 0.0, 10.0, 4.0),
    "incrustaciones": ("Incrus-\ntaciones", "02", 2.6, 1.0, 1.9, 1.5),
    "bloque": ("Bloque × L · 05", None, 5.0, 0.4, 4.6, 2.9),
    "atencion": ("Atención", "03", 5.25, 1.0, 1.85, 1.5),
    "capas": ("Capas", "04", 7.5, 1.0, 1.85, 1.5),
    "cabeza": ("Cabeza\nde salida", "06", 10.1, 1.0, 1.9, 1.5),
    "generacion": ("Elegir el\nsiguiente", "07", 12.8, 1.0, 1.9, 1.5),
}

_STREAM = 2.5  # x del camino residual en la arquitectura


def draw_map(lit):
    """Mapa del curso: el camino del texto por el GPT, con las piezas de `lit` encendidas.

    lit: lista de claves de `MAP_PIECES`; `modelo` y `bloque` son los marcos que contienen a otras.
    Errores: `ValueError` si una clave no existe.
    """
    unknown = [key for key in lit if key not in MAP_PIECES]
    if unknown:
        raise ValueError(f"Las piezas del mapa son {', '.join(MAP_PIECES)}; llegó {unknown}.")
    ax = canvas(8.8, 3.3, (0, 14.8), (-1.1, 4.1))
    for key, (label, lesson, x, y, width, height) in MAP_PIECES.items():
        frame = lesson is None
        color = ORANGE if key in lit else PAPER if frame else GREY
        box(ax, x, y, width, height, color, label if frame else f"{label}\n{lesson}", top=frame, size=14)
    for start, end in ((1.9, 2.6), (4.5, 5.25), (7.1, 7.5), (9.35, 10.1), (12.0, 12.8)):
        path(ax, (start, 1.75), (end, 1.75))
    path(ax, (13.75, 1.0), (13.75, -0.55), (1.0, -0.55), (1.0, 1.0))
    ax.text(7.3, -0.65, "se añade al texto y se repite", ha="center", va="top", fontsize=14, color=INK)
    return ax


def draw_architecture(cfg):
    """Arquitectura de GPT-2 con las medidas de `cfg`, de los tokens (abajo) a los logits (arriba).

    El camino residual es una línea recta; de cada bloque salen y vuelven a ella dos ramas.
    Errores: `ValueError` si `cfg` no es una configuración válida.
    """
    check_config(cfg)
    width, heads, vocab_size = cfg["emb_dim"], cfg["n_heads"], spanish(cfg["vocab_size"])
    ax = canvas(7.0, 9.8, (0, 10), (-0.2, 14.5))
    box(ax, 0.2, 3.85, 9.6, 7.65, PAPER, "")
    ax.text(0.35, 11.3, f"Bloque\nTransformer\n× {cfg['n_layers']}", va="top", fontsize=12, color=INK)
    ax.plot([_STREAM] * 2, [2.45, 12.7], color=BLUE, lw=5, zorder=1)  # detrás de lo que viene después
    ax.text(
        _STREAM - 0.3, 7.6, "camino residual", rotation=90, ha="right", va="center", fontsize=12, color=INK
    )
    embeddings = (("números de los tokens (B, T)", f"incrustación de tokens\n{vocab_size} × {width}"),)
    embeddings += (
        ("posiciones 0, 1, …, T − 1", f"incrustación de posiciones\n{cfg['context_length']} × {width}"),
    )
    for left, (numbers, table) in zip((0.2, 5.2), embeddings, strict=True):
        box(ax, left, 0, 4.6, 0.7, GREY, numbers)
        box(ax, left, 1.1, 4.6, 0.85, SKY, table)
        path(ax, (left + 2.3, 0.7), (left + 2.3, 1.1))
    path(ax, (_STREAM, 1.95), (_STREAM, 2.22))
    path(ax, (7.5, 1.95), (7.5, 2.45), (_STREAM + 0.25, 2.45))
    sum_node(ax, _STREAM, 2.45)
    box(ax, 0.9, 2.95, 3.2, 0.6, GREY, "dropout")
    attention = f"atención multicabeza con\nmáscara causal, {heads} cabezas de {width // heads}"
    _branch(ax, 4.0, attention, ORANGE)
    _branch(ax, 7.65, f"red feed-forward\n{width} → {4 * width} → {width}", GREEN)
    box(ax, 0.6, 11.8, 3.8, 0.6, GREY, "normalización final")
    box(ax, 0.3, 12.7, 4.4, 0.85, SKY, f"cabeza de salida\n{width} → {vocab_size}")
    path(ax, (_STREAM, 13.55), (_STREAM, 13.95))
    ax.text(_STREAM, 14.0, f"logits (B, T, {vocab_size})", ha="center", va="bottom", fontsize=12, color=INK)
    return ax


def draw_generation(steps, n_prompt):
    """La frase que crece: una fila por paso, con el token recién elegido en naranja.

    steps: una lista de rótulos por paso, empezando por la entrada. n_prompt: tokens de la entrada.
    """
    longest = max(len(step) for step in steps)
    ax = canvas(0.8 * longest, 0.5 * len(steps) + 0.1, (-0.05, longest), (len(steps), -0.1))
    for y, step in enumerate(steps):
        for x, label in enumerate(step):
            new = y > 0 and x == len(step) - 1
            box(ax, x, y, 0.94, 0.8, ORANGE if new else GREY if x < n_prompt else SKY, label, size=11)
    return ax


def canvas(width, height, xlim, ylim):
    """Ejes sin marco que llenan una figura de `width` × `height` pulgadas."""
    figure = plt.figure(figsize=(width, height), dpi=100, facecolor=PAPER)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=xlim, ylim=ylim)
    ax.axis("off")
    return ax


def box(ax, x, y, width, height, color, label, *, top=False, size=12):
    """Caja redondeada con su rótulo: en el centro o, si es un marco (`top`), arriba."""
    style = "round,pad=0,rounding_size=0.12"
    ax.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=color, edgecolor=INK, lw=1.2)
    )
    label_y, align = (y + height - 0.15, "top") if top else (y + height / 2, "center")
    ax.text(x + width / 2, label_y, label, ha="center", va=align, fontsize=size, color=INK)


def path(ax, *points):
    """Línea quebrada que termina en flecha."""
    ax.plot(*zip(*points, strict=True), color=INK, lw=1.5)
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", points[-1], points[-2], arrowprops=arrow)


def sum_node(ax, x, y):
    """El círculo de una suma, con su signo."""
    ax.plot(x, y, "o", markersize=17, markerfacecolor=PAPER, markeredgecolor=INK)
    ax.text(x, y, "+", ha="center", va="center", fontsize=14, color=INK)


def _branch(ax, base, label, color):
    """Una subcapa: lee del camino, normaliza, calcula, pasa por su dropout y suma su nota al camino."""
    center, back = 6.6, base + 3.35
    path(ax, (_STREAM, base + 0.15), (center, base + 0.15), (center, base + 0.5))
    box(ax, 4.6, base + 0.5, 4, 0.5, GREY, "normalización de capa")
    box(ax, 3.8, base + 1.35, 5.6, 0.85, color, label)
    box(ax, 4.6, base + 2.55, 4, 0.5, GREY, "dropout")
    for low, high in ((1.0, 1.35), (2.2, 2.55)):
        path(ax, (center, base + low), (center, base + high))
    path(ax, (center, base + 3.05), (center, back), (_STREAM + 0.25, back))
    sum_node(ax, _STREAM, back)
    for y, verb in ((base + 0.2, "lee"), (back + 0.05, "escribe")):
        ax.text(_STREAM + 0.45, y, verb, va="bottom", fontsize=11, style="italic", color=INK)
