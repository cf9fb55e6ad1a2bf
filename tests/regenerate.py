"""Vuelve a ejecutar los cuadernos y a dibujar `imgs/`: lo llama `python3 curso.py regenerar`.

Cada cuaderno se ejecuta en un núcleo nuevo y se guarda normalizado, de modo que repetirlo en la misma
máquina no cambia nada. Si una celda falla, el cuaderno queda como estaba.
"""

import base64
import contextlib
import copy
import io
import json
import re
import sys
import time
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from gpt_course.bench.report import rows
from gpt_course.config import GPT_CONFIG_124M
from gpt_course.plotting.bench import plot_machines
from gpt_course.plotting.diagrams import draw_architecture, draw_map

matplotlib.use("Agg")  # sin ventanas
ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
MEASURED = ROOT / "gpt_course" / "bench" / "measured.json"  # lo midió python -m gpt_course.bench --save
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FIGURES = {
    "00_mapa.svg": lambda: draw_map([]),
    "01_mapa.svg": lambda: draw_map(["tokens"]),
    "02_mapa.svg": lambda: draw_map(["incrustaciones"]),
    "03_mapa.svg": lambda: draw_map(["atencion"]),
    "04_mapa.svg": lambda: draw_map(["capas"]),
    "05_mapa.svg": lambda: draw_map(["bloque"]),
    "06_arquitectura.svg": lambda: draw_architecture(GPT_CONFIG_124M),
    "06_mapa.svg": lambda: draw_map(["modelo"]),
    "07_mapa.svg": lambda: draw_map(["generacion"]),
    "08_mapa.svg": lambda: draw_map(["incrustaciones", "cabeza"]),
    "09_mapa.svg": lambda: draw_map(["modelo"]),
    "11_mapa.svg": lambda: draw_map(["atencion", "generacion"]),
    "12_mapa.svg": lambda: draw_map(["modelo"]),
    "velocidad.svg": lambda: plot_machines(
        {
            each["machine"]["processor"]: rows(each)
            for each in json.loads(MEASURED.read_text(encoding="utf-8"))
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
NOT_A_NOTEBOOK = (ValueError, TypeError, AttributeError, KeyError)  # lo que da nbformat con otra cosa
CAPTION = "**Figura "  # la celda de texto que sigue a una figura empieza así y es su texto alternativo


class CannotRegenerate(Exception):
    """Un cuaderno no se puede ejecutar; el texto dice cuál y por qué."""


def main(arguments):
    if any(argument.startswith("-") for argument in arguments):
        return "Uso: python3 curso.py regenerar [cuaderno…]   (sin cuadernos: todos, y también imgs/)"
    paths = [Path(argument).resolve() for argument in arguments] or lessons()
    for path in paths:
        if path.suffix != ".ipynb" or not path.is_file():
            return f"Se esperaba la ruta de un cuaderno .ipynb; llegó {path}, que no existe o no lo es."
    try:
        if not arguments:
            draw_figures(ROOT / "imgs")
        for path in paths:
            regenerate(path)
    except CannotRegenerate as error:
        return str(error)
    except OSError as error:
        return f"No se pudo escribir: {error}. Comprueba el espacio y los permisos y repite la orden."
    except KeyboardInterrupt:
        return "Interrumpido. El cuaderno que se estaba ejecutando queda como estaba."
    return 0


def lessons():
    """Los cuadernos del curso; los que JupyterLab deja en .ipynb_checkpoints no lo son."""
    paths = sorted(NOTEBOOKS.rglob("[0-9]*.ipynb"))
    return [path for path in paths if not is_hidden(path.relative_to(ROOT))]


def is_hidden(path):
    return any(part.startswith(".") for part in path.parts)


def regenerate(path):
    print(f"{path.name}: ", end="", flush=True)
    start = time.perf_counter()
    try:
        notebook, memory = execute(path)
    except (CellExecutionError, DeadKernelError, CellTimeoutError, *NOT_A_NOTEBOOK) as error:
        raise CannotRegenerate(
            f"{path.name} no se pudo ejecutar y queda como estaba. Corrígelo y repite la orden:\n{error}"
        ) from error
    save(notebook, path)
    print(f"{time.perf_counter() - start:.0f} s, memoria máxima {memory}")


def draw_figures(folder):
    """Dibuja en `folder` los SVG de `FIGURES`, siempre con los mismos bytes."""
    folder.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "gpt_course"}):
        for name, draw in FIGURES.items():
            figure = draw().figure
            figure.savefig(folder / name, metadata={"Date": None})
            plt.close(figure)


def execute(path):
    """Ejecuta un cuaderno en su carpeta; devuelve el cuaderno normalizado y su memoria. No escribe nada."""
    notebook = nbformat.read(path, as_version=4)
    measured = {cell.id: cell.outputs for cell in notebook.cells if is_not_compared(cell) and cell.outputs}
    drawn = {cell.id: list(_images(cell)) for cell in notebook.cells}
    notebook.cells.append(nbformat.v4.new_code_cell(MEASURE))
    resources = {"metadata": {"path": str(path.parent)}}
    quiet = ["--log-level=ERROR"]  # el núcleo avisa de que habla por TCP; aquí no sale de la máquina
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=resources, extra_arguments=quiet
    ).execute()
    memory = notebook.cells.pop().outputs[0].text
    for cell in notebook.cells:
        if cell.id in measured and _shape(measured[cell.id]) == _shape(cell.outputs):
            cell.outputs = measured[cell.id]
        for old, new in zip(drawn.get(cell.id, []), _images(cell), strict=False):
            if _looks_the_same(old["image/png"], new["image/png"]):
                new["image/png"] = old["image/png"]
    return normalise(notebook), memory


def _shape(outputs):
    """Una salida sin sus cifras: la de una medida se conserva si lo demás no cambia."""
    texts = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in _merge(outputs))
    return [re.sub(r"[\s\d.,]+", " ", text) for text in texts]


def _images(cell):
    """Los datos de cada salida de una celda que es una figura."""
    return (output.data for output in cell.get("outputs", []) if "image/png" in output.get("data", {}))


def _looks_the_same(old, new):
    """¿Se ven igual dos PNG? Con otro procesador, un color puede cambiar en una o dos partes de 255."""
    old, new = (plt.imread(io.BytesIO(base64.b64decode(data))) for data in (old, new))
    return old.shape == new.shape and abs(old - new).max() < 4 / 255


def is_not_compared(cell):
    return "nbval-ignore-output" in cell.metadata.get("tags", [])


def save(notebook, path):
    """Escribe el cuaderno entero o nada: un corte a mitad no deja el archivo a medias."""
    partial = path.with_suffix(".ipynb.partial")
    try:
        partial.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def normalise(notebook):
    """Quita de un cuaderno lo que depende de la máquina o del editor y describe sus figuras."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for cell, following in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": sorted(tags)} if tags else {})
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [_normalise_output(output, count, following) for output in _merge(cell.outputs)]
    return notebook


def _merge(outputs):
    """Junta los trozos seguidos de un mismo flujo: cuántos llegan depende del momento."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == "stream" == last.output_type and output.name == last.name:
            last.text += output.text
        else:
            merged.append(copy.copy(output))  # sin tocar las que llegan: se leen más de una vez
    for output in merged:
        if output.output_type == "stream":  # una barra de progreso se reescribe: queda su último estado
            output.text = re.sub(r"[^\n]*\r(?=[^\n])", "", output.text)
    return merged


def _normalise_output(output, count, following):
    if output.output_type == "error":  # la traza lleva rutas de esta máquina; basta su última línea
        output.traceback = [f"{output.ename}: {output.evalue}"]
    if "execution_count" in output:
        output.execution_count = count
    if "metadata" in output:
        alt = _caption(following) if "image/png" in output.data else ""
        output.metadata = nbformat.from_dict({"image/png": {"alt": alt}} if alt else {})
    return output


def _caption(cell):
    """Texto alternativo de una figura: el pie que la sigue, sin marcas."""
    if cell is None or cell.cell_type != "markdown" or not cell.source.startswith(CAPTION):
        return ""
    return " ".join(cell.source.split("\n\n")[0].replace("*", "").replace("`", "").replace("$", "").split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
