"""El tokenizador de GPT-2, sin red: un `tiktoken.Encoding` hecho con las tablas que trae el curso.

`tiktoken.get_encoding("gpt2")` descarga sus tablas la primera vez, y detrás del proxy de una escuela
fallaría. Aquí salen de `gpt_course/gpt2/vocab.bpe` (licencia al lado), comprobadas antes de usarse.
"""

import functools
import hashlib
from pathlib import Path

import tiktoken

VOCAB_BPE = Path(__file__).parent / "gpt2" / "vocab.bpe"
VOCAB_BPE_SHA256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"

# Cómo corta GPT-2 el texto antes de fusionar: contracciones inglesas, letras, cifras, otros signos y
# espacios. Es el patrón de Radford et al. (2019), apartado 2.2, en la forma rápida de tiktoken.
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""


@functools.cache
def load_gpt2_tokenizer():
    """Devuelve el `tiktoken.Encoding` llamado gpt2: 50 257 tokens, con <|endoftext|> = 50256.

    Errores: `OSError` si la tabla no se puede leer; `ValueError` si está dañada.
    """
    remedy = "Recupérala con: git checkout -- gpt_course/gpt2/vocab.bpe (o descarga otra vez el curso)."
    try:
        data = VOCAB_BPE.read_bytes()
    except OSError as error:
        raise OSError(f"No se puede leer la tabla {VOCAB_BPE}: {error.strerror}. {remedy}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != VOCAB_BPE_SHA256:
        raise ValueError(
            f"La tabla {VOCAB_BPE.name} está dañada: se esperaba SHA-256 {VOCAB_BPE_SHA256} y llegó "
            f"{digest} ({len(data)} bytes). {remedy}"
        )
    ranks = _merge_ranks(data.decode("utf-8"))
    return tiktoken.Encoding(
        name="gpt2",
        pat_str=PATTERN,
        mergeable_ranks=ranks,
        special_tokens={"<|endoftext|>": len(ranks)},
        explicit_n_vocab=len(ranks) + 1,
    )


def _merge_ranks(text):
    """Número de cada token: primero los 256 bytes, en el orden de GPT-2, y luego una fusión por línea."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    # El archivo escribe cada byte con una letra visible: los imprimibles con la suya, los demás desde 256.
    byte_of = {chr(byte): byte for byte in printable}
    byte_of |= {chr(256 + index): byte for index, byte in enumerate(others)}

    ranks = {bytes([byte]): rank for rank, byte in enumerate(printable + others)}
    for line in text.splitlines()[1:]:  # la primera línea dice la versión
        merged = line.replace(" ", "")
        ranks[bytes(byte_of[char] for char in merged)] = len(ranks)
    return ranks
