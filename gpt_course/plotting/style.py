"""Colores comunes a todas las figuras y números a la española."""

# Paleta de Okabe e Ito (2008), cuyos colores distinguen también las personas daltónicas.
ORANGE, BLUE, GREEN, SKY, GREY = "#E69F00", "#0072B2", "#009E73", "#56B4E9", "#D9DCE1"
PAPER, INK = "#FBFAF7", "#1B1F24"  # fondo opaco: se lee igual con tema claro y oscuro


def spanish(value, decimals=None):
    """Número a la española: spanish(-1.5, 2) → «−1,50»; spanish(50257) → «50\u202f257» (espacio fino)."""
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
    text = f"{value:g}" if decimals is None else f"{value:.{decimals}f}"
    return text.replace(".", ",").replace("-", "−")
