"""El GPT completo: de los números de los tokens a una puntuación por cada token del vocabulario."""

from torch import nn

from gpt_course.block import Blocks, TransformerBlock
from gpt_course.checks import check_cache, check_tokens
from gpt_course.config import check_config
from gpt_course.dropout import Dropout
from gpt_course.padding import count_padding, positions, visibility
from gpt_course.pieces import make_norm, make_positions
from gpt_course.tying import TiedEnds


class GPTModel(TiedEnds):
    """GPT-2 de cualquier tamaño, o con piezas de hoy, según `cfg` (ver `gpt_course.config`): `self.cfg`.

    forward: (B, T) int64 → logits (B, T, V), en el dispositivo de los pesos.
    mask: (B, T), False en el relleno de las filas cortas, que va a la izquierda (ver `pad_left`). Las
    posiciones cuentan desde el primer token de verdad; lo que sale en el relleno no significa nada.
    cache: una `KVCache`; los T tokens siguen a los que ya guarda, y ella recuerda el relleno.
    last_only: solo los logits del último lugar, (B, 1, V).
    Con `tie_weights`, la cabeza de salida y la incrustación de tokens son el mismo tensor (ver `TiedEnds`).
    Errores: `ValueError` si la configuración, los tokens, la máscara o la caché no sirven, o si la
    vinculación se ha roto.
    Fuente: Radford et al. (2019), apartado 2.3.
    """

    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg = check_config(cfg)
        self.tok_emb = nn.Embedding(cfg["vocab_size"], cfg["emb_dim"])
        self.pos_emb, self.rotary = make_positions(cfg)  # una de las dos; la otra es None
        self.drop_emb = Dropout(cfg["drop_rate"])
        self.trf_blocks = Blocks(*[TransformerBlock(cfg) for _ in range(cfg["n_layers"])])
        self.final_norm = make_norm(cfg)
        # La cabeza se sortea también si luego se vincula: así una semilla da siempre los mismos bloques.
        self.out_head = nn.Linear(cfg["emb_dim"], cfg["vocab_size"], bias=False)
        self.tie()

    def forward(self, in_idx, *, mask=None, cache=None, last_only=False):  # (B, T)
        x = self._read(in_idx, mask, cache)  # (B, T, C)
        logits = self.out_head(x[:, -1:] if last_only else x)  # (B, T, V) o (B, 1, V)
        if cache is not None:
            cache.commit()  # aquí y no antes: una lectura interrumpida no cuenta
        return logits

    def features(self, in_idx, *, mask=None, cache=None):
        """Lo que lee la cabeza de salida: (B, T) → (B, T, C). Errores: los de llamar al modelo."""
        x = self._read(in_idx, mask, cache)
        if cache is not None:
            cache.commit()
        return x

    def embed(self, in_idx, places=None):
        """Lo que lee el primer bloque: (B, T) y sus posiciones, de serie de 0 a T − 1 → (B, T, C)."""
        if places is None:
            places = positions(0, in_idx.shape[1], None, in_idx.device)
        x = self.tok_emb(in_idx)  # (B, T, C)
        return self.drop_emb(x if self.pos_emb is None else x + self.pos_emb(places))

    def reading(self, start, end, padding, device):
        """Lo que cada bloque necesita saber de las columnas `start` a `end`, además de lo que lee: un `dict`.

        `visible`, qué lee cada token, si no es todo lo anterior (ver `visibility`), y `rotation`, cuánto
        gira cada lugar (ver `Rotary`). En GPT-2, sin relleno, nada.
        """
        found = {"visible": visibility(start, end, padding, device, self.cfg.get("window"))}
        if self.rotary is not None:
            found["rotation"] = self.rotary(positions(start, end, padding, device))
        return {name: value for name, value in found.items() if value is not None}

    def check_input(self, in_idx):
        """Exige tokens que este modelo pueda leer y una vinculación sin romper. Errores: `ValueError`."""
        check_tokens(
            in_idx,
            vocab_size=self.cfg["vocab_size"],
            longest=self.cfg["context_length"],
            device=self.final_norm.scale.device,
        )
        self.check_tie()

    def _read(self, in_idx, mask, cache):  # (B, T) → (B, T, C)
        self.check_input(in_idx)
        start, padding = 0, count_padding(mask, in_idx)
        if cache is not None:
            check_cache(cache)
            start, padding = cache.begin(self, in_idx, padding)
        span = (start, start + in_idx.shape[1], padding, in_idx.device)
        reading = self.reading(*span) if cache is None else self.reading(*span) | {"cache": cache}
        x = self.embed(in_idx, positions(*span))  # (B, T, C)
        return self.final_norm(self.trf_blocks(x, **reading))
