"""Ejecutar la función de quien estudia sin que nada se rompa: con copias, con un plazo y sin dejar rastro."""

import contextlib
import copy
import ctypes
import inspect
import random
import signal
import threading
from collections.abc import Iterator

import torch

from gpt_course.exercises.grading.errors import place, told, tried
from gpt_course.exercises.grading.reading import kind
from gpt_course.exercises.grading.wrong import Unsolved, Wrong

TIME_LIMIT = 10  # segundos


class TimeUp(BaseException):
    """Se acabó el plazo. No es una `Exception`, para que un `except Exception` no la detenga."""


def run(function, *arguments, may_change=False):
    """Lo que devuelve la función con copias de los argumentos; todo lo demás es `Wrong` o `Unsolved`.

    Con `may_change`, recibe los argumentos mismos y los puede cambiar.
    """
    if not callable(function):
        raise Wrong(f"se esperaba una función y llegó {kind(function)}: pasa su nombre, sin llamarla.")
    names = argument_names(function, arguments)
    given = arguments if may_change else copy.deepcopy(arguments)
    try:
        with time_limit(TIME_LIMIT):
            result = function(*given)
            if isinstance(result, Iterator):  # con `yield`, `map` o `zip`
                result = list(result)
    except (Wrong, Unsolved):
        raise
    except TimeUp as error:
        where = place(error, function)
        raise Wrong(
            f"tu función llevaba {TIME_LIMIT} s sin acabar{where and f' y seguía{where}'}. "
            f"¿Hay un bucle que no termina?{tried(names)}"
        ) from None
    except (Exception, SystemExit) as error:
        raise Wrong(told(error, function, names)) from None
    if result is ...:
        raise Unsolved
    if result is None:
        raise Wrong("tu función no devuelve nada: falta `return` (`print` enseña, pero no devuelve).")
    for name, before, after in zip(names, arguments, given, strict=True):
        if not _unchanged(before, after):
            raise Wrong(
                f"tu función cambia `{name}`, un dato que recibe. Haz la cuenta en otro nuevo: "
                "cuidado con `+=`, con `x[…] = …` y con los métodos que acaban en `_`."
            )
    return result


def argument_names(function, arguments):
    """{nombre: argumento}. Si la función no admite tantos, lo dice."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # las de C no siempre lo dicen
        return {f"argumento {place}": value for place, value in enumerate(arguments, 1)}
    try:
        bound = signature.bind(*arguments).arguments
    except TypeError:
        raise Wrong(
            f"tu función debe recibir {len(arguments)} argumentos, como en el enunciado; "
            f"la tuya dice ({', '.join(signature.parameters)})."
        ) from None
    if len(bound) == len(arguments) and not any(
        p.kind == p.VAR_POSITIONAL for p in signature.parameters.values()
    ):
        return dict(bound)
    return {f"argumento {place}": value for place, value in enumerate(arguments, 1)}


def _unchanged(before, after):
    if isinstance(before, torch.Tensor):
        same = before.dtype == after.dtype and before.shape == after.shape
        return same and (before.is_meta or torch.allclose(before, after, rtol=0, atol=0, equal_nan=True))
    if isinstance(before, torch.nn.Module):
        return _unchanged(before.state_dict(), after.state_dict())
    if isinstance(before, dict):
        return list(before) == list(after) and all(_unchanged(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_unchanged, before, after))
    return type(before).__eq__ is object.__eq__ or before == after


@contextlib.contextmanager
def preserved_state():
    """Los ajustes de PyTorch y el azar, los de fábrica dentro y los de quien estudia al salir."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    options, seeds = copy.copy(torch._tensor_str.PRINT_OPTS), (random.getstate(), torch.get_rng_state())
    try:
        torch.set_default_dtype(torch.float32)
        with torch.enable_grad(), torch.inference_mode(False), _on_cpu():
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch._tensor_str.PRINT_OPTS = options
        random.setstate(seeds[0])
        torch.set_rng_state(seeds[1])
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def _on_cpu():
    """Solo si hace falta: dentro de `torch.device`, cada operación es más lenta."""
    on_cpu = torch.get_default_device().type == "cpu"
    return contextlib.nullcontext() if on_cpu else torch.device("cpu")


def time_limit(seconds):
    """Contexto que lanza TimeUp si lo de dentro dura más. Acaba el bucle, no el núcleo."""
    main = threading.current_thread() is threading.main_thread()
    return _by_signal(seconds) if main and hasattr(signal, "setitimer") else _by_thread(seconds)


@contextlib.contextmanager
def _by_signal(seconds):
    def stop(*_):
        raise TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)  # y otra vez, por si un `except:` la detuvo
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _by_thread(seconds):
    """En Windows y fuera del hilo principal: otro hilo lanza la excepción en este, entre instrucciones."""
    this, lock, done = ctypes.c_ulong(threading.get_ident()), threading.Lock(), threading.Event()
    throw = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def stop():
        while not done.wait(wait.pop() if wait else 0.5):
            with lock:
                if not done.is_set():
                    throw(this, ctypes.py_object(TimeUp))

    wait = [seconds]
    threading.Thread(target=stop, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            done.set()
            throw(this, None)
