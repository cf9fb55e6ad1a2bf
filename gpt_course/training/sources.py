"""De dónde salen los lotes: los cuentos, el relato o los tokens de una carpeta.

Un lote depende solo del paso, de la semilla y de los datos: nadie guarda por dónde iba. Así, seguir donde se
dejó es pedir el lote del paso siguiente, y varios procesos ven el mismo.
"""

import functools
import math
import random
from pathlib import Path

import torch

from gpt_course.data import STORY_SHA256, load_story, open_tokens
from gpt_course.stories import load_grammar, load_story_tokenizer, story_batch
from gpt_course.tokenizer import load_gpt2_tokenizer

HELD_OUT = 0.1  # la última parte de un texto, con la que solo se mide
VALIDATION = "validación"  # la serie de cuentos con la que solo se mide


def open_source(settings):
    """Los datos que piden unos `Settings`. Errores: `ValueError` u `OSError` si no están o no bastan."""
    if settings.data == "cuentos":
        return Stories(settings)
    context = settings.context or settings.config["context_length"]
    if settings.data == "relato":
        text, tokenizer = load_story(), load_gpt2_tokenizer()
        ids = torch.tensor(tokenizer.encode(text), device="cpu")
        description = {"count": len(ids), "bytes": len(text.encode()), "sha256": STORY_SHA256}
        return Windows(ids, tokenizer, description, settings, context)
    if not Path(settings.data).is_dir():
        raise ValueError(
            "`data` debe ser cuentos, relato o una carpeta como la que escribe `python -m gpt_course.data`; "
            f"llegó {settings.data!r}, que no existe."
        )
    tokens = open_tokens(settings.data)
    return Windows(tokens, tokens.tokenizer, tokens.info, settings, context)


class Stories:
    """Los cuentos: cada fila es uno entero, y ninguno se repite a propósito.

    floor: la pérdida de quien sabe toda la gramática, en nats por token. truth: la suya en los cuentos con
    los que se mide, que son pocos y por eso no es igual.
    """

    def __init__(self, settings):
        self.settings, self.tokenizer = settings, load_story_tokenizer()
        self.vocab_size = self.tokenizer.n_vocab
        self.floor = load_grammar().entropy().nats_per_word
        self.description = {"floor": self.floor, "vocab_size": self.vocab_size}
        self.truth, self.bytes_per_token = _truth(settings.batch * settings.eval_batches)

    def batches(self, step):
        """Los lotes del paso `step`, que empieza en 1: ternas `(x, y, mask)`, con el relleno a la derecha."""
        rows, count = self.settings.batch, self.settings.accumulation
        first = (step - 1) * rows * count
        return [story_batch(first + k * rows, rows, self.settings.seed) for k in range(count)]

    def validation(self):
        """Los lotes con los que se mide, siempre los mismos."""
        rows = self.settings.batch
        return [story_batch(k * rows, rows, VALIDATION) for k in range(self.settings.eval_batches)]


@functools.cache
def _truth(count):
    """De los `count` primeros cuentos con que se mide: lo que pierde quien sabe la gramática, y sus bytes."""
    grammar, tokenizer = load_grammar(), load_story_tokenizer()
    stories = [grammar.story(index, VALIDATION) for index in range(count)]
    tokens = sum(len(tokenizer.encode(story)) + 1 for story in stories)  # el final también
    lost = -math.fsum(map(grammar.log_probability, stories))
    return lost / tokens, sum(len(story.encode()) for story in stories) / tokens


class Windows:
    """Un texto en ventanas de T tokens: en cada vuelta, todas, en otro orden y empezando en otro lugar.

    ids: los números de los N tokens, en un tensor o en los `Tokens` de una carpeta. La última décima parte se
    guarda para medir.
    Errores: `ValueError` si el texto no da para una ventana de cada clase.
    """

    floor = truth = None

    def __init__(self, ids, tokenizer, description, settings, context):
        self.ids, self.tokenizer, self.settings, self.context = ids, tokenizer, settings, context
        self.description = description
        self.vocab_size = tokenizer.n_vocab
        self.bytes_per_token = description["bytes"] / description["count"]
        self.cut = len(ids) - int(len(ids) * HELD_OUT)
        longest = min(self.cut, len(ids) - self.cut) - 1
        if longest < context:
            raise ValueError(
                f"Hacen falta filas de {context} tokens y de {settings.data} se pueden sacar de {longest}, "
                "porque la última décima parte se guarda para medir. Elige un `context` menor o un texto más "
                "largo."
            )

    def batches(self, step):
        """Los lotes del paso `step`, que empieza en 1: parejas (x, y), los dos (B, T) int64."""
        rows, count = self.settings.batch, self.settings.accumulation
        first = (step - 1) * rows * count
        return [
            self._batch(map(self._start, range(at, at + rows)))
            for at in range(first, first + rows * count, rows)
        ]

    def validation(self):
        """Los lotes con los que se mide, siempre los mismos: ventanas repartidas por la parte guardada."""
        available = (len(self.ids) - self.cut - 1) // self.context
        rows = self.settings.batch
        wanted = min(available, rows * self.settings.eval_batches)
        starts = [self.cut + self.context * (k * available // wanted) for k in range(wanted)]
        whole = wanted // rows * rows or wanted
        return [self._batch(starts[at : at + rows]) for at in range(0, whole, rows)]

    def _start(self, index):
        """Dónde empieza la fila número `index` de la serie sin fin."""
        windows = (self.cut - 1) // self.context
        lap, place = divmod(index, windows)
        order, shift = _lap(self.settings.seed, lap, windows, (self.cut - 1) % self.context)
        return shift + self.context * order[place].item()

    def _batch(self, starts):
        ids = torch.stack([self.ids[start : start + self.context + 1] for start in starts])  # (B, T + 1)
        return ids[:, :-1], ids[:, 1:]


@functools.lru_cache(maxsize=2)  # la vuelta de ahora y la siguiente
def _lap(seed, lap, windows, slack):
    """El orden de las ventanas en una vuelta, y en qué token empieza la primera."""
    dice = random.Random(f"{seed}/{lap}")
    generator = torch.Generator("cpu").manual_seed(dice.getrandbits(63))
    return torch.randperm(windows, generator=generator, device="cpu"), dice.randint(0, slack)
