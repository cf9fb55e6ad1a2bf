"""Las configuraciones con nombre: los modelos del curso y los publicados, de 2019 y de hoy."""

GPT_CONFIG_124M = {
    "vocab_size": 50257,  # V: tokens distintos
    "context_length": 1024,  # T máximo: tokens que el modelo ve a la vez
    "emb_dim": 768,  # C: anchura de cada vector
    "n_heads": 12,  # H: cabezas de atención por bloque
    "n_layers": 12,  # L: bloques Transformer
    "drop_rate": 0.1,  # probabilidad de dropout
    "qkv_bias": False,  # sesgos en query, key y value
}

# El modelo de los cuentos: tan pequeño que aprende a escribirlos en minutos, en un equipo corriente.
STORY_CONFIG = {
    "vocab_size": 425,  # las palabras de gpt_course.stories, y el final
    "context_length": 144,  # cabe el cuento más largo
    "emb_dim": 64,
    "n_heads": 4,
    "n_layers": 2,
    "drop_rate": 0.0,  # los cuentos no se repiten: no hay qué memorizar
    "qkv_bias": False,
}

# Los cuatro modelos que OpenAI publicó en 2019 (Radford et al.): comparten la matriz de entrada con
# la cabeza de salida y llevan sesgos en query, key y value.
_RELEASED = {**GPT_CONFIG_124M, "qkv_bias": True, "tie_weights": True}
GPT2_CONFIGS = {
    "gpt2": {**_RELEASED},
    "gpt2-medium": {**_RELEASED, "emb_dim": 1024, "n_heads": 16, "n_layers": 24},
    "gpt2-large": {**_RELEASED, "emb_dim": 1280, "n_heads": 20, "n_layers": 36},
    "gpt2-xl": {**_RELEASED, "emb_dim": 1600, "n_heads": 25, "n_layers": 48},
}

# Un modelo del tamaño de GPT-2 pequeño con las piezas que hoy se usan de serie, las de Llama 3.
LLAMA_STYLE = {
    **GPT_CONFIG_124M,
    "drop_rate": 0.0,
    "norm": "rms",
    "positions": "rope",
    "feed_forward": "swiglu",
    "hidden_dim": 2048,  # 8/3 de C: tres matrices así pesan lo que dos de 4C
    "bias": False,
    "n_kv_heads": 4,
}

# Dos modelos publicados con esas piezas, según el config.json de sus repositorios: meta-llama/Llama-3.2-1B
# (2024) y Qwen/Qwen3-0.6B (2025). Los dos comparten la matriz de entrada con la cabeza de salida.
MODERN_CONFIGS = {
    "llama-3.2-1b": {
        **LLAMA_STYLE,
        "vocab_size": 128_256,
        "context_length": 131_072,
        "emb_dim": 2048,
        "n_heads": 32,
        "n_layers": 16,
        "tie_weights": True,
        "rope_base": 500_000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        "hidden_dim": 8192,
        "n_kv_heads": 8,
    },
    "qwen3-0.6b": {
        **LLAMA_STYLE,
        "vocab_size": 151_936,
        "context_length": 40_960,
        "emb_dim": 1024,
        "n_heads": 16,
        "n_layers": 28,
        "tie_weights": True,
        "norm_eps": 1e-6,
        "rope_base": 1_000_000.0,
        "hidden_dim": 3072,
        "n_kv_heads": 8,
        "head_dim": 128,  # 16 cabezas de 128 son 2048: el doble de emb_dim
        "qk_norm": True,
    },
}
