"""Lo que comparten las pruebas: configuraciones diminutas y el mismo modelo escrito por otros."""

import functools

import torch

from gpt_course.cache import KVCache
from gpt_course.config import GPT_CONFIG_124M
from gpt_course.model import GPTModel
from gpt_course.padding import visibility

TINY = {
    "vocab_size": 13,
    "context_length": 7,
    "emb_dim": 8,
    "n_heads": 2,
    "n_layers": 2,
    "drop_rate": 0.0,
    "qkv_bias": False,
}

# Cinco modelos pequeños que entre todos recorren los dos sesgos y las dos cabezas de salida.
FIVE_CONFIGS = [
    {**TINY, "vocab_size": V, "context_length": T, "emb_dim": C, "n_heads": H, "n_layers": L}
    | {"qkv_bias": bias, "tie_weights": tied}
    for V, T, C, H, L, bias, tied in [
        (17, 5, 4, 1, 1, False, False),
        (31, 9, 12, 3, 2, True, False),
        (64, 16, 16, 2, 3, False, True),
        (101, 12, 24, 4, 2, True, True),
        (50, 20, 32, 8, 4, True, False),
    ]
]


def tiny_model(seed=123, **changes):
    """Modelo diminuto en modo de evaluación, con todos sus números sorteados."""
    torch.manual_seed(seed)
    model = GPTModel({**TINY, **changes})
    return randomize(model).eval()


def random(*shape, seed=9, dtype=torch.float32):
    """Números de N(0, 1) siempre iguales, que no tocan el generador de torch."""
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def randomize(module):
    """Sortea también lo que nace en 0 o en 1 (sesgos y normas): así ningún parámetro pasa inadvertido."""
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):  # cada uno con números distintos
            if parameter.dim() == 1:
                parameter.add_(random(*parameter.shape, seed=seed) * 0.3)
    return module


def attended_in_pieces(model, x, pieces):
    """Lo que da la atención del segundo bloque si lee `x`, (B, T, C), a trozos de esas medidas, con caché."""
    cache, out = KVCache(model, len(x)), []
    for part in x.split(pieces, dim=1):
        start, padding = cache.begin(model, part[..., 0], None)
        visible = visibility(start, cache.end, padding, x.device)
        out.append(model.trf_blocks[1].att(part, visible=visible, cache=cache[1]))
        cache.commit()
    return torch.cat(out, dim=1)


@functools.cache
def model_124m():
    """El modelo del cuaderno 06, recién creado con la semilla 123, y el estado del generador."""
    torch.manual_seed(123)
    return GPTModel(GPT_CONFIG_124M), torch.get_rng_state()


def as_huggingface(model):
    """GPT2LMHeadModel de transformers con los pesos de `model` (sin copiar los que se pueden compartir)."""
    from transformers.models.gpt2.modeling_gpt2 import GPT2Config, GPT2LMHeadModel  # tarda 3 s en cargarse

    attention = model.trf_blocks[0].att
    with torch.device("meta"):
        other = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=model.tok_emb.num_embeddings,
                n_positions=model.pos_emb.num_embeddings,
                n_embd=model.tok_emb.embedding_dim,
                n_layer=len(model.trf_blocks),
                n_head=attention.n_heads,
                tie_word_embeddings=model.out_head.weight is model.tok_emb.weight,
            )
        )
    with torch.no_grad():
        other.load_state_dict(dict(_huggingface_weights(model)), assign=True)
    return other.eval()


def _huggingface_weights(model):
    yield "transformer.wte.weight", model.tok_emb.weight
    yield "transformer.wpe.weight", model.pos_emb.weight
    for index, block in enumerate(model.trf_blocks):
        # transformers guarda query, key y value en una sola matriz, y todas las matrices traspuestas.
        query_key_value = [block.att.W_query, block.att.W_key, block.att.W_value]
        biases = [torch.zeros(w.out_features) if w.bias is None else w.bias for w in query_key_value]
        linears = {
            "attn.c_attn": (torch.cat([w.weight for w in query_key_value]), torch.cat(biases)),
            "attn.c_proj": (block.att.out_proj.weight, block.att.out_proj.bias),
            "mlp.c_fc": (block.ff.layers[0].weight, block.ff.layers[0].bias),
            "mlp.c_proj": (block.ff.layers[2].weight, block.ff.layers[2].bias),
        }
        for name, (weight, bias) in linears.items():
            yield f"transformer.h.{index}.{name}.weight", weight.T
            yield f"transformer.h.{index}.{name}.bias", bias
        yield from _norm(f"transformer.h.{index}.ln_1", block.norm1)
        yield from _norm(f"transformer.h.{index}.ln_2", block.norm2)
    yield from _norm("transformer.ln_f", model.final_norm)
    yield "lm_head.weight", model.out_head.weight


def _norm(name, norm):
    yield f"{name}.weight", norm.scale
    yield f"{name}.bias", norm.shift


def modern(**changes):
    """Un modelo diminuto con las piezas de Llama, en modo de evaluación, con todos sus números sorteados."""
    pieces = {"norm": "rms", "positions": "rope", "feed_forward": "swiglu", "bias": False}
    return tiny_model(**{**pieces, "n_heads": 4, "n_kv_heads": 2, "hidden_dim": 12, **changes})


def byte_tokenizer():
    """Un tokenizador de `tokenizers` como los de Llama 3 y Qwen: bytes, y un token que empieza cada texto."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<|begin|>", "<|end|>", "<|turn|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Había una vez un ñandú que comía piñones con un pingüino."], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", 0)]
    )
    return tokenizer


def count(model):
    """Parámetros de un modelo; uno compartido cuenta una vez."""
    return sum(parameter.numel() for parameter in model.parameters())


def tokens(batch, length, vocab_size=TINY["vocab_size"]):
    """Tokens al azar (B, T), siempre los mismos."""
    return torch.randint(vocab_size, (batch, length), generator=torch.Generator().manual_seed(2))
