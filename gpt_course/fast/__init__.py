"""El camino rápido: el mismo modelo y los mismos números, con las cuentas pesadas por donde menos tardan.

De las lecciones, lo usan la 10 y la 13, que entrenan y leen mucho. `python -m gpt_course.bench` mide cuánto
gana en cada equipo.
"""

from gpt_course.fast.convert import make_fast
from gpt_course.fast.loss import chunked_loss
from gpt_course.fast.resident import keep_freed_memory

__all__ = ["chunked_loss", "keep_freed_memory", "make_fast"]
