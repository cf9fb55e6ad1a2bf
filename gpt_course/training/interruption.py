"""`Ctrl-C` y la orden de acabar, sin cortar nada por la mitad."""

import signal
import sys
import threading


class Interruption:
    """Mientras dura, una interrupción solo se apunta en `signal`; la segunda corta como siempre.

    signals: las que se apuntan. loud: con False no lo dice. active: con False no cambia nada. Fuera del hilo
    principal tampoco puede.
    """

    def __init__(self, signals, *, loud=True, active=True):
        self.signal = 0
        self._signals, self._loud = signals, loud
        self._active = active and threading.current_thread() is threading.main_thread()
        self._before = {}

    def __enter__(self):
        if self._active:
            for number in self._signals:
                self._before[number] = signal.signal(number, self._notice)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _notice(self, number, _):
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
        if self._loud:
            print("\nSe acaba este paso y se guarda; otra interrupción corta sin guardar.", file=sys.stderr)
