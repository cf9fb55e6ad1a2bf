"""Lo que hace un proceso en un turno: lee una orden de la entrada y escribe lo medido en la salida."""

import contextlib
import functools
import json
import sys
import time

from gpt_course.bench.contenders import CONTENDERS
from gpt_course.bench.loops import TRAINER, opened, plain_loop, trainer_loop

CHECKED = 101  # de cada cuántos logits se compara uno
ENOUGH = 20  # segundos que ya no hace falta repetir: lo que tarda tanto varía poco
LONGEST = 30  # segundos que puede tardar en escribir un texto: quien promete más, no lo escribe
MEDIUM = "_medium"  # final de los turnos en que se puede redondear a bf16 al multiplicar


def take_turn(order):
    """Hace un turno y devuelve lo medido.

    order: `kind` (`read`, `train`, los dos con `_medium`, `limits`, `bf16` o `stories`), `contender`, `cfg`,
    `weights` (un archivo safetensors), `real` (la carpeta de los pesos que se redondean) y los tamaños de
    `rounds.SIZES`.
    Los tiempos, en segundos; la memoria, en bytes.
    """
    start = time.perf_counter()
    import torch

    torch_ready = time.perf_counter()
    torch.set_num_threads(order["threads"])
    if order["kind"] == "limits":
        from gpt_course.bench.limits import measure_limits

        return measure_limits()
    if order["kind"] == "bf16":
        return _bf16(order)
    if order["kind"] == "stories":
        from gpt_course.bench.stories import story_turn

        return story_turn(order, _weights(order["weights"]))
    kind, medium = order["kind"].removesuffix(MEDIUM), order["kind"].endswith(MEDIUM)
    if medium and order["contender"] != "gpt_course":
        torch.set_float32_matmul_precision("medium")  # el interruptor de PyTorch; el curso no lo toca
    contender = opened(order["contender"])
    ready = time.perf_counter()
    torch.manual_seed(0)
    model = contender.build(order["cfg"])
    built = time.perf_counter()
    weights = _weights(order["weights"])
    model = contender.load(model, weights, inference=kind == "read", medium=medium)
    found = {"torch": torch_ready - start, "import": ready - start, "build": built - ready}
    work = {"read": _read_and_write, "train": _train}[kind]
    return found | work(contender, model, order)


def _read_and_write(contender, model, order):
    import torch

    model.eval()
    seconds = {}
    with torch.no_grad():
        for name, shape in order["read"].items():
            work = functools.partial(contender.logits, model, _tokens(order, *shape))
            work()  # la primera vez tarda más
            seconds[name] = _repeat(order["repeats"], work)
        if not order["kind"].endswith(MEDIUM):  # escribir es, sobre todo, leer los pesos
            seconds |= _write(contender, model, order)
        logits = contender.logits(model, _tokens(order, *order["check"]))[..., ::CHECKED].flatten()
    return {"seconds": seconds, "logits": logits.tolist()}


def _write(contender, model, order):
    seconds = {}
    for name, (batch, prompt, count) in order["write"].items():
        ids = _tokens(order, batch, prompt)
        written = tuple(contender.generate(model, ids, 2).shape)
        if written != (batch, prompt + 2):
            raise RuntimeError(f"se pidieron 2 tokens más y salió la forma {written}")
        start = time.perf_counter()
        contender.generate(model, ids, 2)  # otra vez: la primera, además, prepara los productos
        if (time.perf_counter() - start) / 2 * count > LONGEST:
            continue
        seconds[name] = _repeat(order["repeats"], functools.partial(contender.generate, model, ids, count))
    return seconds


def _bf16(order):
    from gpt_course.bench.quality import rounding_quality
    from gpt_course.fast import make_fast
    from gpt_course.weights import load_gpt2

    model = make_fast(load_gpt2(order["real"]))
    found = rounding_quality(model, min(order["quality"], model.cfg["context_length"]))
    order = {**order, "cfg": model.cfg}
    return {**found, "seconds": _write(CONTENDERS["gpt_course"](), model.bfloat16(), order)}


def _train(contender, model, order):
    import torch

    from gpt_course.memory.resident import peak_of_this_process

    batch = _tokens(order, *order["train"]), _tokens(order, *order["train"], seed=2)
    loop = trainer_loop if order["contender"] == TRAINER else plain_loop
    # Los dos primeros pasos tardan más: crean el estado del optimizador y piden memoria.
    seconds, losses = loop(contender, model.train(), [batch] * (2 + order["repeats"]))
    if not torch.tensor(losses).isfinite().all():
        raise RuntimeError(f"la pérdida dejó de ser finita: {losses}")
    found = {"seconds": {"train": seconds[2:]}, "peak": peak_of_this_process()}
    return found | {"loss": losses[0], "last": losses[-1]}


def _repeat(times, work):
    seconds = []
    while len(seconds) < times and sum(seconds) < ENOUGH:
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def _tokens(order, batch, length, seed=1):
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randint(order["cfg"]["vocab_size"], (batch, length), generator=generator)


def _weights(path):
    from safetensors.torch import load_file

    return {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # lo que imprima una biblioteca no es el resultado
        result = take_turn(json.load(sys.stdin))
    print(json.dumps(result))
