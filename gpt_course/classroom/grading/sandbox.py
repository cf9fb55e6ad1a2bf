"""Encerrar el proceso de quien estudia, con todo lo que el sistema tenga: cada barrera vale por sí sola.

- En todos: carpeta temporal propia, plazo, y una guarda de Python (`guard`) que no deja escribir fuera de esa
  carpeta, usar la red, crear procesos ni mandar señales.
- En Linux y macOS: topes de memoria (macOS no lo cumple), de procesador y de tamaño de archivo.
- En Linux, si el núcleo lo permite: sin red y sin ver los demás procesos (espacios de nombres), y sin poder
  escribir fuera de la carpeta aunque se esquive Python (Landlock).

Lo que no impide ninguna: leer los archivos que puede leer quien corrige (sin red, no tiene por dónde
sacarlos), gastar procesador y disco hasta el plazo y, en Windows y macOS, lo que haga quien sepa salirse de
Python.
"""

import contextlib
import ctypes
import os
import sys
import tempfile
from dataclasses import dataclass

from gpt_course.classroom.grading.guard import close_python

LINUX = sys.platform == "linux"
NEWIPC, NEWUSER, NEWPID, NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
NO_NEW_PRIVILEGES, DIE_WITH_PARENT = 38, 1  # de prctl
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # llamadas de Landlock, las mismas en x86-64 y ARM
# Derechos de Landlock: escribir, borrar, crear de cada clase, mover (desde la versión 2) y truncar (3).
WRITES = {1: 1 << 1 | sum(1 << bit for bit in range(4, 13)), 2: 1 << 13, 3: 1 << 14}
WRITE_FILE, TCP, SIGNALS_AND_SOCKETS = 1 << 1, 0b11, 0b11


@dataclass(frozen=True)
class Limits:
    """Segundos por celda y en total, bytes de memoria, y la carpeta temporal."""

    cell: int
    total: int
    memory: int
    folder: str = ""


def isolate():
    """Este proceso se queda sin red, y el que cree, que será el de quien estudia, sin ver los demás."""
    if not LINUX:
        return False
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(NEWUSER | NEWPID | NEWNET | NEWIPC) != 0:
        return False
    with contextlib.suppress(OSError):
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    return True


def enter(limits, keep):
    """Encierra este proceso; devuelve qué barreras ha puesto. keep: el único tubo que conserva."""
    os.chdir(limits.folder)
    tempfile.tempdir = limits.folder
    os.environ.update(TMPDIR=limits.folder, HOME=limits.folder, MPLBACKEND="agg")
    barriers = []
    if hasattr(os, "setsid"):
        _forget_descriptors(keep)
        os.setsid()
        barriers += _limit(limits)
    if LINUX:
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, 9, 0, 0, 0)
        barriers += ["Landlock"] if _landlock(limits.folder) else []
    close_python(limits.folder)
    return [*barriers, "guarda de Python"]


def _forget_descriptors(keep):
    """Cierra los archivos heredados: entre ellos, el tubo por el que salen las notas."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    os.closerange(3, keep)
    os.closerange(keep + 1, 4096)


def _limit(limits):
    import resource

    caps = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 2**28, "RLIMIT_CPU": limits.total + 5}
    if LINUX:
        with open("/proc/self/statm") as file:
            caps["RLIMIT_AS"] = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + limits.memory
    for name, value in caps.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    return ["topes de memoria y de procesador" if LINUX else "tope de procesador"]


def _landlock(folder):
    """Solo deja escribir en `folder` y en /dev/null; donde puede, sin TCP ni señales a otros procesos."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    writes = sum(rights for since, rights in WRITES.items() if since <= version)
    asked = [writes, TCP if version >= 4 else 0, SIGNALS_AND_SOCKETS if version >= 6 else 0]
    rules = (ctypes.c_uint64 * 3)(*asked)
    size = 8 * (1 + (version >= 4) + (version >= 6))
    ruleset = libc.syscall(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0 or libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    for path, rights in ((folder, writes), (os.devnull, WRITE_FILE)):
        opened = os.open(path, os.O_PATH)
        rule = rights.to_bytes(8, sys.byteorder) + opened.to_bytes(4, sys.byteorder)
        failed = libc.syscall(ADD_RULE, ruleset, 1, ctypes.c_char_p(rule), 0)
        os.close(opened)
        if failed:
            return False
    closed = libc.syscall(RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return closed
