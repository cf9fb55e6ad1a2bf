"""Lo que hace un proceso en un turno: lee una orden de la entrada y escribe lo medido en la salida."""

import contextlib
import json
import sys
import time

from gpt_course.bench.contenders import CONTENDERS

ENOUGH = 20  # segundos que ya no hace falta repetir: lo que tarda tanto varía poco


def take_turn(order):
    """Hace un turno y devuelve lo medido.

    order: `kind` («read», «train» o «limits»), `contender`, `cfg`, `weights` (un archivo safetensors) y los
    tamaños de `gpt_course.bench.rounds.SIZES`. Los tiempos, en segundos; la memoria, en bytes.
    """
    start = time.perf_counter()
    import torch

    torch_ready = time.perf_counter()
    torch.set_num_threads(order["threads"])
    if order["kind"] == "limits":
        from gpt_course.bench.limits import measure_limits

        return measure_limits()
    contender = CONTENDERS[order["contender"]]()
    ready = time.perf_counter()
    torch.manual_seed(0)
    model = contender.build(order["cfg"])
    built = time.perf_counter()
    model = contender.load(model, _weights(order["weights"]))
    found = {"torch": torch_ready - start, "import": ready - start, "build": built - ready}
    work = {"read": _read_and_write, "train": _train}[order["kind"]]
    return found | work(contender, model, order)


def _read_and_write(contender, model, order):
    import torch

    model.eval()
    seconds = {}
    with torch.no_grad():
        for name, shape in order["read"].items():
            ids = _tokens(order, *shape)
            seconds[name] = _repeat(order["repeats"], lambda ids=ids: contender.logits(model, ids))
        for name, (batch, prompt, count) in order["write"].items():
            ids = _tokens(order, batch, prompt)
            seconds[name] = _repeat(
                order["repeats"],
                lambda ids=ids, count=count: contender.generate(model, ids, count),
                warm=False,
            )
            written = contender.generate(model, ids, 2).shape
            if tuple(written) != (batch, prompt + 2):
                raise RuntimeError(f"se pidieron 2 tokens más y salió la forma {tuple(written)}")
        logits = contender.logits(model, _tokens(order, 1, 4))[0, -1, :64]
    return {"seconds": seconds, "logits": logits.tolist()}


def _train(contender, model, order):
    import torch

    from gpt_course.memory.resident import peak_of_this_process

    model.train()
    optimizer = contender.optimizer(model)
    x, y = _tokens(order, *order["train"]), _tokens(order, *order["train"], seed=2)
    losses = []

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = contender.loss(model, x, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    seconds = _repeat(order["repeats"], step)
    if not torch.tensor(losses).isfinite().all():
        raise RuntimeError(f"la pérdida dejó de ser finita: {losses}")
    return {"seconds": {"train": seconds}, "peak": peak_of_this_process(), "first_loss": losses[0]}


def _repeat(times, work, warm=True):
    if warm:
        work()
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
