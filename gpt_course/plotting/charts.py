"""Gráficos de datos: parámetros, probabilidades y la matriz que se lee en los dos sentidos."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from gpt_course.plotting.style import BLUE, INK, ORANGE, spanish, spanish_numbers


def plot_parameters(pieces, title):
    """Barras horizontales con los parámetros de cada pieza, en millones.

    pieces: diccionario pieza → número de parámetros, de arriba abajo.
    """
    millions = [count / 1e6 for count in pieces.values()]
    ax = _bars(list(pieces), millions, [BLUE] * len(pieces))
    ax.bar_label(ax.containers[0], [spanish(value, 2) for value in millions], padding=4)
    ax.set(title=title, xlabel="millones de parámetros", xlim=(0, 1.2 * max(millions)))
    ax.figure.tight_layout()
    return ax


def plot_probabilities(labels, probabilities, title):
    """Barras horizontales con la probabilidad de cada token; la mayor, en naranja."""
    best = max(probabilities)
    ax = _bars(labels, probabilities, [ORANGE if value == best else BLUE for value in probabilities])
    ax.set(title=title, xlabel="probabilidad", xlim=(0, 1.1 * best))
    ax.figure.tight_layout()
    return ax


def plot_shared_matrix(words, matrix, read):
    """Una matriz leída en los dos sentidos: a la izquierda se copia una fila; a la derecha se usan todas.

    words: nombres de las filas. matrix: tensor (V, C). read: palabra que se busca.
    Devuelve dos ejes: la matriz con la fila recuadrada y el producto de esa fila con todas.
    """
    row = words.index(read)
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 0.5 * len(words) + 1.6), dpi=100)
    limit = 1.8 * matrix.abs().max().item()  # colores claros: los números de encima se leen
    left.imshow(matrix.tolist(), cmap="PuOr", aspect="auto", vmin=-limit, vmax=limit)
    for y, values in enumerate(matrix.tolist()):
        for x, value in enumerate(values):
            left.text(x, y, spanish(value, 1), ha="center", va="center", color=INK)
    left.add_patch(Rectangle((-0.5, row - 0.5), matrix.shape[1], 1, fill=False, edgecolor=INK, lw=3))
    left.set_yticks(range(len(words)), words)
    left.set(title="Entrada: palabra → vector\n(se copia una fila)", xlabel="vector", xticks=[])
    scores = (matrix @ matrix[row]).tolist()
    _bars(words, scores, [ORANGE if word == read else BLUE for word in words], right)
    right.axvline(0, color=INK, lw=1)
    right.set(title="Salida: vector → palabra\n(se multiplica por todas)", xlabel="logit de cada palabra")
    left.figure.tight_layout()
    return left, right


def _bars(labels, values, colors, ax=None):
    """Barras horizontales de arriba abajo; los rótulos se pueden repetir, porque la posición es un número."""
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 0.45 * len(labels) + 1.3), dpi=100)
    ax.barh(range(len(labels)), values, color=colors)
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
    spanish_numbers(ax, "x")
    return ax
