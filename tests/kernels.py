"""Núcleos que nacen con las bibliotecas ya cargadas, cuando la suite se reparte en Linux.

Cargar IPython, torch y matplotlib cuesta a cada núcleo dos segundos de procesador. Aquí, un proceso solo las
carga y cada núcleo es una copia suya (`fork`), que sigue como si acabara de nacer: comparten las bibliotecas
recién cargadas y nada más. Si no se puede copiar, el núcleo se arranca como siempre.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import signal
import subprocess
import sys

import psutil  # viene con ipykernel

# pyplot no está: al cargarse mira cómo enseña las figuras el núcleo, que aún no existe.
LIBRARIES = [
    "IPython.core.completerlib",
    "IPython.extensions.storemagic",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "regex",
    "sqlite3",
    "tiktoken",
    "torch._dynamo",  # la carga el primer optimizador
    "torch.utils.flop_counter",
    "tornado.platform.asyncio",
]


class Kernel(psutil.Process):
    """Lo que se pide a un `Popen`, de un proceso que creó otro."""

    stdin = stdout = stderr = None

    def poll(self):
        return None if self.is_running() else 1

    def send_signal(self, number):
        with contextlib.suppress(psutil.NoSuchProcess):
            super().send_signal(number)


def use_warm_kernels():
    """Desde ahora, los núcleos que arranque este proceso nacen con las bibliotecas cargadas."""
    from jupyter_client.launcher import launch_kernel
    from jupyter_client.provisioning import local_provisioner

    if local_provisioner.launch_kernel is launch_kernel:
        template = functools.cache(functools.partial(_template, dict(os.environ)))
        local_provisioner.launch_kernel = functools.partial(_launch, template, launch_kernel)


def _launch(template, cold, command, env=None, cwd=None, **options):
    """Como `launch_kernel` de jupyter_client, que es `cold`: un proceso nuevo con esa orden."""
    place, env = command.index("-m"), dict(os.environ if env is None else env)
    if command[place + 1] == "ipykernel_launcher":
        warm = template(*command[:place])
        # Si el proceso que se copia acaba, sus núcleos también.
        request = {"env": {**env, "JPY_PARENT_PID": str(warm.pid)}, "cwd": str(cwd or os.getcwd())}
        with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):  # acabó, o no llegó a empezar
            print(json.dumps({"arguments": command[place + 1 :], **request}), file=warm.stdin, flush=True)
            return Kernel(int(warm.stdout.readline()))
    return cold(command, env=env, cwd=cwd, **options)


def _template(environment, *python):
    """El proceso que se copia; acaba cuando acaba este, que le cierra la entrada."""
    environment = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # el de los núcleos
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [*python, __file__], env=environment, encoding="utf-8", start_new_session=True, **pipes
    )


def _serve():
    """Carga las bibliotecas y, por cada línea que llega, se copia; devuelve, ya en la copia, lo que dice."""
    before = set(os.environ)
    gc.disable()
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # duran lo que el núcleo: que no las mire, ni así las copie, al buscar qué puede soltar
    gc.enable()
    added = {name: os.environ[name] for name in os.environ.keys() - before}  # por las bibliotecas
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # los que acaban no esperan a que se pregunte por ellos
    while len(os.listdir("/proc/self/task")) == 1 and (line := sys.stdin.readline()):
        if os.fork() == 0:
            kernel = json.loads(line)
            return {**kernel, "env": {**added, **kernel["env"]}}
    return None


def _become(arguments, cwd, env):
    """Sigue como si el proceso acabara de nacer con esos argumentos, en esa carpeta y con esas variables."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    print(os.getpid(), flush=True)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    first = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = dict.fromkeys([*first, *sys.path])  # sin repetir la que ya pusiera un .pth
    sys.argv = arguments
    for name in ("torch", "numpy.random"):  # nacen con semillas al azar, que ya no lo serían
        importlib.import_module(name).seed()
    importlib.import_module("ipykernel.kernelapp").launch_new_instance()
    os._exit(0)  # sin recoger una a una las bibliotecas, que tarda más de un segundo


if __name__ == "__main__":
    del sys.path[0]  # la carpeta de este archivo
    if kernel := _serve():
        _become(**kernel)
