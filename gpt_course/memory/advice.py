"""¿Cabe? Y si no, qué cambios harían que cupiera: se prueban todas las combinaciones."""

import itertools
import math
from dataclasses import replace

from gpt_course.memory.ledger import inference_peak, training_peak
from gpt_course.memory.units import UNITS


def with_margin(size):
    """Lo que conviene tener para un pico de `size` bytes: el propio proceso y el sistema también ocupan."""
    return 1.1 * size + UNITS["GiB"] / 2


def verdict(plan, ram):
    """¿Cabe en `ram` bytes? Una frase por respuesta: entrenar, generar y, sin margen, qué cambiar.

    «Cabe muy justo» es que cabe el pico, pero no su margen (`with_margin`).
    """
    lines = []
    for task, peak in (("Entrenar", training_peak), ("Generar", inference_peak)):
        need = peak(plan)
        tight = with_margin(need) > ram
        fits = "no cabe" if need > ram else "cabe muy justo" if tight else "cabe"
        lines.append(
            f"{task}: {fits} en {_size(ram)}; el pico es de {_size(need)}, aparte del propio proceso."
        )
        if tight:
            lines.append(f"  {advice(plan, ram, peak)}")
    return "\n".join(lines)


def advice(plan, ram, peak):
    """Qué cambio basta por sí solo; si no basta ninguno, los menos que bastan juntos; si no, cuánto falta.

    Basta lo que deja en `ram` el pico con su margen. peak: `training_peak` o `inference_peak`. Prueba todas
    las combinaciones de cambios.
    """
    levers = _levers(plan, training=peak is training_peak)
    lowest, best = peak(plan), []
    for count in range(1, len(levers) + 1):
        enough = []
        for chosen in itertools.combinations(levers, count):
            strongest = _apply(plan, [options[-1] for options in chosen])
            if with_margin(peak(strongest)) <= ram:
                enough.append(_mildest(plan, chosen, ram, peak))
            elif peak(strongest) < lowest:
                lowest, best = peak(strongest), [options[-1] for options in chosen]
        if enough and count == 1:
            return f"Basta con uno de estos cambios: {'; '.join(name for ((name, _),) in enough)}."
        if enough:
            changed = _size(peak(_apply(plan, enough[0])))
            return f"Con estos cambios a la vez, el pico baja a {changed}: {_names(enough[0])}."
    if not best:
        return "Ningún cambio de los que conocemos lo baja: hace falta un modelo menor."
    need, tried = _size(with_margin(lowest)), _names(best)
    return f"Ni con todo lo que ayuda ({tried}): harían falta {need}, con su margen. Prueba un modelo menor."


def _levers(plan, *, training):
    """Palancas que cambian el plan; cada una, sus opciones de más suave a más fuerte: (nombre, campos)."""
    cfg, accumulation = plan.cfg, plan.accumulation
    pairs = ((n, plan.batch // n) for n in range(1, math.isqrt(plan.batch) + 1) if plan.batch % n == 0)
    batches = sorted({size for pair in pairs for size in pair} - {plan.batch}, reverse=True)
    how = " acumulados" if training else ""
    levers = [
        [(f"lotes de {_phrases(b)}{how}", _batch(plan, b, accumulation, training)) for b in batches],
        [("sin dropout, con SDPA", {"cfg": {**cfg, "drop_rate": 0.0}, "explicit": False})],
        [("bf16 en todo", {"dtype": "bf16"})],
        [(f"frases de {seq} tokens", {"seq": seq}) for seq in (plan.seq // 2, plan.seq // 4) if seq],
    ]
    if training:
        levers.insert(2, [("recomputación de los bloques", {"checkpointing": True})])
        levers.append([("SGD como optimizador", {"optimizer": "sgd"})])
    return [options for options in levers if options and replace(plan, **options[-1][1]) != plan]


def _batch(plan, batch, accumulation, training):
    return {"batch": batch, "accumulation": accumulation * plan.batch // batch if training else accumulation}


def _phrases(count):
    return "1 frase" if count == 1 else f"{count} frases"


def _mildest(plan, chosen, ram, peak):
    """La combinación más suave de opciones que cabe en `ram` con su margen."""
    return next(mix for mix in itertools.product(*chosen) if with_margin(peak(_apply(plan, mix))) <= ram)


def _apply(plan, changes):
    for _, fields in changes:
        plan = replace(plan, **fields)
    return plan


def _names(changes):
    return "; ".join(name for name, _ in changes)


def _size(size):
    """Un tamaño en GiB; si es pequeño, en MiB o en bytes."""
    unit = next((unit for unit in ("GiB", "MiB") if size >= UNITS[unit] / 10), "B")
    return f"{size:,} B" if unit == "B" else f"{size / UNITS[unit]:,.2f} {unit}"
