"""Caché KV: las *keys* y los *values* de los tokens ya leídos, para no volver a calcularlos."""

import torch

from gpt_course.config import check_count, complete


class KVCache:
    """Sitio para las *keys* y los *values* de todos los bloques, reservado de una vez.

    `model(ids, cache=cache)` lee solo los tokens nuevos, apunta aquí sus filas y atiende también a las
    anteriores. `keys` y `values`: (L, B, Hkv, `length` máxima, D), en el tipo y el dispositivo de los pesos;
    en GPT-2, Hkv es H. Con RoPE, las *keys* se guardan ya giradas.
    `cache.length` dice cuántos tokens van leídos y `cache.nbytes`, lo que ocupa: 2·L·B·Hkv·T·D·e bytes.
    El relleno lo aprende de la primera lectura, `model(ids, mask=mask, cache=cache)`, y lo recuerda.
    Una lectura cuenta cuando acaba: si algo la interrumpe, la caché queda como estaba y se puede repetir.
    Errores: `ValueError` si una medida no sirve o los tokens nuevos no caben.
    Fuente: Pope et al. (2022), arXiv 2211.05102, apartado 2.1.
    """

    def __init__(self, model, batch, length=None):
        context_length = model.cfg["context_length"]
        batch = check_count("batch", batch)
        length = context_length if length is None else check_count("length", length)
        if length > context_length:
            raise ValueError(
                f"La caché no puede ser más larga que context_length = {context_length}; llegó {length}. "
                "No hay posiciones para más tokens."
            )
        n_layers, n_heads, head_dim, dtype, device = _measures(model)
        shape = (n_layers, batch, n_heads, length, head_dim)
        self.keys, self.values = (torch.empty(shape, dtype=dtype, device=device) for _ in "kv")
        self.length, self.padding = 0, None  # tokens leídos; relleno de cada fila, (B,)
        self.end, self._new_padding = 0, None  # lo que valdrán si acaba la lectura en marcha

    @property
    def nbytes(self):
        """Bytes reservados, se usen ya o no."""
        return self.keys.nbytes + self.values.nbytes

    def __getitem__(self, layer):
        """La parte de un bloque, que es lo que recibe su atención."""
        if not 0 <= layer < len(self.keys):
            raise IndexError(layer)
        return _LayerCache(self, layer)

    def begin(self, model, in_idx, padding):
        """Empieza a leer `in_idx`, (B, T): devuelve cuántos van delante y el relleno de cada fila, (B,)."""
        self._check_model(model)
        (batch, count), (_, rows, _, room, _) = in_idx.shape, self.keys.shape
        if batch != rows:
            raise ValueError(f"La caché se creó para un lote de {rows}; llegó uno de {batch}. Crea otra.")
        if self.length + count > room:
            raise ValueError(
                f"La caché está llena: tiene {room} lugares, {self.length} ya escritos, y se pidió sitio "
                f"para {count} más. Créala más larga o, si ya mide context_length, empieza otra con los "
                "últimos."
            )
        if torch.is_grad_enabled():
            raise ValueError("La caché es para generar, sin gradientes. Úsala dentro de torch.no_grad().")
        if self.length > 0 and padding is not None:
            raise ValueError(
                "El relleno va delante de todo: `mask` se da en la primera lectura y la caché la recuerda. "
                f"Ya hay {self.length} tokens leídos: quita `mask` o empieza otra caché."
            )
        self.end = self.length + count
        self._new_padding = padding if self.length == 0 else self.padding
        return self.length, self._new_padding

    def commit(self):
        """Da por leídos los tokens de `begin`."""
        self.length, self.padding = self.end, self._new_padding

    def _check_model(self, model):
        n_layers, _, n_heads, _, head_dim = self.keys.shape
        created = (n_layers, n_heads, head_dim, self.keys.dtype, self.keys.device)
        if created != _measures(model):
            here, there = (
                f"(L, H, D) = {measures[:3]}, en {measures[3]} y {measures[4]}"
                for measures in (_measures(model), created)
            )
            raise ValueError(
                f"La caché se creó para otro modelo: allí {there}, y aquí {here}. Crea otra con ese modelo, "
                "después de convertirlo o llevarlo a su sitio."
            )


class _LayerCache:
    """La caché de un bloque."""

    def __init__(self, cache, layer):
        self.cache, self.layer = cache, layer

    @property
    def is_empty(self):
        """¿No hay nada leído antes?"""
        return not self.cache.length

    def extend(self, key, value):
        """Apunta las filas nuevas, (B, Hkv, nuevos, D), y devuelve todas, (B, Hkv, todos, D)."""
        cache, rows = self.cache, []
        for store, new in ((cache.keys, key), (cache.values, value)):
            place = store[self.layer, :, :, cache.length : cache.end]
            _check_fits(new, place)
            place.copy_(new)
            rows.append(store[self.layer, :, :, : cache.end])
        return rows


def _check_fits(new, place):
    """Exige filas como las de la caché: otras se convertirían o se repetirían sin avisar."""
    same_type = new.dtype == place.dtype or torch.is_autocast_enabled(place.device.type)
    if not same_type or new.shape != place.shape or new.device != place.device:
        here, there = (f"{tuple(t.shape)}, {t.dtype} en {t.device}" for t in (new, place))
        raise ValueError(
            f"La caché guarda *keys* y *values* (B, H, T, D) de {there}; la atención dio {here}. Si "
            "cambiaste W_key o W_value, haz que den lo mismo que antes."
        )


def _measures(model):
    """Lo que una caché necesita saber de un modelo: (L, Hkv, D, tipo, dispositivo)."""
    cfg, weight = complete(model.cfg), model.final_norm.scale
    return len(model.trf_blocks), cfg["n_kv_heads"], cfg["head_dim"], weight.dtype, weight.device
