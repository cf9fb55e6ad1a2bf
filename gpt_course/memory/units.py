"""Bytes con su nombre: MiB son 2²⁰ bytes y MB, 10⁶. Confundirlos es un error del 5 %."""

import re

UNITS = {
    "B": 1,
    **{unit: 1000 ** (power + 1) for power, unit in enumerate(("kB", "MB", "GB", "TB"))},
    **{unit: 1024 ** (power + 1) for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"))},
}


def to_unit(size, unit):
    """`size` bytes en la unidad pedida, como número: to_unit(2**20, "MiB") → 1.0.

    Errores: `ValueError` si la unidad no es una de `UNITS`.
    """
    if unit not in UNITS:
        raise ValueError(f"La unidad debe ser una de {', '.join(UNITS)}; llegó {unit!r}.")
    return size / UNITS[unit]


def parse_size(text):
    """Bytes de un texto como «8GiB», «7,5 GiB» o «16 GB».

    Errores: `ValueError` si no es una cantidad mayor que 0 seguida de una unidad de `UNITS`.
    """
    # Tres decimales justos no se admiten: 1,024 MiB podría querer decir mil veinticuatro.
    match = re.fullmatch(r"\s*(\d{1,15}(?:[.,](?:\d{1,2}|\d{4,9}))?)\s*([A-Za-z]+)\s*", str(text))
    size = 0
    if match and match[2] in UNITS:
        size = int(float(match[1].replace(",", ".")) * UNITS[match[2]])
    if size <= 0:
        raise ValueError(
            "Se esperaba una cantidad con su unidad, como 8GiB, 7.5GiB o 16GB, sin separador de millares; "
            f"llegó {text!r}. Las unidades son {', '.join(UNITS)}."
        )
    return size
