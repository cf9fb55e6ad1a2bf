"""Figuras de la lección 02: las ventanas como reglas, las posiciones como flechas y las semejanzas."""

import matplotlib.pyplot as plt

from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, SKY, finish, spanish


def draw_windows(labels, context_length, starts):
    """Las ventanas sobre el texto: dos reglas por ventana, x arriba e y, corrida un lugar, debajo.

    labels: rótulos de los tokens. starts: token donde empieza cada ventana.
    """
    _, ax = plt.subplots(figsize=(7, 0.9 + 1.25 * len(starts)), dpi=100, facecolor=PAPER)
    bottom = 3 * len(starts) + 0.7
    _ruler(ax, 0, 0, labels, GREY)
    for k, start in enumerate(starts):
        row = 1.6 + 3 * k
        _ruler(ax, start, row, labels[start : start + context_length], SKY)
        _ruler(ax, start + 1, row + 1, labels[start + 1 : start + context_length + 1], ORANGE)
        for name, y in (("x", row), ("y", row + 1)):
            ax.text(-0.25, y + 0.45, f"{name} {k}", ha="right", va="center", fontsize=14, color=INK)
    ax.text(-0.25, 0.45, "texto", ha="right", va="center", fontsize=14, color=INK)
    ax.set(xlim=(-1.2, len(labels) + 0.1), ylim=(bottom, -0.2))
    ax.set_title(f"Ventanas de {context_length} tokens: y va un lugar por delante de x", fontsize=15)
    ax.axis("off")
    ax.figure.tight_layout()
    return ax


def plot_orders(sentences, tokens, positions):
    """Cada token y adónde lo lleva su lugar, en un plano por frase. Devuelve una lista de ejes.

    sentences: frases, como listas de pares (palabra, número de fila). tokens: (V, 2). positions: (T, 2).
    """
    figure, axes = plt.subplots(
        1, len(sentences), figsize=(7.8, 3.8), dpi=100, sharex=True, sharey=True, facecolor=PAPER
    )
    for ax, sentence in zip(axes, sentences, strict=True):
        for place, (word, row) in enumerate(sentence):
            start, step = tokens[row], positions[place]
            end = (start + step).tolist()
            ax.annotate("", end, start.tolist(), arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.5})
            ax.plot(*start.tolist(), "o", color=SKY, markeredgecolor=INK, markersize=9, zorder=3)
            ax.plot(*end, "s", color=ORANGE, markeredgecolor=INK, markersize=9, zorder=3)
            ax.annotate(
                f"{word} · {place}",
                end,
                (0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=12,
                color=INK,
            )
        ax.set_title(" ".join(word for word, _ in sentence), fontsize=15)
        ax.set(xlabel="primer número", xlim=(-0.9, 5.2), ylim=(-0.5, 3), facecolor=PAPER)
        ax.set(xticks=range(6), yticks=range(4), aspect="equal")
        ax.xaxis.label.set_size(14)
        ax.tick_params(labelsize=13)
        ax.grid(color=GREY)
    axes[0].set_ylabel("segundo número", fontsize=14)
    axes[0].plot([], [], "o", color=SKY, markeredgecolor=INK, markersize=9, label="token")
    axes[0].plot([], [], "s", color=ORANGE, markeredgecolor=INK, markersize=9, label="token + lugar")
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.legend(loc="lower center", ncols=2, fontsize=14, frameon=False)
    return list(axes)


def plot_similarity(words, similarity, title):
    """Mapa de calor de una matriz de cosenos (n, n), con cada número escrito en su casilla."""
    size = 1.7 + 0.85 * len(words)
    _, ax = plt.subplots(figsize=(size, size - 0.5), dpi=100, facecolor=PAPER)
    ax.imshow(similarity.tolist(), cmap="PuOr", vmin=-2.2, vmax=2.2)  # colores claros bajo los números
    for y, row in enumerate(similarity.tolist()):
        for x, value in enumerate(row):
            ax.text(x, y, _clean(value), ha="center", va="center", fontsize=14, color=INK)
    ax.set_xticks(range(len(words)), words, fontsize=14, rotation=30)
    ax.set_yticks(range(len(words)), words, fontsize=14)
    ax.set_title(title, fontsize=15)
    ax.figure.tight_layout()
    return ax


def plot_cosine_spread(cosines):
    """Histogramas de los cosenos de parejas al azar, una curva por anchura.

    cosines: diccionario C → tensor (n,) de cosenos.
    """
    _, ax = plt.subplots(figsize=(7, 4), dpi=100, facecolor=PAPER)
    styles = zip((BLUE, GREEN, ORANGE, INK), ("-", "--", ":", "-."), strict=True)
    bins = [k / 20 for k in range(-20, 21)]
    for (width, values), (color, line) in zip(cosines.items(), styles, strict=False):
        weights = [1 / len(values)] * len(values)
        ax.hist(
            values.clamp(-1, 1).tolist(),
            bins,
            weights=weights,
            histtype="step",
            lw=2.2,
            color=color,
            ls=line,
            label=f"C = {width}",
        )
    ax.set(xlabel="coseno de las dos filas", ylabel="parte de las parejas", facecolor=PAPER)
    ax.set(xlim=(-1, 1), xticks=(-1, -0.5, 0, 0.5, 1))
    ax.legend(fontsize=14, frameon=False)
    return finish(ax, "¿Cuánto se parecen dos filas sorteadas?", numbers="xy", letters=(13, 14, 15))


def _ruler(ax, start, y, labels, color):
    """Regla de casillas contiguas; los espacios iniciales se ven como «␣»."""
    for k, label in enumerate(labels):
        ax.add_patch(plt.Rectangle((start + k, y), 1, 0.9, facecolor=color, edgecolor=INK, lw=1))
        shown = label.replace(" ", "␣")
        ax.text(start + k + 0.5, y + 0.45, shown, ha="center", va="center", fontsize=14, color=INK)


def _clean(value):
    """Dos decimales, sin «−0,00»."""
    return spanish(round(value, 2) + 0.0, 2)
