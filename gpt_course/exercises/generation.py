"""Ejercicios de la lección 07: generar texto."""

import math
import operator

import torch

from gpt_course.exercises.core import Wrong, exercise, expect_number, expect_tensor, run
from gpt_course.layers import LayerNorm


@exercise("generacion.1")
def softmax_by_hand(answer):
    """Softmax de (0, 0, ln 2)."""
    hints = [
        (torch.tensor([1.0, 1.0, 2.0]), "has elevado bien. Falta dividir entre la suma."),
        (torch.tensor([0.0, 0.0, math.log(2)]), "esos son los logits: falta elevar e a cada uno."),
        (torch.tensor([0.0, 0.0, 1.0]), "e elevado a 0 no es 0: un logit 0 también tiene probabilidad."),
        (torch.full((3,), 1 / 3), "los logits no son iguales, así que las probabilidades tampoco."),
        (torch.tensor([1 / 7, 2 / 7, 4 / 7]), "esas son las del ejemplo: aquí los logits son otros."),
    ]
    expect_tensor(answer, torch.tensor([0.25, 0.25, 0.5]), hints)
    return "los dos ceros se llevan lo mismo, y el ln 2, el doble que cada uno."


@exercise("generacion.2")
def hot_temperature(answer):
    """Probabilidad de «mar» (logits 0, ln 2, ln 4) a temperatura 2."""
    root = math.sqrt(2)
    hints = [
        (16 / 21, "eso es con temperatura 0,5: a temperatura 2 los logits se dividen entre 2."),
        (4 / 7, "eso es con temperatura 1. Divide los logits antes de softmax."),
        (2 / 7, "has dividido la probabilidad; lo que se divide son los logits, antes de softmax."),
        (1 / 3, "a temperatura 2 se aplana, pero no del todo: el orden no cambia."),
        (root / (3 + root), "esa es la de «sol»."),
        (2, "has elevado bien: e elevado a la mitad de ln 4 es 2. Falta dividir entre la suma."),
    ]
    expect_number(answer, 2 / (3 + root), hints, tolerance=1e-3)
    return "baja de 4/7 a 0,4531 y sigue siendo la mayor: la temperatura no cambia el orden."


@exercise("generacion.3")
def nucleus_by_hand(answer):
    """Probabilidades tras top-p = 0,6 sobre (0,4; 0,3; 0,2; 0,1), renormalizadas."""
    hints = [
        (torch.tensor([0.4, 0.3, 0.0, 0.0]), "quedan los dos que tocan, pero ya no suman 1: reparte."),
        (torch.tensor([1.0, 0.0, 0.0, 0.0]), "0,4 solo no llega a 0,6: el que cruza p también se queda."),
        (torch.tensor([4 / 9, 3 / 9, 2 / 9, 0.0]), "sobra uno: con los dos primeros ya se pasa de 0,6."),
        (torch.tensor([0.4, 0.3, 0.2, 0.1]), "esas son las de partida: falta filtrar."),
        (torch.tensor([0.5, 0.5, 0.0, 0.0]), "al repartir se conserva la proporción: 4 a 3."),
        (torch.tensor([2 / 3, 1 / 3, 0.0, 0.0]), "no recortes al segundo: se queda entero, 0,3."),
    ]
    expect_tensor(answer, torch.tensor([4 / 7, 3 / 7, 0.0, 0.0]), hints)
    return "0,4 no llega a 0,6 y 0,4 + 0,3 sí: se quedan dos, y se reparten el total 4 a 3."


@exercise("generacion.4")
def draw_with_one_number(function):
    """`draw(probabilities, u)`: el índice que toca al número u."""
    probabilities = torch.tensor([0.25, 0.25, 0.0, 0.5])
    cases = [(0.0, 0), (0.2, 0), (0.3, 1), (0.6, 3), (0.99, 3), (0.25, 1), (0.5, 3)]
    received = [_as_index(run(function, probabilities.clone(), u)) for u, _ in cases]
    expected = [index for _, index in cases]
    if received == expected:
        return "un número uniforme basta para elegir, y los de probabilidad 0 no salen nunca."
    if len(set(received)) == 1:
        raise Wrong(f"sale {received[0]} con cualquier u: eso es lo voraz, no un sorteo.")
    if any(not 0 <= index < 4 for index in received):
        raise Wrong("devuelve un índice que no existe: han de ir de 0 a 3.")
    if received[:5] == expected[:5]:
        raise Wrong("casi: mira las fronteras. Con u = 0,25 ya se acabó el tramo del primero, [0; 0,25).")
    if 2 in received:
        raise Wrong("ha salido el índice 2, que tiene probabilidad 0: mira la suma acumulada, no el orden.")
    u, index = next((u, i) for (u, right), i in zip(cases, received, strict=True) if i != right)
    raise Wrong(
        f"con (0,25; 0,25; 0; 0,5) y u = {u} sale {index}, y no es ese. ¿Qué tramo de la regla contiene u?"
    )


@exercise("generacion.5")
def stop_in_time(function):
    """`generate_until(model, ids, max_new_tokens, stop)`: voraz, sin añadir el token de parada."""
    start = torch.tensor([[5, 1]])

    def write(stop):
        ids = run(function, _Doubling(), start.clone(), 6, stop)
        _expect_ids(ids)
        return ids[0].tolist()

    full = write(99)
    if full == [5, 1, 2, 4, 8, 5, 10, 9, 7]:
        raise Wrong("escribe un token de más: max_new_tokens es el máximo.")
    if full != [5, 1, 2, 4, 8, 5, 10, 9]:
        raise Wrong(
            "si el token de parada no sale nunca, ha de dar lo mismo que lo voraz: la entrada y seis tokens, "
            "cada uno el de mayor logit de la última posición."
        )
    tokens = write(10)
    if tokens == [5, 1, 2, 4, 8, 5, 10]:
        raise Wrong("se detiene, pero añade el token de parada: mira si toca parar antes de añadirlo.")
    if tokens == full:
        raise Wrong("no se detiene: escribe hasta el final aunque salga el token de parada.")
    if tokens != [5, 1, 2, 4, 8, 5]:
        raise Wrong("se detiene en otro sitio: compara con stop cada token elegido, en cuanto se elige.")
    if write(5) != [5, 1, 2, 4, 8]:
        raise Wrong("mira solo los tokens nuevos: si stop está ya en la entrada, no hay que detenerse.")
    if write(2) != [5, 1]:
        raise Wrong("si el primer token elegido es el de parada, ha de volver la entrada tal cual.")
    return "se detiene antes de añadir, y no se confunde si stop ya estaba en la entrada."


@exercise("generacion.6")
def greedy_is_not_best(answer):
    """(first, second): tablas (2,) y (2, 2) cuya frase voraz no es la más probable."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise Wrong("se esperaban dos tensores, (first, second), de formas (2,) y (2, 2).")
    first, second = answer
    for table, shape in ((first, (2,)), (second, (2, 2))):
        if not isinstance(table, torch.Tensor) or tuple(table.shape) != shape:
            raise Wrong("se esperaban dos tensores, (first, second), de formas (2,) y (2, 2).")
        rows = table.double().sum(dim=-1)
        if not ((table >= 0).all() and torch.allclose(rows, torch.ones_like(rows), atol=1e-4)):
            raise Wrong("cada fila ha de ser una distribución: números no negativos que suman 1.")
    joint = first.double()[:, None] * second.double()  # (2, 2): probabilidad de cada frase
    row = first.argmax()
    greedy, best = joint[row].max().item(), joint.max().item()
    if abs(first[0] - first[1]) < 1e-6:
        raise Wrong("en el primer paso hay empate: haz que una palabra gane claramente.")
    if best - greedy < 1e-6:
        raise Wrong(
            f"la frase voraz tiene probabilidad {greedy:.4f} y ninguna la supera. La palabra que pierde el "
            "primer paso ha de estar mucho más segura en el segundo."
        )
    return f"la voraz tiene probabilidad {greedy:.4f} y hay otra con {best:.4f}."


class _Doubling(torch.nn.Module):
    """Modelo de pega: tras cada token t puntúa más alto 2t mod 11. (B, T) → (B, T, 11)."""

    def __init__(self):
        super().__init__()
        # Lo que `generate` pregunta a un modelo: sus medidas, y el tipo y el sitio de sus pesos.
        self.cfg = {"vocab_size": 11, "context_length": 1024, "emb_dim": 1, "n_heads": 1}
        self.final_norm, self.trf_blocks = LayerNorm(1), torch.nn.Sequential(torch.nn.Identity())
        self.calls = 0

    def forward(self, ids, **_):
        self.calls += 1
        if self.calls > 50:
            raise Wrong("no se detiene nunca: max_new_tokens es el máximo aunque stop no salga.")
        return torch.nn.functional.one_hot(2 * ids % 11, 11).float()


def _as_index(value):
    try:
        return operator.index(value)
    except TypeError:
        kind = type(value).__name__
        raise Wrong(f"la función ha de devolver un índice entero; devolvió {kind}.") from None


def _expect_ids(ids):
    if not isinstance(ids, torch.Tensor) or ids.dim() != 2 or len(ids) != 1:
        received = tuple(ids.shape) if isinstance(ids, torch.Tensor) else type(ids).__name__
        raise Wrong(f"la función ha de devolver un tensor (1, T) con la frase entera; devolvió {received}.")
