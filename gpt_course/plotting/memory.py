"""Figuras de la memoria: los bits de un número, qué la llena, cuándo, y el techo de cada máquina."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

from gpt_course.plotting.diagrams import canvas
from gpt_course.plotting.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, SKY, decades, finish, spanish

FIELDS = (("signo", ORANGE), ("exponente", SKY), ("fracción", GREY))
_PER_LINE = 16  # casillas por línea: fp32 ocupa dos, y la primera se compara con bf16
_COLORS = (BLUE, ORANGE, GREEN, SKY, GREY, "#CC79A7")  # el último, también de Okabe e Ito
_DASHES = ("-", "--", ":")
_HATCHES = ("", "", "//", "", "..", "xx")


def draw_bits(rows, title):
    """Los bits de un número en cada formato, con un color por campo y 16 casillas por línea.

    rows: nombre del formato → (signo, exponente, fracción), tres cadenas de ceros y unos.
    Errores: `ValueError` si un campo tiene algo que no sea 0 o 1.
    """
    for name, fields in rows.items():
        if set("".join(fields)) - {"0", "1"}:
            raise ValueError(f"Los campos de {name} deben ser ceros y unos; llegó {fields!r}.")
    lines = [-(-len("".join(fields)) // _PER_LINE) for fields in rows.values()]
    height = sum(1.5 + 1.2 * count for count in lines)
    ax = canvas(7.0, 0.42 * (height + 1.2), (-0.3, _PER_LINE + 0.3), (height, -1.2))
    ax.text(_PER_LINE / 2, -0.6, title, ha="center", va="center", fontsize=15, color=INK)
    top = 0.0
    for (name, fields), count in zip(rows.items(), lines, strict=True):
        sizes = ", ".join(f"{label} {len(bits)}" for (label, _), bits in zip(FIELDS, fields, strict=True))
        ax.text(0, top + 0.55, f"{name}: {sizes}", va="center", fontsize=14, color=INK)
        colors = [color for (_, color), bits in zip(FIELDS, fields, strict=True) for _ in bits]
        for place, (bit, color) in enumerate(zip("".join(fields), colors, strict=True)):
            x, y = place % _PER_LINE, top + 1.05 + 1.2 * (place // _PER_LINE)
            ax.add_patch(Rectangle((x, y), 1, 1.1, facecolor=color, edgecolor=INK, lw=0.8))
            ax.text(x + 0.5, y + 0.57, bit, ha="center", va="center", fontsize=15, color=INK)
        top += 1.5 + 1.2 * count
    return ax


def plot_stacked(columns, title, ylabel, *, marks=None, limit=None):
    """Una columna apilada por modelo, con las mismas partes en el mismo orden.

    columns: modelo → {parte: cantidad}. marks: (rótulo, {modelo: altura}), una raya gruesa por columna.
    limit: (altura, rótulo) de una línea horizontal.
    """
    _, ax = plt.subplots(figsize=(7, 4.9), dpi=100)
    names = list(columns)
    base = [0.0] * len(names)
    parts = list(dict.fromkeys(part for column in columns.values() for part in column))
    for part, color, hatch in zip(parts, _COLORS, _HATCHES, strict=False):
        values = [column.get(part, 0) for column in columns.values()]
        style = {"color": color, "hatch": hatch, "edgecolor": PAPER, "lw": 0.8}
        ax.bar(range(len(names)), values, 0.62, bottom=base, label=part, **style)
        base = [low + value for low, value in zip(base, values, strict=True)]
    if marks:
        heights = [marks[1][name] for name in names]
        places = range(len(names))
        ax.hlines(
            heights, [x - 0.4 for x in places], [x + 0.4 for x in places], color=INK, lw=3, label=marks[0]
        )
    if limit:
        ax.axhline(limit[0], color=INK, lw=1.5, ls="--", label=limit[1])
    ax.set_xticks(range(len(names)), names)
    ax.set(ylabel=ylabel, ylim=(0, 1.06 * max(base)))
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.12), ncols=2, fontsize=11, frameon=False)
    return finish(ax, title, numbers="y")


def plot_prediction(xs, predicted, measured, title, xlabel, ylabel):
    """Lo predicho, con líneas, y lo medido, con círculos encima.

    predicted, measured: nombre → un valor por cada x.
    """
    _, ax = plt.subplots(figsize=(7, 3.9), dpi=100)
    styles = ((ORANGE, "-"), (BLUE, "--"), (GREEN, ":"))
    for (name, values), (color, dash) in zip(predicted.items(), styles, strict=False):
        ax.plot(xs, values, dash, color=color, lw=2.5, label=f"{name}, predicho")
        circle = {"mec": color, "mfc": PAPER, "ms": 9, "mew": 2, "label": f"{name}, medido"}
        ax.plot(xs, measured[name], "o", **circle)
    ax.set(xlabel=xlabel, ylabel=ylabel, xticks=list(xs), ylim=(0, None))
    ax.legend(fontsize=11, frameon=False)
    return finish(ax, title, numbers="xy")


def plot_timeline(moments, title, *, limit=None):
    """Los momentos de un paso, de arriba abajo, con la memoria viva en cada uno; el mayor, en naranja.

    moments: momento → cantidad, en GiB. limit: (cantidad, rótulo) de una línea vertical.
    """
    _, ax = plt.subplots(figsize=(7, 0.42 * len(moments) + 1.5), dpi=100)
    values, highest = list(moments.values()), max(moments.values())
    colors = [ORANGE if value == highest else BLUE for value in values]
    bars = ax.barh(range(len(values)), values, 0.7, color=colors)
    ax.bar_label(bars, [spanish(float(value), 2) for value in values], padding=4, fontsize=11)
    ax.set_yticks(range(len(values)), list(moments))
    ax.invert_yaxis()
    if limit:
        ax.axvline(limit[0], color=INK, lw=1.5, ls="--", label=limit[1])
        ax.legend(loc="lower right", fontsize=11, frameon=False)
    ax.set(xlabel="GiB", xlim=(0, 1.18 * max(highest, limit[0] if limit else 0)))
    return finish(ax, title, numbers="x")


def plot_roofline(roofs, tasks, title, *, measured=()):
    """El techo de cada máquina: cuántos FLOP por segundo permite cada intensidad, en escala logarítmica.

    roofs: máquina → (GFLOP por segundo, GB por segundo); se dibuja como mucho con tres trazos.
    tasks: tarea → FLOP por byte; se señala con una línea vertical que llega al techo más alto.
    measured: puntos (FLOP por byte, GFLOP por segundo) de una capa lineal.
    Errores: `ValueError` si algún número no es mayor que 0.
    """
    numbers = [*tasks.values(), *(value for pair in (*roofs.values(), *measured) for value in pair)]
    if min(numbers) <= 0:
        raise ValueError(f"El techo se dibuja con números mayores que 0; llegó {min(numbers)}.")
    _, ax = plt.subplots(figsize=(7, 4.7), dpi=100)
    corners = [peak / bandwidth for peak, bandwidth in roofs.values()]
    low, high = min(0.2, *tasks.values()) / 2, max(*corners, *tasks.values()) * 3
    slowest, highest = min(width for _, width in roofs.values()), max(peak for peak, _ in roofs.values())
    floor = min([slowest * low, *(rate for _, rate in measured)]) / 2
    for (name, (peak, bandwidth)), corner, dash in zip(roofs.items(), corners, _DASHES, strict=False):
        ax.plot([low, corner, high], [bandwidth * low, peak, peak], dash, color=INK, lw=3, label=name)
    if measured:
        circle = {"mec": INK, "mfc": GREEN, "ms": 9, "label": "una capa lineal, medida"}
        ax.plot(*zip(*measured, strict=True), "o", **circle)
    for (name, intensity), color, dash in zip(tasks.items(), _COLORS, _DASHES, strict=False):
        roof = max(min(peak, bandwidth * intensity) for peak, bandwidth in roofs.values())
        ax.plot([intensity] * 2, [floor, roof], dash, color=color, lw=3, label=name)
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(floor, 2.5 * highest))
    ax.set(xlabel="intensidad: FLOP por byte", ylabel="GFLOP por segundo")
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=2, fontsize=11, frameon=False)
    decades(ax.xaxis, ax.yaxis)
    return finish(ax, title, numbers="xy")
