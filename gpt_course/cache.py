"""Caché KV: las *keys* y los *values* de los tokens ya leídos, para no volver a calcularlos."""

import torch

from gpt_course.config import check_count


class KVCache:
    """Sitio para las *keys* y los *values* de todos los bloques, reservado de una vez.

    `model(ids, cache=cache)` lee solo los tokens nuevos, apunta aquí sus filas y atiende también a las
    anteriores. `keys` y `values`: (L, B, H, `length` máxima, D), en el tipo y el dispositivo de los pesos;
    `cache.length` dice cuántos tokens van escritos y `cache.nbytes`, lo que ocupa: 2·L·T·C·B·e bytes.
    mask: (B, T) con True en los tokens de verdad y False en el relleno, que va a la izquierda.
    Errores: `ValueError` si una medida o la máscara no sirven, o si los tokens nuevos no caben.
    Fuente: Pope et al. (2022), arXiv 2211.05102, apartado 2.1.
    """

    def __init__(self, model, batch, length=None, mask=None):
        context_length = model.pos_emb.num_embeddings
        length = context_length if length is None else length
        check_count("batch", batch)
        check_count("length", length)
        if length > context_length:
            raise ValueError(
                f"La caché no puede ser más larga que context_length = {context_length}; llegó {length}. "
                "No hay posiciones para más tokens."
            )
        weight = model.trf_blocks[0].att.W_key.weight
        n_layers, n_heads, head_dim = _blocks(model)
        shape = (n_layers, batch, n_heads, length, head_dim)
        self.keys, self.values = weight.new_empty(shape), weight.new_empty(shape)  # (L, B, H, T, D)
        self.padding = None if mask is None else count_padding(mask, batch).to(weight.device)  # (B,)
        self.length = 0

    @property
    def nbytes(self):
        """Bytes reservados, se usen ya o no."""
        return self.keys.nbytes + self.values.nbytes

    def __getitem__(self, layer):
        """La parte de un bloque, que es lo que recibe su atención."""
        if not 0 <= layer < len(self.keys):
            raise IndexError(layer)
        return _LayerCache(self, layer)

    def check_model(self, model):
        """Exige que los bloques de `model` midan lo que los del modelo con que se creó."""
        created = (*self.keys.shape[:3:2], self.keys.shape[4])
        if created != _blocks(model):
            raise ValueError(
                f"La caché se creó para otro modelo: allí (L, H, D) = {created} y aquí {_blocks(model)}. "
                "Crea otra con ese modelo."
            )

    def reserve(self, batch, count):
        """Hace sitio a `count` tokens por fila y devuelve su posición: (T,), o (B, T) si hay relleno."""
        _, rows, _, room, _ = self.keys.shape
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
        self.start, self.length = self.length, self.length + count
        columns = torch.arange(self.start, self.length, device=self.keys.device)  # (T,)
        self.visible = self._visible(columns)
        return columns if self.padding is None else (columns - self.padding[:, None]).clamp(min=0)

    def _visible(self, columns):
        """Qué lee cada token nuevo: (1 o B, 1, nuevos, todos); None, todo lo anterior y a sí mismo."""
        if self.padding is None and (self.start == 0 or len(columns) == 1):
            return None
        places = torch.arange(self.length, device=columns.device)
        visible = places <= columns[:, None]  # (nuevos, todos)
        if self.padding is not None:
            # Un relleno se lee a sí mismo: una fila sin nada que leer daría NaN, y el NaN se contagia.
            real = places >= self.padding[:, None, None]  # (B, 1, todos)
            visible = (visible & real) | (places == columns[:, None])
        return visible.unsqueeze(-3)


class _LayerCache:
    """La caché de un bloque."""

    def __init__(self, cache, layer):
        self.cache, self.layer = cache, layer

    def extend(self, key, value):
        """Apunta las filas nuevas, (B, H, nuevos, D), y devuelve todas y qué puede leer cada nuevo."""
        cache, rows = self.cache, []
        for store, new in ((cache.keys, key), (cache.values, value)):
            store[self.layer, :, :, cache.start : cache.length] = new
            rows.append(store[self.layer, :, :, : cache.length])  # (B, H, todos, D)
        return *rows, cache.visible


def _blocks(model):
    """Las medidas (L, H, D) de los bloques de un modelo."""
    att = model.trf_blocks[0].att
    return len(model.trf_blocks), att.n_heads, att.W_key.out_features // att.n_heads


def count_padding(mask, batch):
    """Cuántos rellenos tiene cada fila de `mask`, (B, T) → (B,).

    Errores: `ValueError` si no es una máscara de `batch` filas con el relleno a la izquierda.
    """
    expected = f"`mask` debe ser un tensor de True y False, (B, T) con B = {batch}"
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        received = mask.dtype if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ValueError(f"{expected}; llegó {received}. La que da pad_left sirve tal cual.")
    if mask.dim() != 2 or len(mask) != batch:
        raise ValueError(f"{expected}; llegó la forma {tuple(mask.shape)}.")
    padding = (~mask).sum(dim=1)  # (B,)
    at_the_left = torch.arange(mask.shape[1], device=mask.device) >= padding[:, None]
    if not torch.equal(mask, at_the_left) or not mask.any(dim=1).all():
        raise ValueError(
            "`mask` debe tener el relleno (False) a la izquierda y al menos un token de verdad (True) en "
            "cada fila: así todas acaban en el mismo lugar. Rellena con pad_left."
        )
    return padding
