"""Lección 12: las respuestas buenas de cada ejercicio y las malas, con un trozo de la pista de cada una."""

import json
import math
import struct
from functools import partial

import safetensors.torch
import torch

from gpt_course.config import GPT2_CONFIGS
from gpt_course.exercises.weights import NAMES
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


def to_gpt2_name(name, parts=PARTS):
    layer, kind = name.rsplit(".", 1)
    kind = parts.get(kind, kind)
    if not layer.startswith("trf_blocks."):
        return f"{parts[layer]}.{kind}"
    _, index, rest = layer.split(".", 2)
    return f"h.{index}.{parts[rest]}.{kind}"


def changed(change):
    return lambda name: change(to_gpt2_name(name))


def translated(**parts):
    """La buena, con otras palabras para alguna pieza."""
    return lambda name: to_gpt2_name(name, {**PARTS, **parts})


def header_of(data):
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    return header


def counting(skip=lambda name: name.endswith((".attn.bias", ".attn.masked_bias")), value=math.prod):
    return lambda data: sum(value(e["shape"]) for name, e in header_of(data).items() if not skip(name))


def big_endian(data):
    size = int.from_bytes(data[:8], "big")
    header = json.loads(data[8 : 8 + size])
    return sum(math.prod(e["shape"]) for name, e in header.items() if not name.endswith("bias"))


def without_the_first_bytes(data):
    size = int.from_bytes(data[:8], "little")
    return len(json.loads(data[8:size]))


def by_offsets(data):
    """Los parámetros, por lo que ocupan."""
    kept = (e["data_offsets"] for name, e in header_of(data).items() if not name.endswith(MASKS))
    return sum(end - start for start, end in kept) // 4


def with_dots(data):
    return sum(
        math.prod(e["shape"]) for name, e in header_of(data).items() if name.split(".")[-2:] not in ENDINGS
    )


MASKS = (".attn.bias", ".attn.masked_bias")
ENDINGS = (["attn", "bias"], ["attn", "masked_bias"])


def attend(q, k, v, n_heads):
    from torch.nn.functional import scaled_dot_product_attention

    parts = (part.unflatten(-1, (n_heads, -1)).transpose(0, 1) for part in (q, k, v))
    return scaled_dot_product_attention(*parts, is_causal=True).transpose(0, 1).flatten(1)


def silent_with(missing):
    """Bien con todos los nombres menos con uno."""
    return lambda name: 0 if name == missing else to_gpt2_name(name)


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
            (772, "y faltan las máscaras"),
            (676, "una sola máscara"),
            (581, "no una en total"),
        ],
    },
    "pesos.3": {
        "right": [("key", 3, 40), ["Key", 3, 40], ("key", torch.tensor(3), 40.0)],
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
            (("key", 3.5, 40), "grupos de 64"),
            (("clave", 3, 40), "query, key o value"),
            ((3, 40), "un nombre y dos números"),
            ((1, 3, 40), "un nombre y dos números"),
        ],
    },
    "pesos.4": {
        "right": [to_gpt2_name],
        "wrong": [
            (changed(lambda name: f"transformer.{name}"), "sin `transformer.`"),
            (translated(out_head="lm_head"), "no hay `lm_head`"),
            (translated(scale="scale", shift="shift"), "`weight` y `bias`"),
            (changed(lambda name: name.replace("h.10.", "h.1.")), "dos cifras"),
            (changed(lambda name: name.replace("h.", "trf_blocks.")), "cada bloque es `h`"),
            (translated(**{"ff.layers.0": "mlp.c_proj", "ff.layers.2": "mlp.c_fc"}), "las dos capas"),
            (changed(lambda name: [name]), "sin lista"),
            (translated(**{"att.W_key": "attn.W_key"}), "y llegó `'h.0.attn.W_key.weight'`"),
            (lambda name: {"norm1": "ln_1"}[name.split(".")[2]], "no tiene la clave `'norm2'`"),
            *((silent_with(name), f"y llegó 0. La probé con name = '{name}'") for name in NAMES),
        ],
    },
    "pesos.5": {
        "right": [[False, True, True, False], [0, 1, 1, 0], torch.tensor([False, True, True, False])],
        "wrong": [
            ([True, True, True, False], "en (a)"),
            ([False, False, True, False], "en (b)"),
            ([False, True, False, False], "en (c)"),
            ([False, True, True, True], "en (d)"),
            ([True] * 4, "en (a)"),
            ([False, True, True], "cuatro valores"),
        ],
    },
    "pesos.6": {
        "right": [counting(), by_offsets, with_dots],
        "wrong": [
            (counting(skip=lambda name: False), "también las máscaras"),
            (counting(skip=lambda name: name.endswith("masked_bias")), "que se llaman `attn.bias`"),
            (counting(skip=lambda name: name.endswith(".attn.bias")), "masked_bias"),
            (counting(skip=lambda name: name.endswith(("attn.bias", "masked_bias"))), "c_attn.bias"),
            (counting(skip=lambda name: "attn.bias" in name), "c_attn.bias"),
            (counting(skip=lambda name: name.endswith("bias")), "todos los sesgos"),
            (lambda data: 4 * counting()(data), "son bytes"),
            (lambda data: counting()(data) + 1, "__metadata__"),
            (lambda data: len(header_of(data)), "son tensores"),
            (counting(value=lambda shape: 1), "son tensores"),
            (counting(value=sum), "hay que multiplicarlos"),
            (lambda data: 0, "no contaste ninguno"),
            (big_endian, "no son texto: mira cuáles lees"),
            (without_the_first_bytes, "no es JSON, o no está entero"),
            (lambda data: sum(map(torch.numel, safetensors.torch.load(data).values())), "las máscaras"),
            (lambda data: counting()(data) if b"transformer." not in data else 0, "no cuentas ninguno"),
            (
                lambda data: (
                    counting()(data)
                    if b"transformer." not in data
                    else counting(skip=lambda name: name.startswith("h.0.attn.b"))(data)
                ),
                "no reconoces las máscaras",
            ),
            (lambda data: 768, "data ="),
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
    _, head, place = ANSWERS["pesos.3"]["right"][0]
    _, key, _ = numbers.chunk(3)
    assert key.unflatten(-1, (12, 64))[head, place] == 1000


def fact_the_names_are_those_of_the_package():
    with torch.device("meta"):
        names = GPTModel({**GPT2_CONFIGS["gpt2"], "n_layers": 1}).state_dict()
    assert {name.replace("blocks.10.", "blocks.0.") for name in NAMES} >= {*names}
    for name in NAMES:
        assert name in our_names(to_gpt2_name(name)) or name == "out_head.weight", name


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
