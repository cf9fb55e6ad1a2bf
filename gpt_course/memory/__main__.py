"""La cuenta de memoria en la terminal: `python -m gpt_course.memory --model gpt2-xl --ram 8GiB`."""

import argparse
import json
import re
import sys

from gpt_course.command import BadInput, Parser, prepare_streams
from gpt_course.config import GPT2_CONFIGS, MODERN_CONFIGS, STORY_CONFIG
from gpt_course.memory.advice import advice, verdict, with_margin
from gpt_course.memory.ledger import inference_peak, training_peak
from gpt_course.memory.plan import DTYPES, MOMENTS, Plan
from gpt_course.memory.report import summary, table
from gpt_course.memory.units import parse_size

MODELS = {**GPT2_CONFIGS, "cuentos": STORY_CONFIG, **MODERN_CONFIGS}
CONFIG_COUNTS = ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers")
_PROGRAM = ["python", "-m", "gpt_course.memory"]
_EXAMPLE = " ".join([*_PROGRAM, "--model", "gpt2", "--batch", "4", "--seq", "512", "--ram", "8GiB"])


def main(arguments=None):
    """Imprime la cuenta; devuelve el código de salida: 0, o 2 si la orden no sirve."""
    prepare_streams()
    try:
        options = read(arguments)
        plan = make_plan(options)
        ram = read_ram(options.ram)
    except (BadInput, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    try:
        print(_as_json(options, plan, ram) if options.json else _as_text(options, plan, ram))
        sys.stdout.flush()
    except BrokenPipeError:  # quien leía se fue, como en `| head -1`
        sys.stdout = None
    return 0


def _as_text(options, plan, ram):
    return table(plan, options.model) + (f"\n\n{verdict(plan, ram)}" if ram else "")


def _as_json(options, plan, ram):
    found = {"model": options.model, **summary(plan)}
    if ram:
        peaks = {"training": training_peak, "inference": inference_peak}
        fits = {task: peak(plan) <= ram for task, peak in peaks.items()}
        tight = (task for task, peak in peaks.items() if with_margin(peak(plan)) > ram)
        tips = {task: advice(plan, ram, peaks[task]) for task in tight}
        found |= {"ram_bytes": ram, "fits": fits, "advice": tips}
    return json.dumps(found, indent=2, ensure_ascii=False)


def read(arguments):
    """Las opciones de la terminal. Lanza `BadInput` con una frase en español."""
    parser = Parser(
        "gpt_course.memory", "Predice la memoria y las operaciones de un GPT, sin crearlo.", _EXAMPLE
    )
    add = parser.add
    add("--model", default="gpt2", help=f"uno de {', '.join(MODELS)} (de serie, gpt2)")
    add("--batch", help="frases por lote, B (de serie, 1)")
    add("--seq", help="tokens por frase, T (de serie, context_length)")
    add("--dtype", default="fp32", help=f"uno de {', '.join(DTYPES)} (de serie, fp32)")
    add("--optimizer", default="adamw", help=f"uno de {', '.join(MOMENTS)} (de serie, `adamw`)")
    add("--attention", help="`sdpa` o `explicit`; con dropout es siempre `explicit`")
    add("--accumulation", help="lotes por paso del optimizador (de serie, 1)")
    add("--checkpointing", action="store_true", help="calcula otra vez los bloques al ir hacia atrás")
    for name in (*CONFIG_COUNTS, "drop_rate"):
        add(_flag(name), help=f"cambia {name}")
    for name in ("qkv_bias", "tie_weights"):
        add(_flag(name), action=argparse.BooleanOptionalAction, help=f"cambia {name}")
    add("--ram", help="memoria del equipo, como 8GiB: dice si cabe y qué lo haría caber")
    add("--json", action="store_true", help="la cuenta como JSON, con los tamaños en bytes")
    return parser.read(arguments)


def make_plan(options):
    """El plan que piden las opciones: el modelo de partida, con los cambios de cada una."""
    if options.model not in MODELS:
        raise BadInput(f"`--model` debe ser uno de {', '.join(MODELS)}; llegó {options.model!r}.")
    if options.attention not in (None, "sdpa", "explicit"):
        raise BadInput(f"`--attention` debe ser `sdpa` o `explicit`; llegó {options.attention!r}.")
    given = {name: value for name, value in vars(options).items() if value is not None}
    changes = {name: _count(name, given[name]) for name in CONFIG_COUNTS if name in given}
    changes |= {name: given[name] for name in ("qkv_bias", "tie_weights") if name in given}
    if options.drop_rate is not None:
        changes["drop_rate"] = _rate(options.drop_rate)
    plan = Plan(
        {**MODELS[options.model], **changes},
        **{name: _count(name, given[name]) for name in ("batch", "seq", "accumulation") if name in given},
        dtype=options.dtype,
        optimizer=options.optimizer,
        explicit=options.attention == "explicit",
        checkpointing=options.checkpointing,
    )
    if options.attention == "sdpa" and plan.has_dropout:
        raise BadInput("Con dropout la atención es explícita: añade `--drop-rate 0` para usar `sdpa`.")
    return plan


def read_ram(text):
    """Bytes de `--ram`, o None si no se dio."""
    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise BadInput(f"`--ram` no se entiende. {error}") from None


def _flag(name):
    return "--" + name.replace("_", "-")


def _count(name, text):
    limit = 10**4 if name == "n_layers" else 10**8
    if not re.fullmatch(r"\d{1,9}", text) or not 1 <= int(text) <= limit:
        raise BadInput(f"`{_flag(name)}` debe ser un entero de 1 a {limit}; llegó {text!r}.")
    return int(text)


def _rate(text):
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"`--drop-rate` debe ser un número del intervalo [0, 1); llegó {text!r}.") from None


if __name__ == "__main__":
    sys.exit(main())
