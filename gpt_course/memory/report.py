"""La cuenta contada en español: todas las partidas, en una tabla o en un diccionario."""

from gpt_course.memory.activations import activations, kv_cache
from gpt_course.memory.flops import flops, training_flops
from gpt_course.memory.ledger import (
    inference_peak,
    inference_sizes,
    training_peak,
    training_sizes,
    training_timeline,
)
from gpt_course.memory.parameters import parameters, weights_file
from gpt_course.memory.units import UNITS

LABELS = {
    "token_embedding": "incrustación de tokens",
    "position_embedding": "incrustación de posiciones",
    "attention": "atención",
    "feed_forward": "red feed-forward",
    "norms": "normalizaciones",
    "output_head": "cabeza de salida",
    "weights": "pesos",
    "master_weights": "copia maestra de los pesos (fp32)",
    "buffers": "*buffers*",
    "gradients": "gradientes",
    "optimizer": "optimizador",
    "activations": "activaciones guardadas",
    "logits": "logits",
    "inputs": "tokens y posiciones",
    "dropout": "máscaras de dropout",
    "block_inputs": "entradas de los bloques",
    "loss": "logaritmo del softmax (pérdida)",
    "kv_cache": "caché KV",
    "weights_file": "archivo de pesos",
    "block": "los intermedios de un bloque",
    "create": "al crear el modelo",
    "start": "al empezar un paso",
    "forward": "al acabar la ida",
    "loss_backward": "vuelta: en la pérdida",
    "head_backward": "vuelta: en la cabeza",
    "blocks_backward": "vuelta: al entrar en los bloques",
    "last_block_backward": "vuelta: al salir de los bloques",
    "end_backward": "al acabar la vuelta",
    "projections": "proyecciones de la atención",
    "scores": "parejas de la atención",
}


def summary(plan):
    """Todas las cuentas de un plan en un diccionario que se puede guardar como JSON; tamaños en bytes."""
    fields = ("batch", "seq", "dtype", "optimizer", "explicit", "checkpointing", "accumulation")
    return {
        "config": dict(plan.cfg),
        "plan": {field: getattr(plan, field) for field in fields},
        "parameters": {**parameters(plan.cfg), "total": sum(parameters(plan.cfg).values())},
        "training_bytes": training_sizes(plan),
        "activation_bytes": activations(plan),
        "training_timeline_bytes": training_timeline(plan),
        "training_peak_bytes": training_peak(plan),
        "inference_bytes": inference_sizes(plan),
        "inference_peak_bytes": inference_peak(plan),
        "kv_cache_bytes": kv_cache(plan),
        "weights_file_bytes": weights_file(plan),
        "forward_flops": {**flops(plan), "total": sum(flops(plan).values())},
        "training_flops": training_flops(plan),
    }


def table(plan, title):
    """La cuenta como texto: parámetros, entrenamiento, generación y operaciones."""
    found = summary(plan)
    moments = found["training_timeline_bytes"]
    highest = max(moments, key=moments.get)
    pieces, total = found["parameters"], found["parameters"].pop("total")
    train, generate = named(found["training_bytes"]), named(found["inference_bytes"])
    return "\n".join(
        [
            f"{title}: {total:,} parámetros, {'una matriz compartida' if plan.tied else 'dos matrices'}",
            _description(plan),
            *_section("PARÁMETROS", named(pieces), ["cuántos"], lambda count: [f"{count:,}"]),
            *_bytes("ENTRENAR", {**train, f"pico, {LABELS[highest]}": moments[highest]}),
            *_bytes("ACTIVACIONES", named(found["activation_bytes"])),
            *_bytes("GENERAR (con caché KV)", {**generate, "pico": found["inference_peak_bytes"]}),
            *_bytes("ADEMÁS", named({"weights_file": found["weights_file_bytes"]})),
            *_section("OPERACIONES", _operations(found), ["FLOPs"], lambda count: [f"{count:,}"]),
        ]
    )


def named(sizes):
    """Las partidas que no son 0, con su nombre en español."""
    return {LABELS[key]: size for key, size in sizes.items() if size}


def _description(plan):
    parts = [
        f"B = {plan.batch}, T = {plan.seq}",
        plan.dtype,
        plan.optimizer,
        f"dropout {plan.cfg['drop_rate']:g}",
        "atención explícita" if plan.explicit or plan.has_dropout else "atención con SDPA",
        "recomputación" if plan.checkpointing else "",
        f"{plan.accumulation} lotes acumulados" if plan.accumulation > 1 else "",
    ]
    return " · ".join(part for part in parts if part)


def _operations(found):
    pieces = dict(found["forward_flops"])
    total = pieces.pop("total")
    return {**named(pieces), "la ida": total, "ida y vuelta de un lote": found["training_flops"]}


def _bytes(title, sizes):
    return _section(
        title,
        sizes,
        ["bytes", "MiB", "MB"],
        lambda size: [f"{size:,}", f"{size / UNITS['MiB']:,.2f}", f"{size / UNITS['MB']:,.2f}"],
    )


def _section(title, values, columns, cells):
    """Una tabla: el título y las columnas, y una fila por valor; la primera columna es la más ancha."""
    widths = [23, *[13] * (len(columns) - 1)]
    lines = [(title, columns), *((label, cells(value)) for label, value in values.items())]
    return ["", *(f"{label:<38} " + " ".join(map(str.rjust, row, widths)) for label, row in lines)]
