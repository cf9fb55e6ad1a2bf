"""Cargar y guardar Llama y su familia (Mistral, Qwen, Mixtral) en el formato de Hugging Face."""

from pathlib import Path

import torch

from gpt_course.files import read_json
from gpt_course.weights.exact import exact_state, plain_model
from gpt_course.weights.llama_config import from_llama, to_llama
from gpt_course.weights.llama_names import llama_name
from gpt_course.weights.saving import as_json, tokenizer_files, write_model
from gpt_course.weights.shards import open_source
from gpt_course.weights.skeleton import model_from
from gpt_course.weights.source import find_file


def load_llama(directory):
    """Crea un `GPTModel` con los pesos de una carpeta de Hugging Face, en float32 y en modo de evaluación.

    directory: con `config.json` y `model.safetensors`, o varios con su `model.safetensors.index.json`. Sirven
    los de Llama, Mistral, Qwen 2 y 3 y Mixtral (`FAMILIES`, en `llama_config`). Los de 16 bits, que son casi
    todos los publicados, ocupan aquí el doble que en el disco: 4 bytes por parámetro.
    Errores: `ValueError` si es de otra familia, pide algo que este modelo no sabe hacer o no está completo y
    sano; `OSError` si falta un archivo o no se puede leer. Con un error no queda ningún modelo a medias.
    Fuente: la disposición de tensores de `transformers` (`LlamaForCausalLM` y los demás).
    """
    file = find_file(directory)
    cfg = from_llama(_settings(file.parent))
    source = open_source(file)
    shapes = dict(source.shapes)
    if cfg.get("tie_weights") and "lm_head.weight" in shapes:  # Qwen la guarda también así
        ends = [
            source.get(name) for name in ("model.embed_tokens.weight", "lm_head.weight") if name in shapes
        ]
        if not torch.equal(ends[0], ends[-1]):
            raise ValueError(
                "config.json dice tie_word_embeddings = True y lm_head.weight no es igual que "
                "model.embed_tokens.weight. Usa el config.json que venía con los pesos."
            )
        del shapes["lm_head.weight"]
    return model_from(source, shapes, cfg, llama_name)


def save_llama(model, directory):
    """Guarda `model` en `directory`: `AutoModelForCausalLM.from_pretrained(directory)` da los mismos logits.

    El modelo debe tener las piezas de una de las `FAMILIES`, como `LLAMA_STYLE`: se guarda con su nombre.
    Como `save_gpt2`, escribe el tokenizador de GPT-2 si el vocabulario es el suyo y cambia todos los archivos
    o ninguno. Con otro vocabulario, añade a la carpeta el `tokenizer.json` que le toque. El dropout no se
    guarda: allí solo lo hay en la atención.
    Errores: los de `save_gpt2`, y `ValueError` si el modelo tiene piezas de otra familia o de varias.
    """
    model = plain_model(model)
    settings = to_llama(model.cfg)
    tensors = {llama_name(name): tensor for name, tensor in exact_state(model).items()}
    gpt2 = model.cfg["vocab_size"] == 50257
    settings |= dict.fromkeys(("bos_token_id", "eos_token_id"), 50256 if gpt2 else None)
    texts = {"config.json": as_json(settings)}
    if gpt2:
        texts |= tokenizer_files(model.cfg["context_length"])
    write_model(Path(directory), tensors, texts, model.cfg["n_heads"])


def _settings(folder):
    path = folder / "config.json"
    if not path.exists():
        raise FileNotFoundError(f"Falta {path}, que dice qué modelo es. Descarga la carpeta entera.")
    settings = read_json(path)
    if "emb_dim" in settings:
        raise ValueError(f"{folder} es una carpeta de `save_model`: ábrela con `load_model`.")
    return settings
