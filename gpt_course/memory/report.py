"""La cuenta contada en español: la tabla, si cabe y qué haría falta para que cupiera."""

from dataclasses import replace

from gpt_course.memory.activations import activations, kv_cache
from gpt_course.memory.flops import flops, training_flops
from gpt_course.memory.ledger import inference, inference_peak, training, training_peak, training_timeline
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
    "block": "lo que usa un bloque de paso",
    "start": "al empezar",
    "forward": "al acabar hacia delante",
    "loss_backward": "hacia atrás, en la pérdida",
    "head_backward": "hacia atrás, en la cabeza",
    "blocks_backward": "hacia atrás, en los bloques",
    "end_backward": "al acabar hacia atrás",
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
        "training_bytes": training(plan),
        "activation_bytes": activations(plan),
        "training_timeline_bytes": training_timeline(plan),
        "training_peak_bytes": training_peak(plan),
        "inference_bytes": inference(plan),
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
            *_bytes("ENTRENAR", {**train, f"pico: {LABELS[highest]}": moments[highest]}),
            *_bytes("ACTIVACIONES", named(found["activation_bytes"])),
            *_bytes("GENERAR (sin caché KV)", {**generate, "pico": found["inference_peak_bytes"]}),
            *_bytes("ADEMÁS", named({key: found[f"{key}_bytes"] for key in ("kv_cache", "weights_file")})),
            *_section("OPERACIONES", _operations(found), ["FLOPs"], lambda count: [f"{count:,}"]),
        ]
    )


def named(sizes):
    """Las partidas que no son 0, con su nombre en español."""
    return {LABELS[key]: size for key, size in sizes.items() if size}


def verdict(plan, ram):
    """¿Cabe en `ram` bytes? Una frase por respuesta: entrenar, generar y, si no cabe, qué lo haría caber."""
    lines = []
    for task, peak in (("Entrenar", training_peak), ("Generar", inference_peak)):
        need = peak(plan)
        fits = "cabe" if need <= ram else "no cabe"
        lines.append(f"{task}: {fits} en {_gib(ram)}; el pico es de {_gib(need)}, aparte del propio proceso.")
        if need > ram:
            lines.append(f"  {advice(plan, ram, peak)}")
    return "\n".join(lines)


def advice(plan, ram, peak):
    """Qué cambio basta por sí solo; si no basta ninguno, cuáles juntos; si no, cuánto falta."""
    training_too = peak is training_peak
    options = [(name, change) for name, only_training, change in _LEVERS if training_too or not only_training]
    alone = [name for name, change in options if peak(change(plan)) <= ram]
    if alone:
        return f"Basta con uno de estos cambios: {'; '.join(alone)}."
    used, smaller = [], plan
    for name, change in options:
        before, smaller = smaller, change(smaller)
        if peak(smaller) < peak(before):
            used.append(name)
        if peak(smaller) <= ram:
            return f"Con estos cambios a la vez, el pico baja a {_gib(peak(smaller))}: {'; '.join(used)}."
    return f"Ni con todos los cambios ({'; '.join(used)}): harían falta {_gib(peak(smaller))}."


def _accumulate(plan):
    return replace(plan, batch=1, accumulation=plan.batch * plan.accumulation)


def _without_matrix(plan):
    return replace(plan, cfg={**plan.cfg, "drop_rate": 0.0}, explicit=False)


_LEVERS = [  # nombre, si solo sirve para entrenar, cambio
    ("una frase por lote (al entrenar, acumuladas)", False, _accumulate),
    ("sin dropout, con SDPA", False, _without_matrix),
    ("recomputación de los bloques", True, lambda plan: replace(plan, checkpointing=True)),
    ("bf16 en todo", False, lambda plan: replace(plan, dtype="bf16")),
    ("SGD en lugar de AdamW", True, lambda plan: replace(plan, optimizer="sgd")),
]


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
    return {"hacia delante": found["forward_flops"]["total"], "entrenar un lote": found["training_flops"]}


def _bytes(title, sizes):
    return _section(
        title,
        sizes,
        ["bytes", "MiB", "MB"],
        lambda size: [f"{size:,}", f"{size / UNITS['MiB']:,.2f}", f"{size / UNITS['MB']:,.2f}"],
    )


def _section(title, values, columns, cells):
    """Una tabla: el título y las columnas, y una fila por valor; la primera columna es la más ancha."""
    widths = [24, *[14] * (len(columns) - 1)]
    lines = [(title, columns), *((label, cells(value)) for label, value in values.items())]
    return ["", *(f"{label:<38}" + "".join(map(str.rjust, row, widths)) for label, row in lines)]


def _gib(size):
    return f"{size / UNITS['GiB']:,.2f} GiB"
