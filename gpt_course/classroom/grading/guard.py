"""La guarda de Python: lo que una celda no puede hacer mientras se corrige, en cualquier sistema.

Es un gancho de auditoría (`sys.addaudithook`), que desde Python no se puede quitar. Detiene lo que se escribe
sin malicia y la malicia corriente; quien sepa salirse de Python puede esquivarla, y por eso no va sola.
"""

import os
import sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Qué argumentos de cada suceso son rutas que se van a cambiar.
PATHS = {
    **dict.fromkeys(("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.utime", "os.chmod"), (0,)),
    **dict.fromkeys(("os.chown", "os.setxattr", "os.removexattr", "shutil.rmtree"), (0,)),
    **dict.fromkeys(("os.rename", "os.link"), (0, 1)),
    **dict.fromkeys(("os.symlink", "shutil.copyfile"), (1,)),
    "sqlite3.connect": (0,),
}
FORBIDDEN = {
    **dict.fromkeys(
        ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"),
        "usar la red",
    ),
    **dict.fromkeys(("socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"), "usar la red"),
    **dict.fromkeys(
        ("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile"),
        "crear otros procesos",
    ),
    **dict.fromkeys(("subprocess.Popen", "pty.spawn"), "crear otros procesos"),
    **dict.fromkeys(("os.kill", "os.killpg", "signal.pthread_kill"), "mandar señales"),
    **dict.fromkeys(("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function"), "salir de Python"),
    **dict.fromkeys(("gc.get_objects", "gc.get_referrers", "gc.get_referents"), "mirar lo que no es suyo"),
}


def close_python(folder):
    """Desde ahora, este proceso solo escribe en `folder`."""
    inside, real = os.path.realpath(folder) + os.sep, os.path.realpath
    refusal = PermissionError

    def refuse(action):
        raise refusal(f"al corregir no se puede {action}")

    def guard(event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writes = isinstance(mode, str) and not set(mode).isdisjoint("wax+")
            if not writes and not (isinstance(flags, int) and flags & WRITING):
                return
            paths = (path,)
        elif event in FORBIDDEN:
            return refuse(FORBIDDEN[event])
        elif event in PATHS:
            paths = [arguments[place] for place in PATHS[event]]
        else:
            return
        for path in paths:
            if isinstance(path, int) or path in (os.devnull, ":memory:"):
                continue
            if not (real(os.fsdecode(path)) + os.sep).startswith(inside):
                refuse("escribir ni borrar fuera de su carpeta temporal")

    sys.addaudithook(guard)
