"""Generación de tokens: pedir logits, elegir uno, añadirlo y repetir."""

import torch
from torch.nn import functional as F

from gpt_course.cache import KVCache
from gpt_course.checks import check_tokens
from gpt_course.config import check_count, check_switch, is_whole
from gpt_course.padding import count_padding
from gpt_course.sampling import check_sampling, choose_token


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
    use_cache=True,
):
    """Da los tokens que continúan `ids` según salen: un iterador de tensores (B,).

    Con `temperature=0` la decodificación es voraz: siempre el token de mayor puntuación. Con
    `temperature > 0` se sortea: `filter_logits` aplica temperatura, `top_k` y `top_p`, y `sample_token`
    elige con `generator` (sin él, con el generador de torch que fija `torch.manual_seed`).
    eos_id: token que acaba una fila; el resto de esa fila se llena con él, y al acabar todas se para.
    mask: (B, T), False en el relleno de las filas cortas, que va a la izquierda (ver `pad_left`).
    use_cache: con True, cada token se lee una sola vez (ver `KVCache`); con False, todos en cada paso.
    El modelo ve los últimos `context_length` tokens; desde que no caben todos, lee la ventana cada vez.
    No cambia el modo del modelo: llama antes a `model.eval()` para que no actúe el dropout.
    Errores: `ValueError` si `ids` no sirve (ver `GPTModel`), si una opción está fuera de su intervalo, o si
    llegan `top_k`, `top_p` o `generator` con temperatura 0, donde no harían nada.
    Fuentes: Radford et al. (2019), apartado 3; Fan et al. (2018), 5.1; Holtzman et al. (2020), 3.1.
    """
    max_new_tokens = check_count("max_new_tokens", max_new_tokens, minimum=0)
    check_tokens(ids, vocab_size=model.cfg["vocab_size"], device=model.final_norm.scale.device)
    count_padding(mask, ids)
    sampling = {**check_sampling(temperature, top_k, top_p, generator), "generator": generator}
    eos_id = _check_eos(model, eos_id)
    check_switch("use_cache", use_cache)
    return _steps(model, ids, max_new_tokens, sampling, eos_id, mask, use_cache)


@torch.no_grad()
def _steps(model, ids, max_new_tokens, sampling, eos_id, mask, use_cache):
    reader = _Reader(model, ids.shape[1] + max_new_tokens - 1, mask, use_cache)
    finished = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)  # (B,)
    for _ in range(max_new_tokens):
        token = choose_token(reader.last_logits(ids), **sampling).to(ids)  # (B,)
        if eos_id is not None:
            token = token.masked_fill(finished, eos_id)
            finished = token == eos_id
        ids = torch.cat([ids, token[:, None]], dim=1)
        yield token
        if finished.all():
            return


class _Reader:
    """Pide los logits del último lugar leyendo lo menos posible."""

    def __init__(self, model, longest, mask, use_cache):
        self.model, self.mask, self.cache = model, mask, None
        self.context_length = model.cfg["context_length"]
        # El último token elegido no se lee. Lo que no vaya a caber o a leerse otra vez, ni se guarda.
        self.room = min(longest, self.context_length) if use_cache else 0

    def last_logits(self, ids):  # (B, T) → (B, V)
        if self.cache is not None and ids.shape[1] <= self.room:
            unread, mask = ids[:, -1:], None  # lo anterior, y el relleno, lo sabe la caché
        else:
            # Al correrse la ventana, cada token cambia de posición y lo guardado ya no vale.
            unread, mask = ids[:, -self.context_length :], self._window_mask(ids)
            self.cache = KVCache(self.model, len(ids), self.room) if ids.shape[1] < self.room else None
        return self.model(unread, mask=mask, cache=self.cache, last_only=True)[:, -1]

    def _window_mask(self, ids):
        if self.mask is None:
            return None
        written = ids.shape[1] - self.mask.shape[1]  # los tokens elegidos son de verdad
        return F.pad(self.mask, (0, written), value=True)[:, -self.context_length :]


def _check_eos(model, eos_id):
    vocab_size = model.cfg["vocab_size"]
    if eos_id is None:
        return None
    if not is_whole(eos_id) or not 0 <= eos_id < vocab_size:
        raise ValueError(
            f"eos_id debe ser un token, un entero de 0 a {vocab_size - 1}; llegó {eos_id!r}. El tokenizador "
            "dice cuál es el suyo; con None no se para antes."
        )
    return int(eos_id)
