"""Convertir textos en una carpeta de tokens, con todos los procesadores y sin que quepan en la memoria."""

import contextlib
import hashlib
import json
import os
import signal
from array import array
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from gpt_course.data.reading import BLOCK, check_files, read_documents
from gpt_course.tokenizer import END_OF_TEXT, encode_special, stored, train_bpe

SAMPLE = 2**22  # bytes de texto con los que se entrena un tokenizador
ALONE = 4 * BLOCK  # con menos, crear otros procesos cuesta más de lo que ahorra
_DTYPES = {"H": "uint16", "I": "uint32"}  # como los llaman `array` y PyTorch


def train_on_sample(paths, vocab_size):
    """Un BPE de `vocab_size` tokens, entrenado con trozos repartidos por los archivos: `SAMPLE` bytes.

    Errores: los de `read_documents` y los de `train_bpe`.
    """
    step = -(-check_files(paths) // SAMPLE)  # de cada `step` trozos, uno
    sample = islice(read_documents(paths, SAMPLE // 64), 0, None, step)
    return train_bpe("".join(sample).replace(END_OF_TEXT, "\n"), vocab_size)


def write_tokens(paths, tokenizer, directory, *, progress=False):
    """Escribe en la carpeta nueva `directory` los tokens de unos textos UTF-8; devuelve lo que dice el JSON.

    Entre un archivo y el siguiente va `END_OF_TEXT`; dentro de ellos, <|endoftext|> también es el token
    especial. Todo se escribe en una carpeta aparte, que al acabar cambia de nombre: o está entera, o no está.
    progress: muestra una barra, en la salida de errores.
    Errores: los de `read_documents`; `OSError` si no se puede escribir o la carpeta ya tiene algo.
    """
    kind, texts = stored(tokenizer)
    code = "H" if tokenizer.n_vocab <= 2**16 else "I"  # números de 16 o de 32 bits
    directory, total = Path(directory), check_files(paths)
    check_new_folder(directory)
    try:
        with _new_folder(directory) as folder:
            info = _write_numbers(paths, tokenizer, code, folder / "tokens.bin", total, progress)
            info |= {"vocab_size": tokenizer.n_vocab, "tokenizer": kind}
            info["files"] = [Path(path).name for path in paths]
            texts["tokens.json"] = json.dumps(info, indent=1, ensure_ascii=False) + "\n"
            for name, text in texts.items():
                (folder / name).write_bytes(text.encode())
    except OSError as error:
        raise OSError(
            f"No se pudieron escribir los tokens en {directory}: {error.strerror or error}. Comprueba el "
            "espacio y los permisos; no queda nada a medias."
        ) from error
    return info


def check_new_folder(directory):
    """Exige una carpeta que no exista, o que esté vacía, dentro de una que exista. Errores: `OSError`."""
    if not directory.parent.is_dir():
        raise FileNotFoundError(f"No existe {directory.parent}, donde crear {directory.name}. Créala antes.")
    if directory.exists() and not directory.is_dir():
        raise FileExistsError(f"{directory} ya existe y no es una carpeta. Elige otro nombre.")
    if directory.exists() and any(directory.iterdir()):
        raise FileExistsError(
            f"{directory} ya existe y no está vacía. Elige otra carpeta, o bórrala si no la quieres."
        )


@contextlib.contextmanager
def _new_folder(directory):
    """Una carpeta en que escribir, que al acabar bien pasa a ser `directory`."""
    with TemporaryDirectory(dir=directory.parent, prefix=".tokens-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary, "tokens")  # la de fuera solo la puede abrir quien la crea
        folder.mkdir()
        yield folder
        if directory.exists():
            directory.rmdir()
        os.rename(folder, directory)


def _write_numbers(paths, tokenizer, code, path, total, progress):
    """Escribe los números en `path` y devuelve qué son."""
    count, read, digest = 0, 0, hashlib.sha256()
    bar = tqdm(total=total, unit="B", unit_scale=True, disable=not progress, desc="Tokens")

    def seen(size):
        nonlocal read
        read += size
        bar.update(size)

    pieces = read_documents(paths, BLOCK, seen)
    with (
        bar,
        open(path, "wb") as file,
        contextlib.closing(_encoded(tokenizer, code, pieces, alone=total < ALONE)) as encoded,
    ):
        for data in encoded:
            file.write(data)
            digest.update(data)
            count += len(data) // array(code).itemsize
    return {"dtype": _DTYPES[code], "count": count, "bytes": read, "sha256": digest.hexdigest()}


def _encoded(tokenizer, code, pieces, alone):
    """Los bytes de los tokens de cada trozo, en orden."""
    if alone:
        for piece in pieces:
            yield _encode(piece, tokenizer, code)
        return
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Procesos y no hilos: el BPE es Python, y con el de GPT-2 también se gana más así.
    pool, waiting = ProcessPoolExecutor(workers, initializer=_start, initargs=(tokenizer, code)), deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(_encode_there, piece))
            if len(waiting) > 2 * workers:  # ni parados, ni con el archivo entero en la memoria
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise OSError("un proceso auxiliar murió, quizá por falta de memoria") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _encode(text, tokenizer, code):
    return array(code, encode_special(tokenizer, text)).tobytes()


_there = []  # en cada proceso auxiliar, lo que le hace falta


def _start(tokenizer, code):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # `Ctrl-C` lo atiende solo el proceso principal
    _there[:] = tokenizer, code


def _encode_there(text):
    return _encode(text, *_there)
