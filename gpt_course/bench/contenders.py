"""Los cuatro GPT-2 que se comparan, cada uno como lo usaría quien lo instala.

Importan su biblioteca al crearse, porque también se mide. Reciben los pesos con los nombres de Hugging Face.
"""

import functools


class Course:
    """Este curso, por el camino rápido."""

    requires = "gpt_course"

    def __init__(self):
        from gpt_course import fast, generation, model, training

        self.fast, self.generation, self.model, self.training = fast, generation, model, training

    def build(self, cfg):
        return self.model.GPTModel(cfg)

    def load(self, model, weights, inference=False, medium=False):
        from gpt_course.weights.names import from_gpt2

        state = {}
        for name, tensor in weights.items():
            state.update(from_gpt2(name, tensor))
        model.load_state_dict(state)
        return self.fast.make_fast(model, inference=inference, precision="medium" if medium else "high")

    def logits(self, model, ids):
        return model(ids)

    def generate(self, model, ids, count):
        return self.generation.generate(model, ids, count)

    def optimizer(self, model):
        return self.training.make_optimizer(model, fused=True)

    def loss(self, model, x, y, mask=None):
        return self.fast.chunked_loss(model, x, y, mask)


class _Peer:
    """Lo corriente con un modelo de PyTorch: su AdamW y la entropía cruzada de todos los logits."""

    fused = None  # lo que PyTorch elige de serie

    def __init__(self):
        import torch

        self.torch = torch

    def logits(self, model, ids):
        return model(ids)

    def optimizer(self, model):
        return self.torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1, fused=self.fused)

    def loss(self, model, x, y, mask=None):
        y = y if mask is None else y.masked_fill(~mask, -100)  # lo que `cross_entropy` no cuenta
        return self.torch.nn.functional.cross_entropy(self.logits(model, x).flatten(0, 1), y.flatten())


class Transformers(_Peer):
    """Hugging Face, con su atención SDPA, su caché al generar y el AdamW que elige su `Trainer`."""

    requires = "transformers"
    fused = True

    def __init__(self):
        super().__init__()
        from transformers.models.gpt2 import modeling_gpt2

        self.module = modeling_gpt2

    def build(self, cfg):
        rates = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), cfg["drop_rate"])
        config = self.module.GPT2Config(
            vocab_size=cfg["vocab_size"],
            n_positions=cfg["context_length"],
            n_embd=cfg["emb_dim"],
            n_layer=cfg["n_layers"],
            n_head=cfg["n_heads"],
            bos_token_id=0,
            eos_token_id=None,  # siempre escribe todos los que se piden
            pad_token_id=0,
            attn_implementation="sdpa",
            **rates,
        )
        return self.module.GPT2LMHeadModel(config)

    def load(self, model, weights, **_):
        model.transformer.load_state_dict(weights)
        return model

    def logits(self, model, ids):
        return model(ids, use_cache=False).logits

    def generate(self, model, ids, count):
        mask = self.torch.ones_like(ids)
        return model.generate(ids, attention_mask=mask, max_new_tokens=count, do_sample=False)


class LLMsFromScratch(_Peer):
    """El paquete `llms-from-scratch`, con su modelo más rápido (`GPTModelFast`).

    Genera sin caché: en la versión 1.0.19, la que trae para GPT-2 falla al leer el segundo token.
    """

    requires = "llms_from_scratch"

    def __init__(self):
        super().__init__()
        from llms_from_scratch import ch04

        self.module = ch04

    def build(self, cfg):
        return self.module.GPTModelFast(cfg)

    def load(self, model, weights, **_):
        swapped = {"wte": "tok_emb", "wpe": "pos_emb", "ln_f": "final_norm", "ln_1": "norm1", "ln_2": "norm2"}
        swapped |= {"attn.c_attn": "att.qkv", "attn.c_proj": "att.proj", "h.": "trf_blocks."}
        swapped |= {"mlp.c_fc": "ff.layers.0", "mlp.c_proj": "ff.layers.2"}
        model.out_head.weight = model.tok_emb.weight  # vinculada, como en los demás
        model.load_state_dict(_linear_layout(weights, swapped), strict=False)
        return model

    def generate(self, model, ids, count):
        return self.module.generate_text_simple(model, ids, count, model.pos_emb.num_embeddings)


class LitGPT(_Peer):
    """`litgpt`, con su caché. No tiene posiciones aprendidas: en la comparación valen 0 en los cuatro."""

    requires = "litgpt"

    def __init__(self):
        super().__init__()
        from litgpt import config, model

        self.config, self.model = config, model

    def build(self, cfg):
        config = self.config.Config(
            block_size=cfg["context_length"],
            vocab_size=cfg["vocab_size"],
            padded_vocab_size=cfg["vocab_size"],
            n_layer=cfg["n_layers"],
            n_head=cfg["n_heads"],
            n_embd=cfg["emb_dim"],
            attn_bias=cfg["qkv_bias"],
            rotary_percentage=0.0,
            parallel_residual=False,
            gelu_approximate="tanh",
        )
        return self.model.GPT(config)

    def load(self, model, weights, **_):
        swapped = {"wte": "transformer.wte", "ln_f": "transformer.ln_f", "ln_1": "norm_1", "ln_2": "norm_2"}
        swapped |= {"attn.c_attn": "attn.qkv", "attn.c_proj": "attn.proj", "h.": "transformer.h."}
        swapped |= {"mlp.c_fc": "mlp.fc", "mlp.c_proj": "mlp.proj"}
        model.lm_head.weight = model.transformer.wte.weight
        rest = {name: tensor for name, tensor in weights.items() if not name.startswith("wpe")}
        model.load_state_dict(_linear_layout(rest, swapped), strict=False)
        return model

    def generate(self, model, ids, count):
        """El bucle de su `generate`, que solo admite una frase, con un lote."""
        length = ids.shape[1]
        model.clear_kv_cache()
        model.max_seq_length = length + count
        model.set_kv_cache(len(ids))
        places, unread = self.torch.arange(length), ids
        with self.torch.inference_mode():
            for end in range(length, length + count):
                token = model(unread, places, input_pos_maxp1=end)[:, -1].argmax(dim=-1, keepdim=True)
                ids = self.torch.cat([ids, token], dim=1)
                places, unread = self.torch.tensor([end]), token
        model.clear_kv_cache()
        model.max_seq_length = model.config.block_size
        return ids


CONTENDERS = {
    "gpt_course": Course,
    "transformers": Transformers,
    "llms-from-scratch": LLMsFromScratch,
    "litgpt": LitGPT,
}


def _linear_layout(weights, swapped):
    """Los pesos con otros nombres y cada matriz de las capas lineales como la de `nn.Linear`."""
    state = {}
    for name, tensor in weights.items():
        other = functools.reduce(lambda text, pair: text.replace(*pair), swapped.items(), name)
        state[other] = tensor.T if ".c_" in name and name.endswith(".weight") else tensor
    return state
