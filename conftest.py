"""Cómo se ejecutan las pruebas del curso: en cuántos procesos, qué cuadernos y cómo se mira cada celda.

nbval compara las salidas al pie de la letra, no mira las figuras y, si un núcleo se detiene, espera más de
media hora y lo dice en inglés: aquí se cambian algunos métodos de cada celda. La tolerancia con que se
comparan está en tests/tolerance.py.
"""

import contextlib
import functools
import gc
import json
import os
import sys
import time
from pathlib import Path
from queue import Empty

import kernels
import manifest
import pytest
import repository
from tolerance import TolerantText

import ajustes

ROOT = Path(__file__).resolve().parent
BEFORE = dict(os.environ)
Stopped = pytest.fail.Exception


def _set_environment(variables):
    os.environ.clear()
    os.environ.update(variables)


# Los ajustes de quien escribe «pytest» a mano tampoco llegan al curso. Lo primero, porque tests/conftest.py
# importa matplotlib, que los lee entonces.
_set_environment(ajustes.environment(str(ROOT)))
os.environ["GPT_CURSO_SIN_REGISTRO"] = "1"  # lo que se prueba no es lo que hace quien estudia
if "PYTEST_XDIST_WORKER" in os.environ:
    # Un hilo en cada proceso (y en los núcleos que arranque): con más, los procesos se esperan unos a otros.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Lo que más tarda empieza antes, para que ningún proceso acabe mucho después que los demás.
SLOWEST = (
    *("test_notebooks.py", "10_entrenamiento.ipynb", "07_generacion_texto.ipynb"),
    *("13_mirar_por_dentro.ipynb", "test_training_run.py", "test_training_distributed.py"),
    *("test_weights.py", "test_models_stories.py", "test_memory_resident.py"),
    "08_vinculacion_de_pesos.ipynb",
)
QUICK_TESTS = ("config", "layers", "attention", "block", "model")
MEMORY_PER_WORKER = 2 * 2**30  # bytes: el proceso y el núcleo de un cuaderno


# --- Qué se ejecuta y dónde -------------------------------------------------------------------------


def pytest_configure(config):
    """Al acabar, el proceso vuelve a tener los ajustes que tenía."""
    config.add_cleanup(lambda: _set_environment(BEFORE))
    if "PYTEST_XDIST_WORKER" in os.environ and sys.platform == "linux":
        kernels.use_warm_kernels()


def pytest_addoption(parser):
    parser.addoption(
        "--rapido", action="store_true", help="solo las lecciones que menos tardan y las pruebas del modelo"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Los procesos de `-n auto`: uno por procesador y cada 2 GiB libres; 0 es este mismo proceso."""
    import psutil  # viene con ipykernel

    option = config.option
    one_file = len(config.args) == 1 and Path(config.args[0].split("::")[0]).is_file()
    if one_file or option.collectonly or option.capture == "no":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(cores, psutil.virtual_memory().available // MEMORY_PER_WORKER)
    return workers if workers > 1 else 0


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Las celdas de un cuaderno comparten núcleo: si se reparte, cada archivo va entero a un proceso."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "loadfile"


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Lo que se carga con las pruebas dura lo que el proceso: el recolector de basura no lo mira.

    Mirarlo una y otra vez mientras se carga es la quinta parte de lo que tarda.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        if not gc.get_freeze_count():  # un pytest dentro de otro no se queda con lo de las pruebas
            gc.collect()
            gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path, config):
    """Quita los cuadernos ajenos al curso y, con --rapido, lo lento; nunca lo que se pide por su ruta."""
    asked = {Path(config.invocation_params.dir, text.split("::")[0]).resolve() for text in config.args}
    path, quick = collection_path.resolve(), config.option.rapido
    if path.is_dir() or path in asked:
        return None
    if path.suffix == ".ipynb" and ROOT in path.parents:
        slow = path.parent.name == "soluciones" or path.name in SLOWEST
        return None if path in _notebooks() and not (quick and slow) else True
    return True if quick and path.stem[5:] not in QUICK_TESTS else None


@functools.cache
def _notebooks():
    """Los cuadernos del curso; los demás (copias, apuntes) son de quien estudia."""
    return set(manifest.notebooks(ROOT))


def pytest_collection_modifyitems(items):
    """Primero lo más lento, luego los cuadernos y al final las demás pruebas."""
    order = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order) + (item.path.suffix != ".ipynb")))


def pytest_terminal_summary(terminalreporter, config):
    if config.option.rapido:
        left_out = "las lecciones 07, 08, 10 y 13, las soluciones ni las demás pruebas"
        terminalreporter.write_line(
            f"Con --rapido no se ejecutan {left_out}: para todo, repite sin --rapido."
        )


# --- Las celdas de los cuadernos --------------------------------------------------------------------


def pytest_itemcollected(item):
    if type(item).__name__ != "IPyNbCell":
        return
    sanitize, compare, runtest = item.sanitize, item.format_output_compare, item.runtest
    item.parent.skip_compare = tuple(key for key in item.parent.skip_compare if key != "image/png")
    item.sanitize = lambda value: _tolerant(sanitize(value))
    # El informe de una diferencia se hace con texto corriente, que pytest sabe comparar.
    item.format_output_compare = lambda key, ref, test: compare(key, _plain(ref), _plain(test))
    item.runtest = lambda: _run(item, runtest)
    explain = item.repr_failure
    item.repr_failure = lambda info: str(info.value) if info.errisinstance(Stopped) else explain(info)
    if item.cell_num == 0:
        setup, item.parent.kept = item.parent.setup, _kept_by_git(item.path)
        item.parent.setup = lambda: _start(item.parent, setup)
    # Una respuesta a medias no es un fallo: ni lo que imprime ni el error que dé.
    if not item.options["check"] and item.cell.source not in item.parent.kept:
        item.options["check_exception"] = True


def _kept_by_git(path):
    """El código de las celdas que git guarda de un cuaderno; nada si no hay git."""
    saved = repository.saved(path)
    return {"".join(cell["source"]) for cell in json.loads(saved)["cells"]} if saved else set()


def _start(notebook, setup):
    try:
        setup()
    except Exception as error:
        raise Stopped(f"{notebook.name}: el núcleo no arrancó ({error}).", pytrace=False) from None


def _run(item, runtest):
    """Ejecuta una celda; si el núcleo se detiene o no acaba, lo dice y no ejecuta las siguientes."""
    notebook, kernel, place = item.parent, item.parent.kernel, f"{item.path.name}, celda {item.cell_num}: "
    limit = item.config.option.nbval_cell_timeout
    if not kernel.is_alive():
        raise Stopped(place + "no se ejecutó, porque el núcleo se detuvo antes.", pytrace=False)
    kernel.await_reply = lambda msg_id, timeout: _await_reply(kernel, msg_id, timeout)
    start = time.monotonic()
    try:
        runtest()
    except Exception:
        if notebook.timed_out and time.monotonic() - start > limit:
            reason = f"pasó de {limit:.0f} s y se detuvo. Busca un bucle que no acaba."
        elif not kernel.is_alive():
            reason = "el núcleo se detuvo, quizá por falta de memoria. Cierra otros programas y repite."
        else:
            raise
        if kernel.is_alive():
            kernel.stop()
        raise Stopped(place + reason, pytrace=False) from None
    finally:
        notebook.timed_out = False  # nbval daría por esperado el fallo de las celdas siguientes


def _await_reply(kernel, msg_id, timeout):
    """Como el de nbval, que no mira si el núcleo sigue vivo: espera la respuesta de segundo en segundo."""
    deadline = time.monotonic() + timeout
    while kernel.is_alive():
        if time.monotonic() > deadline:
            raise Empty
        with contextlib.suppress(Empty):
            message = kernel.get_message("shell", timeout=1)
            if message["parent_header"].get("msg_id") == msg_id:
                return
    raise RuntimeError("el núcleo se detuvo")


def _tolerant(value):
    return TolerantText(value) if isinstance(value, str) else value


def _plain(value):
    return str(value) if isinstance(value, str) else value
