"""Un modelo con su tokenizador, en una carpeta: guardarlo, cargarlo y el que viene ya entrenado.

`save_model` los guarda y `load_model` los devuelve, también de una carpeta de Hugging Face: la de GPT-2, o la
de Llama y su familia.
La carpeta guarda `model.safetensors` (los tensores, con los nombres del curso), `config.json` (la
configuración y qué tokenizador es) y, si el tokenizador es nuestro, `tokenizer.json`. Solo números y texto,
nunca código.
"""

from pathlib import Path

from gpt_course.config import OPTIONAL
from gpt_course.files import read_json
from gpt_course.models.huggingface import HuggingFaceTokenizer
from gpt_course.models.vocabulary import read_tokenizer, tokenizer_files
from gpt_course.weights import load_gpt2, load_llama
from gpt_course.weights.course import load_course
from gpt_course.weights.exact import dropout_rate, exact_state, plain_model
from gpt_course.weights.llama_config import check_family
from gpt_course.weights.saving import as_json, write_model
from gpt_course.weights.source import find_file

STORIES = Path(__file__).parent / "cuentos"


def save_model(model, tokenizer, directory):
    """Guarda `model` y `tokenizer` en `directory`: los archivos se cambian todos a la vez o ninguno.

    `tokenizer`: el de GPT-2, un `BPETokenizer`, el de los cuentos o un `HuggingFaceTokenizer`. Un modelo
    compilado o envuelto se guarda como el de dentro; si la cabeza está vinculada, su matriz va una vez.
    Errores: los de `save_gpt2`, y `ValueError` si el tokenizador es otro o no tiene V tokens.
    """
    model = plain_model(model)
    state = exact_state(model)
    kind, texts = tokenizer_files(tokenizer)
    _check_size(tokenizer, model)
    cfg = {**model.cfg, "drop_rate": dropout_rate(model), "tie_weights": model.tied}
    texts = {"config.json": as_json({**cfg, "tokenizer": kind}), **texts}
    write_model(Path(directory), state, texts, cfg["n_heads"])


def load_model(directory):
    """Devuelve (modelo, tokenizador) de una carpeta de `save_model` o de una de Hugging Face.

    El modelo llega en float32 y en modo de evaluación. De Hugging Face se abren GPT-2, con su tokenizador, y
    Llama y su familia, con su `tokenizer.json`. Ese puede tener menos tokens que el modelo, porque hay quien
    redondea el vocabulario.
    Errores: los de `load_gpt2` y `load_llama`; `OSError` si falta la carpeta o un archivo; `ValueError` si el
    tokenizador está dañado, es otro o sus tokens no son los del modelo.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(
            f"No existe la carpeta {directory}. Se esperaba una de `save_model`, con model.safetensors y "
            "config.json, o una de GPT-2 o de Llama como las de Hugging Face."
        )
    find_file(directory)  # si no hay pesos, o hay un cambio a medias, que se diga eso
    settings_file = directory / "config.json"
    if not settings_file.exists():
        raise FileNotFoundError(
            f"Falta {settings_file}, que dice qué modelo y qué tokenizador son. Copia la carpeta entera, o "
            "carga solo los pesos con `load_gpt2`."
        )
    settings = read_json(settings_file)
    load = _loader(settings)
    tokenizer = read_tokenizer(directory, settings)
    model = load(directory)
    _check_size(tokenizer, model)
    return model, tokenizer


def load_story_model():
    """El modelo de los cuentos, ya entrenado, y su tokenizador: (modelo, tokenizador), sin red."""
    return load_model(STORIES)


def _loader(settings):
    """Quién carga los pesos de una carpeta cuyo `config.json` dice `settings`."""
    if "emb_dim" in settings:  # con las claves del curso
        return load_course if set(settings) & {*OPTIONAL} - {"tie_weights"} else load_gpt2
    if settings.get("model_type", "gpt2") == "gpt2":
        return load_gpt2
    check_family(settings)
    return load_llama


def _check_size(tokenizer, model):
    room = model.cfg["vocab_size"] - tokenizer.n_vocab
    if room < 0 or (room > 0 and not isinstance(tokenizer, HuggingFaceTokenizer)):
        raise ValueError(
            f"El modelo tiene {model.cfg['vocab_size']} tokens y el tokenizador, {tokenizer.n_vocab}: no van "
            "juntos. Usa el tokenizador con que se entrenó ese modelo."
        )
