"""Ejercicios de la lección 12: tensores, nombres, una prueba floja y contar. Los demás, en `varied`."""

import json
import math
import re
import struct

from gpt_course.exercises.core import ANY, function, number, table

number(
    "pesos.2",
    4 + 13 * 48,
    "4 fuera de los bloques, 12 en cada uno y 48 máscaras.",
    hints=[
        (4 + 12 * 48, "faltan las máscaras: una por bloque."),
        (13 * 48, "faltan los que están fuera de los bloques."),
        (12 * 48, "faltan los de fuera de los bloques y las máscaras."),
        (5 + 13 * 48, "la cabeza de salida no está en el archivo: es `wte`."),
        (4 + 13 * 36, "36 bloques tiene `gpt2-large`; XL tiene más."),
        (4 + 12 * 36, "36 bloques tiene `gpt2-large`, y faltan las máscaras."),
        (3 + 13 * 48, "`ln_f` tiene dos tensores: su escala y su desplazamiento."),
        (4 + 17 * 48, "partiste `c_attn`; en el archivo, *query*, *key* y *value* van juntas."),
        (4 + 16 * 48, "partiste `c_attn`, que en el archivo es una, y faltan las máscaras."),
        (4 + 14 * 48, "cada bloque tiene una sola máscara."),
        (4 + 12 * 48 + 1, "hay una máscara en cada bloque, no una en total."),
    ],
)


OUTSIDE = {"tok_emb": "wte", "out_head": "wte", "pos_emb": "wpe", "final_norm": "ln_f"}
PIECES = {
    "norm1": "ln_1",
    **dict.fromkeys(("att.W_query", "att.W_key", "att.W_value"), "attn.c_attn"),
    "att.out_proj": "attn.c_proj",
    "norm2": "ln_2",
    "ff.layers.0": "mlp.c_fc",
    "ff.layers.2": "mlp.c_proj",
}
NAMES = ["trf_blocks.3.norm2.shift"]  # primero, el del enunciado
for layer in (*OUTSIDE, *(f"trf_blocks.{block}.{piece}" for block in (0, 10) for piece in PIECES)):
    kinds = ("scale", "shift") if "norm" in layer else ("weight", "bias")
    NAMES += [f"{layer}.{kind}" for kind in (kinds[:1] if layer.endswith(("_emb", "_head")) else kinds)]


def _changed(change):
    return lambda name: change(to_gpt2_name(name))


@function(
    "pesos.4",
    "*query*, *key* y *value* van al mismo tensor, y la cabeza de salida, a `wte`.",
    cases=[(name,) for name in NAMES],
    hints=[
        (_changed(lambda name: f"transformer.{name}"), "sin `transformer.` delante."),
        (
            lambda name: "lm_head.weight" if name.startswith("out_head") else to_gpt2_name(name),
            "en el archivo publicado no hay `lm_head`: la cabeza está vinculada. ¿A qué tensor?",
        ),
        (
            lambda name: f"{to_gpt2_name(name).rpartition('.')[0]}.{name.rpartition('.')[2]}",
            "en GPT-2 las normas también dicen `weight` y `bias`.",
        ),
        (_changed(lambda name: re.sub(r"^(h\.\d)\d", r"\1", name)), "hay bloques con dos cifras."),
        (_changed(lambda name: re.sub("^h", "trf_blocks", name)), "en el archivo, cada bloque es `h`."),
        (
            lambda name: to_gpt2_name(re.sub(r"layers\.(\d)", lambda m: f"layers.{2 - int(m[1])}", name)),
            "cambiaste una por otra las dos capas de la red *feed-forward*.",
        ),
        (_changed(lambda name: [name]), "se pide un texto suelto, sin lista."),
    ],
)
def to_gpt2_name(name):
    layer, kind = name.rsplit(".", 1)
    kind = {"scale": "weight", "shift": "bias"}.get(kind, kind)
    if layer in OUTSIDE:
        return f"{OUTSIDE[layer]}.{kind}"
    _, block, piece = layer.split(".", 2)
    return f"h.{block}.{PIECES[piece]}.{kind}"


table(
    "pesos.5",
    [0, 1, 1, 0],
    "con un solo token, la atención no tiene nada que elegir: prueba siempre con varios.",
    hints=[
        ([1, ANY, ANY, ANY], "en (a), el único peso de atención vale 1. ¿Depende de *query* y de *key*?"),
        ([ANY, 0, ANY, ANY], "en (b), sale el *value* de ese token. ¿Y si le das otra matriz?"),
        ([ANY, ANY, 0, ANY], "en (c), lo que sale pasa por `c_proj` siempre, con un token o con mil."),
        ([ANY, ANY, ANY, 1], "en (d), cada cabeza copia su trozo. ¿Importa por dónde se corte?"),
    ],
    otherwise="se esperaban cuatro valores, `True` o `False`, uno por avería.",
)


def _file(prefix, V, C, blocks, *, masked_bias=False, whole=True):
    """Los bytes de un safetensors con algunos tensores de GPT-2."""
    shapes = {"wte.weight": [V, C], "wpe.weight": [16, C], "ln_f.weight": [C], "ln_f.bias": [C]}
    for h in (f"h.{block}.attn" for block in blocks):
        shapes |= {f"{h}.c_attn.weight": [C, 3 * C], f"{h}.c_attn.bias": [3 * C], f"{h}.bias": [1, 1, 16, 16]}
        shapes |= {f"{h}.masked_bias": []} if masked_bias else {}
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        header[prefix + name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # el formato rellena la cabecera con espacios
    return struct.pack("<Q", len(text)) + text + (struct.pack("<f", 1.0) * (end // 4) if whole else b"")


def _counting(skip=(".attn.bias", ".attn.masked_bias"), value=math.prod):
    """Cuenta los tensores cuyo nombre no acaba en `skip`."""

    def count(data):
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + size])
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return sum(value(entry["shape"]) for name, entry in tensors.items() if not name.endswith(skip))

    return count


def _with_prefix(wrong):
    """Bien, salvo con los nombres que llevan `transformer.`."""
    return lambda data: (wrong if b"transformer." in data else count_parameters)(data)


GREEDY = ("attn.bias", ("attn.bias", "masked_bias"))  # sin su punto, también son el final de `c_attn.bias`


@function(
    "pesos.6",
    "con y sin prefijo, y aunque los números no hayan llegado.",
    cases=[
        (_file("", 50, 8, [0]),),
        (_file("", 40, 4, [0, 10], masked_bias=True),),
        (_file("transformer.", 30, 8, [0, 1], masked_bias=True),),
        (_file("transformer.", 60, 4, [11], whole=False),),
    ],
    hints=[
        (_counting(skip=()), "contaste también las máscaras."),
        (_counting(skip=".attn.masked_bias"), "contaste las máscaras que se llaman `attn.bias`."),
        (_counting(skip=".attn.bias"), "hay otro búfer de la máscara, `masked_bias`, de un solo número."),
        *((_counting(skip=skip), "te llevaste `c_attn.bias`, que sí es un sesgo.") for skip in GREEDY),
        (_counting(skip="bias"), "quitaste todos los sesgos; solo sobran las máscaras."),
        (lambda data: 4 * count_parameters(data), "eso son bytes; se piden parámetros."),
        (lambda data: count_parameters(data) + 1, "contaste `__metadata__`, que no es un tensor."),
        (_counting(value=lambda shape: 1), "eso son tensores; se piden parámetros."),
        (_counting(skip=(), value=lambda shape: 1), "eso son tensores; se piden parámetros."),
        (_counting(value=sum), "sumaste los tamaños de cada forma: hay que multiplicarlos."),
        (lambda data: 0, "no contaste ninguno."),
        (_with_prefix(lambda data: 0), "con `transformer.` delante no cuentas ninguno."),
        (_with_prefix(_counting(skip=())), "con `transformer.` delante no reconoces las máscaras."),
    ],
)
def count_parameters(data):
    return _counting()(data)
