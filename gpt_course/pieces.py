"""El catálogo: qué clase pone en el modelo cada valor de la configuración."""

from torch import nn

from gpt_course.attention import MultiHeadAttention
from gpt_course.config import complete
from gpt_course.experts import Experts
from gpt_course.grouped_attention import GroupedAttention
from gpt_course.layers import FeedForward, LayerNorm
from gpt_course.rmsnorm import RMSNorm
from gpt_course.rope import Rotary
from gpt_course.swiglu import SwiGLU

NORMS = {"layer": LayerNorm, "rms": RMSNorm}
# Cada red feed-forward, y las claves con que se crea además de `emb_dim` y `hidden_dim`.
FEED_FORWARDS = {
    "gelu": (FeedForward, ("bias",)),
    "swiglu": (SwiGLU, ()),
    "experts": (Experts, ("n_experts", "experts_per_token")),
}
# Lo que GroupedAttention sabe hacer y MultiHeadAttention, la de GPT-2, no.
_GROUPED = ("n_kv_heads", "head_dim", "bias", "qk_norm", "window")


def make_norm(cfg):
    """Una normalización de la anchura del modelo."""
    cfg = complete(cfg)
    return NORMS[cfg["norm"]](cfg["emb_dim"], cfg["norm_eps"])


def make_feed_forward(cfg):
    """La red feed-forward de un bloque."""
    cfg = complete(cfg)
    kind, keys = FEED_FORWARDS[cfg["feed_forward"]]
    return kind(cfg["emb_dim"], cfg["hidden_dim"], **{key: cfg[key] for key in keys})


def make_attention(cfg):
    """La atención de un bloque: la de GPT-2 si basta, y si no, la de *keys* compartidas."""
    cfg, rotary = complete(cfg), cfg.get("positions") == "rope"
    usual = complete({key: cfg[key] for key in ("emb_dim", "n_heads")})
    options = {key: cfg[key] for key in ("drop_rate", "qkv_bias")}
    if not rotary and all(cfg[key] == usual[key] for key in _GROUPED):
        return MultiHeadAttention(cfg["emb_dim"], cfg["n_heads"], **options)
    options |= {key: cfg[key] for key in (*_GROUPED, "norm_eps")}
    return GroupedAttention(cfg["emb_dim"], cfg["n_heads"], rotary=rotary, **options)


def make_positions(cfg):
    """`(pos_emb, rotary)`: la tabla de posiciones aprendidas o el giro de RoPE; la que no se usa, None."""
    cfg = complete(cfg)
    if cfg["positions"] == "rope":
        return None, Rotary(cfg["head_dim"], cfg["rope_base"], cfg["rope_scaling"])
    return nn.Embedding(cfg["context_length"], cfg["emb_dim"]), None
