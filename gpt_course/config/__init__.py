"""La configuración: un diccionario con siete claves, y las de cada pieza que se cambie, del que sale todo."""

from gpt_course.config.keys import OPTIONAL, check_config, complete
from gpt_course.config.named import (
    GPT2_CONFIGS,
    GPT_CONFIG_124M,
    LLAMA_STYLE,
    MODERN_CONFIGS,
    STORY_CONFIG,
)
from gpt_course.config.values import (
    check_count,
    check_heads,
    check_kv_heads,
    check_number,
    check_rate,
    check_switch,
    is_whole,
)

__all__ = [
    "GPT2_CONFIGS",
    "GPT_CONFIG_124M",
    "LLAMA_STYLE",
    "MODERN_CONFIGS",
    "OPTIONAL",
    "STORY_CONFIG",
    "check_config",
    "check_count",
    "check_heads",
    "check_kv_heads",
    "check_number",
    "check_rate",
    "check_switch",
    "complete",
    "is_whole",
]
