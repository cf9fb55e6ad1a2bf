"""Figuras de la atención: el mecanismo, los pesos, la temperatura, el reparto en cabezas y lo que cuesta."""

import matplotlib.pyplot as plt
from matplotlib.colors import PowerNorm

from gpt_course.plotting.diagrams import box, canvas, path
from gpt_course.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAPER,
    SKY,
    dress,
    finish,
    spanish,
    spanish_numbers,
)

_COLUMN = 4.3  # anchura de un token en el esquema del mecanismo
_HEADS = ((ORANGE, ""), (SKY, "//"), (GREEN, ".."), (GREY, "xx"))  # la trama se distingue también sin color


def draw_mechanism(words, x, query, key, value):
    """Lo que hace la atención para el último token: sus puntuaciones, sus pesos y su contexto.

    words: los T rótulos. x, query, key, value: tensores (T, 2), pocos y cortos, que se escriben en las cajas.
    """
    scores = key @ query[-1]  # (T,)
    weights = scores.softmax(dim=-1)  # (T,)
    last = len(words) - 1
    asks = _COLUMN * last + 0.75  # de aquí sale la query que se usa
    ax = canvas(8.6, 6.6, (-2.6, _COLUMN * len(words) - 0.1), (-0.1, 10.4))
    names = ("token", "sus tres\nvectores", "puntuación", "peso\n(softmax)", "contexto")
    for name, y in zip(names, (9.5, 7.2, 4.9, 2.9, 0.6), strict=True):
        ax.text(-2.5, y, name, va="center", fontsize=12, color=INK)
    for column, word in enumerate(words):
        left = _COLUMN * column
        asked = f"query\n{_pair(query[column])}" if column == last else "query"
        box(ax, left + 1, 8.9, 2.2, 1.3, GREY, f"{word}\n{_pair(x[column])}")
        box(ax, left, 6.5, 1.5, 1.4, ORANGE if column == last else PAPER, asked, size=11)
        box(ax, left + 1.6, 6.5, 1.2, 1.4, SKY, f"key\n{_pair(key[column])}", size=11)
        box(ax, left + 2.9, 6.5, 1.2, 1.4, GREEN, f"value\n{_pair(value[column])}", size=11)
        box(ax, left + 1.4, 4.4, 1.6, 1, PAPER, spanish(scores[column].item(), 2))
        box(ax, left + 1.4, 2.4, 1.6, 1, ORANGE, spanish(weights[column].item(), 2))
        for x_end in (0.75, 2.2, 3.5):
            path(ax, (left + 2.1, 8.9), (left + x_end, 7.9))
        path(ax, (left + 2.2, 6.5), (left + 2.2, 5.4))
        path(ax, (asks, 6.5), (asks, 5.9), (left + 0.75, 5.9), (left + 0.75, 4.9), (left + 1.4, 4.9))
        path(ax, (left + 2.2, 4.4), (left + 2.2, 3.4))
        path(ax, (left + 3.5, 6.5), (left + 3.5, 2.9), (left + 3, 2.9))
        path(ax, (left + 2.2, 2.4), (left + 2.2, 1.1))
    context = f"suma de peso × value: {_pair(weights @ value)}"
    box(ax, 1, 0.1, _COLUMN * len(words) - 2, 1, GREY, context, size=13)
    return ax


def draw_heads(table, n_heads):
    """El reparto en cabezas: cada una se lleva D columnas de C, con todas las filas; al final se pegan.

    table: tensor (T, C) de enteros, que se escriben en sus casillas. n_heads: H, que divide a C.
    Errores: `ValueError` si hay más cabezas que colores.
    """
    if n_heads > len(_HEADS):
        raise ValueError(f"Se distinguen {len(_HEADS)} cabezas como mucho; llegaron {n_heads}.")
    rows, width = table.shape
    size = width // n_heads
    height = (rows + 1.4) * n_heads - 1.4
    middle = (height - rows) / 2
    split, attend = width + 1.6, width + size + 2.2  # x de las tablas de cada cabeza y de su atención
    mixed, joined = attend + 3.5, attend + size + 5.1
    right = joined + width
    bottom = max(height, middle + rows + 1.5) + 0.2
    ax = canvas(8.6, 8.6 / (right + 0.6) * (bottom + 1), (-0.3, right + 0.3), (bottom, -1))
    for left, title in ((0, "X por su matriz"), (joined, "contextos")):
        ax.text(left, middle - 0.9, f"{title}\n({rows}, {width})", va="center", fontsize=12, color=INK)
    for head in range(n_heads):
        top, columns = (rows + 1.4) * head, slice(size * head, size * (head + 1))
        _table(ax, columns.start, middle, table[:, columns], head)
        _table(ax, split, top, table[:, columns], head)
        box(ax, attend, top + rows / 2 - 0.6, 2.9, 1.2, PAPER, "atención")
        _table(ax, mixed, top, [[""] * size] * rows, head)
        _table(ax, joined + columns.start, middle, [[""] * size] * rows, head)
        ax.text(split, top - 0.4, f"cabeza {head + 1}: ({rows}, {size})", fontsize=12, va="center", color=INK)
        y = top + rows / 2
        for start, end in ((split + size, attend), (attend + 2.9, mixed)):
            path(ax, (start, y), (end, y))
        path(ax, (width + 0.1, height / 2), (split - 0.1, y))
        path(ax, (mixed + size + 0.1, y), (joined - 0.1, height / 2))
    path(ax, (joined + width / 2, middle + rows), (joined + width / 2, middle + rows + 0.8))
    ax.text(
        joined + width / 2, middle + rows + 1.2, "out_proj", ha="center", va="center", fontsize=12, color=INK
    )
    return ax


def plot_attention(weights, words, titles, *, numbers=False):
    """Mapas de calor de los pesos: una fila por token que mira y una columna por token mirado.

    weights: tensor (N, T, T), un panel por matriz. words: los T rótulos. titles: los N títulos.
    numbers: escribe cada peso en su casilla. El color sigue la raíz del peso, para ver los pequeños.
    Devuelve una lista con los N ejes.
    """
    count, size = len(weights), len(words)
    height = 3.6 if numbers else 4.9
    figure, axes = plt.subplots(1, count, figsize=(8.4, height), dpi=100, squeeze=False, facecolor=PAPER)
    norm = PowerNorm(0.5, vmin=0, vmax=1)
    for ax, matrix, title in zip(axes[0], weights.tolist(), titles, strict=True):
        image = ax.imshow(matrix, cmap="Blues", norm=norm)
        ax.set_xticks(range(size), words, fontsize=11, rotation=40 if numbers else 90)
        ax.set_yticks(range(size), words if ax is axes[0][0] else [""] * size, fontsize=11)
        ax.set_title(title, fontsize=12)
        ax.set_xlabel("token mirado", fontsize=11)
        if numbers:
            _write_cells(ax, matrix)
    axes[0][0].set_ylabel("token que mira", fontsize=11)
    figure.tight_layout()
    if not numbers:
        bar = figure.colorbar(image, ax=list(axes[0]), ticks=[0, 0.1, 0.25, 0.5, 1], shrink=0.7)
        spanish_numbers(bar.ax, "y")
        bar.set_label("peso", fontsize=11)
        bar.ax.tick_params(labelsize=11)
    return list(axes[0])


def plot_softmax_by_temperature(labels, scores, temperatures):
    """Barras con softmax(puntuaciones / temperatura): un panel por temperatura, de caliente a fría.

    labels: un rótulo por puntuación. scores: tensor (N,). temperatures: números positivos.
    Devuelve una lista con los ejes.
    """
    figure, axes = plt.subplots(
        1, len(temperatures), figsize=(8.4, 3.1), dpi=100, sharey=True, facecolor=PAPER
    )
    for ax, temperature in zip(axes, temperatures, strict=True):
        values = (scores / temperature).softmax(dim=-1).tolist()
        bars = ax.bar(range(len(labels)), values, color=[BLUE] * (len(values) - 1) + [ORANGE])
        ax.bar_label(bars, [spanish(value, 2) for value in values], fontsize=11, padding=2)
        ax.set_xticks(range(len(labels)), labels, fontsize=11)
        ax.set(ylim=(0, 1.1), yticks=[0, 0.5, 1])
        dress(ax, f"temperatura {spanish(float(temperature))}", numbers="y")
    axes[0].set_ylabel("peso", fontsize=11)
    figure.tight_layout()
    return list(axes)


def plot_attention_cost(lengths, costs, title, unit):
    """Dos curvas de trabajo frente al número de tokens: la primera en azul y la segunda en naranja.

    lengths: longitudes T. costs: diccionario rótulo → lista de costes, uno por longitud. unit: su unidad.
    """
    _, ax = plt.subplots(figsize=(7.5, 3.9), dpi=100, facecolor=PAPER)
    for (label, values), color, marker in zip(costs.items(), (BLUE, ORANGE), "os", strict=True):
        ax.plot(lengths, values, color=color, marker=marker, lw=2, label=label)
    ax.legend(fontsize=12, frameon=False)
    ax.set(xlabel="tokens de la secuencia, T", ylabel=unit)
    ax.set_xticks(lengths, [spanish(length) for length in lengths])
    ax.set_ylim(0, 1.12 * max(max(values) for values in costs.values()))
    return finish(ax, title, numbers="y", letters=(11, 12, 13))


def _write_cells(ax, matrix):
    """Escribe el peso en cada casilla, en blanco sobre las oscuras."""
    for y, row in enumerate(matrix):
        for x, value in enumerate(row):
            color = "white" if value > 0.45 else INK
            ax.text(x, y, spanish(value, 2), ha="center", va="center", fontsize=12, color=color)


def _table(ax, left, top, labels, head):
    """Casillas con sus rótulos y el color y la trama de una cabeza."""
    color, hatch = _HEADS[head]
    for y, row in enumerate(labels):
        for x, label in enumerate(row):
            cell = {"facecolor": color, "edgecolor": INK, "hatch": hatch if label == "" else "", "lw": 1}
            ax.add_patch(plt.Rectangle((left + x, top + y), 1, 1, **cell))
            text = str(int(label)) if label != "" else ""
            ax.text(left + x + 0.5, top + y + 0.53, text, ha="center", va="center", fontsize=12, color=INK)


def _pair(vector):
    """Un vector corto, sin ceros de más: «(3, 4)» o, si hay decimales, «(0; 0,69)»."""
    numbers = [spanish(round(number, 2) + 0.0) for number in vector.tolist()]
    return f"({('; ' if ',' in ''.join(numbers) else ', ').join(numbers)})"
