"""Ejercicios de la lección 12: bytes, tensores, columnas, nombres, una prueba floja y contar sin abrir."""

import json
import struct

from gpt_course.exercises.core import Wrong, exercise, expect_number, run


@exercise("pesos.1")
def file_size(answer):
    numbers = 4 * 24 + 2 * 10 + 4 * 1
    expect_number(
        answer,
        8 + 184 + numbers,
        [
            (184 + numbers, "faltan los bytes que dicen cuánto mide la cabecera."),
            (8 + numbers, "falta la cabecera."),
            (numbers, "eso ocupan los números; el archivo tiene otros dos trozos."),
            (8 + 184 + numbers + 20, "contaste 4 bytes por número también en F16, que tiene 16 bits."),
            (8 + 184 + numbers - 4, "falta c: la forma [] es un número, no ninguno."),
            (8 + 184 + 35, "contaste un byte por número. Un F32 tiene 32 bits."),
            (8 * (8 + 184 + numbers), "eso son bits."),
        ],
        tolerance=1e-9,
    )
    return "8 de longitud, 184 de cabecera y 120 de números."


@exercise("pesos.2")
def tensors_of_xl(answer):
    expect_number(
        answer,
        4 + 13 * 48,
        [
            (4 + 12 * 48, "faltan las máscaras: una por bloque."),
            (13 * 48, "faltan los que están fuera de los bloques."),
            (12 * 48, "faltan los de fuera de los bloques y las máscaras."),
            (5 + 13 * 48, "la cabeza de salida no está en el archivo: es `wte`."),
            (4 + 13 * 36, "36 bloques tiene `gpt2-large`; XL tiene más."),
            (4 + 12 * 36, "36 bloques tiene `gpt2-large`, y faltan las máscaras."),
            (3 + 13 * 48, "`ln_f` tiene dos tensores: su escala y su desplazamiento."),
            (4 + 17 * 48, "partiste `c_attn`; en el archivo, query, key y value van juntas."),
            (4 + 14 * 48, "cada bloque tiene una sola máscara."),
        ],
        tolerance=1e-9,
    )
    return "4 fuera de los bloques, 12 en cada uno y 48 máscaras."


@exercise("pesos.3")
def fused_column(answer):
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise Wrong('se esperaban tres cosas: (matriz, cabeza, lugar), por ejemplo ("query", 0, 5).')
    matrix, head, place = answer
    if not isinstance(matrix, str) or any(
        isinstance(n, bool) or not isinstance(n, int) for n in (head, place)
    ):
        raise Wrong("la matriz es un texto; la cabeza y el lugar, dos enteros.")
    given = (matrix.strip().lower(), head, place)
    hints = {
        ("query", 5, 40): "eso es repartir por cabezas, como GPT-NeoX. GPT-2 pone primero toda la query.",
        ("key", 4, 40): "la cabeza se cuenta desde 0.",
        ("key", 3, 41): "el lugar se cuenta desde 0.",
        ("key", 4, 41): "la cabeza y el lugar se cuentan desde 0.",
        ("key", 3, 39): "el lugar se cuenta desde 0, y la columna también.",
        ("key", 15, 40): "resta primero las columnas de query: la cabeza es una de 12.",
        ("key", 0, 232): "ese lugar no cabe en una cabeza de 64: repártelo entre cabezas.",
        ("key", 40, 3): "cambiaste la cabeza por el lugar.",
    }
    if given in hints:
        raise Wrong(hints[given])
    if given[0] not in ("query", "key", "value"):
        raise Wrong(f"la matriz es query, key o value; llegó {matrix!r}.")
    if given[0] != "key":
        raise Wrong("esa columna cae en otra matriz: las tres tienen 768 columnas, una tras otra.")
    if given != ("key", 3, 40):
        raise Wrong("la matriz es esa. Mira cuántas columnas sobran y repártelas en grupos de 64.")
    return "sobran 232 columnas tras query: tres cabezas enteras y 40 lugares."


_BLOCK = {
    "norm1.scale": "ln_1.weight",
    "norm1.shift": "ln_1.bias",
    "norm2.scale": "ln_2.weight",
    "norm2.shift": "ln_2.bias",
    **{
        f"{ours}.{kind}": f"{theirs}.{kind}"
        for ours, theirs in (
            ("att.W_query", "attn.c_attn"),
            ("att.W_key", "attn.c_attn"),
            ("att.W_value", "attn.c_attn"),
            ("att.out_proj", "attn.c_proj"),
            ("ff.layers.0", "mlp.c_fc"),
            ("ff.layers.2", "mlp.c_proj"),
        )
        for kind in ("weight", "bias")
    },
}
_NAMES = {
    "tok_emb.weight": "wte.weight",
    "pos_emb.weight": "wpe.weight",
    "final_norm.scale": "ln_f.weight",
    "final_norm.shift": "ln_f.bias",
    "out_head.weight": "wte.weight",
    **{f"trf_blocks.{i}.{ours}": f"h.{i}.{name}" for i in (0, 3, 10, 47) for ours, name in _BLOCK.items()},
}


@exercise("pesos.4")
def names_in_gpt2(answer):
    for name, right in _NAMES.items():
        given = run(answer, name)
        if given == right:
            continue
        if not isinstance(given, str):
            raise Wrong(f"con {name} se esperaba un texto y llegó {type(given).__name__}.")
        if given == f"transformer.{right}":
            raise Wrong("sin `transformer.` delante.")
        if given == "lm_head.weight":
            raise Wrong("en el archivo publicado no hay `lm_head`: la cabeza está vinculada. ¿A qué tensor?")
        if given.endswith((".scale", ".shift")):
            raise Wrong(f"con {name} llegó {given!r}: en GPT-2 las normas también dicen `weight` y `bias`.")
        if given.replace("h.", "", 1).split(".")[0] != right.replace("h.", "", 1).split(".")[0]:
            raise Wrong(f"con {name} llegó {given!r}: mira el bloque, o la primera parte del nombre.")
        raise Wrong(f"con {name} llegó {given!r}. Busca su flecha en la figura 12.2.")
    return f"los {len(_NAMES)} nombres que se probaron; query, key y value van al mismo tensor."


@exercise("pesos.5")
def one_token_test(answer):
    if not isinstance(answer, (list, tuple)) or len(answer) != 4:
        raise Wrong("se esperaba una lista de cuatro valores, True o False, uno por avería.")
    if not all(isinstance(value, bool) for value in answer):
        raise Wrong("cada valor debe ser True o False: ni texto entre comillas ni 1 y 0.")
    hints = [
        "en (a), el único peso de atención vale 1. ¿Depende de query y de key?",
        "en (b), con un token, lo que sale de la atención es su value. ¿Y si le das otra matriz?",
        "en (c), lo que sale de la atención pasa por c_proj siempre, con un token o con mil.",
        "en (d), cada cabeza se mira a sí misma con peso 1. ¿Importa por dónde se corte la anchura?",
    ]
    for value, right, hint in zip(answer, (False, True, True, False), hints, strict=True):
        if value != right:
            raise Wrong(hint)
    return "con un solo token, la atención no tiene nada que elegir: prueba siempre con varios."


def _file(shapes):
    """Los bytes de un archivo cuyos números no se deben leer: no están."""
    header, start = {"__metadata__": {"format": "pt", "shape": "no soy un tensor"}}, 0
    for name, shape in shapes.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # el formato rellena la cabecera con espacios
    return struct.pack("<Q", len(text)) + text


def _shapes(prefix):
    names = {"wte.weight": [50, 8], "wpe.weight": [16, 8], "ln_f.weight": [8], "ln_f.bias": [8]}
    names |= {
        "h.0.attn.c_attn.weight": [8, 24],
        "h.0.attn.c_attn.bias": [24],
        "h.0.attn.bias": [1, 1, 16, 16],
    }
    names |= {"h.10.attn.c_proj.bias": [8], "h.10.attn.bias": [1, 1, 16, 16], "h.10.attn.masked_bias": []}
    return {prefix + name: shape for name, shape in names.items()}


@exercise("pesos.6")
def parameters_in_header(answer):
    right = 400 + 128 + 16 + 192 + 24 + 8
    hints = [
        (right + 2 * 256 + 1, "contaste también las máscaras."),
        (right + 2 * 256, "contaste las máscaras que se llaman `attn.bias`."),
        (right + 1, "hay otro búfer de la máscara, `masked_bias`, de un solo número."),
        (right - 24, "te llevaste por delante `c_attn.bias`, que sí es un sesgo."),
        (right - 24 - 8 - 8, "quitaste todos los sesgos; solo sobran las máscaras."),
        (4 * right, "eso son bytes; se piden parámetros."),
        (len(_shapes("")), "eso son tensores; se piden parámetros."),
        (7, "eso son tensores; se piden parámetros."),
        (0, "no contaste ninguno. ¿Y si los nombres llevan `transformer.` delante?"),
    ]
    for prefix in ("", "transformer."):
        expect_number(run(answer, _file(_shapes(prefix))), right, hints, tolerance=1e-9)
    return "correcto, con y sin prefijo, y sin un solo número en el archivo."
