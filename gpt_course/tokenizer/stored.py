"""Guardar un tokenizador y volver a tenerlo: del nuestro, sus fusiones; el de GPT-2 solo se nombra."""

import json
from reprlib import repr as short

import tiktoken

from gpt_course.files import read_json
from gpt_course.tokenizer.bpe import BPETokenizer
from gpt_course.tokenizer.gpt2 import load_gpt2_tokenizer
from gpt_course.tokenizer.letters import merge_lines, read_merges

_LARGEST = 10**8  # bytes de un tokenizer.json: con 50 000 fusiones no llega a 1 MB


def stored(tokenizer):
    """Cómo se guarda un tokenizador: su clase (`gpt2` o `bpe`) y los archivos que pide, {nombre: texto}.

    Errores: `ValueError` si no es ni el de GPT-2 ni un `BPETokenizer`.
    """
    if isinstance(tokenizer, BPETokenizer):
        content = {"merges": merge_lines(tokenizer.merges)}
        return "bpe", {"tokenizer.json": json.dumps(content, indent=0, ensure_ascii=False) + "\n"}
    if isinstance(tokenizer, tiktoken.Encoding) and tokenizer.name == "gpt2":
        return "gpt2", {}
    raise ValueError(
        "Se esperaba el tokenizador de GPT-2 (load_gpt2_tokenizer()) o uno de train_bpe; llegó "
        f"{type(tokenizer).__name__}."
    )


def restored(kind, directory):
    """El tokenizador de clase `kind` que se guardó en `directory`.

    Errores: `OSError` si falta su archivo; `ValueError` si está dañado o la clase es otra.
    """
    if kind == "gpt2":
        return load_gpt2_tokenizer()
    if kind != "bpe":
        raise ValueError(f"El tokenizador debe ser `gpt2` o `bpe`; en {directory.name} pone {kind!r}.")
    return BPETokenizer(read_merges(read_list(directory / "tokenizer.json", "merges")))


def read_list(path, name):
    """Los textos de la lista `name` de un archivo. Errores: `OSError` si falta; `ValueError` si no hay."""
    if not path.exists():
        raise FileNotFoundError(f"Falta {path}, con el tokenizador. Recupera la carpeta entera.")
    found = read_json(path, _LARGEST).get(name)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(
            f"En {path.name} debe haber una lista de textos, {name!r}; llegó {short(found)}. Recupera el que "
            "venía con la carpeta."
        )
    return found
