"""Lo que se va a ejecutar: un modelo, un lote y cómo se guardan los números. De aquí sale toda la cuenta."""

from collections.abc import Mapping
from dataclasses import dataclass

from gpt_course.config import check_config, check_count, check_switch, complete

# Bytes por número de los pesos, los gradientes y las activaciones, y si hay además una copia en fp32.
DTYPES = {"fp32": (4, False), "bf16": (2, False), "mixed": (2, True)}
MOMENTS = {"sgd": 0, "momentum": 1, "adamw": 2}  # números que el optimizador guarda por parámetro


@dataclass(frozen=True)
class Plan:
    """Un paso de entrenamiento, o una generación, descrito sin reservar memoria.

    cfg: configuración como `GPT_CONFIG_124M`; con `drop_rate` > 0 actúa el dropout al entrenar. `plan.whole`
    es la misma con todas las claves, también las de las piezas que no cambia.
    batch, seq: B frases de T tokens; sin `seq`, T = `context_length`.
    dtype: `fp32`, `bf16` (todo en bf16, también el optimizador) o `mixed`: pesos, gradientes y
    activaciones en bf16, y en fp32 una copia maestra de los pesos y el estado del optimizador.
    Con AdamW son 2 + 2 + 4 + 8 = 16 bytes por parámetro (Rajbhandari et al., 2020, ZeRO, apartado 3.1).
    optimizer: `sgd`, `momentum` (SGD con momento) o `adamw`.
    explicit: construye la matriz de atención T×T aunque no haga falta; con dropout se construye siempre.
    checkpointing: cada bloque guarda solo su entrada y se vuelve a calcular al ir hacia atrás.
    accumulation: cuántos lotes se acumulan en cada paso del optimizador.
    Errores: `ValueError` si un campo no sirve.
    """

    cfg: Mapping
    batch: int = 1
    seq: int | None = None
    dtype: str = "fp32"
    optimizer: str = "adamw"
    explicit: bool = False
    checkpointing: bool = False
    accumulation: int = 1

    def __post_init__(self):
        self._set("cfg", check_config(self.cfg))  # una copia, que no cambia
        self._set("seq", self.cfg["context_length"] if self.seq is None else self.seq)
        for name in ("batch", "seq", "accumulation"):
            self._set(name, check_count(name, getattr(self, name)))
        if self.seq > self.cfg["context_length"]:
            raise ValueError(
                f"`seq` debe ser como mucho context_length, {self.cfg['context_length']}; llegó {self.seq}. "
                "Recorta las secuencias o cambia context_length."
            )
        for name, options in (("dtype", DTYPES), ("optimizer", MOMENTS)):
            if getattr(self, name) not in tuple(options):
                raise ValueError(
                    f"{name} debe ser uno de {', '.join(options)}; llegó {getattr(self, name)!r}."
                )
        for name in ("explicit", "checkpointing"):
            check_switch(name, getattr(self, name))

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    @property
    def whole(self):
        return complete(self.cfg)

    @property
    def element(self):
        """Bytes de un peso, de un gradiente y de una activación."""
        return DTYPES[self.dtype][0]

    @property
    def has_master(self):
        """¿Hay una copia de los pesos en fp32?"""
        return DTYPES[self.dtype][1]

    @property
    def has_dropout(self):
        return self.cfg["drop_rate"] > 0

    @property
    def is_explicit(self):
        """¿Se construye la matriz T×T al entrenar?"""
        return self.explicit or self.has_dropout

    @property
    def is_windowed(self):
        """¿Hay tokens anteriores que alguno no lee?"""
        window = self.whole["window"]
        return window is not None and window < self.seq

    @property
    def tied(self):
        return self.cfg.get("tie_weights", False)
