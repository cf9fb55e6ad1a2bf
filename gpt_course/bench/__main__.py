"""La comparación en la terminal: `python -m gpt_course.bench`; el avance sale por la salida de errores."""

import argparse
import json
import sys
from pathlib import Path

import torch

from gpt_course.bench.contenders import CONTENDERS
from gpt_course.bench.gpu import measure_gpu
from gpt_course.bench.report import merged, rows
from gpt_course.bench.rounds import CFG, SIZES, installed, machine, run
from gpt_course.bench.stories import run_stories
from gpt_course.bench.table import table

_MISSING = (
    "No está {}, y se mide a los demás. Lo traen `pip install -e .[bench]` y "
    "`pip install --no-deps litgpt llms-from-scratch`."
)


def main(arguments=None):
    """Mide e imprime la tabla; devuelve el código de salida: 0, 2 si algo falla o 130 si se interrumpe."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # una terminal sin acentos recibe «?» y no un error
            stream.reconfigure(errors="replace")
    try:
        contenders = installed()
        options = _read(arguments, alone=len(contenders) == 1)
        for name in CONTENDERS.keys() - contenders.keys():
            print(_MISSING.format(name), file=sys.stderr)
        sizes = {**SIZES, "threads": options.threads}
        if options.only:
            result = _measured(Path(options.save))
        else:
            result = run(contenders, rounds=options.rounds, sizes=sizes, real=options.weights)
            _add_gpu(result)
        result["stories"] = run_stories(contenders, rounds=options.rounds)
        if options.save:  # antes que nada: ha costado un cuarto de hora
            _save(result, Path(options.save))
        print(json.dumps(result, indent=1, ensure_ascii=False) if options.json else table(result), flush=True)
        if options.plot:
            _plot(result, options.plot)
    except (RuntimeError, ValueError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrumpido: lo medido hasta ahora no se guarda.", file=sys.stderr)
        return 130
    return 0


def _read(arguments, alone):
    parser = argparse.ArgumentParser(
        usage=" ".join(["python", "-m", "gpt_course.bench", "[opciones]"]),
        description="Mide la velocidad de este GPT-2 y de los que haya instalados, en este equipo.",
        exit_on_error=False,
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument_group("Opciones").add_argument
    add("-h", "--help", action="store_true", help="muestra esta ayuda")
    add("--rounds", type=int, default=3, help="vueltas alternadas (de serie, 3)")
    add("--threads", type=int, default=2, help="hilos de PyTorch (de serie, 2)")
    add("--only", choices=["cuentos"], help="mide solo eso, y lo demás lo toma de `--save`")
    add("--weights", help="carpeta con los pesos publicados, para medir lo que pierde bf16")
    add("--plot", help="dibuja la comparación en este archivo, .svg o .png")
    add("--save", help="añade lo medido a este archivo .json, o lo cambia si ya está este procesador")
    add("--json", action="store_true", help="todo lo medido, como JSON")
    try:
        options, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise ValueError(f"No se entiende {error.argument_name}. Mira las opciones con `--help`.") from None
    if options.help:
        print(parser.format_help().replace("usage:", "Uso:", 1))
        sys.exit(0)
    if unknown:
        raise ValueError(f"No existe la opción {unknown[0]!r}. Mira las que hay con `--help`.")
    for name in ("rounds", "threads"):
        if not 1 <= getattr(options, name) <= 1000:
            raise ValueError(f"`--{name}` debe ser un entero de 1 a 1000; llegó {getattr(options, name)}.")
    if options.weights and not Path(options.weights, "model.safetensors").is_file():
        raise ValueError(f"`--weights` espera una carpeta con model.safetensors; llegó {options.weights!r}.")
    if options.save and not (options.save.endswith(".json") and Path(options.save).parent.is_dir()):
        raise ValueError(
            f"`--save` espera un archivo .json en una carpeta que exista; llegó {options.save!r}."
        )
    if options.only and not (options.save and Path(options.save).is_file()):
        raise ValueError("`--only` completa lo ya medido: di en qué archivo está con `--save`.")
    if options.plot:
        _check_plot(Path(options.plot), alone)
    return options


def _check_plot(path, alone):
    """Antes de medir un cuarto de hora, que el dibujo se pueda guardar."""
    if path.suffix not in (".svg", ".png") or not path.parent.is_dir():
        raise ValueError(
            f"`--plot` espera un archivo .svg o .png en una carpeta que exista; llegó {str(path)!r}."
        )
    if alone:
        raise ValueError("`--plot` compara, y no hay con quién: instala antes al menos otro contendiente.")


def _add_gpu(result):
    if torch.cuda.is_available():
        try:
            result["gpu"] = measure_gpu(CFG)
        except RuntimeError as error:  # lo demás ya está medido
            result["failed"]["GPU"] = str(error)


def _measured(path):
    """Lo que ya se midió en este procesador."""
    processor = machine(threads=2)["processor"]
    for result in json.loads(path.read_text(encoding="utf-8")):
        if result["machine"]["processor"] == processor:
            return result
    raise ValueError(
        f"En {path} no hay nada medido en este procesador ({processor}). Mide antes sin `--only`."
    )


def _save(result, path):
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    text = json.dumps(merged(before, result), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _plot(result, path):
    from gpt_course.plotting.bench import plot_speed

    plot_speed(rows(result)).figure.savefig(path)


if __name__ == "__main__":
    sys.exit(main())
