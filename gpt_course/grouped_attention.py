"""Atención con *keys* compartidas: varias cabezas de query leen las mismas *keys* y *values*."""

import torch.nn.functional as F
from torch import nn

from gpt_course.attention import causal_weights
from gpt_course.config import check_count, check_heads, check_kv_heads, check_switch
from gpt_course.dropout import Dropout
from gpt_course.padding import visibility
from gpt_course.rmsnorm import RMSNorm
from gpt_course.rope import rotate_half_split


class GroupedAttention(nn.Module):
    """Atención causal con H = `n_heads` cabezas de query y Hkv = `n_kv_heads` de key y value, de D números.

    forward: (B, T, C) → (B, T, C). Cada H/Hkv cabezas seguidas leen las mismas *keys* y *values*.
    visible, cache: como en `MultiHeadAttention`; la caché guarda solo Hkv cabezas.
    rotary: gira cada *query* y cada *key* según `rotation`, el (coseno, seno) que da `Rotary`.
    qk_norm: antes de girarlas, las normaliza con RMSNorm.
    window: cuántos tokens lee cada uno como mucho, contándose; None, todos los anteriores.
    Errores: `ValueError` si una medida no es un entero positivo, `n_kv_heads` no divide a `n_heads`,
    `drop_rate` no está en [0, 1), un sí o no es otra cosa, la entrada no tiene la forma (B, T, C) o
    `rotation` falta o es de otras posiciones.
    Fuente: Ainslie et al. (2023), *GQA*, arXiv 2305.13245, apartado 2.2; para `qk_norm`, Henry et al. (2020),
    arXiv 2010.04245, y Yang et al. (2025), *Qwen3 Technical Report*, apartado 2.
    """

    def __init__(
        self,
        emb_dim,
        n_heads,
        *,
        n_kv_heads=None,
        head_dim=None,
        drop_rate=0.0,
        qkv_bias=False,
        bias=True,
        qk_norm=False,
        norm_eps=1e-5,
        rotary=False,
        window=None,
    ):
        super().__init__()
        self.emb_dim, self.n_heads = check_count("emb_dim", emb_dim), check_count("n_heads", n_heads)
        self.n_kv_heads = check_count("n_kv_heads", n_heads if n_kv_heads is None else n_kv_heads)
        if head_dim is None:
            check_heads(emb_dim, n_heads)
            head_dim = emb_dim // n_heads
        self.head_dim = check_count("head_dim", head_dim)
        check_kv_heads(self.n_heads, self.n_kv_heads)
        self.window = None if window is None else check_count("window", window)
        switches = {"qkv_bias": qkv_bias, "bias": bias, "qk_norm": qk_norm, "rotary": rotary}
        for name, value in switches.items():
            check_switch(name, value)
        width, kv_width = self.n_heads * self.head_dim, self.n_kv_heads * self.head_dim
        self.W_query = nn.Linear(emb_dim, width, bias=qkv_bias)
        self.W_key = nn.Linear(emb_dim, kv_width, bias=qkv_bias)
        self.W_value = nn.Linear(emb_dim, kv_width, bias=qkv_bias)
        self.query_norm, self.key_norm = (
            RMSNorm(self.head_dim, norm_eps) if qk_norm else None for _ in range(2)
        )
        self.out_proj = nn.Linear(width, emb_dim, bias=bias)
        self.dropout = Dropout(drop_rate)
        self.rotary, self.explicit = rotary, False

    def forward(self, x, visible=None, cache=None, rotation=None):  # (B, T, C)
        query, key = self._compared(x, rotation)  # (B, H, T, D), (B, Hkv, T, D)
        value = self._split_heads(self.W_value(x))  # (B, Hkv, T, D)
        if visible is None and cache is None:
            visible = self._window(x)
        causal = visible is None and (cache is None or cache.is_empty)
        if cache is not None:
            key, value = cache.extend(key, value)  # (B, Hkv, S, D)
        if self.explicit or (self.training and self.dropout.p > 0):
            weights = causal_weights(query, self._shared(key), visible)  # (B, H, T, S)
            context = self.dropout(weights) @ self._shared(value)  # (B, H, T, D)
        else:
            options = {"is_causal": causal, "enable_gqa": self.n_kv_heads < self.n_heads}
            context = F.scaled_dot_product_attention(query, key, value, attn_mask=visible, **options)
        return self.out_proj(context.transpose(1, 2).flatten(2))  # (B, T, C)

    def attention_weights(self, x, visible=None, rotation=None):
        """Pesos de atención sin dropout, para mirarlos: (B, T, C) → (B, H, T, T); cada fila suma 1.

        Errores: `ValueError` si la entrada no tiene la forma (B, T, C).
        """
        query, key = self._compared(x, rotation)
        return causal_weights(query, self._shared(key), self._window(x) if visible is None else visible)

    def _compared(self, x, rotation):
        """Lo que se compara: cada *query* y cada *key*, ya normalizadas y giradas."""
        if x.dim() != 3 or x.shape[-1] != self.emb_dim:
            raise ValueError(
                f"La atención espera la forma (B, T, {self.emb_dim}); llegó {tuple(x.shape)}. "
                "A una sola secuencia (T, C) añádele el lote con .unsqueeze(0)."
            )
        query, key = self._split_heads(self.W_query(x)), self._split_heads(self.W_key(x))
        if self.query_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        if self.rotary:
            places = 0 if rotation is None else rotation[0].shape[-2]
            if places != x.shape[1]:  # el de una sola posición valdría para todas sin avisar
                raise ValueError(
                    f"Esta atención espera el giro de {x.shape[1]} posiciones; llegó el de {places}. Dale "
                    "rotation=rotary(places) o, si es de un modelo, **model.reading(0, T, None, device)."
                )
            query, key = rotate_half_split(query, *rotation), rotate_half_split(key, *rotation)
        return query, key

    def _window(self, x):
        """Qué lee cada token, si no llega dicho; en un modelo llega, y es la misma para todos los bloques."""
        return None if self.window is None else visibility(0, x.shape[1], None, x.device, self.window)

    def _split_heads(self, x):  # (B, T, H·D) → (B, H, T, D), o con Hkv
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def _shared(self, x):  # (B, Hkv, S, D) → (B, H, S, D)
        return x.repeat_interleave(self.n_heads // self.n_kv_heads, dim=1)
