"""Cargar el modelo de una carpeta de `save_model`, con las piezas que diga su configuración."""

from gpt_course.config import check_config
from gpt_course.files import read_json
from gpt_course.weights.loading import noted_heads
from gpt_course.weights.shards import open_source
from gpt_course.weights.skeleton import model_from
from gpt_course.weights.source import find_file


def load_course(directory):
    """Crea el `GPTModel` que guardó `save_model` en `directory`, en float32 y en modo de evaluación.

    Errores: `ValueError` si `config.json` o los pesos no son sanos o no casan; `OSError` si falta alguno.
    """
    file = find_file(directory)
    settings = read_json(file.parent / "config.json")
    settings.pop("tokenizer", None)
    try:
        cfg = check_config(settings)
    except (ValueError, OverflowError) as error:  # un entero de mil cifras no cabe en un `float`
        raise ValueError(f"config.json no sirve. {error}") from None
    source = open_source(file)
    noted_heads(source, cfg)
    return model_from(source, source.shapes, cfg, str)
