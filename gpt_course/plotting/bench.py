"""La comparación de velocidad, en barras."""

import matplotlib.pyplot as plt

from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, SKY, spanish, spanish_numbers

_STYLES = [(ORANGE, ""), (BLUE, "//"), (GREEN, ".."), (SKY, "xx")]  # el dibujo se distingue también sin color


def plot_machines(machines):
    """La comparación de cada equipo, una al lado de otra; devuelve la figura.

    machines: {procesador: filas}, las de `plot_speed`.
    Errores: los de `plot_speed`.
    """
    shown = [sum(row["advantage"] is not None for row in rows) for rows in machines.values()]
    size = (7 * len(machines), 0.8 + 1.2 * max(shown))
    figure, axes = plt.subplots(ncols=len(machines), squeeze=False, figsize=size, dpi=100, facecolor=PAPER)
    for ax, (processor, rows) in zip(axes[0], machines.items(), strict=True):
        plot_speed(rows, ax).set_title(processor, fontsize=11, color=INK, pad=28)
    figure.tight_layout()
    return figure


def plot_speed(rows, ax=None):
    """Para cada trabajo, cuánto rinde cada uno frente al mejor de los demás, que vale 1 (más es mejor).

    rows: las de `gpt_course.bench.report.rows`; se dibujan las que alguien más hizo. El primero de los
    nombres es el que se compara. El número de cada barra es lo medido, en su unidad.
    ax: dónde se dibuja; de serie, en una figura nueva.
    Errores: `ValueError` si ninguna fila se puede comparar.
    """
    rows = [row for row in rows if row["advantage"] is not None]
    if not rows:
        raise ValueError("No hay con quién comparar: hace falta al menos otro contendiente instalado.")
    names = list(dict.fromkeys(name for row in rows for name in row["values"]))
    if ax is None:
        size = (9, 0.42 + 0.24 * len(rows) * (len(names) + 1))
        ax = plt.subplots(figsize=size, dpi=100, facecolor=PAPER)[1]
    ax.set_facecolor(PAPER)
    label_box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1}  # la línea del 1 no tacha los números
    step = len(names) + 1
    for place, name in enumerate(names):
        color, hatch = _STYLES[place % len(_STYLES)]
        for index, row in enumerate(rows):
            if name not in row["values"]:
                continue
            value, y = _against_the_best(row, name, names[0]), index * step + place
            label = name if index == 0 else None
            ax.barh(y, value, height=0.9, color=color, hatch=hatch, edgecolor=INK, linewidth=0.5, label=label)
            text = spanish(float(row["values"][name]), 1 if row["values"][name] < 100 else 0)
            ax.text(value + 0.02, y, text, va="center", fontsize=9, color=INK, bbox=label_box)
    _label(ax, rows, names)
    return ax


def _label(ax, rows, names):
    """Los ejes: un rótulo por trabajo, en medio de sus barras, y la leyenda."""
    step = len(names) + 1
    middle = (len(names) - 1) / 2
    ax.set_yticks(
        [index * step + middle for index in range(len(rows))],
        [f"{row['label']}\n({row['unit']})" for row in rows],
    )
    ax.axvline(1, color=INK, lw=1, ls="--")
    ax.invert_yaxis()
    ax.margins(x=0.15, y=0.01)
    ax.set(xlabel="rendimiento frente al mejor de los demás (= 1); más es mejor")
    spanish_numbers(ax, "x")
    ax.grid(axis="x", color=GREY)
    ax.set_axisbelow(True)
    ax.legend(ncols=len(names), loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False)
    ax.figure.tight_layout()


def _against_the_best(row, name, ours):
    rivals = [value for other, value in row["values"].items() if other != ours]
    return min(rivals) / row["values"][name] if row["less"] else row["values"][name] / max(rivals)
