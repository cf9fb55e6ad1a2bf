"""Una carpeta de tokens: `tokens.bin`, con un número por token, y `tokens.json`, que dice qué son."""

from pathlib import Path

import torch

from gpt_course.config import is_whole
from gpt_course.files import read_json
from gpt_course.tokenizer import restored

DTYPES = {"uint16": torch.uint16, "uint32": torch.uint32}
_LARGEST = 10**8  # bytes de un tokens.json: nombra todos los archivos
REMEDY = "Vuelve a crear la carpeta con `python -m gpt_course.data`."


class Tokens:
    """Los tokens de una carpeta, que se leen del disco al pedirlos: `tokens[a:b]` es un tensor int64.

    info: lo que dice `tokens.json`; `tokenizer`: el que los hizo.
    """

    def __init__(self, stored, info, tokenizer):
        self._stored, self.info, self.tokenizer = stored, info, tokenizer

    def __len__(self):
        return len(self._stored)

    def __getitem__(self, index):
        return self._stored[index].to(torch.int64)


def open_tokens(directory):
    """Los `Tokens` de una carpeta que escribió `python -m gpt_course.data`: no se cargan, midan lo que midan.

    Errores: `OSError` si falta la carpeta o un archivo; `ValueError` si uno está cortado o no es lo que debe.
    """
    directory = Path(directory)
    path, notes = directory / "tokens.bin", directory / "tokens.json"
    for each in (notes, path):
        if not each.is_file():
            raise FileNotFoundError(f"No existe {each}. {REMEDY}")
    info = read_json(notes, _LARGEST)
    dtype, count = DTYPES.get(str(info.get("dtype"))), info.get("count")
    if dtype is None or not is_whole(count) or count < 1:
        raise ValueError(
            f"{notes.name} debe decir `dtype` ({' o '.join(DTYPES)}) y `count` (cuántos tokens); dice "
            f"{info.get('dtype')!r} y {count!r}. {REMEDY}"
        )
    size = path.stat().st_size
    if size != count * dtype.itemsize:
        raise ValueError(
            f"{path.name} mide {size:,} bytes y {notes.name} dice {count * dtype.itemsize:,}: está cortado o "
            f"es de otra carpeta. {REMEDY}"
        )
    tokenizer = restored(info.get("tokenizer"), directory)
    if tokenizer.n_vocab != info.get("vocab_size"):
        raise ValueError(
            f"{notes.name} dice {info.get('vocab_size')!r} tokens distintos y el tokenizador tiene "
            f"{tokenizer.n_vocab}: no son los suyos. {REMEDY}"
        )
    return Tokens(torch.from_file(str(path), shared=False, size=count, dtype=dtype), info, tokenizer)
