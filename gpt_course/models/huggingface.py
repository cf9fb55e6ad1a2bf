"""El tokenizador que trae una carpeta de Hugging Face, `tokenizer.json`, con lo que el curso pide de uno."""

import contextlib
import json
import re
from reprlib import repr as short

import tokenizers

from gpt_course.config import is_whole
from gpt_course.files import read_json
from gpt_course.tokenizer import letter_bytes, utf8

_LARGEST = 10**8  # bytes de un tokenizer.json: los mayores no llegan a 40 MB
# De qué se compone lo que junta los tokens de Llama 2 y Mistral: «▁» es el espacio y «<0x0A>», un byte.
_PIECES = {"Sequence", "Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"}


class HuggingFaceTokenizer:
    """Un tokenizador de la biblioteca `tokenizers`, que parte el texto como `AutoTokenizer`.

    inner: un `tokenizers.Tokenizer`. ends: los tokens que acaban un texto; el primero es `eot_token`, que sin
    ninguno es None. begin: el que lo empieza, o None.
    Errores: `ValueError` si junta sus tokens de una manera que aquí no se sabe, o si un token no es suyo.
    """

    def __init__(self, inner, *, ends=(), begin=None):
        inner.no_truncation()  # aquí se lee entero lo que llega
        inner.no_padding()
        self.inner, self._is_bytes = inner, _writes_bytes(inner.decoder)
        self._added = {index: token.content for index, token in inner.get_added_tokens_decoder().items()}
        self.n_vocab = 1 + max(inner.get_vocab(with_added_tokens=True).values(), default=-1)
        self.ends, self.begin = tuple(ends), begin
        self.eot_token = self.ends[0] if self.ends else None
        marks = [*self.ends, *([] if begin is None else [begin])]
        wrong = [mark for mark in marks if not is_whole(mark) or not 0 <= mark < self.n_vocab]
        if wrong:
            raise ValueError(
                f"El token que empieza o acaba un texto debe ser un entero de 0 a {self.n_vocab - 1}; llegó "
                f"{short(wrong[0])}. Comprueba que los archivos de la carpeta son de un mismo modelo."
            )

    def encode(self, text, *, special=False):
        """Lista de números de token.

        special: con True, como los lee el modelo: los tokens especiales de `text` lo son, y delante va el que
        empieza un texto, si este tokenizador lo pone. Sin él, `text` es solo texto.
        Errores: `ValueError` si no es un texto o no se puede escribir en UTF-8.
        """
        utf8(text)
        self.inner.encode_special_tokens = not special
        return self.inner.encode(text, add_special_tokens=special).ids

    def decode(self, ids):
        """El texto de una lista de números; lo que no es UTF-8, como �. Errores: los de `decode_bytes`."""
        return self.inner.decode(_check_tokens(self, ids), skip_special_tokens=False)

    def decode_bytes(self, ids):
        """Los bytes de una lista de números de token, aunque corten una letra por la mitad.

        Errores: `ValueError` si un número no es de ningún token.
        """
        return b"".join(map(self._bytes, _check_tokens(self, ids)))

    def _bytes(self, index):
        token = self._added.get(index)
        if token is not None:
            return token.encode()
        token = self.inner.id_to_token(index) or ""  # puede haber números sin token
        if self._is_bytes:
            with contextlib.suppress(KeyError):  # uno que se añadió al vocabulario tal cual
                return letter_bytes(token)
            return token.encode()
        if re.fullmatch("<0x[0-9A-F]{2}>", token):
            return bytes.fromhex(token[3:5])
        return token.replace("▁", " ").encode()


def read_huggingface(directory, settings):
    """El tokenizador de `directory`, cuyo `config.json` dice `settings`.

    Qué tokens empiezan y acaban un texto lo dicen `generation_config.json`, `config.json` o
    `tokenizer_config.json`: el primero que lo diga.
    Errores: `OSError` si falta `tokenizer.json`; `ValueError` si está dañado o dice lo que no puede ser.
    """
    path = directory / "tokenizer.json"
    if not path.exists():
        raise FileNotFoundError(
            f"Falta {path}, con el tokenizador; uno de SentencePiece (`tokenizer.model`) no sirve. Descarga "
            "la carpeta entera, o carga solo el modelo con `load_llama`."
        )
    inner = _parsed(read_json(path, _LARGEST))
    generation, words = (
        _read_if_any(directory / name) for name in ("generation_config.json", "tokenizer_config.json")
    )
    marks = []
    for name in ("bos_token", "eos_token"):
        said = [generation.get(f"{name}_id"), settings.get(f"{name}_id"), _number(words.get(name), inner)]
        first = next((each for each in said if each is not None), [])
        marks.append(first if isinstance(first, list) else [first])
    return HuggingFaceTokenizer(inner, ends=marks[1], begin=next(iter(marks[0]), None))


def huggingface_files(tokenizer):
    """Los archivos que guardan un `HuggingFaceTokenizer`, {nombre: texto}; los lee `read_huggingface`."""
    marks = {"bos_token_id": tokenizer.begin, "eos_token_id": list(tokenizer.ends) or None}
    return {
        "tokenizer.json": tokenizer.inner.to_str() + "\n",
        "generation_config.json": json.dumps(marks, indent=2) + "\n",
    }


def _parsed(found):
    try:
        return tokenizers.Tokenizer.from_str(json.dumps(found))
    except Exception as error:  # la biblioteca no distingue qué falla
        raise ValueError(
            "tokenizer.json no es un tokenizador que `tokenizers` entienda: "
            f"{str(error)[:200]}. Descárgalo otra vez, o actualiza la biblioteca."
        ) from None


def _writes_bytes(decoder):
    """¿Cada letra de un token es un byte, como en GPT-2, Llama 3 y Qwen? Si no, son las de Llama 2."""
    kinds = set(re.findall(r'"type":"(\w+)"', decoder.__getstate__().decode() if decoder else ""))
    if not kinds or not kinds <= {*_PIECES, "ByteLevel"}:
        raise ValueError(
            f"El tokenizador junta sus tokens con {', '.join(sorted(kinds)) or 'nada'}, y aquí se sabe "
            "hacer con ByteLevel (GPT-2, Llama 3, Qwen) o como Llama 2 y Mistral."
        )
    return "ByteLevel" in kinds


def _check_tokens(tokenizer, ids):
    """Los números, en una lista, si todos son de ese tokenizador o del hueco que deja un vocabulario."""
    ids = list(ids)
    wrong = [index for index in ids if not is_whole(index) or not 0 <= index < 2**31]
    if wrong:
        raise ValueError(
            f"Un número de token es un entero de 0 a {tokenizer.n_vocab - 1}; llegó {short(wrong[0])}. "
            "Comprueba que son de este tokenizador; de un tensor, pasa ids.tolist()."
        )
    return ids


def _read_if_any(path):
    return read_json(path, _LARGEST) if path.exists() else {}


def _number(token, inner):
    """El número de un token especial, escrito como en `tokenizer_config.json`; None si no lo tiene."""
    token = token.get("content") if isinstance(token, dict) else token
    return inner.token_to_id(token) if isinstance(token, str) else None
