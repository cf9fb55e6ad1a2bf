"""`python -m gpt_course.training.studies NOMBRE`: entrena las pruebas que faltan en un registro."""

import json
import platform
import sys

import torch
from tqdm import tqdm

from gpt_course.command import BadInput, Parser, prepare_streams
from gpt_course.stories import load_grammar
from gpt_course.training.studies import FOLDER, STUDIES, find_trial, read_study
from gpt_course.training.studies.trials import run_trial

PROGRAM = "gpt_course.training.studies"
EXAMPLE = "`python -m gpt_course.training.studies tasas`"


def main(arguments=None, folder=FOLDER):
    prepare_streams()
    parser = Parser(
        PROGRAM, "Entrena los experimentos de las lecciones 10 y 14 que faltan en su registro.", EXAMPLE
    )
    parser.add("estudio", nargs="?", metavar="ESTUDIO", help=f"cuál: {', '.join(STUDIES)}")
    try:
        name = parser.read(arguments).estudio
        if name not in STUDIES:
            raise BadInput(f"Se esperaba uno de {', '.join(STUDIES)}; llegó {name!r}. Por ejemplo: {EXAMPLE}")
        fill(name, folder)
    except (BadInput, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\nInterrumpido. Las pruebas acabadas están apuntadas: repite la orden y sigue.", file=sys.stderr
        )
        return 130
    return 0


def fill(name, folder):
    """Entrena las pruebas que faltan en `folder/name.jsonl`, las apunta y las deja en su orden."""
    torch.set_num_threads(1)
    trials, path = STUDIES[name](), folder / f"{name}.jsonl"
    found = read_study(name, folder)
    rows = [row for row in (find_trial(found, trial) for trial in trials) if row]
    _rewrite(path, [_header(name), *rows])
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        for trial in tqdm([trial for trial in trials if find_trial(rows, trial) is None], unit="prueba"):
            rows.append(run_trial(trial))
            file.write(_line(rows[-1]))
            file.flush()
    _rewrite(path, [_header(name), *(find_trial(rows, trial) for trial in trials)])


def _rewrite(path, lines):
    partial = path.with_name(path.name + ".nuevo")
    partial.write_text("".join(map(_line, lines)), encoding="utf-8", newline="\n")
    partial.replace(path)


def _header(name):
    machine = {"torch": torch.__version__, "processor": _processor(), "threads": 1}
    return {
        "command": " ".join(["python", "-m", PROGRAM, name]),
        **machine,
        "floor": load_grammar().entropy().nats_per_word,
    }


def _processor():
    """El nombre del procesador, como lo dice el sistema."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model n"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _line(row):
    return json.dumps(row, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
