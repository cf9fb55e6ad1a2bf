"""El tokenizador de GPT-2, sin red.

`tiktoken.get_encoding("gpt2")` descarga sus tablas la primera vez, y detrás del proxy de una escuela
fallaría. Aquí salen de `gpt_course/gpt2/vocab.bpe` (licencia al lado), comprobadas antes de usarse.
"""

import functools
from pathlib import Path

import tiktoken

from gpt_course.files import read_checked
from gpt_course.tokenizer.bpe import BPETokenizer
from gpt_course.tokenizer.letters import read_merges
from gpt_course.tokenizer.pieces import END_OF_TEXT, PATTERN

VOCAB_BPE = Path(__file__).parents[1] / "gpt2" / "vocab.bpe"
VOCAB_BPE_SHA256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"


@functools.cache
def load_gpt2_tokenizer():
    """Devuelve el `tiktoken.Encoding` llamado gpt2: 50 257 tokens, con <|endoftext|> = 50256.

    Errores: `OSError` si la tabla no se puede leer; `ValueError` si está dañada.
    """
    tokens = BPETokenizer(load_gpt2_merges()).tokens
    return tiktoken.Encoding(
        name="gpt2",
        pat_str=PATTERN,
        mergeable_ranks={token: rank for rank, token in enumerate(tokens)},
        special_tokens={END_OF_TEXT: len(tokens)},
    )


def encode_special(tokenizer, text):
    """Los números de un texto en que <|endoftext|> es el token especial, con cualquier tokenizador."""
    if isinstance(tokenizer, tiktoken.Encoding):
        return tokenizer.encode(text, allowed_special={END_OF_TEXT})
    return tokenizer.encode(text, special=True)


def load_gpt2_merges():
    """Las 50 000 fusiones de GPT-2, en orden: lista de parejas (bytes, bytes). Errores: los de arriba."""
    lines = read_checked(VOCAB_BPE, VOCAB_BPE_SHA256).splitlines()[1:]  # la primera línea dice la versión
    return read_merges(lines)
