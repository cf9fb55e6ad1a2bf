"""Ejercicios de la lección 07: un sorteo, parar a tiempo y elegir bien. Los demás, en `varied`."""

import torch
from torch import nn
from torch.nn import functional as F

from gpt_course.exercises.core import Wrong, exercise, function, read_values


def _probabilities_and_u(random):
    """Reglas de distintos tamaños y números u: en medio de un tramo, en su comienzo y cerca del final."""
    for u in (0.6, 0.3, 0.0, 0.2, 0.25, 0.5, 0.99):
        yield torch.tensor([0.25, 0.25, 0.0, 0.5]), u
    yield torch.tensor([0.0, 0.5, 0.5, 0.0]), 0.0
    yield torch.tensor([0.0, 0.5, 0.5, 0.0]), 0.75
    yield torch.tensor([1.0]), 0.7
    for size in (2, 3, 7):
        probabilities = torch.rand(size, generator=random, dtype=torch.float64)
        yield probabilities / probabilities.sum(), torch.rand(1, generator=random).item()


@function(
    "generacion.4",
    "un número uniforme basta para elegir, y un tramo vacío no lo contiene nunca.",
    cases=_probabilities_and_u,
    hints=[
        (lambda p, u: p.argmax(), "sale siempre el mayor, sea cual sea u: eso no es un sorteo."),
        (lambda p, u: (p.cumsum(0) < u).sum(), "mira las fronteras: cada tramo incluye solo su comienzo."),
        (lambda p, u: draw(p, u) + 1, "los índices se cuentan desde 0."),
        (lambda p, u: int(len(p) * u), "así todos los tramos miden lo mismo; cada uno mide su probabilidad."),
        (lambda p, u: (u < p).int().argmax(), "compara u con la suma de lo recorrido, no con cada una."),
        (lambda p, u: p.cumsum(0)[draw(p, u)], "eso es dónde acaba el tramo; se pide su índice."),
        (lambda p, u: p[draw(p, u)], "esa es la probabilidad del elegido; se pide su índice."),
        (
            lambda p, u: p.argsort(descending=True)[draw(p.sort(descending=True).values, u)],
            "los tramos van en el orden de los índices: no los ordenes.",
        ),
        (lambda p, u: [draw(p, u)], "se pide el índice solo, sin lista ni lote."),
    ],
)
def draw(probabilities, u):
    return int((probabilities.cumsum(dim=0) <= u).sum())


class _AddsUp(nn.Module):
    """Modelo de pega: el token siguiente es la suma de los que lee, módulo 11. (B, T) → (B, T, 12)."""

    def __init__(self, room):
        super().__init__()
        # Lo que `generate` pregunta a un modelo: sus medidas y dónde están sus pesos.
        self.cfg = {"vocab_size": 12, "context_length": room}
        self.final_norm = nn.ParameterDict({"scale": nn.Parameter(torch.ones(1))})
        self.calls = 0

    def forward(self, ids, **_):
        self.calls += 1
        if self.calls > 50:
            raise Wrong("no se detiene nunca: `max_new_tokens` es el máximo aunque `stop` no salga.")
        if ids.shape[-1] > self.cfg["context_length"]:
            raise Wrong(f"le diste al modelo {ids.shape[-1]} tokens y no le caben: recorta el contexto.")
        return F.one_hot(ids.cumsum(dim=-1) % 11, 12).float()


def _prompts(random):
    """Comienzos y paradas: la que sale pronto o tarde, la que solo está en la entrada, ninguna."""
    start, long = torch.tensor([[5, 1, 3]]), torch.tensor([[4, 7, 2, 10, 1]])
    # Con sitio para 3, tras (5, 1, 3) van 9, 2, 3, 3, 8, 3; tras (4, 7, 2, 10, 1), 2, 2, 5, 9, 5, 8.
    for count, stop in ((6, 2), (6, 11), (6, 9), (6, 5), (6, 3), (1, 7)):
        yield _AddsUp(3), start, count, stop
    for room, count, stop in ((3, 6, 5), (3, 3, 10), (3, 6, 8), (4, 5, 0)):
        yield _AddsUp(room), long, count, stop


def _write(read=lambda model, window: model(window)[:, -1]):
    """Generación voraz que saca los logits (1, V) con `read`."""

    def write(model, ids, max_new_tokens, stop):
        for _ in range(max_new_tokens):
            window = ids[:, -model.cfg["context_length"] :]
            next_id = read(model, window).argmax(dim=-1, keepdim=True)
            if next_id.item() == stop:
                break
            ids = torch.cat([ids, next_id], dim=1)
        return ids

    return write


generate_until = _write()


def _with_stop(model, ids, count, stop):
    out = generate_until(model, ids, count, stop)
    return F.pad(out, (0, int(out.shape[1] < ids.shape[1] + count)), value=stop)


function(
    "generacion.5",
    "se detiene antes de añadir, y no se confunde si `stop` ya estaba en la entrada.",
    cases=_prompts,
    hints=[
        (
            lambda m, ids, n, stop: generate_until(m, ids, n, -1),
            "escribe hasta el final aunque salga `stop`.",
        ),
        (_with_stop, "se detiene, pero añade el token de parada: mira si toca parar antes de añadirlo."),
        (
            lambda m, ids, n, stop: ids if stop in ids else generate_until(m, ids, n, stop),
            "mira solo los tokens nuevos: si `stop` está ya en la entrada, no hay que detenerse.",
        ),
        (lambda m, ids, n, stop: generate_until(m, ids, n + 1, stop), "escribe un token de más."),
        (lambda m, ids, n, stop: generate_until(m, ids, n - 1, stop), "escribe un token de menos."),
        (
            lambda m, ids, n, stop: generate_until(m, ids, n, stop)[:, :-1],
            "quita el último token aunque no sea el de parada.",
        ),
        (
            lambda m, ids, n, stop: generate_until(m, ids, n, stop)[:, ids.shape[1] :],
            "devuelve solo los tokens nuevos; se espera la frase entera.",
        ),
        (lambda m, ids, n, stop: generate_until(m, ids, min(n, 1), stop), "¿hay un `return` en el bucle?"),
        (lambda m, ids, n, stop: generate_until(m, ids, n, stop)[0], "falta el lote: la forma es (1, T)."),
        (_write(lambda m, window: m(window[:, -1:])[:, -1]), "el modelo lee solo el último token."),
        (_write(lambda m, window: m(window)[:, 0]), "mira los logits del primer lugar, no del último."),
    ],
)(generate_until)


@exercise("generacion.6", "la mejor frase empieza por la palabra que pierde el primer paso.")
def greedy_is_not_best(answer):
    """Tabla (3, 2): el primer paso y, debajo, el segundo tras cada palabra."""
    steps, _ = read_values(answer)
    if steps.shape != (3, 2):
        raise Wrong(f"se esperaba la forma (3, 2), una fila por paso y caso, y llegó {tuple(steps.shape)}.")
    sums_to_one = torch.allclose(steps.sum(-1), torch.ones(3).double(), atol=0.011)  # 0.33 + 0.66
    if not (sums_to_one and (steps >= 0).all()):
        raise Wrong("cada fila debe ser una distribución: números no negativos que suman 1.")
    first, second = steps[0], steps[1:]
    if (first[0] - first[1]).abs() < 1e-6:
        raise Wrong("en el primer paso hay empate: haz que una palabra gane.")
    sentences = first[:, None] * second  # (2, 2): probabilidad de cada frase
    greedy, best = sentences[first.argmax()].max(), sentences.max()
    if best - greedy < 1e-6:
        shown = f"{greedy:.2f}".replace(".", ",")
        raise Wrong(
            f"ninguna frase supera a la voraz, {shown}. La que pierde el primer paso debe dudar menos."
        )
