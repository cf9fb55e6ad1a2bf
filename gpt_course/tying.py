"""Vinculación de pesos: una sola matriz para leer tokens y para puntuarlos, pase lo que pase."""

import torch
from torch import nn

from gpt_course.config import check_switch


class TiedEnds(nn.Module):
    """Un modelo cuyos extremos, `tok_emb` y `out_head`, comparten matriz si `self.cfg["tie_weights"]`.

    PyTorch rehace los parámetros al convertir y al cargar: aquí se vuelven a unir. La matriz se guarda una
    sola vez, como `tok_emb.weight`, y se carga con cualquiera de los dos nombres.
    Si alguien reparametriza un extremo (lo poda, le pone LoRA…), su «weight» deja de ser un parámetro: desde
    entonces manda él, y los dos se guardan y se cargan con los nombres que tengan.
    Fuente: Press y Wolf (2017).
    """

    def __init__(self):
        super().__init__()
        self.register_state_dict_post_hook(_save_once)
        self.register_load_state_dict_post_hook(_tie_again)

    @property
    def tied(self):
        """¿Comparten matriz? Con `model.tied = False`, desde ahora cada extremo va por su lado."""
        return self.cfg.get("tie_weights", False)

    @tied.setter
    def tied(self, value):
        check_switch("tied", value)
        self.cfg["tie_weights"] = value

    def tie(self):
        """Une los extremos, si están vinculados."""
        if self._shares():
            self.out_head.weight = self.tok_emb.weight

    def check_tie(self):
        """Exige que los extremos vinculados sigan siendo el mismo tensor.

        Errores: `ValueError` si se sustituyó uno: calcularía con dos matrices y guardaría una.
        """
        if self._shares() and self.out_head.weight is not self.tok_emb.weight:
            raise ValueError(
                "El modelo se creó con tie_weights=True, pero tok_emb.weight y out_head.weight ya no son el "
                "mismo tensor: se sustituyó uno solo. Si querías dos matrices, escribe model.tied = False. "
                "Si no, vuelve a unirlos con model.out_head.weight = model.tok_emb.weight, y convierte o "
                "carga siempre el modelo entero, no una pieza."
            )

    def _shares(self):
        ends = (self.tok_emb, self.out_head)
        return self.tied and all(end._parameters.get("weight") is not None for end in ends)

    def _apply(self, fn, recurse=True):
        self.check_tie()  # al unirlos otra vez se perdería el que se sustituyó
        super()._apply(fn, recurse)  # .to(), .half(), .to_empty()…
        self.tie()
        return self

    def _load_from_state_dict(self, state_dict, prefix, *args):
        token, head = (prefix + name + ".weight" for name in ("tok_emb", "out_head"))
        if self._shares() and (token in state_dict or head in state_dict):
            first = state_dict.setdefault(token, state_dict.get(head))
            if not _same_matrix(first, state_dict.setdefault(head, first)):
                raise ValueError(
                    "El modelo comparte una sola matriz entre tok_emb y out_head (tie_weights=True), y "
                    "llegaron dos distintas. Crea el modelo con tie_weights=False para cargarlas."
                )
        else:
            self.check_tie()  # no llega ninguna: se unirían igual
        super()._load_from_state_dict(state_dict, prefix, *args)


def _same_matrix(first, second):
    if first is second or first.is_meta or second.is_meta:
        return first.shape == second.shape
    return first.shape == second.shape and torch.allclose(
        first, second.to(first.dtype), rtol=0, atol=0, equal_nan=True
    )


def _save_once(model, state_dict, prefix, local_metadata):
    model.check_tie()
    if model._shares():
        del state_dict[prefix + "out_head.weight"]


def _tie_again(model, incompatible_keys):
    model.tie()  # load_state_dict(assign=True) pone un tensor nuevo en cada nombre
