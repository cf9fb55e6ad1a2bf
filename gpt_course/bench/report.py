"""De las medidas a unas filas: qué tarda cada uno, cuánto más rápido va el curso y hasta dónde se podría."""

from gpt_course.bench.loops import OURS
from gpt_course.memory import Plan, flops, parameters
from gpt_course.plotting.style import spanish

MiB = 2**20


def rows(result):
    """Las filas de la tabla: un diccionario por tarea.

    `label` la describe. `values`: {contendiente: valor} en `unit`. `less`: True si es mejor cuanto menor.
    `advantage`: cuántas veces mejor es el curso que el mejor de los demás; None si nadie más lo hizo.
    `limit`: lo que permiten los límites medidos en este equipo, o None.
    """
    sizes, tasks = result["sizes"], result["tasks"]
    ceilings = _ceilings(result)
    found = []
    for task, (label, unit, tokens) in descriptions(sizes).items():
        if OURS in tasks.get(task, {}):
            limit = _in_unit(ceilings[task], unit, tokens) if task in ceilings else None
            found.append(_row(task, label, unit, tokens, tasks[task]) | {"limit": limit})
        if OURS in result.get("medium", {}).get(task, {}):
            medium = (f"{task}_medium", f"{label}, redondeando", unit, tokens)
            found.append(_row(*medium, result["medium"][task]) | {"limit": None})
    return found


def _row(task, label, unit, tokens, measured):
    shown = {name: _in_unit(value, unit, tokens) for name, value in measured.items()}
    less = not unit.startswith("tokens")
    rivals = [value for name, value in shown.items() if name != OURS]
    advantage = None
    if rivals:
        advantage = min(rivals) / shown[OURS] if less else shown[OURS] / max(rivals)
    return {"task": task, "label": label, "unit": unit, "values": shown, "advantage": advantage, "less": less}


def merged(results, new):
    """`results` con `new` en el sitio de lo que se midió antes con el mismo procesador, o al final."""
    names = [result["machine"]["processor"] for result in results]
    place = names.index(new["machine"]["processor"]) if new["machine"]["processor"] in names else len(names)
    return [*results[:place], new, *results[place + 1 :]]


def descriptions(sizes):
    """{tarea: (rótulo, unidad, tokens de cada vez)}."""
    found = {}
    for task, (batch, length) in sizes["read"].items():
        found[task] = (f"leer {batch}×{length} tokens", "ms", None)
    for task, (batch, prompt, count) in sizes["write"].items():
        found[task] = (f"escribir {batch}×{count} tras {prompt}", "tokens/s", batch * count)
    batch, length = sizes["train"]
    found["train"] = (f"entrenar con {batch}×{length}, AdamW", "tokens/s", batch * length)
    found["peak"] = ("memoria máxima al entrenar", "MiB", None)
    found["build"] = ("crear el modelo", "ms", None)
    found["import"] = ("importar", "ms", None)
    return found


def _ceilings(result):
    """Segundos de las capas lineales al máximo medido, o de leer los pesos; al importar, los de PyTorch."""
    cfg, sizes, limits = result["cfg"], result["sizes"], result["limits"]
    speed = max(limits["linear_flops"], limits.get("onednn_flops", 0))
    read = 4 * sum(parameters(cfg).values()) / limits["read_bytes"]  # cada paso lee todos los pesos
    found = {task: _linear_flops(cfg, *shape) / speed for task, shape in sizes["read"].items()}
    for task, (batch, prompt, count) in sizes["write"].items():
        # De la entrada solo pasa por la cabeza de salida el último lugar de cada frase.
        unused = (prompt - 1) * flops(Plan(cfg, batch=batch, seq=1))["output_head"]
        first = max(read, (_linear_flops(cfg, batch, prompt) - unused) / speed)
        found[task] = first + (count - 1) * max(read, _linear_flops(cfg, batch, 1) / speed)
    found["train"] = 3 * _linear_flops(cfg, *sizes["train"]) / speed
    return found | {"import": result["tasks"]["torch"][OURS]}


def _linear_flops(cfg, batch, length):
    pieces = flops(Plan(cfg, batch=batch, seq=length))
    return sum(pieces.values()) - pieces["scores"]


def _in_unit(value, unit, tokens):
    return {"ms": lambda: 1e3 * value, "MiB": lambda: value / MiB, "tokens/s": lambda: tokens / value}[unit]()


def number(value):
    if value is None:
        return "—"
    return spanish(round(value)) if value >= 100 else spanish(value, 1)
