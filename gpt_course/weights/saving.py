"""Guardar un modelo como lo espera Hugging Face: pesos, configuración y tokenizador."""

import json
import os
import tempfile
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file

from gpt_course.tokenizer import BYTE_ORDER, END_OF_TEXT, LETTERS, BPETokenizer, load_gpt2_merges
from gpt_course.weights.names import to_gpt2
from gpt_course.weights.source import DTYPES


def save_gpt2(model, directory):
    """Guarda `model` en `directory`: `AutoModelForCausalLM.from_pretrained(directory)` da los mismos logits.

    Escribe `config.json` y `model.safetensors`, y los archivos del tokenizador de GPT-2 si el vocabulario es
    el suyo (50 257 tokens). Un modelo sin sesgos en query, key y value los gana, a cero: GPT-2 los tiene
    siempre. Los archivos se escriben aparte y al final se cambian por los anteriores.
    Errores: `OSError` si el disco no deja (queda lo que había); `ValueError` si se rompió la vinculación o
    los pesos no son de 32 o 16 bits, que es lo que `load_gpt2` lee.
    """
    directory = Path(directory)
    tensors = {
        name if name == "lm_head.weight" else f"transformer.{name}": tensor
        for name, tensor in to_gpt2(model.state_dict(), len(model.trf_blocks))
    }
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES.values() or tensor.is_meta:
            raise ValueError(
                f"Se guardan pesos float32, float16 o bfloat16; {name} es {tensor.dtype} y está en "
                f"{tensor.device}. Conviértelo con model.float(); si es una maqueta (meta), no hay números."
            )
    texts = {"config.json": _as_json(_settings(model))}
    if model.tok_emb.num_embeddings == 50257:
        texts |= _tokenizer_files(model.pos_emb.num_embeddings)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("model.safetensors", *texts):  # antes de cambiar ninguno
            if (directory / name).is_dir():
                raise IsADirectoryError(f"{name} es una carpeta")
        with tempfile.TemporaryDirectory(dir=directory, prefix=".guardando-") as temporary:
            for name, text in texts.items():
                Path(temporary, name).write_text(text, encoding="utf-8", newline="\n")
            save_file(tensors, Path(temporary, "model.safetensors"), metadata={"format": "pt"})
            for name in ("model.safetensors", *texts):
                os.replace(Path(temporary, name), directory / name)
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"No se pudo guardar el modelo en {directory}: {error}. Comprueba el espacio y los permisos; los "
            "archivos que hubiera siguen como estaban."
        ) from error


def _settings(model):
    att = model.trf_blocks[0].att
    rate, end = model.drop_emb.p, model.tok_emb.num_embeddings - 1
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": model.tok_emb.num_embeddings,
        "n_positions": model.pos_emb.num_embeddings,
        "n_ctx": model.pos_emb.num_embeddings,
        "n_embd": model.tok_emb.embedding_dim,
        "n_head": att.n_heads,
        "n_layer": len(model.trf_blocks),
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "resid_pdrop": rate,
        "embd_pdrop": rate,
        "attn_pdrop": rate,
        "tie_word_embeddings": model.tied,
        "bos_token_id": end,
        "eos_token_id": end,
    }


def _tokenizer_files(context_length):
    """El vocabulario y las fusiones, con los nombres que busca la biblioteca de tokenizadores."""
    letter = dict(zip(BYTE_ORDER, LETTERS, strict=True))

    def visible(token):
        return "".join(letter[byte] for byte in token)

    merges = load_gpt2_merges()
    vocab = [*map(visible, BPETokenizer(merges).tokens), END_OF_TEXT]
    lines = ["#version: 0.2", *(f"{visible(left)} {visible(right)}" for left, right in merges)]
    settings = {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": context_length,
        "add_prefix_space": False,
        **dict.fromkeys(("bos_token", "eos_token", "unk_token"), END_OF_TEXT),
    }
    return {
        "vocab.json": json.dumps({token: index for index, token in enumerate(vocab)}, ensure_ascii=False),
        "merges.txt": "\n".join(lines) + "\n",
        "tokenizer_config.json": _as_json(settings),
    }


def _as_json(value):
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
