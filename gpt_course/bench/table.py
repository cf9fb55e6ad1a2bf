"""La tabla de lo medido, en *Markdown*, con el equipo, sus límites y lo que no se midió."""

from gpt_course.bench.loops import HALVED, OURS, TRAINER
from gpt_course.bench.report import descriptions, number, rows
from gpt_course.plotting.style import spanish


def tables(results):
    """La tabla de cada equipo, con su procesador encima."""
    return "\n\n".join(f"**{result['machine']['processor']}**\n\n{table(result)}" for result in results)


def table(result):
    """La tabla, en *Markdown*: una línea por tarea; debajo, el equipo, sus límites y lo que no se midió."""
    names = list(result["contenders"])
    head = ["trabajo", "unidad", *(f"`{name}`" for name in names), "ventaja", "límite"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for row in rows(result):
        values = [number(row["values"].get(name)) for name in names]
        advantage = "—" if row["advantage"] is None else f"{spanish(row['advantage'], 2)}×"
        lines.append(" | ".join([row["label"], row["unit"], *values, advantage, number(row["limit"])]))
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
        f"Con los pesos en bf16, el curso escribe {number(_write_speed(result, 'write_one'))} y "
        f"{number(_write_speed(result, 'write_batch'))} tokens/s. La pérdida en el relato pasa de "
        f"{spanish(bf16['loss_fp32'], 4)} a {spanish(bf16['loss_bf16'], 4)} y el token más probable es el "
        f"mismo en el {spanish(100 * bf16['same_bf16'], 1)} % de los lugares ({bf16['weights']}).",
    ]
    if result.get("medium"):
        found.append(_medium_note(result))
    found += _other_notes(result)
    if result.get("stories"):
        found += _story_notes(result["stories"])
    found += [f"Sin medir: `{name}`, {reason}." for name, reason in result["failed"].items()]
    if result.get("gpu"):
        gpu = result["gpu"]
        found.append(
            f"GPU ({gpu['name']}): {number(gpu['tokens_per_second'])} tokens/s al entrenar en bf16 con "
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
        what = f"Entrenar con {stories['batch']} cuentos, AdamW, {_threads(threads)}"
        found.append(f"{what}: {shown} tokens/s{gain}.")
    if "halved" in stories:
        halved, shown = stories["halved"], []
        for threads, speed in halved["speeds"].items():
            gain = spanish(speed / stories["speeds"][threads][OURS], 2)
            shown.append(f"{spanish(round(speed))} tokens/s ({_threads(threads)}, {gain}× lo de float32)")
        found.append(
            f"Lo mismo con los productos en bf16: {' y '.join(shown)}; tras {halved['steps']} pasos la "
            f"pérdida es {spanish(halved['loss'], 4)}, y en float32, {spanish(halved['loss_fp32'], 4)}."
        )
    return [
        *found,
        *(f"Sin medir con los cuentos: `{name}`, {why}." for name, why in stories["failed"].items()),
    ]


def _threads(count):
    return f"{count} hilo" if count == "1" else f"{count} hilos"


def _other_notes(result):
    """GPT-2 pequeño con el `Trainer` de transformers, y el curso con los productos en bf16."""
    label, _, tokens = descriptions(result["sizes"])["train"]
    plain, others, found = result["tasks"]["train"][OURS], result.get("others", {}), []
    if TRAINER in others:
        seconds = others[TRAINER]["seconds"]
        found.append(
            f"`{TRAINER}`: {label}, {number(tokens / seconds)} tokens/s; ventaja, "
            f"{spanish(seconds / plain, 2)}×."
        )
    if HALVED in others:
        halved = others[HALVED]
        found.append(
            f"`{HALVED}`: {label}, {number(tokens / halved['seconds'])} tokens/s, "
            f"{spanish(plain / halved['seconds'], 2)}× lo de float32; la última pérdida medida es "
            f"{spanish(halved['loss'], 4)}, y en float32, {spanish(halved['ours'], 4)}."
        )
    return found


def _medium_note(result):
    bf16, plain = result["bf16"], result["tasks"]
    gains = []
    for task, measured in result["medium"].items():
        rivals = [value for name, value in plain[task].items() if name != OURS]
        if rivals:
            label = descriptions(result["sizes"])[task][0]
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


def _write_speed(result, task):
    """None si tardaba tanto que no se midió."""
    batch, _, count = result["sizes"]["write"][task]
    seconds = result["bf16"]["seconds"].get(task)
    return seconds and batch * count / seconds
