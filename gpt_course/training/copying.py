"""Copiar lo que ya salió: cadenas al azar que se repiten, y lo que pierde un modelo al continuarlas."""

import torch
import torch.nn.functional as F

from gpt_course.config import GPT_CONFIG_124M
from gpt_course.fast import make_fast
from gpt_course.model import GPTModel
from gpt_course.training.optimizer import make_optimizer

SYMBOLS, LENGTH = 16, 24  # V y T
SHORTEST, LONGEST = 4, 10  # lo que puede medir la cadena que se repite
COPIER = {**GPT_CONFIG_124M, "vocab_size": SYMBOLS, "context_length": LENGTH}
COPIER = {**COPIER, "emb_dim": 64, "n_heads": 2, "drop_rate": 0.0}  # falta n_layers


def repeated_strings(count, generator):
    """`count` cadenas sin símbolos iguales, cada una repetida hasta llenar T + 1 lugares: `(ids, known)`.

    `known`: (count, T), True donde el símbolo que se lee ya había salido: ahí se sabe cuál sigue.
    """
    period = torch.randint(SHORTEST, LONGEST + 1, (count, 1), generator=generator)
    order = torch.rand(count, SYMBOLS, generator=generator).argsort(dim=1)
    places = torch.arange(LENGTH + 1) % period  # (count, T + 1)
    return order.gather(1, places), torch.arange(LENGTH) >= period


def copy_batches(seed):
    """Lotes (x, y) sin fin, como los que espera `train`."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        ids, _ = repeated_strings(32, generator)
        yield ids[:, :-1], ids[:, 1:]


def make_copier(n_layers, seed):
    """Un modelo para copiar, con su semilla, y su optimizador; los dos, por donde menos cuesta."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make_fast(GPTModel({**COPIER, "n_layers": n_layers}))
    return model, make_optimizer(model, lr=5e-3, fused=True)


@torch.no_grad()
def copy_loss(model, ids, known):
    """(pérdida media, parte de aciertos) en los lugares donde se sabe qué símbolo sigue."""
    logits, right = model(ids[:, :-1])[known], ids[:, 1:][known]
    return F.cross_entropy(logits, right).item(), (logits.argmax(dim=-1) == right).float().mean().item()
