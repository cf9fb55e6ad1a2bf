"""De las medidas a una tabla: qué tarda cada uno, cuánto más rápido va el curso y hasta dónde se podría."""

from gpt_course.bench.rounds import OURS
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
    for task, (label, unit, tokens) in _descriptions(sizes).items():
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


def tables(results):
    """La tabla de cada equipo, con su procesador encima."""
    return "\n\n".join(f"**{result['machine']['processor']}**\n\n{table(result)}" for result in results)


def merged(results, new):
    """`results` con `new` en el sitio de lo que se midió antes con el mismo procesador, o al final."""
    names = [result["machine"]["processor"] for result in results]
    place = names.index(new["machine"]["processor"]) if new["machine"]["processor"] in names else len(names)
    return [*results[:place], new, *results[place + 1 :]]


def table(result):
    """La tabla, en *Markdown*: una línea por tarea; debajo, el equipo, sus límites y lo que no se midió."""
    names = list(result["contenders"])
    head = ["trabajo", "unidad", *(f"`{name}`" for name in names), "ventaja", "límite"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for row in rows(result):
        values = [_number(row["values"].get(name)) for name in names]
        advantage = "—" if row["advantage"] is None else f"{spanish(row['advantage'], 2)}×"
        lines.append(" | ".join([row["label"], row["unit"], *values, advantage, _number(row["limit"])]))
    return "\n".join([*(f"| {line} |" for line in lines), "", *(f"- {note}" for note in _notes(result))])


def _notes(result):
    machine, limits, bf16 = result["machine"], result["limits"], result["bf16"]
    flops_found = [f"F.linear: {spanish(round(limits['linear_flops'] / 1e9))}"]
    if "onednn_flops" in limits:
        flops_found.append(f"oneDNN: {spanish(round(limits['onednn_flops'] / 1e9))}")
    flops_found.append(f"bf16: {spanish(round(limits['bf16_flops'] / 1e9))}")
    versions = ", ".join(f"`{name} {version}`" for name, version in result["contenders"].items())
    found = [
        f"Equipo: {machine['processor']}, {machine['threads']} hilos, PyTorch `{machine['torch']}`.",
        f"Versiones: {versions}.",
        f"Límites medidos: {', '.join(flops_found)} GFLOP/s; leer memoria: "
        f"{spanish(round(limits['read_bytes'] / 1e9))} GB/s.",
        f"Con los pesos en bf16, el curso escribe {_number(_write_speed(result, 'write_one'))} y "
        f"{_number(_write_speed(result, 'write_batch'))} tokens/s. La pérdida en el relato pasa de "
        f"{spanish(bf16['loss_fp32'], 4)} a {spanish(bf16['loss_bf16'], 4)} y el token más probable es el "
        f"mismo en el {spanish(100 * bf16['same_bf16'], 1)} % de los lugares ({bf16['weights']}).",
    ]
    if result.get("medium"):
        found.append(_medium_note(result))
    if result.get("stories"):
        found += _story_notes(result["stories"])
    found += [f"Sin medir: `{name}`, {reason}." for name, reason in result["failed"].items()]
    if result.get("gpu"):
        gpu = result["gpu"]
        found.append(
            f"GPU ({gpu['name']}): {_number(gpu['tokens_per_second'])} tokens/s al entrenar en bf16 con "
            f"lotes de {gpu['batch']}×{gpu['length']}; {spanish(100 * gpu['share'], 1)} % de los "
            f"{spanish(round(gpu['matmul_flops'] / 1e12))} TFLOP/s medidos al multiplicar matrices."
        )
    return found


def _story_notes(stories):
    """Los tokens por segundo al entrenar con los cuentos, de cada uno y con cada número de hilos."""
    found = []
    for threads, speeds in stories["speeds"].items():
        rivals = [speed for name, speed in speeds.items() if name != OURS]
        shown = ", ".join(f"`{name}` {spanish(round(speed))}" for name, speed in speeds.items())
        gain = f"; ventaja, {spanish(speeds[OURS] / max(rivals), 2)}×" if rivals else ""
        what = f"{threads} hilo" if threads == "1" else f"{threads} hilos"
        found.append(f"Entrenar con {stories['batch']} cuentos, AdamW, {what}: {shown} tokens/s{gain}.")
    return [
        *found,
        *(f"Sin medir con los cuentos: `{name}`, {why}." for name, why in stories["failed"].items()),
    ]


def _medium_note(result):
    bf16, plain = result["bf16"], result["tasks"]
    gains = []
    for task, measured in result["medium"].items():
        rivals = [value for name, value in plain[task].items() if name != OURS]
        if rivals:
            label = _descriptions(result["sizes"])[task][0]
            gains.append(f"{label}, {spanish(min(rivals) / measured[OURS], 2)}×")
    against = f" Frente al mejor de los demás como viene: {'; '.join(gains)}." if gains else ""
    return (
        'Las filas en que pone «redondeando», del curso con `precision="medium"` y de los demás con '
        '`torch.set_float32_matmul_precision("medium")`, se midieron en una vuelta.'
        + against
        + " La pérdida "
        f"pasa a {spanish(bf16['loss_medium'], 4)}, ningún logit se aleja más de "
        f"{spanish(bf16['error_medium'], 4)} y el token más probable es el mismo en el "
        f"{spanish(100 * bf16['same_medium'], 1)} % de los lugares."
    )


def _descriptions(sizes):
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


def _write_speed(result, task):
    batch, _, count = result["sizes"]["write"][task]
    return batch * count / result["bf16"]["seconds"][task]


def _in_unit(value, unit, tokens):
    return {"ms": lambda: 1e3 * value, "MiB": lambda: value / MiB, "tokens/s": lambda: tokens / value}[unit]()


def _number(value):
    if value is None:
        return "—"
    return spanish(round(value)) if value >= 100 else spanish(value, 1)
