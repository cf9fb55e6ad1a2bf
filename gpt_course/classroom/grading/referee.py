"""Quien corrige: arranca el proceso de quien estudia y juzga lo que presta con los correctores del curso.

De allí solo llegan mensajes en JSON con valores y frases. El veredicto se decide en este proceso, que no
ejecuta nada de quien estudia: cambiar allí `check` o PyTorch no cambia ninguna nota.
"""

import contextlib
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace

import torch

from gpt_course.classroom.grading import sandbox, student
from gpt_course.classroom.grading.values import decode
from gpt_course.exercises.core import judge
from gpt_course.exercises.grading.running import TimeUp
from gpt_course.exercises.grading.wrong import Unsolved, Wrong

GRACE = 3  # segundos de más que se espera a quien debía haberse detenido solo
BUSY = 6  # los plazos son de procesador; en un equipo ocupado, el reloj puede ir seis veces más deprisa
LONGEST = 2**24  # bytes de un mensaje
SENTENCE = 600  # letras que se guardan de una frase de allí


class Lost(Exception):
    """El proceso de quien estudia acabó, calló o dijo algo que no se entiende; el texto es el motivo."""


def main(results, cells, names, limits):
    """Un intento. Por `results` devuelve un diccionario con `verdicts`, `errors`, `stopped` y `barriers`.

    cells: las que ejecuta `student`. names: los ejercicios que se corrigen. `stopped`: (celda, motivo) si
    hubo que detenerlo, o None.
    """
    torch.set_num_threads(1)
    isolated = sandbox.isolate()
    folder = tempfile.mkdtemp(prefix="corregir-")
    referee = Referee(cells, names, replace(limits, folder=folder))

    def leave(*_):
        referee.stop()
        shutil.rmtree(folder, ignore_errors=True)
        if _:  # si se interrumpe la orden, sin más
            os._exit(130)

    signal.signal(signal.SIGINT, leave)
    try:
        stopped = referee.watch()
    finally:
        leave()
    barriers = [*(["sin red ni otros procesos"] if isolated else []), *referee.barriers]
    results.send(
        {"verdicts": referee.verdicts, "errors": referee.errors, "stopped": stopped, "barriers": barriers}
    )


class Referee:
    def __init__(self, cells, names, limits):
        self.verdicts, self.errors, self.barriers = {}, {}, []
        self._names, self._limits, self._cell = names, limits, None
        self._end = time.monotonic() + BUSY * limits.total
        # Por copia en Linux, que no cuesta nada: aquí ya está cargado todo. En los demás, uno nuevo.
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=student.main, args=(theirs, cells, limits))
        self._process.start()
        theirs.close()

    def stop(self):
        with contextlib.suppress(OSError, AttributeError):  # Windows no tiene grupos de procesos
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()

    def watch(self):
        """Atiende a quien estudia hasta el final; devuelve (celda, motivo) si no llegó a él."""
        try:
            while True:
                message = self._receive(BUSY * self._limits.cell + GRACE)
                if "ready" in message:
                    self.barriers = [str(barrier) for barrier in message["ready"]]
                elif "cell" in message:
                    self._cell = int(message["cell"])
                elif "error" in message:
                    self.errors[self._cell] = str(message["error"])[:SENTENCE]
                elif "check" in message:
                    self._judge(str(message["check"]), message.get("value"), message.get("seed"))
                elif "end" in message:
                    return None
        except Lost as reason:
            return self._cell, self.errors.get(self._cell) or str(reason)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return self._cell, "la celda habló por donde no debía con quien corrige."

    def _receive(self, seconds):
        left = self._end - time.monotonic()
        if not self._pipe.poll(max(0, min(seconds, left))):
            if left < seconds:
                raise Lost(f"se acabaron los {self._limits.total} s que tiene una entrega.")
            raise Lost(student.ENDLESS)
        try:
            return json.loads(self._pipe.recv_bytes(LONGEST))
        except (EOFError, OSError):
            raise Lost("la celda acabó con el proceso, o pidió más memoria de la que hay.") from None

    def _send(self, request):
        try:
            self._pipe.send_bytes(pickle.dumps(request))
        except OSError:
            raise Lost("la celda acabó con el proceso, o pidió más memoria de la que hay.") from None

    def _judge(self, name, value, seed):
        """Corrige una respuesta. Vale la última que se da a `check` de cada ejercicio."""
        if name in self._names:
            seed = str(seed)[:100] if seed else None
            verdict = judge(name, decode(value, self._call), seed)
            self.verdicts[name] = (verdict.sign, verdict.text[:SENTENCE], seed or "")
        self._send(None)

    def _call(self, number, arguments):
        """El resultado de una función de quien estudia; lo que cambió allí en sus datos se cambia aquí."""
        self._send((number, arguments))
        for late in range(GRACE):  # el plazo de allí vence a la vez: da tiempo a que lo cuente
            try:
                reply = self._receive(BUSY * self._limits.total)
                break
            except TimeUp:
                if late == GRACE - 1:
                    raise
        if "wrong" in reply:
            raise Wrong(str(reply["wrong"])[:SENTENCE])
        if "unsolved" in reply:
            raise Unsolved
        after = decode(reply["after"], self._call)
        for argument, contents in zip(
            arguments, after if isinstance(after, list | tuple) else (), strict=False
        ):
            with contextlib.suppress(Exception):  # lo que no encaje se queda como estaba
                _rewrite(argument, contents)
        return decode(reply["result"], self._call, arguments)


def _rewrite(argument, contents):
    """Pone en un argumento lo que la función dejó en el suyo."""
    if isinstance(argument, torch.nn.Module):
        for name, tensor in argument.state_dict().items():
            _rewrite(tensor, contents[name])
    elif isinstance(argument, torch.Tensor):
        if argument.shape == contents.shape and argument.dtype == contents.dtype:
            argument.data.copy_(contents)
        else:
            argument.data = contents
    elif isinstance(argument, list):
        argument[:] = contents
    elif isinstance(argument, dict):
        argument.clear()
        argument.update(contents)
