"""Figuras de la bienvenida: lo segura que es una apuesta, una suma que se difunde y una pendiente."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from gpt_course.plotting.style import BLUE, GREY, INK, ORANGE, PAPER, SKY, finish, spanish


def plot_guesses(guesses):
    """Barras apiladas: cómo reparte alguien sus fichas entre las palabras que cree posibles.

    guesses: diccionario frase → diccionario palabra → fichas; la palabra con más fichas, en naranja, y la que
    no cabe en su trozo, debajo.
    Errores: `ValueError` si una frase no tiene ninguna ficha.
    """
    _, ax = plt.subplots(figsize=(6.4, 1.05 * len(guesses) + 1.1), dpi=100)
    for row, (sentence, counts) in enumerate(guesses.items()):
        total = sum(counts.values())
        if total <= 0:
            raise ValueError(
                f"Cada frase necesita al menos una ficha; «{sentence}» tiene {total}. Dale alguna o quítala."
            )
        ax.text(0, row - 0.3, sentence, fontsize=13, color=INK, va="center")
        start, best = 0.0, max(counts.values())
        for word, count in counts.items():
            share = count / total
            color = ORANGE if count == best else SKY
            ax.barh(row + 0.1, share, left=start, height=0.46, color=color, edgecolor=PAPER)
            y, size = (row + 0.1, 12) if share >= 0.15 else (row + 0.46, 11)
            ax.text(start + share / 2, y, word, ha="center", va="center", fontsize=size, color=INK)
            start += share
    ax.set(
        title="¿Cuánta seguridad hay en cada apuesta?", xlabel="parte de las fichas", yticks=[], xlim=(0, 1)
    )
    ax.set_ylim(len(guesses) - 0.4, -0.7)
    ax.spines["left"].set_visible(False)
    return _on_paper(ax, numbers="x")


def draw_broadcast(column, row):
    """Una columna (n, 1) más una fila (m,): la tabla (n, m) con todas las sumas.

    Errores: `ValueError` si las formas no son esas.
    """
    if column.ndim != 2 or column.shape[1] != 1 or row.ndim != 1:
        raise ValueError(
            f"Se esperaban una columna (n, 1) y una fila (m,); llegaron {tuple(column.shape)} y "
            f"{tuple(row.shape)}. Usa reshape(-1, 1) para hacer una columna."
        )
    n, m = len(column), len(row)
    _, ax = plt.subplots(figsize=(5.5, 0.75 * (n + 2.2)), dpi=100)
    for y, value in enumerate(column[:, 0].tolist()):
        _cell(ax, -1.6, y, value, ORANGE)
    for x, value in enumerate(row.tolist()):
        _cell(ax, x, -1.4, value, SKY)
    for y, values in enumerate((column + row).tolist()):
        for x, value in enumerate(values):
            _cell(ax, x, y, value, GREY)
    ax.text(-1.1, -0.9, "+", ha="center", va="center", fontsize=18, color=INK)
    ax.set(title="La columna se repite hacia la derecha\ny la fila, hacia abajo")
    ax.set(xlim=(-1.8, m + 0.2), ylim=(n + 0.2, -1.7))
    ax.axis("off")
    return _on_paper(ax)


def plot_slope(function, at, slope, step):
    """Una función, su tangente en `at` y un paso cuesta abajo, que mide `step` por la pendiente."""
    after = at - step * slope
    low, high = min(at, after) - 1.0, max(at, after) + 1.4
    points = [low + (high - low) * index / 100 for index in range(101)]
    _, ax = plt.subplots(figsize=(5.8, 4.2), dpi=100)
    ax.plot(points, [function(point) for point in points], color=BLUE, lw=2.5, label="f(w)")
    near = [at - 0.6, at + 0.6]
    tangent = [function(at) + slope * (point - at) for point in near]
    ax.plot(near, tangent, color=INK, ls="--", label=f"pendiente en w = {spanish(at)}: {spanish(slope)}")
    ax.plot([at], [function(at)], "o", color=ORANGE, ms=11, label="antes")
    ax.plot([after], [function(after)], "s", color=ORANGE, ms=11, label="después de un paso")
    ax.set(title="Un paso cuesta abajo", xlabel="w", ylabel="f(w)")
    ax.legend(fontsize=11, frameon=False)
    return _on_paper(ax, numbers="xy")


def _cell(ax, x, y, value, color):
    ax.add_patch(Rectangle((x, y), 1, 1, facecolor=color, edgecolor=PAPER, lw=2))
    ax.text(x + 0.5, y + 0.5, spanish(value), ha="center", va="center", fontsize=15, color=INK)


def _on_paper(ax, numbers=""):
    ax.figure.set_facecolor(PAPER)
    ax.set_facecolor(PAPER)
    return finish(ax, numbers=numbers, letters=(11, 12, 13))
