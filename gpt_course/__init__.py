"""Piezas de un GPT para leer y ejecutar: cada módulo, un concepto. Importarlo solo define nombres."""

__version__ = "0.1.0"
