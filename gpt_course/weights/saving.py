"""Guardar un modelo como lo espera Hugging Face: pesos, configuración y tokenizador."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors import SafetensorError
from safetensors.torch import save_file

from gpt_course.config import complete
from gpt_course.tokenizer import END_OF_TEXT, load_gpt2_merges, merge_lines, visible_vocabulary
from gpt_course.weights.exact import dropout_rate, exact_state, plain_model
from gpt_course.weights.names import to_gpt2
from gpt_course.weights.swap import HalfDone, replace_together


def save_gpt2(model, directory):
    """Guarda `model` en `directory`: `AutoModelForCausalLM.from_pretrained(directory)` da los mismos logits.

    Escribe `config.json` y `model.safetensors`, y los archivos del tokenizador de GPT-2 si el vocabulario es
    el suyo (50 257 tokens). Un modelo sin sesgos en query, key y value los gana, a cero: GPT-2 los tiene
    siempre. Un modelo compilado o envuelto se guarda como el de dentro. Los archivos se escriben aparte y al
    final se cambian por los anteriores, todos o ninguno.
    Errores: `OSError` si el disco no deja o si otro proceso guarda en la misma carpeta; `ValueError` si el
    modelo no es, justo, un GPT-2 (con RoPE, con LoRA, podado, con otra cabeza…), si se rompió la vinculación
    o si los pesos no son de 32 o 16 bits, que es lo que `load_gpt2` lee.
    """
    model = plain_model(model)
    _check_pieces(model.cfg)
    tensors = {
        name if name == "lm_head.weight" else f"transformer.{name}": tensor
        for name, tensor in to_gpt2(exact_state(model), model.cfg["n_layers"])
    }
    texts = {"config.json": as_json(_settings(model))}
    if model.cfg["vocab_size"] == 50257:
        texts |= tokenizer_files(model.cfg["context_length"])
    write_model(Path(directory), tensors, texts, model.cfg["n_heads"])


def write_model(directory, tensors, texts, n_heads):
    """Escribe en `directory` los `tensors`, {nombre: tensor}, y los `texts`, {archivo: texto}; o todo o nada.

    El primero de los textos es el que da fe de los demás (ver `replace_together`).
    Errores: `OSError` si no se puede; los archivos que hubiera siguen como estaban.
    """
    # Las cabezas no se ven en las formas: van también junto a los pesos, por si se quedan solos.
    metadata = {"format": "pt", "n_head": str(n_heads)}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("model.safetensors", *texts):  # antes de cambiar ninguno
            if (directory / name).is_dir():
                raise IsADirectoryError(f"{name} es una carpeta")
        with TemporaryDirectory(dir=directory, prefix=".guardando-", ignore_cleanup_errors=True) as temporary:
            for name, text in texts.items():
                Path(temporary, name).write_bytes(text.encode())
            save_file(dict(_apart(tensors)), Path(temporary, "model.safetensors"), metadata=metadata)
            replace_together(Path(temporary), directory, [*texts, "model.safetensors"])
    except HalfDone:
        raise
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"No se pudo guardar el modelo en {directory}: {error}. Comprueba el espacio y los permisos; los "
            "archivos que hubiera siguen como estaban."
        ) from error


def _apart(tensors):
    """Los tensores como los quiere safetensors: seguidos en la memoria y cada uno en la suya."""
    seen = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().contiguous()
        place = tensor.untyped_storage().data_ptr()
        yield name, tensor.clone() if place in seen else tensor
        seen.add(place)


def _check_pieces(cfg):
    """Exige las piezas de GPT-2: con otras, su archivo no tendría dónde decirlo."""
    usual = complete({key: cfg[key] for key in ("emb_dim", "n_heads", "tie_weights") if key in cfg})
    others = [f"{key} = {cfg[key]!r}" for key, value in usual.items() if cfg.get(key, value) != value]
    if others:
        raise ValueError(
            f"GPT-2 no tiene {', '.join(others)}. Guárdalo con `save_llama`, si es de su familia, o con "
            "`save_model`."
        )


def _settings(model):
    cfg, rate, end = model.cfg, dropout_rate(model), model.cfg["vocab_size"] - 1
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": cfg["vocab_size"],
        "n_positions": cfg["context_length"],
        "n_ctx": cfg["context_length"],
        "n_embd": cfg["emb_dim"],
        "n_head": cfg["n_heads"],
        "n_layer": cfg["n_layers"],
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "resid_pdrop": rate,
        "embd_pdrop": rate,
        "attn_pdrop": rate,
        "tie_word_embeddings": model.tied,
        "bos_token_id": end,
        "eos_token_id": end,
    }


def tokenizer_files(context_length):
    """El vocabulario y las fusiones, con los nombres que busca la biblioteca de tokenizadores."""
    merges = load_gpt2_merges()
    lines = ["#version: 0.2", *merge_lines(merges)]
    settings = {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": context_length,
        "add_prefix_space": False,
        **dict.fromkeys(("bos_token", "eos_token", "unk_token"), END_OF_TEXT),
    }
    return {
        "vocab.json": json.dumps(visible_vocabulary(merges)),
        "merges.txt": "\n".join(lines) + "\n",
        "tokenizer_config.json": as_json(settings),
    }


def as_json(value):
    return json.dumps(value, indent=2) + "\n"
