"""El GPT completo: de los números de los tokens a una puntuación por cada token del vocabulario."""

import math

import torch
from torch import nn

from gpt_course.block import TransformerBlock
from gpt_course.config import check_config
from gpt_course.dropout import Dropout
from gpt_course.layers import LayerNorm


class GPTModel(nn.Module):
    """GPT-2 de cualquier tamaño, según `cfg` (ver `gpt_course.config`).

    forward: (B, T) int64 → logits (B, T, V), en el dispositivo de los pesos. Con `cache`, una `KVCache`,
    los T tokens siguen a los que ya guarda; con `last_only`, solo los logits del último lugar, (B, 1, V).
    Con `tie_weights`, la cabeza de salida y la incrustación de tokens son el mismo tensor. Lo siguen siendo
    al copiar, convertir, guardar o cargar el modelo entero; convertir o cargar una sola de las dos piezas
    puede separarlas, y entonces el modelo se niega a calcular y a guardarse.
    Errores: `ValueError` si la configuración o los tokens no sirven, o si la vinculación se ha roto.
    Fuente: Radford et al. (2019), apartado 2.3; Press y Wolf (2017) para la vinculación de pesos.
    """

    def __init__(self, cfg):
        super().__init__()
        check_config(cfg)
        self.tok_emb = nn.Embedding(cfg["vocab_size"], cfg["emb_dim"])
        self.pos_emb = nn.Embedding(cfg["context_length"], cfg["emb_dim"])
        self.drop_emb = Dropout(cfg["drop_rate"])
        self.trf_blocks = nn.Sequential(*[TransformerBlock(cfg) for _ in range(cfg["n_layers"])])
        self.final_norm = LayerNorm(cfg["emb_dim"])
        # La cabeza se sortea también si luego se vincula: así una semilla da siempre los mismos bloques.
        self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False)
        self.tied = cfg.get("tie_weights", False)
        self._tie()
        self.register_state_dict_post_hook(_save_once)
        self.register_load_state_dict_post_hook(_tie_again)

    def forward(self, in_idx, *, cache=None, last_only=False):  # (B, T)
        x = self.features(in_idx, cache=cache)
        return self.out_head(x[:, -1:] if last_only else x)  # (B, T, V) o (B, 1, V)

    def features(self, in_idx, *, cache=None):
        """Lo que lee la cabeza de salida: (B, T) → (B, T, C). Errores: los de llamar al modelo."""
        self._check_tokens(in_idx)
        self._check_tie()
        if cache is None:
            positions = torch.arange(in_idx.shape[1], device=in_idx.device)  # (T,)
        else:
            cache.check_model(self)
            positions = cache.reserve(*in_idx.shape)  # (T,) o (B, T)
        x = self.drop_emb(self.tok_emb(in_idx) + self.pos_emb(positions))  # (B, T, C)
        if cache is None:
            x = self.trf_blocks(x)
        else:
            for block, layer in zip(self.trf_blocks, cache, strict=True):
                x = block(x, layer)
        return self.final_norm(x)

    def _check_tokens(self, in_idx):
        context_length, vocab_size = self.pos_emb.num_embeddings, self.tok_emb.num_embeddings
        device = self.tok_emb.weight.device
        expected = f"Se esperaba un tensor int64 o int32 de forma (B, T), con 1 ≤ T ≤ {context_length}"
        if not isinstance(in_idx, torch.Tensor):
            raise ValueError(f"{expected}; llegó {type(in_idx).__name__}. Usa torch.tensor([[…]]).")
        if in_idx.dtype not in (torch.int64, torch.int32):
            raise ValueError(
                f"{expected}; llegó {in_idx.dtype}. Los tokens son números enteros: conviértelo con .long()."
            )
        if in_idx.dim() != 2:
            raise ValueError(
                f"{expected}; llegó la forma {tuple(in_idx.shape)}. "
                "Si es una sola secuencia, añade la dimensión del lote con .unsqueeze(0)."
            )
        if in_idx.shape[1] > context_length:
            raise ValueError(
                f"{expected}; llegó T = {in_idx.shape[1]}. "
                f"Recorta la secuencia a los últimos {context_length} tokens."
            )
        if in_idx.numel() == 0:
            raise ValueError(
                f"{expected}; llegó la forma {tuple(in_idx.shape)}, sin ningún token. "
                "Pon al menos uno, por ejemplo <|endoftext|>."
            )
        if in_idx.device != device:
            raise ValueError(
                f"El modelo está en {device} y los tokens llegaron en {in_idx.device}. "
                "Llévalos al mismo sitio con .to(device)."
            )
        # En una GPU, leer el mínimo y el máximo obligaría a esperar a que termine todo lo anterior.
        if device.type == "cpu" and not torch.compiler.is_compiling():
            low, high = (bound.item() for bound in in_idx.aminmax())
            if low < 0 or high >= vocab_size:
                wrong = low if low < 0 else high
                raise ValueError(
                    f"Se esperaban tokens entre 0 y {vocab_size - 1}; llegó {wrong}. "
                    "Comprueba que el tokenizador y vocab_size correspondan al mismo modelo."
                )

    def attention_weights(self, in_idx):
        """Pesos de atención de los L bloques, para mirarlos: (B, T) → (L, B, H, T, T).

        Errores: `ValueError` si actúa el dropout, que cambiaría lo que lee cada bloque, o si los tokens
        no sirven.
        """
        if any(module.training and module.p > 0 for module in self.modules() if isinstance(module, Dropout)):
            raise ValueError(
                "Los pesos de atención se miran sin dropout, y el modelo está en modo de "
                "entrenamiento. Llama antes a model.eval()."
            )
        weights = []

        def keep(att, inputs):
            weights.append(att.attention_weights(inputs[0]))

        hooks = [block.att.register_forward_pre_hook(keep) for block in self.trf_blocks]
        try:
            with torch.no_grad():
                self(in_idx)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(weights)

    def _tie(self):
        # Si el usuario reparametriza una de las dos, «weight» deja de ser un parámetro y manda él.
        if self.tied and "weight" in self.out_head._parameters and "weight" in self.tok_emb._parameters:
            self.out_head.weight = self.tok_emb.weight

    def _check_tie(self):
        ends = [module._parameters.get("weight") for module in (self.tok_emb, self.out_head)]
        if self.tied and None not in ends and ends[0] is not ends[1]:
            raise ValueError(
                "El modelo se creó con tie_weights=True, pero tok_emb.weight y out_head.weight ya no son el "
                "mismo tensor: se sustituyó uno solo. Convierte o carga el modelo entero, no una pieza, o "
                "vuelve a unirlos con model.out_head.weight = model.tok_emb.weight."
            )

    # Lo que sigue conserva la vinculación cuando PyTorch rehace, guarda o carga los parámetros.

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)  # .to(), .half(), .to_empty()…
        self._tie()
        return self

    def _load_from_state_dict(self, state_dict, prefix, *args):
        token, head = (prefix + name + ".weight" for name in ("tok_emb", "out_head"))
        if self.tied and (token in state_dict or head in state_dict):
            first = state_dict.setdefault(token, state_dict.get(head))
            if not _same_matrix(first, state_dict.setdefault(head, first)):
                raise ValueError(
                    "El modelo comparte una sola matriz entre tok_emb y out_head (tie_weights=True), y "
                    "llegaron dos distintas. Crea el modelo con tie_weights=False para cargarlas."
                )
        super()._load_from_state_dict(state_dict, prefix, *args)


@torch.no_grad()
def init_gpt2(model):
    """Sortea otra vez los pesos de `model` como los de GPT-2 y lo devuelve; consume la semilla de torch.

    Los números salen en el orden de los parámetros; una matriz vinculada se sortea una vez. Del código
    publicado (`openai/gpt-2`): incrustación de tokens y capas lineales N(0; 0,02), posiciones
    N(0; 0,01), sesgos a 0, normas a 1 y 0. Del artículo (Radford et al. 2019, apartado 2.3): al empezar,
    las capas que escriben en el camino residual se dividen entre √N, con N capas residuales. De las
    versiones corrientes de otros: aplicarlo como 0,02/√(2L) a `att.out_proj` y `ff.layers.2`, porque cada
    uno de los L bloques suma dos veces.
    """
    writing_std = 0.02 / math.sqrt(2 * len(model.trf_blocks))
    for name, parameter in model.named_parameters():
        if name.endswith((".bias", ".shift")):
            parameter.zero_()
        elif name.endswith(".scale"):
            parameter.fill_(1)
        elif name.endswith(("att.out_proj.weight", "ff.layers.2.weight")):
            parameter.normal_(std=writing_std)
        else:
            parameter.normal_(std=0.01 if name.endswith("pos_emb.weight") else 0.02)
    return model


def _same_matrix(first, second):
    if first is second or first.is_meta or second.is_meta:
        return first.shape == second.shape
    return first.shape == second.shape and torch.allclose(
        first, second.to(first.dtype), rtol=0, atol=0, equal_nan=True
    )


def _save_once(model, state_dict, prefix, local_metadata):
    model._check_tie()
    if model.tied:  # un solo tensor: se guarda una vez, como tok_emb.weight
        state_dict.pop(prefix + "out_head.weight", None)


def _tie_again(model, incompatible_keys):
    model._tie()  # load_state_dict(assign=True) pone un tensor nuevo en cada nombre
