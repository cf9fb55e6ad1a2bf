"""Pasar un modelo al camino rápido, sin cambiar sus parámetros."""

import torch
from torch import nn

from gpt_course.attention import MultiHeadAttention
from gpt_course.fast.choice import PRECISIONS, onednn_wins, onednn_works
from gpt_course.fast.layers import FastAttention, FastFeedForward, FastGELU, FastLayerNorm, FastLinear
from gpt_course.fast.resident import keep_freed_memory
from gpt_course.layers import GELU, FeedForward, LayerNorm

_FASTER = {
    nn.Linear: FastLinear,
    LayerNorm: FastLayerNorm,
    GELU: FastGELU,
    FeedForward: FastFeedForward,
    MultiHeadAttention: FastAttention,
}


def make_fast(model, *, inference=False, precision="high"):
    """Cambia cómo calculan las capas lineales, las normas y GELU de `model`, y lo devuelve.

    Los parámetros son los mismos tensores, con los mismos nombres: se entrena, se guarda y se copia igual.
    De las piezas que GPT-2 no tiene (ver `gpt_course.pieces`) cambian solo sus capas lineales.
    En la CPU y en float32, cada producto va por PyTorch o por oneDNN según el procesador y las filas (ver
    `choice`). En Linux, además, el proceso se queda con la memoria que libera (ver `keep_freed_memory`).
    precision: con `"high"`, los resultados coinciden con los de antes a 1e-4. Con `"medium"` y un procesador
    con AMX, los factores de cada producto se redondean a bf16 (8 bits, unas 3 cifras); los pesos, las sumas y
    todo lo demás siguen en float32. Con AMX, o con AVX-512 para bf16, al leer 256 tokens o más sin gradientes
    pasa en bf16 lo que va de una capa a otra dentro de la atención y de la red feed-forward; la suma
    residual, la caché y los logits siguen en float32. En los demás procesadores, `"medium"` es `"high"`.
    Mientras dura un producto, los que otro hilo del mismo proceso haga en float32 también pueden redondearse
    (ver `kernels`).
    inference: si oneDNN gana con una sola fila, guarda las matrices por columnas: se genera antes y se
    entrena más despacio. `state_dict()` las da entonces copiadas, por filas.
    Para generar con la mitad de memoria, `make_fast(model).bfloat16()`.
    Errores: `ValueError` si `precision` no es una de las dos.
    """
    if precision not in PRECISIONS:
        raise ValueError(f'`precision` debe ser `"high"` o `"medium"`; llegó {precision!r}.')
    keep_freed_memory()
    for module in model.modules():
        module.__class__ = _FASTER.get(type(module), type(module))
        if type(module) in (FastLinear, FastAttention):
            module.precision = precision
    if inference:
        _store_by_columns(model)
    return model


def _store_by_columns(model):
    changed = False
    for module in model.modules():
        if type(module) is FastLinear and _by_columns_is_faster(module):
            module.weight.data = module.weight.data.T.contiguous().T
            changed = True
    if changed and _by_rows not in model._state_dict_hooks.values():
        model.register_state_dict_post_hook(_by_rows)


def _by_columns_is_faster(module):
    weight = module.weight
    on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
    return on_cpu and onednn_works() and onednn_wins(rows=1)


def _by_rows(model, state, prefix, metadata):
    """Los archivos de safetensors guardan cada tensor por filas."""
    for name in state:
        if name.startswith(prefix):
            state[name] = state[name].contiguous()
