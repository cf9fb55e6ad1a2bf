"""El proceso de quien estudia: ejecuta sus celdas y presta sus respuestas. Aquí nada decide una nota.

Por el tubo van a quien corrige mensajes en JSON: la celda que empieza, lo que se pasa a `check`, un error.
Hacia aquí vienen, en `pickle`, las llamadas a las funciones de quien estudia, con los datos de cada caso.
"""

import builtins
import contextlib
import io
import json
import linecache
import os
import pickle
import random
import signal
import sys
import types

import torch

from gpt_course import exercises
from gpt_course.classroom.grading import sandbox
from gpt_course.classroom.grading.slicing import plain
from gpt_course.classroom.grading.values import encode
from gpt_course.exercises.grading.errors import cell_error
from gpt_course.exercises.grading.running import TimeUp, run, time_limit
from gpt_course.exercises.grading.wrong import Unsolved, Wrong

# Lo mismo la detenga quien la detenga: con el equipo ocupado, no siempre es el mismo.
ENDLESS = "la celda no acababa y hubo que detenerla. ¿Hay un bucle que no termina?"
PATIENCE = 2  # veces que se pide a una celda que pare


def main(connection, cells, limits):
    """cells: [(número, código, si es de un ejercicio)]. limits: `Limits`, de `sandbox`."""
    _quiet()
    report = sandbox.enter(limits, keep=connection.fileno())
    student = Student(connection, limits.cell)
    student.send(ready=report)
    for number, code, is_exercise in cells:
        student.execute(number, code, is_exercise)
    student.send(end=True)
    os._exit(0)


def _quiet():
    """Lo que imprima una celda no va a ninguna parte, por mucho que sea; y el azar, siempre el mismo."""
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), _Nowhere(), _Nowhere()
    builtins.display = lambda *values, **options: None
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)


class _Nowhere(io.TextIOBase):
    def write(self, text):
        return len(text)


class Student:
    """Las celdas de un cuaderno, en un módulo `__main__` nuevo."""

    def __init__(self, connection, seconds):
        self._connection, self._seconds, self._functions = connection, seconds, []
        self._module = sys.modules["__main__"] = types.ModuleType("__main__")
        exercises.check = exercises.core.check = self._check  # también si una celda vuelve a importarlo

    def send(self, **message):
        self._connection.send_bytes(json.dumps(message).encode())

    def execute(self, number, code, is_exercise):
        """Ejecuta una celda; si falla o no acaba, lo cuenta y sigue."""
        self.send(cell=number)
        names, place = vars(self._module), f"<celda {number}>"
        code = plain(code)
        linecache.cache[place] = (len(code), None, code.splitlines(keepends=True), place)
        if is_exercise:  # aunque falten las importaciones o se haya cambiado `check`
            names["check"] = self._check
        try:
            with self._cpu_limit():
                exec(compile(code, place, "exec"), names)
        except TimeUp:
            self.send(error=ENDLESS)
        except MemoryError:
            self.send(error="la celda pide más memoria de la que hay para corregir.")
        except (SystemExit, KeyboardInterrupt) as error:
            self.send(error=f"la celda acaba el programa (`{type(error).__name__}`): quita esa línea.")
        except BaseException as error:
            self.send(error=cell_error(error))
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close("all")

    @contextlib.contextmanager
    def _cpu_limit(self):
        """Como `time_limit`, en segundos de procesador: que el equipo esté ocupado no quita una nota."""
        if not hasattr(signal, "setitimer"):
            with time_limit(self._seconds):
                yield
            return
        signal.signal(signal.SIGPROF, self._stop)
        self._stops = 0
        try:
            signal.setitimer(signal.ITIMER_PROF, self._seconds, 1)
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _stop(self, *_):
        self._stops += 1
        if self._stops > PATIENCE:
            self.send(error=ENDLESS)
            os._exit(1)
        raise TimeUp

    def _check(self, name, answer=..., semilla=None):
        """Hace de `check`: enseña la respuesta a quien corrige y atiende sus llamadas hasta que acabe."""
        self.send(check=str(name), value=encode(answer, self._keep), seed=semilla and str(semilla))
        while request := pickle.loads(self._connection.recv_bytes()):
            number, arguments = request
            self.send(**self._called(self._functions[number], arguments))

    def _keep(self, function):
        self._functions.append(function)
        return len(self._functions) - 1

    def _called(self, function, arguments):
        try:
            result = run(function, *arguments, may_change=True)
        except Unsolved:
            return {"unsolved": True}
        except Wrong as hint:
            return {"wrong": str(hint)}
        after = [_contents(argument) for argument in arguments]
        return {"result": encode(result, self._keep, arguments), "after": encode(after, self._keep)}


def _contents(argument):
    """De un modelo, sus números; lo demás, tal cual."""
    return dict(argument.state_dict()) if isinstance(argument, torch.nn.Module) else argument
