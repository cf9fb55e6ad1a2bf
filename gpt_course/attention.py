"""Atención multicabeza con máscara causal: cada token lee los anteriores y a sí mismo."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from gpt_course.config import check_count, check_heads, check_switch
from gpt_course.dropout import Dropout


class MultiHeadAttention(nn.Module):
    """Atención multicabeza causal, softmax(QKᵀ/√D)·V en cada cabeza, y una proyección de salida.

    forward: (B, T, C) → (B, T, C), con C = `emb_dim` repartido entre H = `n_heads` cabezas de D = C/H.
    visible: (1 o B, 1, T, S), True en lo que cada token lee; sin ella, todos los anteriores y a sí mismo.
    cache: la parte de este bloque de una `KVCache`; lee también los tokens que ya guarda, S con los nuevos.
    Sin dropout la matriz T×T no se guarda (SDPA); con `explicit = True` se construye siempre, para comparar.
    Errores: `ValueError` si C no es múltiplo de H, si no son enteros positivos, si `drop_rate` no está en
    [0, 1), si `qkv_bias` no es True o False o si la entrada no tiene la forma (B, T, C).
    Fuente: Vaswani et al. (2017), apartado 3.2.
    """

    def __init__(self, emb_dim, n_heads, *, drop_rate=0.0, qkv_bias=False):
        super().__init__()
        self.emb_dim = check_count("emb_dim", emb_dim)
        self.n_heads = check_count("n_heads", n_heads)
        check_heads(emb_dim, n_heads)
        self.head_dim = emb_dim // n_heads
        check_switch("qkv_bias", qkv_bias)
        self.W_query = nn.Linear(emb_dim, emb_dim, bias=qkv_bias)
        self.W_key = nn.Linear(emb_dim, emb_dim, bias=qkv_bias)
        self.W_value = nn.Linear(emb_dim, emb_dim, bias=qkv_bias)
        self.out_proj = nn.Linear(emb_dim, emb_dim)
        self.dropout = Dropout(drop_rate)
        self.explicit = False

    def forward(self, x, visible=None, cache=None):  # (B, T, C)
        self._check_input(x)
        query, key, value = (
            self._split_heads(linear(x)) for linear in (self.W_query, self.W_key, self.W_value)
        )  # (B, H, T, D)
        causal = visible is None and (cache is None or cache.is_empty)
        if cache is not None:
            key, value = cache.extend(key, value)  # (B, H, S, D)
        if self.explicit or (self.training and self.dropout.p > 0):
            context = self.dropout(causal_weights(query, key, visible)) @ value  # (B, H, T, D)
        else:
            # La misma cuenta sin guardar la matriz T×T: más rápida y con menos memoria.
            context = F.scaled_dot_product_attention(query, key, value, attn_mask=visible, is_causal=causal)
        return self.out_proj(context.transpose(1, 2).flatten(2))  # (B, T, C)

    def attention_weights(self, x):
        """Pesos de atención sin dropout, para mirarlos: (B, T, C) → (B, H, T, T); cada fila suma 1.

        Errores: `ValueError` si la entrada no tiene la forma (B, T, C).
        """
        self._check_input(x)
        return causal_weights(self._split_heads(self.W_query(x)), self._split_heads(self.W_key(x)))

    def _check_input(self, x):
        if x.dim() != 3 or x.shape[-1] != self.emb_dim:
            raise ValueError(
                f"La atención espera la forma (B, T, {self.emb_dim}); llegó {tuple(x.shape)}. "
                "A una sola secuencia (T, C) añádele el lote con .unsqueeze(0)."
            )

    def _split_heads(self, x):  # (B, T, C) → (B, H, T, D)
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # Otros cursos guardan la máscara triangular como un tensor más; aquí no hace falta.
        state_dict.pop(prefix + "mask", None)
        super()._load_from_state_dict(state_dict, prefix, *args)


def causal_weights(query, key, visible=None):  # (B, H, T, D), (B, H, S, D) → (B, H, T, S)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, T, S)
    if visible is None:  # los T nuevos son los últimos de los S
        n_new, n_all = scores.shape[-2:]
        hidden = torch.ones(n_new, n_all, dtype=torch.bool, device=query.device).triu(1 + n_all - n_new)
    else:
        hidden = ~visible
    return scores.masked_fill(hidden, -torch.inf).softmax(dim=-1)
