"""Lo que se comprueba de cada lección con datos: un archivo por tema, llamado como el módulo que la corrige.

`answers/block.py` acompaña a `gpt_course/exercises/block.py` y lleva dos tablas:

    ANSWERS = {"bloque.1": {"right": [buena, ...], "wrong": [(mala, "trozo de su pista"), ...]}, ...}
    FIGURES = [partial(plot_notes, datos, ...), ...]

`ANSWERS` tiene cada ejercicio del tema; `test_exercises.py` las corrige todas. `FIGURES` tiene una llamada de
muestra a cada función que dibuja sus figuras; `test_plotting.py` comprueba que se leen en un móvil. Las
funciones `fact_...`, si las hay, comprueban que lo escrito a mano es lo que calcula el paquete.
"""

import importlib
import re
from pathlib import Path

# Cómo se declara un ejercicio en gpt_course/exercises: `number("tema.1", …`, `@function("tema.6", …`; y con
# variantes, dentro de una función, `return number("tema.2", …`
DECLARED = re.compile(r'^(?:    (?:return )?)?@?\w+\(\s*"([a-záéíóúñ_]+)\.(\d+)"', flags=re.M)


def load():
    """Tema → su archivo, ya importado."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return {name: importlib.import_module(f"answers.{name}") for name in names}
