"""Lección 12: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import json
import math
import struct
from functools import partial

import safetensors.torch
import torch

from gpt_course.config import GPT2_CONFIGS
from gpt_course.exercises.weights import _NAMES
from gpt_course.model import GPTModel
from gpt_course.plotting.weights import draw_bytes, draw_names, plot_checks, plot_split
from gpt_course.weights import our_names, to_gpt2

PARTS = {
    "tok_emb": "wte",
    "out_head": "wte",
    "pos_emb": "wpe",
    "final_norm": "ln_f",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "att.W_query": "attn.c_attn",
    "att.W_key": "attn.c_attn",
    "att.W_value": "attn.c_attn",
    "att.out_proj": "attn.c_proj",
    "ff.layers.0": "mlp.c_fc",
    "ff.layers.2": "mlp.c_proj",
    "scale": "weight",
    "shift": "bias",
}


def to_gpt2_name(name):
    layer, kind = name.rsplit(".", 1)
    kind = PARTS.get(kind, kind)
    if not layer.startswith("trf_blocks."):
        return f"{PARTS[layer]}.{kind}"
    _, index, rest = layer.split(".", 2)
    return f"h.{index}.{PARTS[rest]}.{kind}"


def changed(change):
    return lambda name: change(to_gpt2_name(name))


def header_of(data):
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    return header


def counting(skip=lambda name: name.endswith((".attn.bias", ".attn.masked_bias")), value=math.prod):
    return lambda data: sum(value(e["shape"]) for name, e in header_of(data).items() if not skip(name))


def attend(q, k, v, n_heads):
    from torch.nn.functional import scaled_dot_product_attention

    parts = (part.unflatten(-1, (n_heads, -1)).transpose(0, 1) for part in (q, k, v))
    return scaled_dot_product_attention(*parts, is_causal=True).transpose(0, 1).flatten(1)


def silent_with(missing):
    """Bien con todos los nombres menos con uno."""
    return lambda name: 0 if name == missing else to_gpt2_name(name)


NAMES = ["tok_emb.weight", "pos_emb.weight", "final_norm.scale", "final_norm.shift", "out_head.weight"]
for block in (0, 3, 10, 47):
    for layer in ("att.W_query", "att.W_key", "att.W_value", "att.out_proj", "ff.layers.0", "ff.layers.2"):
        NAMES += [f"trf_blocks.{block}.{layer}.{kind}" for kind in ("weight", "bias")]
    NAMES += [
        f"trf_blocks.{block}.{norm}.{kind}" for norm in ("norm1", "norm2") for kind in ("scale", "shift")
    ]


ANSWERS = {
    "pesos.1": {
        "right": [312],
        "wrong": [
            (304, "cuánto mide la cabecera"),
            (128, "falta la cabecera"),
            (120, "otros dos trozos"),
            (332, "también en F16"),
            (308, "la forma [] es un número"),
            (227, "un byte por número"),
            (2496, "bits"),
            (300, "demasiado pequeño"),
        ],
    },
    "pesos.2": {
        "right": [628],
        "wrong": [
            (580, "faltan las máscaras"),
            (624, "fuera de los bloques"),
            (576, "y las máscaras"),
            (629, "es `wte`"),
            (472, "`gpt2-large`; XL"),
            (436, "y faltan las máscaras"),
            (627, "ln_f"),
            (820, "van juntas"),
            (676, "una sola máscara"),
        ],
    },
    "pesos.3": {
        "right": [("key", 3, 40)],
        "wrong": [
            (("query", 5, 40), "GPT-NeoX"),
            (("key", 4, 40), "la cabeza se cuenta desde 0"),
            (("key", 3, 41), "el lugar se cuenta desde 0"),
            (("key", 4, 41), "y el lugar se cuentan"),
            (("key", 3, 39), "y la columna también"),
            (("key", 15, 40), "una de 12"),
            (("key", 0, 232), "no cabe"),
            (("Key", 40, 3), "cambiaste"),
            (("value", 3, 40), "otra matriz"),
            (("key", 2, 40), "grupos de 64"),
            (("clave", 3, 40), "query, key o value"),
            (("key", 3.0, 40), "dos enteros"),
            ((3, 40), "tres cosas"),
            (("key", 3, 40.0), "dos enteros"),
        ],
    },
    "pesos.4": {
        "right": [to_gpt2_name],
        "wrong": [
            (changed(lambda name: f"transformer.{name}"), "sin `transformer.`"),
            (
                lambda name: "lm_head.weight" if name.startswith("out") else to_gpt2_name(name),
                "no hay `lm_head`",
            ),
            (changed(lambda name: name.replace("ln_f.weight", "ln_f.scale")), "`weight` y `bias`"),
            (changed(lambda name: name.replace("h.10.", "h.1.")), "mira el bloque"),
            (changed(lambda name: name.replace("mlp.c_proj", "attn.c_proj")), "la figura 12.2"),
            (changed(lambda name: [name]), "llegó list"),
            *((silent_with(name), f"con {name} se esperaba un texto") for name in NAMES),
        ],
    },
    "pesos.5": {
        "right": [[False, True, True, False]],
        "wrong": [
            ([True, True, True, False], "en (a)"),
            ([False, False, True, False], "en (b)"),
            ([False, True, False, False], "en (c)"),
            ([False, True, True, True], "en (d)"),
            ([0, 1, 1, 0], "ni 1 y 0"),
            ([False, True, True], "una lista de cuatro"),
        ],
    },
    "pesos.6": {
        "right": [counting()],
        "wrong": [
            (counting(skip=lambda name: False), "también las máscaras"),
            (counting(skip=lambda name: name.endswith("masked_bias")), "que se llaman `attn.bias`"),
            (counting(skip=lambda name: name.endswith(".attn.bias")), "masked_bias"),
            (counting(skip=lambda name: name.endswith(("attn.bias", "masked_bias"))), "c_attn.bias"),
            (counting(skip=lambda name: name.endswith("bias")), "todos los sesgos"),
            (lambda data: 4 * counting()(data), "son bytes"),
            (lambda data: len(header_of(data)), "son tensores"),
            (counting(value=lambda shape: 1), "son tensores"),
            (
                counting(skip=lambda name: not name.startswith("transformer.") or "bias" in name),
                "`transformer.` delante",
            ),
            (lambda data: counting()(data) if b"transformer." not in data else 0, "`transformer.` delante"),
        ],
    },
}

LINKS = [
    ("wte", ["tok_emb", "out_head"], "igual"),
    ("attn.c_attn", ["W_query", "W_key"], "partir en 3 y trasponer"),
]
LINKS += [("mlp.c_fc", ["ff.layers.0"], "trasponer"), ("attn.bias", [], "no se carga")]
FIGURES = [
    partial(
        draw_bytes,
        {"longitud": ["0c", *["00"] * 7], "cabecera": list('{"w":[2,3]}!'), "números": ["3f"] * 24},
        "Un archivo",
    ),
    partial(draw_names, LINKS, ("en el archivo", "aquí")),
    partial(plot_split, torch.arange(12.0).reshape(2, 6), {name: torch.eye(2) for name in "qkv"}),
    partial(plot_checks, {"bien": {"atención": True}, "mal": {"atención": False}}, "comprobación"),
]


def fact_the_file_of_the_first_exercise_has_those_bytes():
    tensors = {"a": torch.zeros(4, 6), "b": torch.zeros(10).half(), "c": torch.zeros(())}
    data = safetensors.torch.save(tensors)
    assert len(data) - 8 - struct.unpack("<Q", data[:8])[0] == 312 - 8 - 184


def fact_the_xl_has_those_tensors():
    with torch.device("meta"):
        model = GPTModel(GPT2_CONFIGS["gpt2-xl"])
    assert len(list(to_gpt2(model.state_dict(), 48))) + 48 == ANSWERS["pesos.2"]["right"][0]


def fact_the_column_is_the_one_of_the_package():
    numbers = torch.arange(3 * 768)
    _, key, _ = numbers.chunk(3)
    assert key.unflatten(-1, (12, 64))[3, 40] == 1000


def fact_the_names_are_those_of_the_package():
    for ours, theirs in _NAMES.items():
        assert ours in our_names(theirs) or ours == "out_head.weight", ours


def fact_what_one_token_does_not_see():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 5, 8)
    w = torch.randn(8, 8)
    for n_tokens, sees in ((1, ANSWERS["pesos.5"]["right"][0]), (5, [True] * 4)):
        a, b, c = (part[:n_tokens] for part in (q, k, v))
        right = attend(a, b, c, 2) @ w
        broken = [
            attend(b, a, c, 2) @ w,
            attend(a, c, b, 2) @ w,
            attend(a, b, c, 2) @ w.T,
            attend(a, b, c, 4) @ w,
        ]
        assert [not torch.allclose(right, each, atol=1e-5) for each in broken] == sees
