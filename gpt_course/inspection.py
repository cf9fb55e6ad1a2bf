"""Mirar dentro de un modelo que lee: a quién mira, qué diría a medio camino, qué falla sin una cabeza."""

import contextlib

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from gpt_course.dropout import Dropout


@torch.no_grad()
def attention_weights(model, in_idx):
    """Pesos de atención de los L bloques, para mirarlos: (B, T) → (L, B, H, T, T); cada fila suma 1.

    No deja nada puesto en el modelo: se puede llamar desde varios hilos a la vez.
    Errores: `ValueError` si actúa el dropout, que cambiaría lo que lee cada bloque, y los de `check_input`.
    """
    _check(model, in_idx, "Los pesos de atención se miran")
    x, reading, weights = *_entrance(model, in_idx), []
    for block in model.trf_blocks:
        weights.append(block.att.attention_weights(block.norm1(x), **reading))
        x = block(x, **reading)
    return torch.stack(weights)


@torch.no_grad()
def logit_lens(model, in_idx):
    """Lo que diría el modelo si acabara antes: (B, T) → logits (L + 1, B, T, V).

    El 0 pasa a la cabeza de salida lo que lee el primer bloque, y el l, lo que sale del bloque l − 1, cada
    vez con la normalización final: los últimos son los de llamar al modelo. Tampoco deja nada puesto.
    Errores: los de `attention_weights`.
    Fuente: nostalgebraist (2020), *interpreting GPT: the logit lens*.
    """
    _check(model, in_idx, "La lente de logits se usa")
    x, reading = _entrance(model, in_idx)
    logits = [model.out_head(model.final_norm(x))]  # (B, T, V)
    for block in model.trf_blocks:
        x = block(x, **reading)
        logits.append(model.out_head(model.final_norm(x)))
    return torch.stack(logits)


def induction_scores(model, in_idx):
    """Cuánto mira cada cabeza a lo que siguió a una copia anterior del token: (B, T) → (L, H), de 0 a 1.

    Es la media en los lugares cuyo token ya había salido.
    Errores: los de `attention_weights`; `ValueError` si ningún token se repite.
    Fuente: Olsson et al. (2022), *In-context Learning and Induction Heads*.
    """
    weights = attention_weights(model, in_idx)  # (L, B, H, T, T)
    after = torch.zeros_like(weights[0, :, 0], dtype=torch.bool)  # (B, T, T): ¿s va detrás de una copia de t?
    after[:, :, 1:] = in_idx[:, :, None] == in_idx[:, None, :-1]
    after = after.tril()
    again = after.any(dim=-1)  # (B, T)
    if not again.any():
        raise ValueError("Ningún token se repite: no hay nada que copiar. Usa frases con repeticiones.")
    looked = (weights * after[:, None]).sum(dim=-1).transpose(2, 3)  # (L, B, T, H)
    return looked[:, again].mean(dim=1)


@torch.no_grad()
def expert_load(model, in_idx):
    """Qué parte de las elecciones de cada bloque se lleva cada experto: (B, T) → (L, E); cada fila suma 1.

    Errores: los de `attention_weights`; `ValueError` si el modelo no tiene expertos.
    """
    _check(model, in_idx, "La carga de los expertos se mira")
    if not hasattr(model.trf_blocks[0].ff, "load"):
        raise ValueError('El modelo no tiene expertos: su configuración no dice `feed_forward="experts"`.')
    x, reading, loads = *_entrance(model, in_idx), []
    for block in model.trf_blocks:
        loads.append(block.ff.load(block.norm2(x + block.att(block.norm1(x), **reading))))
        x = block(x, **reading)
    return torch.stack(loads)


@contextlib.contextmanager
def head_off(model, block, head):
    """Apaga una cabeza mientras dura el `with`: pone a cero lo que entrega a `out_proj`. Cuentan desde 0.

    Los pesos no cambian, y al salir, también con un error, no queda nada. Lo que se copie dentro tiene todas
    sus cabezas: el gancho es de PyTorch y solo mira a este modelo. Varias a la vez: un `with` dentro de otro.
    Actúa sobre quien use el modelo mientras tanto, otros hilos incluidos.
    Errores: `ValueError` si el modelo no tiene ese bloque o esa cabeza.
    """
    _check_place("bloques", block, len(model.trf_blocks))
    attention = model.trf_blocks[block].att
    _check_place("cabezas en cada bloque", head, attention.n_heads)
    size = attention.head_dim  # D
    columns = slice(size * head, size * (head + 1))

    def silence(module, inputs):
        if module is not attention.out_proj:
            return None
        context = inputs[0].clone()  # (B, T, H·D)
        context[..., columns] = 0
        return (context, *inputs[1:])

    hook = register_module_forward_pre_hook(silence)
    try:
        yield
    finally:
        hook.remove()


def _entrance(model, in_idx):
    """Lo que lee el primer bloque, (B, T, C), y lo que todos necesitan saber además (ver `reading`)."""
    return model.embed(in_idx), model.reading(0, in_idx.shape[1], None, in_idx.device)


def _check(model, in_idx, what):
    if any(module.training and module.p > 0 for module in model.modules() if isinstance(module, Dropout)):
        raise ValueError(
            f"{what} sin dropout, y el modelo está en modo de entrenamiento. Llama antes a model.eval()."
        )
    model.check_input(in_idx)


def _check_place(names, place, count):
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < count:
        raise ValueError(
            f"El modelo tiene {count} {names}, que se cuentan desde 0; llegó {place!r}. "
            f"Usa un entero de 0 a {count - 1}."
        )
