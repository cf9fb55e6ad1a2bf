"""El texto del curso y su reparto en ventanas (x, y) y lotes, en el mismo orden en todas las máquinas.

De un texto sale su propio examen: x son T tokens seguidos e y, los mismos corridos un lugar. Así, en
cada lugar, y dice qué token venía después.

El orden de los lotes depende solo de la semilla: la permutación se sortea con un generador propio, que
ni toca ni escucha al generador global de torch, y no hay procesos auxiliares.

Fuente: Radford et al. (2018), apartado 3.1: predecir cada token a partir de los anteriores.
"""

from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from gpt_course.config import check_count, check_switch, is_whole
from gpt_course.data.tokens import Tokens, open_tokens
from gpt_course.files import read_checked

__all__ = ["STORY", "STORY_SHA256", "Tokens", "WindowDataset", "load_story", "make_loader", "open_tokens"]

STORY = Path(__file__).parent / "relato.txt"
_SOURCE = "Un token es un entero de 0 a 2**63 - 1: revisa de dónde salen."
STORY_SHA256 = "7526ecc58b3520716783cc60ea25b675b34e0b1e714afa1b81399b2fdb58ecdd"


def load_story():
    """Devuelve el relato del curso, un texto original en español y de dominio público (licencia al lado).

    Errores: `OSError` si el archivo no se puede leer; `ValueError` si está cortado o cambiado.
    """
    return read_checked(STORY, STORY_SHA256)


class WindowDataset(Dataset):
    """Ventanas (x, y) de `context_length` tokens: la ventana k empieza en el token k · stride.

    token_ids: lista de enteros, tensor (N,) o los `Tokens` de una carpeta, que se leen según hacen falta.
    Cada elemento: x (T,) e y (T,), int64, con y[i] = x[i + 1]. De un tensor, las dos son vistas suyas: no
    se copia nada hasta que el cargador las reúne en lotes.
    Los últimos tokens que no llenan una ventana se quedan fuera. Con stride = T cada token se predice
    una vez; con menos, las ventanas se pisan; con más, se saltan tokens.
    Errores: `ValueError` si los tokens no son enteros desde 0, si son menos de T + 1 o si una cuenta no
    sirve; `IndexError` si se pide una ventana que no hay.
    """

    def __init__(self, token_ids, context_length, stride):
        self.context_length = check_count("context_length", context_length)  # los enteros de NumPy desbordan
        stride = check_count("stride", stride)
        self.token_ids = _as_ids(token_ids)  # (N,)
        if len(self.token_ids) <= context_length:
            raise ValueError(
                f"Con context_length = {context_length} hacen falta al menos {context_length + 1} tokens, "
                f"porque y va un lugar por delante de x; llegaron {len(self.token_ids)}. "
                "Usa un texto más largo o un context_length menor."
            )
        self.starts = range(0, len(self.token_ids) - self.context_length, stride)

    def __len__(self):
        return len(self.starts)

    def __getitem__(self, index):
        if not is_whole(index) or not -len(self) <= index < len(self):
            raise IndexError(f"Las ventanas van de la 0 a la {len(self) - 1}; se pidió la {index!r}.")
        start = self.starts[index]
        stop = start + self.context_length
        return self.token_ids[start:stop], self.token_ids[start + 1 : stop + 1]


class _ShuffledOrder(Sampler):
    """Las ventanas en orden sorteado: otro en cada vuelta, y siempre la misma serie con la misma semilla."""

    def __init__(self, count, seed):
        self.count = count
        self.generator = torch.Generator("cpu").manual_seed(seed)

    def __len__(self):
        return self.count

    def __iter__(self):
        return iter(torch.randperm(self.count, generator=self.generator, device="cpu").tolist())


def make_loader(dataset, batch_size, *, seed=None, drop_last=False):
    """Devuelve un `DataLoader` que reúne las ventanas en lotes x (B, T), y (B, T).

    seed: entero con el que se barajan las ventanas, otra vez en cada vuelta; None, en orden de lectura.
    drop_last: deja fuera el último lote si no se llena.
    Errores: `ValueError` si batch_size o seed no son enteros válidos, o si no queda ningún lote.
    """
    batch_size = check_count("batch_size", batch_size)
    check_switch("drop_last", drop_last)
    if seed is not None:
        seed = check_count("seed", seed, minimum=0)
        if seed >= 2**64:
            raise ValueError(f"seed debe caber en 64 bits; llegó {seed}. Elige una menor que 2**64.")
    if drop_last and batch_size > len(dataset):
        raise ValueError(
            f"Con batch_size = {batch_size} y drop_last=True no queda ningún lote: hay {len(dataset)} "
            "ventanas. Usa un lote menor o drop_last=False."
        )
    order = None if seed is None else _ShuffledOrder(len(dataset), seed)
    # Sin este generador, DataLoader gastaría números del generador global y cambiaría el dropout.
    spare = torch.Generator("cpu").manual_seed(0)
    return DataLoader(dataset, batch_size, sampler=order, drop_last=drop_last, generator=spare)


def _as_ids(token_ids):
    """Tensor int64 de forma (N,) en la CPU, o los `Tokens` que llegaron; o un error que dice qué llegó."""
    expected = "Se esperaba una lista de enteros, como la que da encode, o un tensor de enteros (N,)"
    if isinstance(token_ids, Tokens):
        return token_ids
    if isinstance(token_ids, torch.Tensor):
        kind, shape = token_ids.dtype, tuple(token_ids.shape)
        if len(shape) != 1 or kind not in (torch.int64, torch.int32):
            raise ValueError(f"{expected}; llegó un tensor {kind} de forma {shape}. Usa .flatten().long().")
        if token_ids.is_meta or token_ids.layout != torch.strided:
            raise ValueError(f"{expected}; llegó uno disperso o sin números (meta). Pasa una lista.")
        if len(token_ids) and token_ids.min() < 0:
            raise ValueError(f"{expected}; entre ellos llegó {token_ids.min()}. {_SOURCE}")
        return token_ids.detach().to("cpu", torch.int64)
    return torch.tensor(_as_list(token_ids, expected), dtype=torch.int64, device="cpu")


def _as_list(token_ids, expected):
    other = isinstance(token_ids, str | bytes | bytearray | dict | set | frozenset)
    if other or not hasattr(token_ids, "__iter__"):
        raise ValueError(
            f"{expected}; llegó {type(token_ids).__name__}. Pasa antes el texto por el tokenizador; "
            "si de verdad cada byte es un token, usa list(…)."
        )
    ids = list(token_ids)
    for value in ids:
        if not is_whole(value) or not 0 <= value < 2**63:
            raise ValueError(f"{expected}; entre ellos llegó {value!r}. {_SOURCE}")
    return [int(value) for value in ids]
