"""Generación de texto: pedir logits, elegir un token, añadirlo y repetir."""

import numbers

import torch

from gpt_course.cache import KVCache, count_padding
from gpt_course.config import check_count
from gpt_course.sampling import check_sampling, filter_logits, sample_token


def generate(model, ids, max_new_tokens, **options):
    """Continúa `ids` con hasta `max_new_tokens` tokens; las opciones son las de `stream`.

    ids: (B, T) enteros → (B, T + n), del mismo tipo, con n = `max_new_tokens`, o menos si antes acaban todas
    las filas con `eos_id`. Errores: los de `stream`.
    """
    new = [token[:, None] for token in stream(model, ids, max_new_tokens, **options)]
    return torch.cat([ids, *new], dim=1)


def stream(
    model,
    ids,
    max_new_tokens,
    *,
    temperature=0.0,
    top_k=None,
    top_p=None,
    eos_id=None,
    mask=None,
    generator=None,
    cache=True,
):
    """Da los tokens que continúan `ids` según salen: un iterador de tensores (B,).

    Con `temperature=0` la decodificación es voraz: siempre el token de mayor puntuación. Con
    `temperature > 0` se sortea: `filter_logits` aplica temperatura, `top_k` y `top_p`, y `sample_token`
    elige con `generator` (sin él, con el generador de torch que fija `torch.manual_seed`).
    eos_id: token que acaba una fila; el resto de esa fila se llena con él, y al acabar todas se para.
    mask: (B, T), False en el relleno de las filas cortas, que va a la izquierda (ver `pad_left`).
    cache: con True, cada token se lee una sola vez (ver `KVCache`); con False, todos en cada paso. El modelo
    ve los últimos `context_length` tokens; desde que no caben todos, hay que leer la ventana entera cada vez.
    No cambia el modo del modelo: llama antes a `model.eval()` para que no actúe el dropout.
    Errores: `ValueError` si `ids` no sirve (ver `GPTModel`), si una opción está fuera de su intervalo, o si
    llegan `top_k`, `top_p` o `generator` con temperatura 0, donde no harían nada.
    Fuentes: Radford et al. (2019), apartado 3; Fan et al. (2018), 5.1; Holtzman et al. (2020), 3.1.
    """
    check_count("max_new_tokens", max_new_tokens, minimum=0)
    _check_ids(ids)
    check_sampling(temperature, top_k, top_p, generator)
    _check_eos(model, eos_id)
    padding = None if mask is None else _padding(ids, mask)

    sampling = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    return _steps(model, ids, max_new_tokens, sampling, generator, eos_id, padding, cache)


def pad_left(sequences, pad_id=0):
    """Junta listas de tokens de distinta longitud en un lote: (`ids`, `mask`), los dos (B, T).

    Las cortas llevan `pad_id` a la izquierda, y ahí `mask` es False: nadie lee esos lugares, así que sirve
    cualquier token. Así todas acaban en el mismo lugar, que es donde se añade el siguiente.
    Errores: `ValueError` si no hay secuencias, o alguna está vacía o no es de números enteros.
    """
    rows = [torch.as_tensor(sequence) for sequence in sequences]
    if not rows or any(row.dim() != 1 or len(row) == 0 or row.is_floating_point() for row in rows):
        raise ValueError(
            "pad_left espera una lista de secuencias de tokens, ninguna vacía, como [[5, 8], [7]]; llegó "
            f"{[tuple(row.shape) for row in rows]}. Pon al menos un token en cada una."
        )
    lengths = torch.tensor([len(row) for row in rows])  # (B,)
    columns = torch.arange(lengths.max())  # (T,)
    mask = columns >= (lengths.max() - lengths)[:, None]  # (B, T)
    ids = torch.full(mask.shape, pad_id, dtype=torch.int64)
    ids[mask] = torch.cat(rows).long()  # se llena por filas, de izquierda a derecha
    return ids, mask


@torch.no_grad()
def _steps(model, ids, max_new_tokens, sampling, generator, eos_id, padding, use_cache):
    reader = _Reader(model, ids.shape[1] + max_new_tokens - 1, padding, use_cache)
    finished = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)  # (B,)
    for _ in range(max_new_tokens):
        token = _choose(reader.last_logits(ids), sampling, generator).to(ids)  # (B,)
        if eos_id is not None:
            token = token.masked_fill(finished, eos_id)
            finished |= token == eos_id
        ids = torch.cat([ids, token[:, None]], dim=1)
        yield token
        if finished.all():
            return


def _choose(logits, sampling, generator):  # (B, V) → (B,)
    if sampling["temperature"] == 0:
        return logits.argmax(dim=-1)
    logits = logits.to("cpu", torch.float64)  # el mismo sorteo con cualquier dispositivo
    logits = logits - logits.amax(dim=-1, keepdim=True)  # no cambia softmax; evita que desborde
    return sample_token(filter_logits(logits, **sampling), generator).squeeze(1)


class _Reader:
    """Pide los logits del último lugar leyendo lo menos posible."""

    def __init__(self, model, longest, padding, use_cache):
        self.model, self.padding, self.use_cache = model, padding, use_cache
        self.context_length = model.pos_emb.num_embeddings
        self.length = max(1, min(longest, self.context_length))  # el último token elegido no se lee
        self.cache = None

    def last_logits(self, ids):  # (B, T) → (B, V)
        if not self.use_cache or ids.shape[1] > self.context_length:
            # Al correrse la ventana, cada token cambia de posición y lo guardado ya no vale.
            self.cache = None
        if self.cache is None:
            unread = ids[:, -self.context_length :]
            self.cache = self._new_cache(ids.shape[1], unread)
        else:
            unread = ids[:, -1:]
        return self.model(unread, cache=self.cache, last_only=True)[:, -1]

    def _new_cache(self, total, unread):
        """Una caché para lo que viene; si no va a servir, solo cuando hay relleno que no leer."""
        batch, window = unread.shape
        keep = self.use_cache and total <= self.context_length
        if not keep and self.padding is None:
            return None
        columns = torch.arange(total - window, total, device=unread.device)
        mask = None if self.padding is None else columns >= self.padding[:, None]  # (B, T)
        return KVCache(self.model, batch, self.length if keep else window, mask)


def _check_ids(ids):
    if not isinstance(ids, torch.Tensor) or ids.dim() != 2:
        received = tuple(ids.shape) if isinstance(ids, torch.Tensor) else type(ids).__name__
        raise ValueError(
            f"Se esperaba un tensor de enteros (B, T); llegó {received}. Créalo con "
            "torch.tensor([tokenizer.encode(texto)]) o, si es una sola secuencia, usa .unsqueeze(0)."
        )


def _check_eos(model, eos_id):
    vocab_size = model.tok_emb.num_embeddings
    whole = isinstance(eos_id, numbers.Integral) and not isinstance(eos_id, bool)
    if eos_id is not None and not (whole and 0 <= eos_id < vocab_size):
        raise ValueError(f"eos_id debe ser un token, un entero de 0 a {vocab_size - 1}; llegó {eos_id!r}.")


def _padding(ids, mask):
    padding = count_padding(mask, len(ids))
    if mask.shape != ids.shape:
        raise ValueError(f"`mask` debe tener la forma de ids, {tuple(ids.shape)}; llegó {tuple(mask.shape)}.")
    return padding.to(ids.device) if padding.any() else None
