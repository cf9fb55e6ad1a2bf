"""Entrenar en una GPU: bf16, `torch.compile`, FlashAttention por SDPA y el lote más grande que quepa."""

import time

import torch

from gpt_course.initialization import init_gpt2
from gpt_course.memory import Plan, training_flops
from gpt_course.model import GPTModel
from gpt_course.training import make_optimizer, next_token_loss


def measure_gpu(cfg, device="cuda", *, compiled=True, steps=10, largest=512, side=8192):
    """Tokens por segundo al entrenar `cfg`, y qué parte es de lo que la GPU da al multiplicar en bf16.

    El lote se dobla mientras quepa y hasta `largest`; cuenta el más rápido. `side`: lado de las matrices con
    que se mide el límite. Los FLOPs son los de `memory.training_flops`, con la atención entera.
    """
    device = torch.device(device)
    limit = _matmul_flops(device, side)
    best, batch, length = None, 1, cfg["context_length"]
    while batch <= largest:
        seconds = _step_seconds(cfg, device, batch, compiled, steps)
        if seconds is None:  # ya no cabe
            break
        if best is None or batch / seconds > best[0] / best[1]:
            best = batch, seconds
        batch *= 2
    if best is None:
        raise RuntimeError(f"En {device} no cabe ni un lote de una frase de {length} tokens. Libera memoria.")
    batch, seconds = best
    return {
        "name": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "batch": batch,
        "length": length,
        "tokens_per_second": batch * length / seconds,
        "matmul_flops": limit,
        "share": training_flops(Plan(cfg, batch=batch)) / seconds / limit,
    }


def _step_seconds(cfg, device, batch, compiled, steps):
    try:
        torch.manual_seed(0)
        model = init_gpt2(GPTModel({**cfg, "drop_rate": 0.0})).to(device).train()
        if compiled:  # sin lo compilado para otro lote, que haría un programa para lotes de cualquier tamaño
            torch.compiler.reset()
        run = torch.compile(model, dynamic=False) if compiled else model
        optimizer = make_optimizer(model, fused=True)
        shape = (2, batch, cfg["context_length"])
        x, y = torch.randint(cfg["vocab_size"], shape, device=device)

        def step():
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                loss = next_token_loss(run, x, y)
            loss.backward()
            optimizer.step()

        return _seconds(step, device, steps)
    except torch.OutOfMemoryError:
        return None


def _matmul_flops(device, side):
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in "ab")
    return 2 * side**3 / _seconds(lambda: left @ right, device, 10)


def _seconds(work, device, times):
    """Media de `times` veces, tras tres de calentamiento: una GPU trabaja aparte y hay que esperarla."""
    for _ in range(3):
        work()
    _wait(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    _wait(device)
    return (time.perf_counter() - start) / times


def _wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)
