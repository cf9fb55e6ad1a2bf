"""Bajar los pesos publicados, si hay red. Nada más en el curso la necesita."""

from pathlib import Path

from gpt_course.config import GPT2_CONFIGS

_FILES = ["config.json", "model.safetensors"]


def download_gpt2(name="gpt2", directory=None):
    """Descarga los pesos de `name` (uno de `GPT2_CONFIGS`) con una barra de progreso; devuelve su carpeta.

    directory: dónde dejarlos; sin él, en la caché de `huggingface_hub`. El pequeño son unos 550 MB.
    Errores: `ValueError` si el nombre no es uno de los cuatro; `ImportError` si falta `huggingface_hub`;
    `ConnectionError` si no se pudo bajar.
    """
    if name not in GPT2_CONFIGS:
        raise ValueError(f"`name` debe ser uno de {', '.join(GPT2_CONFIGS)}; llegó {name!r}.")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ImportError(
            "Para descargar hace falta huggingface_hub: `pip install huggingface_hub`. También sirve "
            "cualquier carpeta que ya tengas con config.json y model.safetensors: pásala a load_gpt2."
        ) from None
    try:
        return Path(snapshot_download(f"openai-community/{name}", allow_patterns=_FILES, local_dir=directory))
    except Exception as error:  # cada versión avisa de la falta de red con un error distinto
        raise ConnectionError(
            f"No se pudieron descargar los pesos de {name} ({type(error).__name__}: {error}). El resto del "
            "curso no los necesita. Inténtalo con red, o trae la carpeta desde otro equipo."
        ) from error
