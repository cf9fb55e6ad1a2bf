"""Los ajustes de una corrida: todo lo que decide sus números, y dos que no."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gpt_course.config import (
    GPT_CONFIG_124M,
    STORY_CONFIG,
    check_config,
    check_count,
    check_number,
    check_switch,
)
from gpt_course.training.optimizer import OPTIMIZERS
from gpt_course.training.schedule import SCHEDULES, factor

CONFIGS = {"cuentos": STORY_CONFIG, "gpt2": GPT_CONFIG_124M}
RATES = {"cuentos": 5e-3, "gpt2": 6e-4}
DTYPES = ("fp32", "bf16")
FREE = ("save_every", "keep")  # no cambian ningún número: pueden ser otros al seguir
_CHOICES = {"schedule": SCHEDULES, "optimizer": OPTIMIZERS, "dtype": DTYPES}
_COUNTS = {"steps": 1, "batch": 1, "accumulation": 1, "eval_every": 1, "eval_batches": 1, "save_every": 1}
_COUNTS |= {"keep": 2, "warmup": 0, "seed": 0, "context": 1}
_OPTIONAL = ("context", "drop_rate")  # None: lo que digan los datos o la configuración


@dataclass(frozen=True)
class Settings:
    """Qué se entrena y cómo; lo que llega como None se decide al crearlo.

    data: `cuentos`, `relato` o la carpeta que escribe `python -m gpt_course.data`. config: `cuentos`, `gpt2`,
    un archivo .json o un diccionario con las claves de siempre; el vocabulario es el de los datos. tied: con
    la cabeza vinculada. drop_rate: cambia el de la configuración. batch: filas por lote. context: tokens por
    fila (con `cuentos` no se elige: cada fila es un cuento). accumulation: lotes por paso. head_rate: por
    cuánto se multiplica la tasa en la cabeza de salida. clip: norma máxima del gradiente; 0, ninguna.
    sharpen: por cuánto se multiplican, al acabar, los logits del modelo. eval_every: cada cuántos pasos se
    mide la validación, con `eval_batches` lotes. save_every: cada cuántos se guarda; se conservan los `keep`
    últimos y el mejor.
    Errores: `ValueError` si un valor no sirve.
    """

    data: str = "cuentos"
    config: str | Mapping | None = None
    tied: bool = False
    drop_rate: float | None = None
    steps: int = 1500
    batch: int = 16
    context: int | None = None
    accumulation: int = 1
    lr: float | None = None
    warmup: int | None = None
    schedule: str = "cosine"
    optimizer: str = "adamw"
    weight_decay: float = 0.1
    head_rate: float = 1.0
    clip: float = 1.0
    sharpen: float = 1.0
    dtype: str = "fp32"
    eval_every: int = 100
    eval_batches: int = 8
    seed: int = 123
    save_every: int | None = None
    keep: int = 3

    def __post_init__(self):
        decided = {"data": str(self.data)}
        usual = "cuentos" if self.data == "cuentos" else "gpt2"
        named = usual if self.config is None else self.config
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} debe ser uno de {', '.join(allowed)}; llegó {getattr(self, name)!r}."
                )
        check_switch("tied", self.tied)
        decided["config"] = self._read_config(named)
        decided["lr"] = RATES.get(named, 1e-3) if isinstance(named, str) else 1e-3
        if self.lr is not None:
            decided["lr"] = check_number("lr", self.lr, "(0, ∞)", "Prueba con 1e-3.")
        for name, what in (("weight_decay", "decae ninguna matriz"), ("clip", "recorta el gradiente")):
            decided[name] = check_number(name, getattr(self, name), "[0, ∞)", f"Con 0 no {what}.")
        for name, what in (("head_rate", "la tasa de las demás matrices"), ("sharpen", "como salen")):
            decided[name] = check_number(name, getattr(self, name), "(0, ∞)", f"Con 1, {what}.")
        late = {"warmup": min(50, self._count("steps") // 10), "save_every": self.eval_every}
        for name in _COUNTS:
            value = self._count(name)
            decided[name] = late.get(name) if value is None else value
        for name, value in decided.items():
            object.__setattr__(self, name, value)
        self._check_together()

    def as_dict(self):
        return asdict(self)

    def factor(self, step):
        """Por cuánto se multiplica `lr` en el paso `step` (ver `schedule`)."""
        return factor(step, schedule=self.schedule, steps=self.steps, warmup=self.warmup)

    def measures(self, step):
        """¿Se mide la validación tras ese paso? Cada `eval_every`, y tras el último."""
        return step % self.eval_every == 0 or step == self.steps

    def model_config(self, vocab_size):
        """La configuración entera, con el vocabulario de los datos. Errores: `ValueError` si dice otro."""
        cfg = {"vocab_size": vocab_size, **self.config}
        if cfg["vocab_size"] != vocab_size:
            raise ValueError(
                f"La configuración dice vocab_size = {cfg['vocab_size']} y los datos tienen {vocab_size} "
                "tokens distintos. Quita esa clave, y valdrá la de los datos."
            )
        return check_config(cfg)

    def deciding(self):
        """Lo que decide los números: los ajustes y, una a una, las claves de la configuración."""
        aside = (*FREE, "config", "tied", "drop_rate")
        return {name: value for name, value in asdict(self).items() if name not in aside} | self.config

    def differences(self, stored):
        """En qué no coincide con `stored`, otros `Settings`: los nombres de lo que decide los números."""
        ours, theirs = self.deciding(), stored.deciding()
        return [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]

    def _count(self, name):
        value = getattr(self, name)
        missing = value is None and (name in _OPTIONAL or name in ("warmup", "save_every"))
        return None if missing else check_count(name, value, _COUNTS[name])

    def _read_config(self, named):
        cfg = dict(CONFIGS[named]) if isinstance(named, str) and named in CONFIGS else _opened(named)
        if isinstance(named, str) and named in CONFIGS:
            del cfg["vocab_size"]  # el de los datos
        changes = {"tie_weights": self.tied or cfg.get("tie_weights", False)}
        if self.drop_rate is not None:
            changes["drop_rate"] = self.drop_rate
        checked = check_config({"vocab_size": 1, **cfg, **changes})
        return {key: value for key, value in checked.items() if key != "vocab_size" or key in cfg}

    def _check_together(self):
        if self.warmup > self.steps:
            raise ValueError(f"`warmup` debe ser como mucho `steps`; llegaron {self.warmup} y {self.steps}.")
        longest = self.config["context_length"]
        if self.context is not None and self.data == "cuentos":
            raise ValueError("Con `cuentos` cada fila es un cuento entero y `context` no se elige: quítalo.")
        if self.context is not None and self.context > longest:
            raise ValueError(
                f"`context` debe ser como mucho el `context_length` de la configuración, {longest}; llegó "
                f"{self.context}."
            )


def _opened(named):
    """La configuración que trae un diccionario o un archivo .json."""
    if isinstance(named, Mapping):
        return dict(named)
    expected = f"`config` debe ser {', '.join(CONFIGS)} o un archivo .json con una configuración"
    if not isinstance(named, str | Path):
        raise ValueError(f"{expected}; llegó {type(named).__name__}.")
    path = Path(named)
    if path.suffix != ".json" or not path.is_file():
        raise ValueError(f"{expected}; llegó {str(named)!r}, que no existe o no acaba en .json.")
    try:
        cfg = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{expected}; {path} no se puede leer: {error}.") from None
    if not isinstance(cfg, dict):
        raise ValueError(f"{expected}; en {path} hay {type(cfg).__name__} y no un diccionario {{…}}.")
    return cfg
