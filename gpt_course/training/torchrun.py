"""Entrar en el grupo de procesos que lanza torchrun, y salir de él con una frase clara si otro falla."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from datetime import timedelta

import torch
from torch import distributed

from gpt_course.training.distributed import Processes
from gpt_course.training.world import World

LAUNCH = "`python -m torch.distributed.run --standalone --nproc_per_node=2 -m gpt_course.training …`"
SILENCE = timedelta(seconds=60)  # lo que se espera a un proceso que no contesta
COURTESY = 5  # segundos
_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_leaving = threading.Lock()


@contextlib.contextmanager
def joined(*, fsdp=False, device="cpu"):
    """El mundo al que pertenece este proceso, mientras dura el bloque; sin torchrun, un `World` de uno.

    device: `cpu`, con `gloo`, o `cuda`, con `nccl` y una GPU por proceso. Si todos están en este equipo,
    solo se usa su red interna. Si otro se detiene o calla más de `SILENCE`, lo dice y acaba con código 1.
    Errores: `ValueError` si faltan variables de torchrun, GPU, o torchrun mismo y se pide `fsdp`.
    """
    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise ValueError(f"`device` debe ser `cpu` o, si PyTorch ve una GPU, `cuda`; llegó {device!r}.")
    rank, size = _place()
    if size == 1 and not (fsdp and "RANK" in os.environ):
        if fsdp:
            raise ValueError(
                f"`--fsdp` reparte el modelo entre procesos y hay uno solo. Lánzalo así: {LAUNCH}"
            )
        world = World()
        world.device = torch.device(device)
        yield world
        return
    backend, device = _prepare(device)
    with _listening(f"{rank + 1} de {size}"):
        try:
            distributed.init_process_group(backend, timeout=SILENCE)
            yield Processes(rank, size, device=device, fsdp=fsdp)
            distributed.destroy_process_group()
        except RuntimeError as error:
            if not isinstance(error, distributed.DistError) and "gloo" not in str(error):
                raise
            _leave(f"{rank + 1} de {size}")


def _place():
    """De las variables de torchrun, qué proceso es este y cuántos son; sin ellas, (0, 1)."""
    given = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    if not {"RANK", "WORLD_SIZE"} & set(given):
        return 0, 1
    numbers = [given.get(name, "") for name in ("RANK", "WORLD_SIZE")]
    if len(given) < len(_VARIABLES) or not all(number.isdecimal() for number in numbers):
        raise ValueError(
            f"Para repartir el entrenamiento hacen falta las variables {', '.join(_VARIABLES)} y llegaron "
            f"{given}. Las pone torchrun: {LAUNCH}"
        )
    return int(numbers[0]), int(numbers[1])


def _prepare(device):
    """Deja elegidos la red y el dispositivo de este proceso; devuelve con qué se hablan."""
    local, here = (int(os.environ.get(f"LOCAL_{name}", os.environ[name])) for name in _VARIABLES[:2])
    if here == int(os.environ["WORLD_SIZE"]):
        os.environ["MASTER_ADDR"] = "127.0.0.1"  # el nombre del equipo puede no llevar a ninguna parte
        names = {name for _, name in socket.if_nameindex()} & {"lo", "lo0"}
        if names:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", names.pop())
    if torch.device(device).type == "cpu":
        return "gloo", device
    if local >= torch.cuda.device_count():
        raise ValueError(
            f"Hace falta una GPU por proceso: en este equipo hay {torch.cuda.device_count()} y se pidieron "
            f"{here} procesos. Baja `--nproc_per_node`."
        )
    torch.cuda.set_device(local)
    return "cpu:gloo,cuda:nccl", f"cuda:{local}"


@contextlib.contextmanager
def _listening(name):
    """Mientras dura, quien recibe SIGTERM se despide, aunque el hilo principal espere dentro de PyTorch.

    torchrun la manda a los que quedan cuando uno acaba antes de tiempo.
    """
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)

    def listen():
        for byte in iter(lambda: ear.recv(1), b""):
            if byte[0] == signal.SIGTERM:
                _leave(name)

    threading.Thread(target=listen, daemon=True).start()
    before = signal.signal(signal.SIGTERM, lambda *_: None), signal.set_wakeup_fd(mouth.fileno())
    try:
        yield
    finally:
        signal.set_wakeup_fd(before[1])
        signal.signal(signal.SIGTERM, before[0])
        mouth.close()


def complain(text, *, shared=False):
    """Escribe una frase en la salida de errores, una sola vez aunque la digan todos los procesos.

    shared: les pasa a todos, y habla el primero. Si no, los demás esperan a que él hable y acabe, porque
    torchrun los detiene entonces; si solo ha fallado otro, la dice él.
    """
    if os.environ.get("LOCAL_RANK", "0") != "0":
        if shared:
            return
        time.sleep(COURTESY)
    print(text, file=sys.stderr)


def _leave(name):
    _leaving.acquire()  # lo dice el primer hilo que llega
    try:
        print(
            f"\nEl proceso {name} se detiene: otro acabó antes de tiempo o dejó de contestar, o alguien "
            "pidió parar. Lo guardado sigue ahí: repite la orden con `--resume` para seguir desde el último "
            "punto de control.",
            file=sys.stderr,
            flush=True,
        )
    finally:  # aunque nadie lea ya esa salida, y sin despedirse de los demás: quizá ya no están
        os._exit(1)
