"""Entrenar desde la terminal: `python -m gpt_course.training --data cuentos --out mi_modelo`."""

import sys
from pathlib import Path

from gpt_course.command import BadInput, Parser, prepare_streams, to_number
from gpt_course.training.folder import find_rows, stored_settings
from gpt_course.training.optimizer import OPTIMIZERS
from gpt_course.training.run import Stopped, run
from gpt_course.training.schedule import SCHEDULES
from gpt_course.training.settings import CONFIGS, DTYPES, Settings
from gpt_course.training.torchrun import complain, joined

_EXAMPLE = " ".join(["python", "-m", "gpt_course.training", "--data", "cuentos", "--out", "mi_modelo"])
_WHOLE = {
    "steps": "pasos (de serie, 1500)",
    "batch": "filas por lote (de serie, 16)",
    "context": "tokens por fila; con `cuentos` no se elige (de serie, los de la configuración)",
    "accumulation": "lotes por paso (de serie, 1)",
    "warmup": "pasos en que la tasa sube (de serie, la décima parte, hasta 50)",
    "eval_every": "cada cuántos pasos se mide la validación (de serie, 100)",
    "eval_batches": "lotes con que se mide (de serie, 8)",
    "seed": "semilla de los pesos, los datos y el dropout (de serie, 123)",
    "save_every": "cada cuántos pasos se guarda (de serie, cuando se mide)",
    "keep": "cuántos de los últimos puntos de control se conservan, y además el mejor (de serie, 3)",
}
_DECIMAL = {
    "drop_rate": "probabilidad de dropout (de serie, la de la configuración)",
    "lr": "tasa de aprendizaje más alta (de serie, 5e-3 con `cuentos`, 6e-4 con `gpt2`, 1e-3 con las demás)",
    "weight_decay": "decaimiento de las matrices (de serie, 0.1)",
    "head_rate": "por cuánto se multiplica la tasa en la cabeza de salida (de serie, 1)",
    "sharpen": "al acabar, por cuánto se multiplican los logits del modelo (de serie, 1)",
    "clip": "norma máxima del gradiente; 0, sin límite (de serie, 1)",
}
_WORDS = {
    "schedule": f"cómo cambia la tasa: uno de {', '.join(SCHEDULES)} (de serie, `cosine`)",
    "optimizer": f"uno de {', '.join(OPTIMIZERS)} (de serie, `adamw`)",
    "dtype": f"uno de {', '.join(DTYPES)} (de serie, fp32)",
}


def main(arguments=None):
    """Entrena; devuelve el código de salida: 0, 2 si algo falla, o 130 o 143 si se interrumpe."""
    prepare_streams()
    try:
        options = read(arguments)
        settings = make_settings(options)
        with joined(fsdp=options.fsdp, device=options.device) as world:
            result = run(settings, options.out, resume=options.resume, progress=True, world=world)
            if world.main:
                print(summary(result.log, options.out))
                if options.plot:
                    plot(result.log, options.plot)
    except (BadInput, ValueError, OSError) as error:
        complain(f"Error: {error}")
        return 2
    except Stopped as stop:
        complain(f"{stop} Está guardado: para seguir, repite la orden con --resume.", shared=True)
        return 128 + stop.signal
    except KeyboardInterrupt:
        complain(
            "Interrumpido. Si ya había algún punto de control, la misma orden con --resume sigue desde ahí.",
            shared=True,
        )
        return 130
    return 0


def read(arguments):
    """Las opciones de la terminal. Errores: `BadInput`, con una frase."""
    parser = Parser(
        "gpt_course.training", "Entrena un GPT, y sigue donde se quedó si se interrumpe.", _EXAMPLE
    )
    add = parser.add
    add("--data", help="`cuentos`, `relato` o una carpeta de `python -m gpt_course.data`")
    add("--config", help=f"uno de {', '.join(CONFIGS)} o un archivo .json (de serie, según los datos)")
    add("--out", help="carpeta nueva para el modelo, el registro y los puntos de control")
    add("--resume", action="store_true", help="sigue la corrida que hay en `--out`, con sus mismas opciones")
    add("--tied", action="store_true", default=None, help="con la cabeza de salida vinculada")
    for name, text in (_WHOLE | _DECIMAL | _WORDS).items():
        add("--" + name.replace("_", "-"), help=text)
    add("--fsdp", action="store_true", help="con `torchrun`, cada proceso guarda solo su parte del modelo")
    add("--device", default="cpu", help="`cpu` o `cuda` (de serie, `cpu`)")
    add("--plot", help="dibuja al acabar las pérdidas en este archivo, .svg o .png")
    options = parser.read(arguments)
    if not options.out:
        raise BadInput(f"Falta `--out`, la carpeta en que se guarda todo. Por ejemplo: {_EXAMPLE}")
    if options.plot and (
        Path(options.plot).suffix not in (".svg", ".png") or not Path(options.plot).parent.is_dir()
    ):
        raise BadInput(
            f"`--plot` espera un archivo .svg o .png en una carpeta que exista; llegó {options.plot!r}."
        )
    return options


def make_settings(options):
    """Los `Settings` que se piden: al seguir una corrida, los suyos, con lo que cambie."""
    chosen = {name: value for name in ("data", "config", "tied") if (value := getattr(options, name))}
    for kinds, kind in ((_WHOLE, int), (_DECIMAL, float)):
        chosen |= {name: to_number(name, getattr(options, name), kind) for name in kinds}
    chosen |= {name: getattr(options, name) for name in _WORDS}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    rows = find_rows(options.out) if options.resume else []
    if rows:
        return Settings(**{**stored_settings(rows, options.out).as_dict(), **chosen})
    if "data" not in chosen:
        raise BadInput(f"Falta `--data`: cuentos, relato o una carpeta de tokens. Por ejemplo: {_EXAMPLE}")
    return Settings(**chosen)


def summary(rows, out):
    """Lo que se cuenta al acabar, en una frase por idea."""
    last = [row for row in rows if "validation" in row][-1]
    trained = [row for row in rows if "loss" in row][-1]
    speed = trained["tokens"] / max(trained["seconds"], 1e-9)
    lines = [
        f"{last['step']} pasos y {trained['tokens']} tokens en {trained['seconds']:.0f} s, a {speed:.0f} por "
        "segundo.",
        f"Pérdida de validación: {last['validation']:.4f} nats por token, {last['bits']:.4f} bits por token "
        f"y {last['bits_per_byte']:.4f} bits por byte.",
    ]
    if last["excess"] is not None:
        share = last["excess"] / (last["validation"] - last["excess"])
        lines.append(
            f"Quien sabe toda la gramática pierde {last['floor']:.4f} de media; el modelo, un "
            f"{100 * share:.2f} % más que él en esos cuentos."
        )
    return "\n".join([*lines, f"El modelo está en {out}."])


def plot(rows, path):
    """Dibuja las pérdidas de un registro en un archivo."""
    from gpt_course.plotting.training import plot_loss_curve

    plot_loss_curve({"": rows}, "Pérdida durante el entrenamiento", floor=rows[0]["floor"]).figure.savefig(
        path
    )


if __name__ == "__main__":
    sys.exit(main())
