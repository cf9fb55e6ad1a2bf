"""La comparación en la terminal: `python -m gpt_course.bench`; el avance sale por la salida de errores."""

import argparse
import json
import sys
from pathlib import Path

import torch

from gpt_course.bench.gpu import measure_gpu
from gpt_course.bench.report import table
from gpt_course.bench.rounds import CFG, CONTENDERS, SIZES, installed, run

_MISSING = (
    "No está {}: `pip install -e .[bench]` y `pip install --no-deps litgpt llms-from-scratch` lo traen. "
    "Se mide a los demás."
)


def main(arguments=None):
    """Mide e imprime la tabla; devuelve el código de salida: 0, o 2 si la orden no sirve o algo falla."""
    try:
        options = _read(arguments)
        contenders = installed()
        for name in CONTENDERS.keys() - contenders.keys():
            print(_MISSING.format(name), file=sys.stderr)
        sizes = {**SIZES, "threads": options.threads}
        result = run(contenders, rounds=options.rounds, sizes=sizes, real=options.weights)
        if torch.cuda.is_available():
            result["gpu"] = measure_gpu(CFG)
        if options.plot:
            _plot(result, options.plot)
    except (RuntimeError, ValueError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, indent=1, ensure_ascii=False) if options.json else table(result))
    return 0


def _read(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m gpt_course.bench",
        description="Mide la velocidad de este GPT-2 y de los que haya instalados, en este equipo.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_argument("--rounds", type=int, default=3, help="vueltas alternadas (de serie, 3)")
    parser.add_argument("--threads", type=int, default=2, help="hilos de PyTorch (de serie, 2)")
    parser.add_argument("--weights", help="carpeta con los pesos publicados, para medir lo que pierde bf16")
    parser.add_argument("--plot", help="dibuja la comparación en este archivo, .svg o .png")
    parser.add_argument("--json", action="store_true", help="todo lo medido, como JSON")
    try:
        options, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise ValueError(f"No se entiende {error.argument_name}. Mira las opciones con --help.") from None
    if unknown:
        raise ValueError(f"No existe la opción {unknown[0]!r}. Mira las que hay con --help.")
    for name in ("rounds", "threads"):
        if not 1 <= getattr(options, name) <= 1000:
            raise ValueError(f"--{name} debe ser un entero de 1 a 1000; llegó {getattr(options, name)}.")
    if options.weights and not Path(options.weights).is_dir():
        raise ValueError(f"--weights espera una carpeta con model.safetensors; llegó {options.weights!r}.")
    if options.plot and Path(options.plot).suffix not in (".svg", ".png"):
        raise ValueError(f"--plot espera un archivo .svg o .png; llegó {options.plot!r}.")
    return options


def _plot(result, path):
    from gpt_course.bench.report import rows
    from gpt_course.plotting.bench import plot_speed

    plot_speed(rows(result)).figure.savefig(path)


if __name__ == "__main__":
    sys.exit(main())
