"""El tokenizador de un modelo: qué archivos pide y cómo se lee de su carpeta."""

import json

from gpt_course.files import read_json
from gpt_course.models.huggingface import HuggingFaceTokenizer, huggingface_files, read_huggingface
from gpt_course.stories import StoryTokenizer
from gpt_course.tokenizer import (
    END_OF_TEXT,
    load_gpt2_merges,
    load_gpt2_tokenizer,
    restored,
    stored,
    visible_vocabulary,
)
from gpt_course.tokenizer.stored import read_list
from gpt_course.weights.llama_config import FAMILIES

_LARGEST = 10**8  # bytes de un vocabulario: el de GPT-2 no llega a 2 MB


def tokenizer_files(tokenizer):
    """La clase de un tokenizador y los archivos que pide: ver `gpt_course.tokenizer.stored`."""
    if isinstance(tokenizer, HuggingFaceTokenizer):
        return "huggingface", huggingface_files(tokenizer)
    if isinstance(tokenizer, StoryTokenizer):
        content = {"words": list(tokenizer.words)}
        return "cuentos", {"tokenizer.json": json.dumps(content, indent=0, ensure_ascii=False) + "\n"}
    return stored(tokenizer)


def read_tokenizer(directory, settings):
    """El tokenizador de una carpeta cuyo `config.json` dice `settings`."""
    if settings.get("tokenizer") == "cuentos":
        return StoryTokenizer(read_list(directory / "tokenizer.json", "words"))
    if settings.get("tokenizer") == "huggingface":
        return read_huggingface(directory, {})
    if "emb_dim" in settings:  # con las claves del curso
        return restored(settings.get("tokenizer"), directory)
    is_llama = settings.get("model_type") in FAMILIES
    if is_llama and ((directory / "tokenizer.json").exists() or not (directory / "vocab.json").exists()):
        return read_huggingface(directory, settings)
    _check_is_gpt2(directory, settings)
    return load_gpt2_tokenizer()


def _check_is_gpt2(directory, settings):
    """Exige que el vocabulario que haya en una carpeta de Hugging Face sea el de GPT-2."""
    vocabulary, kind = _vocabulary(directory), "llama" if settings.get("model_type") in FAMILIES else "gpt2"
    if vocabulary is None and settings.get("vocab_size") == 50257:
        return  # no lo trae: por el tamaño, es el suyo
    if vocabulary != visible_vocabulary(load_gpt2_merges()):
        raise ValueError(
            f"El tokenizador de {directory} no es el de GPT-2, y los números de sus tokens serían otros. "
            f"Carga solo el modelo con `load_{kind}` y usa con él su tokenizador."
        )


def _vocabulary(directory):
    """{token: número} de vocab.json o de tokenizer.json; None si no hay ninguno."""
    if (directory / "vocab.json").exists():
        return {END_OF_TEXT: 50256, **read_json(directory / "vocab.json", _LARGEST)}
    if not (directory / "tokenizer.json").exists():
        return None
    found = read_json(directory / "tokenizer.json", _LARGEST)
    try:
        added = {token["content"]: token["id"] for token in found.get("added_tokens", ())}
        return {**found["model"]["vocab"], **added}
    except (KeyError, TypeError):
        raise ValueError("En tokenizer.json se esperaba un vocabulario de Hugging Face.") from None
