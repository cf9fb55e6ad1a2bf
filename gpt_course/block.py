"""El bloque Transformer: atención y red feed-forward, cada una con su atajo; y los bloques, en fila."""

from torch import nn

from gpt_course.config import check_config
from gpt_course.dropout import Dropout
from gpt_course.pieces import make_attention, make_feed_forward, make_norm


class TransformerBlock(nn.Module):
    """Bloque pre-LN: normaliza antes de cada subcapa y suma su resultado a la entrada.

    Qué atención, qué red y qué normas, lo dice `cfg` (ver `gpt_course.pieces`).
    forward: (B, T, C) → (B, T, C). `visible`, `cache` y `rotation`, si llegan, son para la atención (ver
    `MultiHeadAttention` y `GroupedAttention`).
    Errores: `ValueError` si `cfg` no es una configuración válida (ver `check_config`).
    Fuente: Radford et al. (2019), apartado 2.3; conexión residual de He et al. (2016).
    """

    def __init__(self, cfg):
        super().__init__()
        check_config(cfg)
        self.att = make_attention(cfg)
        self.ff = make_feed_forward(cfg)
        self.norm1 = make_norm(cfg)
        self.norm2 = make_norm(cfg)
        self.drop_shortcut = Dropout(cfg["drop_rate"])

    def forward(self, x, **reading):  # (B, T, C)
        x = x + self.drop_shortcut(self.att(self.norm1(x), **reading))
        x = x + self.drop_shortcut(self.ff(self.norm2(x)))
        return x


class Blocks(nn.Sequential):
    """Los bloques en fila: cada uno lee lo que escribió el anterior, (B, T, C) → (B, T, C).

    cache: una `KVCache`, de la que cada bloque recibe su parte. Lo demás llega igual a todos.
    """

    def forward(self, x, cache=None, **reading):  # (B, T, C)
        for layer, block in enumerate(self):
            if cache is not None:
                reading["cache"] = cache[layer]
            x = block(x, **reading)
        return x
