"""La inicialización, la de GPT-2 y la de Llama: con qué números empieza a entrenar."""

import math
import re

import torch

_STD = 0.02
_KNOWN = re.compile(
    r"(.*\.)?(tok_emb\.weight|pos_emb\.weight|out_head\.weight|final_norm\.(scale|shift)"
    r"|trf_blocks\.\d+\.(att\.(W_query|W_key|W_value|out_proj)\.(weight|bias)"
    r"|att\.(query|key)_norm\.scale|ff\.layers\.[02]\.(weight|bias)|ff\.router\.weight"
    r"|ff\.(experts\.\d+\.)?(gate|up|down)\.weight|norm[12]\.(scale|shift)))"
)
_WRITING = ("att.out_proj.weight", "ff.layers.2.weight", ".down.weight")  # las que escriben en el camino


@torch.no_grad()
def init_gpt2(model):
    """Sortea otra vez los pesos de `model` como los de GPT-2 y lo devuelve; consume la semilla de torch.

    Los números salen en el orden de los parámetros; una matriz vinculada se sortea una vez. Del código
    publicado (`openai/gpt-2`): incrustación de tokens y capas lineales N(0; 0,02), posiciones
    N(0; 0,01), sesgos a 0, normas a 1 y 0. Del artículo (Radford et al. 2019, apartado 2.3): al empezar,
    las capas que escriben en el camino residual se dividen entre √N, con N capas residuales. De las
    versiones corrientes de otros: aplicarlo como 0,02/√(2L) a `att.out_proj` y `ff.layers.2`, porque cada
    uno de los L bloques suma dos veces. Con piezas de hoy vale lo mismo, y la que escribe es `down`.
    Errores: `ValueError` si algún parámetro no es de un `GPTModel` (una pieza podada, con LoRA…);
    entonces no cambia ninguno.
    """
    return _draw(model, "init_gpt2", writing_std=_STD / math.sqrt(2 * len(model.trf_blocks)), places_std=0.01)


@torch.no_grad()
def init_llama(model):
    """Sortea otra vez los pesos de `model` como empieza un modelo como Llama, y lo devuelve.

    Todas las matrices N(0; 0,02), también las que escriben en el camino residual; las normas, a 1. Es el
    `initializer_range` de las configuraciones publicadas de Llama 3 y Qwen 3.
    Errores: los de `init_gpt2`.
    """
    return _draw(model, "init_llama", writing_std=_STD, places_std=_STD)


def _draw(model, caller, writing_std, places_std):
    parameters = dict(model.named_parameters())
    strange = [name for name in parameters if not _KNOWN.fullmatch(name)]
    if strange:
        raise ValueError(
            f"{caller} solo sabe sortear los parámetros de un GPTModel; no son suyos {strange[:3]}. "
            "Llámala antes de cambiarle piezas."
        )
    for name, parameter in parameters.items():
        if name.endswith((".bias", ".shift")):
            parameter.zero_()
        elif name.endswith(".scale"):
            parameter.fill_(1)
        elif name.endswith("pos_emb.weight"):
            parameter.normal_(std=places_std)
        else:
            parameter.normal_(std=writing_std if name.endswith(_WRITING) else _STD)
    return model
