"""Lo que da este equipo: multiplicar, con la matriz mayor de un bloque de GPT-2 pequeño, y leer memoria."""

import contextlib
import statistics
import time

import torch
import torch.nn.functional as F

from gpt_course.fast import kernels

ROWS, WIDTH = 1024, 768


def measure_limits(repeats=7):
    """{nombre: medida}: FLOP por segundo de cada camino y bytes por segundo al leer."""
    x, weight = torch.randn(ROWS, WIDTH), torch.randn(4 * WIDTH, WIDTH)
    work = 2 * ROWS * WIDTH * 4 * WIDTH
    half = x.bfloat16(), weight.bfloat16()
    big = torch.ones(2**26)  # 256 MiB: no caben en la memoria rápida del procesador
    with torch.no_grad():
        found = {"linear_flops": work / _median(lambda: F.linear(x, weight), repeats)}
        with contextlib.suppress(AttributeError, RuntimeError, NotImplementedError):  # sin oneDNN
            found["onednn_flops"] = work / _median(lambda: kernels.onednn(x, weight), repeats)
        found["bf16_flops"] = work / _median(lambda: F.linear(*half), repeats)
        found["read_bytes"] = big.nbytes / _median(big.sum, repeats)
    return found


def _median(work, repeats):
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
