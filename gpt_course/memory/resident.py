"""La memoria que el sistema da a un proceso: la medida que incluye todo, y por eso no es exacta."""

import inspect
import os
import subprocess
import sys


def resident_peak(setup, work):
    """Bytes que sube la memoria residente de un proceso nuevo al ejecutar `work` después de `setup`.

    setup, work: código de Python. `setup` importa y calienta (un modelo diminuto); su marca más alta se
    resta. Ejecuta al menos dos pasos de entrenamiento en `work`: el primero aún no tiene optimizador.
    Errores: `RuntimeError` con el final de lo que dijo el proceso, si falla o el sistema lo detiene.
    """
    source, peak = inspect.getsource(peak_of_this_process), f"{peak_of_this_process.__name__}()"
    code = f"{source}\n{setup}\n_base = {peak}\n{work}\nprint('pico', {peak} - _base)"
    # En Linux, lo mayor de 128 KiB se devuelve al sistema al liberarlo: sin esto, quedaría retenido.
    environment = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "131072",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    last = done.stdout.split()[-2:]
    if done.returncode != 0 or last[:1] != ["pico"]:
        killed = ": el sistema lo detuvo, quizá por falta de memoria" if done.returncode == -9 else ""
        raise RuntimeError(
            f"El proceso que se medía terminó con el código {done.returncode}{killed}. "
            f"Lo último que dijo: {done.stderr.strip()[-500:] or 'nada'}"
        )
    return int(last[1])


# `resident_peak` copia el texto de esta función en el proceso nuevo: lo que usa se importa dentro.
def peak_of_this_process():
    """Marca más alta de la memoria residente de este proceso, en bytes."""
    import sys

    if sys.platform == "linux":  # la de `getrusage` podría ser la del proceso que creó a este
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
