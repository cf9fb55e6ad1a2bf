"""La cuenta de memoria en la terminal: `python -m gpt_course.memory --model gpt2-xl --ram 8GiB`."""

import argparse
import json
import sys

from gpt_course.config import GPT2_CONFIGS
from gpt_course.memory.ledger import inference_peak, training_peak
from gpt_course.memory.plan import DTYPES, MOMENTS, Plan
from gpt_course.memory.report import summary, table, verdict
from gpt_course.memory.units import parse_size

_PROGRAM = ["python", "-m", "gpt_course.memory"]
_EXAMPLE = " ".join([*_PROGRAM, "--model", "gpt2", "--batch", "4", "--seq", "512", "--ram", "8GiB"])


class BadInput(Exception):
    """Lo que se escribió en la terminal no sirve; el texto es la única frase que se muestra."""


class _Parser(argparse.ArgumentParser):
    def error(self, message):  # por ejemplo, `argument --batch: expected one argument`
        option = message.split(":")[0].removeprefix("argument ")
        raise BadInput(f"No se entiende {option}: le falta su valor o le sobra. Por ejemplo: {_EXAMPLE}")

    def format_help(self):
        return super().format_help().replace("usage:", "Uso:", 1)


def main(arguments=None):
    """Imprime la cuenta; devuelve el código de salida: 0, o 2 si la orden no sirve."""
    try:
        options = read(arguments)
        plan = make_plan(options)
        ram = parse_size(options.ram) if options.ram is not None else None
    except (BadInput, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if options.json:
        found = {"model": options.model, **summary(plan)}
        if ram:
            fits = {"training": training_peak(plan) <= ram, "inference": inference_peak(plan) <= ram}
            found |= {"ram_bytes": ram, "fits": fits}
        print(json.dumps(found, indent=2))
    else:
        print(table(plan, options.model))
        if ram:
            print(f"\n{verdict(plan, ram)}")
    return 0


def read(arguments):
    """Las opciones de la terminal. Lanza `BadInput` con una frase en español."""
    parser = _Parser(
        usage=" ".join([*_PROGRAM, "[opciones]"]),
        description="Predice la memoria y las operaciones de un GPT, sin crearlo.",
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument_group("Opciones").add_argument
    add("--help", action="help", help="muestra esta ayuda")
    add("--model", default="gpt2", help=f"uno de {', '.join(GPT2_CONFIGS)} (de serie, gpt2)")
    add("--batch", default="1", help="frases por lote, B")
    add("--seq", help="tokens por frase, T (de serie, context_length)")
    add("--dtype", default="fp32", help=f"uno de {', '.join(DTYPES)}")
    add("--optimizer", default="adamw", help=f"uno de {', '.join(MOMENTS)}")
    add("--attention", help="`sdpa` o `explicit`; con dropout es siempre `explicit`")
    add("--accumulation", default="1", help="lotes por paso del optimizador")
    add("--checkpointing", action="store_true", help="calcula otra vez los bloques al ir hacia atrás")
    for name in ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers", "drop_rate"):
        add(_flag(name), dest=name, help=f"cambia {name}")
    for name in ("qkv_bias", "tie_weights"):
        add(_flag(name), dest=name, action=argparse.BooleanOptionalAction, help=f"cambia {name}")
    add("--ram", help="memoria del equipo, como 8GiB: dice si cabe y qué lo haría caber")
    add("--json", action="store_true", help="la cuenta como JSON, con los tamaños en bytes")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise BadInput(f"No existe la opción {unknown[0]!r}. Míralas con `--help`. Por ejemplo: {_EXAMPLE}")
    return options


def make_plan(options):
    """El plan que piden las opciones: el modelo publicado, con los cambios de cada una."""
    if options.model not in GPT2_CONFIGS:
        raise BadInput(f"--model debe ser uno de {', '.join(GPT2_CONFIGS)}; llegó {options.model!r}.")
    counts = ("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers")
    given = {name: value for name, value in vars(options).items() if value is not None}
    changes = {name: _number(name, given[name], int) for name in counts if name in given}
    changes |= {name: _number(name, given[name], float) for name in ("drop_rate",) if name in given}
    changes |= {name: given[name] for name in ("qkv_bias", "tie_weights") if name in given}
    plan = Plan(
        {**GPT2_CONFIGS[options.model], **changes},
        **{
            name: _number(name, given[name], int)
            for name in ("batch", "seq", "accumulation")
            if name in given
        },
        dtype=options.dtype,
        optimizer=options.optimizer,
        explicit=options.attention == "explicit",
        checkpointing=options.checkpointing,
    )
    if options.attention not in (None, "sdpa", "explicit"):
        raise BadInput(f"`--attention` debe ser `sdpa` o `explicit`; llegó {options.attention!r}.")
    if options.attention == "sdpa" and plan.has_dropout:
        raise BadInput("Con dropout la atención es explícita: añade `--drop-rate 0` para usar `sdpa`.")
    return plan


def _flag(name):
    return "--" + name.replace("_", "-")


def _number(name, text, kind):
    try:
        return kind(text)
    except ValueError:
        wanted = "un entero" if kind is int else "un número"
        raise BadInput(f"{_flag(name)} debe ser {wanted}; llegó {text!r}.") from None


if __name__ == "__main__":
    sys.exit(main())
