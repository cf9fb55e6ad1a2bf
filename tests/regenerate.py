"""Vuelve a ejecutar los cuadernos y a dibujar `imgs/`: lo llama `python3 curso.py regenerar`.

Cada cuaderno se ejecuta en un núcleo nuevo y se guarda normalizado, de modo que repetirlo en la misma
máquina no cambia nada. Si una celda falla, el cuaderno queda como estaba.
"""

import signal
import sys

if __name__ == "__main__":  # mientras se cargan las bibliotecas no hay nada a medias: Ctrl-C acaba sin más
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import base64
import contextlib
import io
import json
import re
import time
from functools import partial
from pathlib import Path

import manifest
import matplotlib
import matplotlib.pyplot as plt
import nbformat
import repository
from canonical import error_of, is_not_compared, merge, normalise
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

import ajustes
from gpt_course.bench.report import rows
from gpt_course.plotting.bench import plot_machines
from gpt_course.plotting.diagrams import draw_map

matplotlib.use("Agg")  # sin ventanas
ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
MEASURED = ROOT / "gpt_course" / "bench" / "measured.json"  # lo midió python -m gpt_course.bench --save
FIGURES = {
    **{
        f"{lesson.number}_mapa.svg": partial(draw_map, lesson.map)
        for lesson in manifest.read()
        if lesson.ready
    },
    "velocidad.svg": lambda: plot_machines(
        {
            each["machine"]["processor"]: rows(each)
            for each in json.loads(MEASURED.read_text(encoding="utf-8"))
            if "medium" in each  # los que se midieron cuando aún no se redondeaba tienen otras filas
        }
    ),
}
# Última celda, que no se guarda: la memoria que llegó a ocupar el núcleo (en KiB en Linux; bytes en macOS).
MEASURE = """import builtins, sys
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    builtins.print(f"{peak / 2**30:.2f} GiB", end="")
except ImportError:
    builtins.print("desconocida en Windows", end="")
"""
MAY_FAIL = "raises-exception"  # la etiqueta con que nbclient no se detiene en una celda que falla
NOT_A_NOTEBOOK = (ValueError, TypeError, AttributeError, KeyError)  # lo que da nbformat con otra cosa


class CannotRegenerate(Exception):
    """Un cuaderno no se puede ejecutar; el texto dice cuál y por qué."""


def main(arguments):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if any(argument.startswith("-") for argument in arguments):
        return "Uso: python3 curso.py regenerar [cuaderno…]   (sin cuadernos: todos, y también imgs/)"
    paths = [Path(argument).resolve() for argument in arguments] or lessons()
    for path in paths:
        if path.suffix != ".ipynb" or not path.is_file():
            return f"Se esperaba la ruta de un cuaderno .ipynb; llegó {path}, que no existe o no lo es."
    try:
        if not arguments:
            manifest.write()
            draw_figures(ROOT / "imgs")
        for path in paths:
            regenerate(path)
    except (CannotRegenerate, ValueError) as error:  # ValueError: lo que dice el manifiesto no puede ser
        return str(error)
    except OSError as error:
        return f"No se pudo escribir: {error}. Comprueba el espacio y los permisos y repite la orden."
    except KeyboardInterrupt:
        print("\nInterrumpido. El cuaderno que se estaba ejecutando queda como estaba.", file=sys.stderr)
        return 130
    return 0


def lessons():
    """Los cuadernos del curso: los del manifiesto, no los que alguien deje a su lado."""
    return [path for path in manifest.notebooks() if path.exists()]


def regenerate(path):
    print(f"{path.name}: ", end="", flush=True)
    start = time.perf_counter()
    try:
        notebook, memory = execute(path, saved_by_git(path))
    except (CellExecutionError, DeadKernelError, CellTimeoutError, *NOT_A_NOTEBOOK) as error:
        raise CannotRegenerate(
            f"{path.name} no se pudo ejecutar y queda como estaba. Corrígelo y repite la orden:\n{error}"
        ) from error
    save(notebook, path)
    print(f"{time.perf_counter() - start:.0f} s, memoria máxima {memory}")
    for cell in filter(error_of, filter(is_not_compared, notebook.cells)):
        print(f"  La celda {cell.execution_count}, que no se compara, da un error: {error_of(cell)}")


def saved_by_git(path):
    """El cuaderno que git guarda, o None si no guarda ninguno."""
    saved = repository.saved(path)
    return None if saved is None else nbformat.reads(saved.decode("utf-8"), as_version=4)


def draw_figures(folder):
    """Dibuja en `folder` los SVG de `FIGURES`, siempre con los mismos bytes."""
    folder.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "gpt_course"}):
        for name, draw in FIGURES.items():
            figure = draw().figure
            figure.savefig(folder / name, metadata={"Date": None})
            plt.close(figure)


def execute(path, saved=None):
    """Ejecuta un cuaderno en su carpeta; devuelve el cuaderno normalizado y su memoria. No escribe nada.

    `saved` es el cuaderno que git guarda. Una celda que no se compara conserva la salida guardada si su
    código es el mismo y solo cambian las cifras; si es otro, es de quien estudia y puede dar un error.
    """
    notebook = nbformat.read(path, as_version=4)
    known = {cell.id: cell for cell in (saved.cells if saved else []) if is_not_compared(cell)}
    answers = [
        cell
        for cell in notebook.cells
        if is_not_compared(cell) and cell.source != known.get(cell.id, {}).get("source")
    ]
    drawn = {cell.id: list(_images(cell)) for cell in notebook.cells}
    memory = run(notebook, path.parent, answers)
    for cell in notebook.cells:
        if is_not_compared(cell) and cell not in answers and _shape(known[cell.id]) == _shape(cell):
            cell.outputs = known[cell.id].outputs
        for old, new in zip(drawn.get(cell.id, []), _images(cell), strict=False):
            if _looks_the_same(old["image/png"], new["image/png"]):
                new["image/png"] = old["image/png"]
    return normalise(notebook), memory


def run(notebook, folder, may_fail):
    """Ejecuta las celdas en un núcleo nuevo y deja en ellas sus salidas; devuelve la memoria que ocupó."""
    notebook.cells.append(nbformat.v4.new_code_cell(MEASURE))
    for cell in may_fail:
        cell.metadata.tags = [*cell.metadata.tags, MAY_FAIL]
    resources = {"metadata": {"path": str(folder)}}
    # El núcleo avisa de que habla por TCP, que aquí no sale de la máquina, y se queja si se le interrumpe.
    quiet = ["--log-level=CRITICAL"]
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=resources, extra_arguments=quiet
    )

    async def interruptible():
        # nbclient trata Ctrl-C como un núcleo que muere solo; así llega hasta aquí como lo que es.
        asyncio.get_running_loop().add_signal_handler = lambda *_: None
        try:
            unrecorded = {"GPT_CURSO_SIN_REGISTRO": "1"}  # lo que llevas hecho no es una salida
            await client.async_execute(env={**ajustes.environment(str(ROOT)), **unrecorded})
        except DeadKernelError:
            if asyncio.current_task().cancelling():
                raise asyncio.CancelledError from None
            raise

    # En Windows, el bucle de serie de asyncio no sirve para hablar con el núcleo.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(interruptible())
    for cell in may_fail:
        cell.metadata.tags = cell.metadata.tags[:-1]
    return notebook.cells.pop().outputs[0].text


def _shape(cell):
    """Las salidas de una celda sin sus cifras: las de una medida se conservan si lo demás no cambia."""
    outputs = merge(cell.outputs)
    texts = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
    return [re.sub(r"[\s\d.,]+", " ", text) for text in texts]


def _images(cell):
    """Los datos de cada salida de una celda que es una figura."""
    return (output.data for output in cell.get("outputs", []) if "image/png" in output.get("data", {}))


def _looks_the_same(old, new):
    """¿Se ven igual dos PNG? Con otro procesador, un color puede cambiar en una o dos partes de 255."""
    old, new = (plt.imread(io.BytesIO(base64.b64decode(data))) for data in (old, new))
    return old.shape == new.shape and abs(old - new).max() < 4 / 255


def save(notebook, path):
    """Escribe el cuaderno entero o nada: un corte a mitad no deja el archivo a medias."""
    partial = path.with_suffix(".ipynb.partial")
    try:
        partial.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
