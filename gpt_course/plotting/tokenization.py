"""Figuras de la tokenización: el árbol de fusiones, el precio de un idioma y lo que ahorra un vocabulario."""

from itertools import pairwise

import matplotlib.pyplot as plt

from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, SKY, finish, spanish

_LETTERS = (12, 13, 13)  # marcas, rótulos y título


def readable(token):
    """Unos bytes, para leerlos: el espacio como ␣ y lo que no es una letra entera, en hexadecimal."""
    try:
        text = token.decode("utf-8")
    except UnicodeDecodeError:
        return token.hex(" ").upper()
    return text.replace(" ", "␣").replace("\n", "↵")


def draw_merge_tree(history, title):
    """Árbol de fusiones de una palabra: abajo, sus bytes; arriba, los tokens que quedan (en naranja).

    history: lista de tuplas de bytes, de los bytes sueltos al resultado, como la da `BPETokenizer.steps`.
    """
    width = len(history[0])
    _, ax = plt.subplots(figsize=(7, 0.62 * len(history) + 1.2), dpi=100, facecolor=PAPER)
    places = [(x, 0) for x in range(width)]  # de cada trozo, su nudo: (centro, altura)
    for step, (before, after) in enumerate(pairwise(history), start=1):
        places = _join(ax, places, before, after, step)
    # Los nudos finales se pintan encima de sus copias, con otro color.
    for x, part in enumerate(history[0]):
        _node(ax, (x, 0), part, GREY)
    for place, part in zip(places, history[-1], strict=True):
        _node(ax, place, part, ORANGE)
    ax.set(title=title, ylabel="fusiones hechas", xlim=(-0.6, width - 0.4), ylim=(-0.6, len(history) - 0.3))
    ax.set(xticks=[], yticks=range(len(history)))
    ax.spines["bottom"].set_visible(False)
    return finish(ax, letters=_LETTERS)


def plot_language_cost(labels, spanish_counts, english_counts, title):
    """Cada frase, una línea: un círculo con los tokens en inglés y un cuadrado con los tokens en español."""
    rows = range(len(labels))
    _, ax = plt.subplots(figsize=(7, 0.42 * len(labels) + 1.6), dpi=100, facecolor=PAPER)
    ax.hlines(rows, english_counts, spanish_counts, color=GREY, lw=4, zorder=1)
    ax.plot(english_counts, rows, "o", color=BLUE, markersize=10, label="inglés")
    ax.plot(spanish_counts, rows, "s", color=ORANGE, markersize=10, label="español")
    ax.set_yticks(rows, labels, fontsize=11)
    ax.invert_yaxis()
    ax.set(title=title, xlabel="tokens de GPT-2", xlim=(0, 1.1 * max(spanish_counts)))
    ax.legend(loc="upper left", fontsize=11)
    return finish(ax, letters=_LETTERS)


def plot_compression(vocab_sizes, token_counts, reference, title):
    """Tokens de un texto según el tamaño del vocabulario; una raya marca los de otro tokenizador.

    reference: pareja (rótulo, tokens) con la que se compara.
    """
    label, count = reference
    _, ax = plt.subplots(figsize=(6.5, 3.9), dpi=100, facecolor=PAPER)
    ax.plot(vocab_sizes, token_counts, "o-", color=GREEN, lw=2, markersize=8)
    ax.axhline(count, color=BLUE, lw=2, ls="--")
    ax.text(
        max(vocab_sizes), 1.05 * count, f"{label}: {spanish(count)}", ha="right", va="bottom", fontsize=12
    )
    ax.set(title=title, xlabel="tokens del vocabulario", ylabel="tokens del relato")
    ax.set_ylim(0, 1.08 * max(token_counts))
    return finish(ax, numbers="xy", letters=_LETTERS)


def _join(ax, places, before, after, step):
    """Dibuja las ramas de un paso y devuelve dónde queda cada trozo de `after`."""
    joined, first = [], 0
    for part in after:
        last = first
        while sum(map(len, before[first : last + 1])) < len(part):
            last += 1
        if first == last:
            joined.append(places[first])
        else:
            node = ((places[first][0] + places[last][0]) / 2, step)
            for child in places[first : last + 1]:
                ax.plot([child[0], node[0]], [child[1], node[1]], color=INK, lw=1.5, zorder=1)
            _node(ax, node, part, SKY)
            joined.append(node)
        first = last + 1
    return joined


def _node(ax, place, part, color):
    box = {"boxstyle": "round,pad=0.3", "facecolor": color, "edgecolor": INK}
    ax.text(*place, readable(part), ha="center", va="center", fontsize=13, color=INK, bbox=box, zorder=3)
