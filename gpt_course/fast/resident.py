"""La memoria que el proceso libera, y no devuelve."""

import contextlib
import ctypes
import functools
import sys


@functools.cache
def keep_freed_memory():
    """Pide a `glibc` que guarde la memoria liberada para la próxima vez; devuelve si lo hará.

    De serie devuelve al sistema cada bloque grande, y estrenar otro cuesta varias veces más que volver a
    llenar uno usado. A cambio, el proceso no encoge hasta que acaba. Fuera de Linux no hace nada.
    """
    with contextlib.suppress(AttributeError, OSError):  # una biblioteca de C que no es `glibc`
        if sys.platform == "linux":
            mallopt = ctypes.CDLL(None).mallopt
            # M_TRIM_THRESHOLD y M_MMAP_MAX, de `malloc.h`
            return bool(mallopt(-1, 2**31 - 1) and mallopt(-4, 0))
    return False
