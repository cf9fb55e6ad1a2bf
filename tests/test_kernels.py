"""Un núcleo que nace con las bibliotecas cargadas (kernels.py) es, en lo demás, como el que se arranca."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import kernels
import pytest
from jupyter_client.launcher import launch_kernel
from jupyter_client.provisioning import local_provisioner
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, RunningKernel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="los núcleos solo se copian en Linux")

LOADED = "import sys; print('torch' in sys.modules, 'gpt_course.model' in sys.modules)"
SEEDS = "import random, numpy, torch; print(torch.initial_seed(), random.random(), numpy.random.rand())"
# Lo que un cuaderno podría notar.
STATE = """
import gc, json, os, signal, sys, threading
import matplotlib, torch
own = ("JPY_", "TORCHINDUCTOR_")  # las del protocolo y la que pone torch._dynamo al cargarse
print(json.dumps({
    "carpeta": os.getcwd(),
    "variables": {name: value for name, value in os.environ.items() if not name.startswith(own)},
    "rutas": sys.path,
    "opciones": [list(map(str, sys.flags)), sys.argv[1], __name__, sys.getrecursionlimit()],
    "hilos": [torch.get_num_threads(), threading.current_thread().name],
    "señales": [str(signal.getsignal(number)).split(" at ")[0] for number in (2, 15, 17)],
    "figuras": [matplotlib.get_backend(), str(dict(matplotlib.rcParams))],
    "tipo": str(torch.get_default_dtype()),
    "basura": [gc.isenabled(), gc.get_threshold()],
}))
"""
SPOIL = """
import gpt_course, matplotlib, os, torch
torch.manual_seed(1); torch.set_default_dtype(torch.float64); torch.set_num_threads(3)
matplotlib.rcParams["lines.linewidth"] = 9
os.environ["NUEVA"] = "sí"; os.chdir("/")
"""


@pytest.fixture(scope="module")
def warm():
    """Cómo arranca los núcleos un proceso de la suite repartida."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_provisioner, "launch_kernel", local_provisioner.launch_kernel)
        patch.setenv("OMP_NUM_THREADS", "1")  # como en ella; con más, numpy crea hilos, que no se copian
        kernels.use_warm_kernels()
        yield local_provisioner.launch_kernel


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Arranca un núcleo con `launch`; al acabar, se detiene."""
    started = []

    def start(launch):
        monkeypatch.setattr(local_provisioner, "launch_kernel", launch)
        started.append(RunningKernel(CURRENT_ENV_KERNEL_NAME, cwd=str(tmp_path)))
        return started[-1]

    yield start
    for kernel in started:
        kernel.stop()


def printed(kernel, source):
    kernel.execute_cell_input(source)
    text = ""
    while (message := kernel.get_message("iopub", timeout=600))["content"].get("execution_state") != "idle":
        text += message["content"].get("text", "") + "\n".join(message["content"].get("traceback", []))
    return text.strip()


def test_only_the_libraries_are_shared(start, warm):
    first = start(warm)
    assert printed(first, LOADED) == "True False"
    seeds = printed(first, SEEDS).split()
    printed(first, SPOIL)
    second, cold = start(warm), start(launch_kernel)
    assert not set(seeds) & set(printed(second, SEEDS).split())
    assert printed(cold, LOADED) == "False False"
    state, expected = (json.loads(printed(kernel, STATE)) for kernel in (second, cold))
    assert state == expected


def test_a_warm_kernel_that_dies_is_dead_and_leaves_no_zombie(start, warm):
    kernel = start(warm)
    pid = int(printed(kernel, "import os; print(os.getpid())"))
    assert kernel.is_alive() and os.getsid(pid) == pid
    os.kill(pid, signal.SIGKILL)
    for _ in range(1200):  # un minuto
        if not kernel.is_alive():
            break
        time.sleep(0.05)
    assert not kernel.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("code", ["import sys; sys.exit(1)", "import sys; input(); print('no es un número')"])
def test_without_a_process_to_copy_the_kernel_starts_as_always(code):
    @functools.cache
    def broken(*python):
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        return subprocess.Popen([*python, "-c", code], encoding="utf-8", **pipes)

    asked = []
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "conexión.json"]
    kernels._launch(broken, lambda *given, **options: asked.append((given, options)), command, cwd="/")
    assert [(given, options["cwd"]) for given, options in asked] == [((command,), "/")]
    broken(sys.executable).communicate()


def test_another_kernel_starts_as_always():
    asked = []
    kernels._launch(pytest.fail, lambda *given, **_: asked.append(given), ["R", "-m", "IRkernel"])
    assert asked == [(["R", "-m", "IRkernel"],)]
