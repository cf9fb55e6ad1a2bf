"""Cargar GPT-2: del archivo al modelo, sin que los pesos estén dos veces en memoria."""

from reprlib import repr as short

import torch

from gpt_course.config import GPT2_CONFIGS, GPT_CONFIG_124M, OPTIONAL, check_config
from gpt_course.files import read_json
from gpt_course.weights.names import from_gpt2, gpt2_shapes
from gpt_course.weights.shards import open_source
from gpt_course.weights.skeleton import check_shapes, filled, skeleton
from gpt_course.weights.source import find_file, some

_MOST = {"n_layers": 1000, "emb_dim": 100_000}  # de sobra; un archivo hostil podría nombrar millones
# De los publicados se saben.
_HEADS = {(cfg["emb_dim"], cfg["n_layers"]): cfg["n_heads"] for cfg in GPT2_CONFIGS.values()}
_FIXED = {  # lo que un config.json puede pedir y este modelo no sabe hacer de otra manera
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
}
_OURS = (*GPT_CONFIG_124M, "tie_weights")
_SHAPED = {  # lo que se ve en los tensores, como lo llaman ellos y como lo llamamos aquí
    **{"n_positions": "context_length", "n_embd": "emb_dim", "n_layer": "n_layers"},
    **{name: name for name in _OURS if name not in ("n_heads", "drop_rate")},
}


def load_gpt2(path, *, n_heads=None):
    """Crea un `GPTModel` con los pesos de `path`, en float32 y en modo de evaluación.

    path: una carpeta con `model.safetensors` y `config.json`, como las de Hugging Face o las de `save_model`,
    o un archivo `.safetensors`, `.pt` o `.pth` con los nombres de unas o de otras. El tamaño
    sale de las formas; las cabezas, que no se ven en ellas, de `n_heads`, de `config.json`, de lo que
    `save_gpt2` anota junto a los pesos o, si C y L son los de un GPT-2 publicado, de las suyas.
    La cabeza de salida se vincula si no está en el archivo o es igual a la incrustación de tokens.
    Errores: `ValueError` si el archivo no es un GPT-2 completo y sano o no se saben sus cabezas; `OSError`
    si no se puede leer. Con un error no queda ningún modelo a medias.
    Fuente: el código publicado (`openai/gpt-2`) y la disposición de tensores de `transformers`.
    """
    file = find_file(path)
    source = open_source(file)
    settings = _read_settings(file.parent / "config.json")
    if n_heads is None:
        n_heads = noted_heads(source, settings)
    ours = "tok_emb.weight" in source.shapes
    names = {name: name.removeprefix("transformer.") for name in source.shapes}
    known = {names[name]: shape for name, shape in source.shapes.items()}
    if len(known) < len(names):
        raise ValueError(f"En {file.name} hay tensores repetidos, con y sin `transformer.` delante.")
    token, head = ("tok_emb", "out_head") if ours else ("wte", "lm_head")
    cfg = _config(known, settings, n_heads, ours)
    whole = {names[name]: name for name in names}
    same_shape = known.get(f"{head}.weight") == known[f"{token}.weight"]
    if same_shape and "tie_weights" not in settings:
        cfg["tie_weights"] = torch.equal(*(source.get(whole[f"{each}.weight"]) for each in (token, head)))
        if cfg["tie_weights"]:
            del known[f"{head}.weight"]
    model = skeleton(cfg)
    check_shapes(known, _expected_shapes(model, ours), "un GPT-2")
    pairs = ((name, source.get(whole[name])) for name in known)
    return filled(model, pairs if ours else (pair for each in pairs for pair in from_gpt2(*each).items()))


def _config(shapes, settings, n_heads, ours):
    """La configuración que dicen las formas, comprobada con la de `config.json`."""
    token, position = ("tok_emb.weight", "pos_emb.weight") if ours else ("wte.weight", "wpe.weight")
    for name in (token, position):
        if len(shapes.get(name, ())) != 2:
            raise ValueError(
                f"No es un GPT-2: se esperaba {name} con forma (V o T, C); llegó {shapes.get(name, 'nada')}. "
                f"En el archivo hay: {some(shapes) or 'ningún tensor'}."
            )
    (vocab_size, emb_dim), (context_length, _) = shapes[token], shapes[position]
    block = "trf_blocks." if ours else "h."
    n_layers = len({name.removeprefix(block).split(".")[0] for name in shapes if name.startswith(block)})
    cfg = {
        "vocab_size": vocab_size,
        "context_length": context_length,
        "emb_dim": emb_dim,
        "n_heads": _HEADS.get((emb_dim, n_layers)) if n_heads is None else n_heads,
        "n_layers": n_layers,
        "drop_rate": settings.get("drop_rate", 0.1),
        "qkv_bias": not ours or f"{block}0.att.W_query.bias" in shapes,
        "tie_weights": ("out_head.weight" if ours else "lm_head.weight") not in shapes,
    }
    for written, name in _SHAPED.items():
        if written in settings and settings[written] != cfg[name]:
            raise ValueError(
                f"config.json dice {written} = {short(settings[written])} y los tensores, {cfg[name]}: "
                "son de dos modelos distintos. Usa el config.json que venía con los pesos."
            )
    for name, most in _MOST.items():
        if cfg[name] > most:
            raise ValueError(f"No es un GPT-2: tendría {name} = {cfg[name]}, y se admite hasta {most}.")
    if cfg["n_heads"] is None:
        raise ValueError(
            "No se sabe cuántas cabezas tiene: de los tensores no se deduce, y falta su config.json. "
            f"Dilo tú: load_gpt2(…, n_heads=H), con un H que divida a {emb_dim}."
        )
    return cfg


def noted_heads(source, settings):
    """Las cabezas que dicen config.json y el archivo de pesos; None si ninguno las dice."""
    written = "n_heads" if "n_heads" in settings else "n_head"
    noted, told = source.n_heads, settings.get(written)
    if None not in (noted, told) and noted != told:
        raise ValueError(
            f"config.json dice {written} = {short(told)} y {source.path.name}, {noted}: son de dos modelos "
            "distintos. Usa el config.json que venía con los pesos."
        )
    return noted if told is None else told


def _expected_shapes(model, ours):
    state = model.state_dict()
    if not ours:
        return gpt2_shapes(state, len(model.trf_blocks))
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _read_settings(path):
    """Lo que usamos de un `config.json`; vacío si no lo hay."""
    if not path.exists():
        return {}
    found = read_json(path)
    if "emb_dim" in found:
        return _our_settings(path, found)
    if "n_embd" not in found and "n_head" not in found:
        return {}  # el config.json de otra cosa
    for key, values in _FIXED.items():
        if key in found and found[key] not in values:
            raise ValueError(
                f"{path.name} pide {key} = {short(found[key])}; este modelo solo admite {values[0]!r}."
            )
    width = found.get("n_embd")
    if found.get("n_inner") not in (None, 4 * width if isinstance(width, int) else None):
        raise ValueError(f"{path.name} pide n_inner = {short(found['n_inner'])}; este modelo usa 4 · n_embd.")
    rates = [found.get(f"{place}_pdrop", 0.1) for place in ("resid", "embd", "attn")]
    if rates != rates[:1] * 3:
        raise ValueError(
            f"{path.name} pide un dropout distinto en cada sitio, {short(rates)}, y este modelo tiene uno "
            "solo. Iguala en ese archivo resid_pdrop, embd_pdrop y attn_pdrop; al generar no actúan."
        )
    return {**found, "drop_rate": rates[0]}


def _our_settings(path, found):
    """Las de un `config.json` de `save_model`: todas las claves del curso, y ninguna a medias."""
    others = [name for name in OPTIONAL if name in found and name not in _OURS]
    if others:
        raise ValueError(
            f"{path.name} pide piezas que GPT-2 no tiene ({', '.join(others)}): ábrelo con `load_model`."
        )
    try:
        cfg = check_config({name: found[name] for name in _OURS if name in found})
    except ValueError as error:
        raise ValueError(f"{path.name} no sirve. {error}") from None
    return {"tie_weights": False, **cfg}
