"""Figuras de la caché KV: qué se repite, qué lugares se llenan, un lote con relleno y el coste por token."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from gpt_course.plotting.diagrams import canvas
from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, SKY, decades, finish

_REPEATED = {"facecolor": SKY, "hatch": "//"}  # el rayado se distingue también sin color
_NEW = {"facecolor": ORANGE}
_EMPTY = {"facecolor": PAPER}
_PADDING = {"facecolor": GREY, "hatch": "xx"}


def draw_steps(n_tokens):
    """Los pesos de atención que se calculan en cada paso, sin caché (arriba) y con ella (abajo).

    Cada paso t es un triángulo de t filas: quién mira; columnas: a quién. La fila nueva va en naranja; las
    que se repiten, en azul rayado; las que con caché no hacen falta, vacías.
    Errores: `ValueError` si hay menos de un paso o más de seis, que no caben.
    """
    if not 1 <= n_tokens <= 6:
        raise ValueError(f"Se dibujan de 1 a 6 pasos; llegó {n_tokens}.")
    width = max(12.7, n_tokens * (n_tokens + 1) / 2 + 0.9 * (n_tokens - 1))  # al menos, la leyenda
    height = 2 * n_tokens + 6.2
    scale = min(0.52, 8.2 / (width + 0.8))
    ax = canvas(scale * (width + 0.8), scale * height, (-0.4, width + 0.4), (height - 0.6, -0.6))
    for name, old, top in (("sin caché", _REPEATED, 0), ("con caché", _EMPTY, n_tokens + 2.1)):
        x = 0.0
        ax.text(0, top, name, va="center", fontsize=14, fontweight="bold", color=INK)
        for step in range(1, n_tokens + 1):
            for row in range(step):
                for column in range(row + 1):
                    style = _NEW if row == step - 1 else old
                    _cell(ax, x + column, top + 0.6 + n_tokens - step + row, style)
            label_at = (x + step / 2, top + n_tokens + 0.95)
            ax.text(*label_at, f"paso {step}", ha="center", va="center", fontsize=12, color=INK)
            x += step + 0.9
    note = "cada fila, quién mira; cada columna, a quién"
    ax.text(0, height - 2.1, note, va="center", fontsize=12, color=INK)
    _legend(ax, 0, height - 1.1, (("fila nueva", _NEW), ("se repite", _REPEATED), ("no hace falta", _EMPTY)))
    return ax


def draw_cache(steps, room):
    """Cómo se llena una caché de `room` lugares: una línea por llamada al modelo; debajo, sus números.

    steps: lista de (rótulo, lugares ya escritos, lugares que escribe esta llamada).
    Errores: `ValueError` si una llamada escribe más lugares de los que hay.
    """
    for label, before, new in steps:
        if before + new > room:
            raise ValueError(f"En «{label}» se escriben {before + new} lugares y solo hay {room}.")
    left = 4.6  # sitio para el rótulo
    bottom = 1.15 * len(steps) + 2.0
    right = max(room, 7) + 0.4  # al menos, lo que ocupa la leyenda
    ax = canvas(0.5 * (right + left), 0.5 * (bottom + 0.2), (-left, right), (bottom, -0.2))
    for y, (label, before, new) in enumerate(steps):
        ax.text(-0.3, 1.15 * y + 0.5, label, ha="right", va="center", fontsize=13, color=INK)
        for place in range(room):
            style = {"facecolor": SKY} if place < before else _NEW if place < before + new else _EMPTY
            _cell(ax, place, 1.15 * y, style)
    numbers = 1.15 * len(steps) + 0.3
    ax.text(-0.3, numbers, "lugar", ha="right", va="center", fontsize=12, color=INK)
    for place in range(room):
        ax.text(place + 0.5, numbers, str(place), ha="center", va="center", fontsize=12, color=INK)
    key = (("ya estaba", {"facecolor": SKY}), ("se escribe", _NEW), ("libre", _EMPTY))
    _legend(ax, -left + 0.3, numbers + 1.0, key)
    return ax


def draw_batch(rows, positions, mask):
    """Un lote de frases de distinta longitud: cada casilla, su token y su posición; el relleno, rayado.

    rows: lista de listas de rótulos, todas igual de largas. positions: (B, T) enteros. mask: (B, T), False
    en el relleno.
    """
    n_columns = len(rows[0])
    bottom = len(rows) + 0.95
    right = max(n_columns, 4)  # al menos, lo que ocupa el pie
    ax = canvas(0.95 * right + 0.2, 0.8 * (bottom + 0.1), (-0.1, right + 0.1), (bottom, -0.1))
    for y, row in enumerate(rows):
        for x, label in enumerate(row):
            real = bool(mask[y][x])
            _cell(ax, x, y, {"facecolor": SKY} if real else _PADDING, width=0.94, height=0.86)
            if real:
                ax.text(x + 0.47, y + 0.28, label, ha="center", va="center", fontsize=12, color=INK)
                place = f"pos. {int(positions[y][x])}"
                ax.text(x + 0.47, y + 0.63, place, ha="center", va="center", fontsize=11, color=INK)
    for column in range(n_columns):
        ax.text(
            column + 0.47, len(rows) + 0.15, str(column), ha="center", va="center", fontsize=12, color=INK
        )
    label = "columna del tensor; rayado: relleno"
    ax.text(right / 2, len(rows) + 0.6, label, ha="center", va="center", fontsize=12, color=INK)
    return ax


def plot_token_cost(xs, series, title, xlabel, ylabel, *, limit=None):
    """Lo que cuesta cada token, en escala logarítmica: una línea por manera de generar.

    series: nombre → un valor por cada x. limit: (x, rótulo) de la zona gris que empieza ahí.
    """
    _, ax = plt.subplots(figsize=(7, 4.1), dpi=100)
    styles = ((ORANGE, "-", "o"), (BLUE, "--", "s"), (GREEN, ":", "^"))
    for (name, values), (color, dash, marker) in zip(series.items(), styles, strict=False):
        look = {"marker": marker, "ms": 6} if len(xs) <= 12 else {}
        ax.plot(xs, values, dash, color=color, lw=2.5, label=name, clip_on=False, zorder=3, **look)
    if len(xs) <= 12:
        ax.set_xticks(xs)
    if limit:
        ax.axvspan(limit[0], xs[-1], color=GREY, lw=0, label=limit[1], zorder=1)
    values = [value for each in series.values() for value in each]
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log", ylim=(min(values) / 2, 2 * max(values)))
    ax.legend(fontsize=11, frameon=False)
    decades(ax.yaxis)
    return finish(ax, title, numbers="xy")


def _cell(ax, x, y, style, *, width=1.0, height=1.0):
    ax.add_patch(Rectangle((x, y), width, height, edgecolor=INK, lw=0.8, **style))


def _legend(ax, x, y, entries):
    """Casillas con su rótulo, en una línea que empieza en (x, y)."""
    for label, style in entries:
        _cell(ax, x, y - 0.3, style, width=0.6, height=0.6)
        ax.text(x + 0.8, y, label, va="center", fontsize=12, color=INK)
        x += 1.5 + 0.33 * len(label)
