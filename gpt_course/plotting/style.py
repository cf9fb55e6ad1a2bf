"""Lo común a todas las figuras: los colores, los números a la española y el acabado de unos ejes."""

from matplotlib.ticker import FixedLocator, NullLocator

# Paleta de Okabe e Ito (2008), cuyos colores distinguen también las personas daltónicas.
ORANGE, BLUE, GREEN, SKY, GREY = "#E69F00", "#0072B2", "#009E73", "#56B4E9", "#D9DCE1"
PAPER, INK = "#FBFAF7", "#1B1F24"  # fondo opaco: se lee igual con tema claro y oscuro


def spanish(value, decimals=None):
    """Número a la española: spanish(-1.5, 2) → «−1,50»; spanish(50257) → «50\u202f257» (espacio fino)."""
    if isinstance(value, int):
        text = f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
    else:
        text = (f"{value:g}" if decimals is None else f"{value:.{decimals}f}").replace(".", ",")
    return text.replace("-", "−")


def spanish_numbers(ax, axes="xy"):
    """Escribe a la española los números de los ejes `x`, `y` o `xy`."""
    for name in axes:
        getattr(ax, f"{name}axis").set_major_formatter(lambda value, _: spanish(_plain(value)))


def decades(*axes):
    """Pone en cada eje logarítmico una marca por potencia de 10 y ninguna en medio."""
    for axis in axes:
        low, high = axis.get_view_interval()
        ticks = [10.0**power for power in range(-6, 10) if low <= 10.0**power <= high]
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())


def dress(ax, title=None, *, numbers="", letters=(11, 12, 12)):
    """Viste unos ejes: sin marco arriba ni a la derecha y con letra que se lee en un móvil. Los devuelve.

    numbers: los ejes con números a la española. letters: cuerpo de marcas, rótulos y título.
    """
    marks, labels, heading = letters
    if title is not None:
        ax.set_title(title)
    ax.title.set_size(heading)
    ax.spines[["top", "right"]].set_visible(False)
    spanish_numbers(ax, numbers)
    ax.tick_params(labelsize=marks)
    ax.xaxis.label.set_size(labels)
    ax.yaxis.label.set_size(labels)
    return ax


def finish(ax, title=None, **options):
    """Viste los únicos ejes de una figura, como `dress`, y la ajusta a su contenido. Los devuelve."""
    dress(ax, title, **options).figure.tight_layout()
    return ax


def _plain(value):
    """Sin los restos de la suma en coma flotante: 0,30000000000000004 es 0,3, y 20000.0, un entero."""
    return int(value) if float(value).is_integer() else round(value, 6)
