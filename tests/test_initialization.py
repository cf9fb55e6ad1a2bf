"""La inicialización de GPT-2: desviaciones, orden del sorteo y lo que se niega a sortear."""

import pytest
import torch
from reference import TINY, tiny_model, tokens
from torch import nn
from torch.nn.utils import prune

from gpt_course.initialization import init_gpt2, init_llama

WIDE = {**TINY, "vocab_size": 300, "context_length": 100, "emb_dim": 96, "n_layers": 3, "qkv_bias": True}


@pytest.mark.parametrize("tied", [False, True])
def test_gpt2_initialisation_statistics(tied):
    model = tiny_model(**WIDE, tie_weights=tied)
    assert init_gpt2(model) is model
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            expected = 1.0 if name.endswith("scale") else 0.0
            assert (parameter == expected).all(), name
            continue
        writes = name.endswith(("att.out_proj.weight", "ff.layers.2.weight"))
        std = 0.01 if name == "pos_emb.weight" else 0.02 / 6**0.5 if writes else 0.02
        assert parameter.mean().abs() < 5 * std / parameter.numel() ** 0.5, name
        assert parameter.std().item() == pytest.approx(std, rel=0.03), name


@pytest.mark.parametrize("tied", [False, True])
def test_gpt2_initialisation_draws_in_the_order_of_the_parameters(tied):
    model = tiny_model(tie_weights=tied)
    torch.manual_seed(5)
    init_gpt2(model)
    after = torch.rand(1)
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            residual = name.endswith(("att.out_proj.weight", "ff.layers.2.weight"))
            std = 0.01 if name == "pos_emb.weight" else 0.02 / 2 if residual else 0.02  # √(2·2) = 2
            assert torch.equal(parameter, torch.empty_like(parameter).normal_(0, std)), name
    assert torch.equal(torch.rand(1), after)
    assert (model.out_head.weight is model.tok_emb.weight) == tied


def test_gpt2_initialisation_is_that_of_transformers():
    """Las mismas desviaciones que sortea transformers, salvo las posiciones: allí también 0,02."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"vocab_size": 300, "n_positions": 100, "n_embd": 96, "n_layer": 3, "n_head": 2}
    other = GPT2LMHeadModel(GPT2Config(**sizes)).transformer
    model = init_gpt2(tiny_model(**WIDE, tie_weights=True))
    for ours, theirs in [
        (model.tok_emb.weight, other.wte.weight),
        (model.trf_blocks[1].att.W_key.weight, other.h[1].attn.c_attn.weight),
        (model.trf_blocks[1].att.out_proj.weight, other.h[1].attn.c_proj.weight),
        (model.trf_blocks[2].ff.layers[0].weight, other.h[2].mlp.c_fc.weight),
        (model.trf_blocks[2].ff.layers[2].weight, other.h[2].mlp.c_proj.weight),
    ]:
        assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.05)


def test_gpt2_initialisation_leaves_no_gradient_and_starts_near_the_uniform_loss():
    model = init_gpt2(tiny_model(**WIDE, tie_weights=True))
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    ids = tokens(4, 51, 300)
    loss = nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(torch.tensor(300.0).log().item(), abs=0.1)


CHANGES = {
    "una salida podada": lambda model: prune.l1_unstructured(model.trf_blocks[0].att.out_proj, "weight", 0.5),
    "una norma de PyTorch": lambda model: setattr(model, "final_norm", nn.LayerNorm(8)),
    "otra pieza": lambda model: setattr(model, "lora_B", nn.Linear(2, 2)),
}


@pytest.mark.parametrize("way", CHANGES)
def test_a_changed_model_is_refused_and_left_as_it_was(way):
    model = tiny_model()
    CHANGES[way](model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"no son suyos \[.*Llámala antes de cambiarle piezas"):
        init_gpt2(model)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_compiled_model_is_initialised_like_the_plain_one():
    torch.manual_seed(1)
    plain = init_gpt2(tiny_model())
    compiled = torch.compile(init_gpt2(tiny_model()), backend="eager")
    torch.manual_seed(1)
    init_gpt2(tiny_model())
    init_gpt2(compiled)
    assert plain.pos_emb.weight.std() < 0.012 > compiled.pos_emb.weight.std()


MODERN = {**WIDE, "norm": "rms", "positions": "rope", "n_kv_heads": 1, "qk_norm": True, "bias": False}
SWIGLU = {**MODERN, "feed_forward": "swiglu", "hidden_dim": 100}
EXPERTS = {**SWIGLU, "feed_forward": "experts", "n_experts": 5, "experts_per_token": 2}


@pytest.mark.parametrize("cfg", [SWIGLU, EXPERTS, {**MODERN, "bias": True, "hidden_dim": 100}], ids=str)
@pytest.mark.parametrize(("init", "writing"), [(init_gpt2, 0.02 / 6**0.5), (init_llama, 0.02)])
def test_statistics_with_todays_pieces(cfg, init, writing):
    model = tiny_model(**cfg)
    assert init(model) is model
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            assert (parameter == (1.0 if name.endswith("scale") else 0.0)).all(), name
            continue
        writes = name.endswith(("att.out_proj.weight", "ff.layers.2.weight", ".down.weight"))
        std = writing if writes else 0.02
        assert parameter.mean().abs() < 5 * std / parameter.numel() ** 0.5, name
        assert parameter.std().item() == pytest.approx(std, rel=0.1 if "router" in name else 0.04), name


def test_it_starts_as_llama_in_transformers():
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 300, "hidden_size": 96, "intermediate_size": 100, "num_hidden_layers": 1}
    other = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=2, num_key_value_heads=1)).model
    model, layer = init_llama(tiny_model(**SWIGLU)), other.layers[0]
    for ours, theirs in [
        (model.tok_emb.weight, other.embed_tokens.weight),
        (model.trf_blocks[0].att.out_proj.weight, layer.self_attn.o_proj.weight),
        (model.trf_blocks[0].ff.down.weight, layer.mlp.down_proj.weight),
        (model.trf_blocks[0].ff.gate.weight, layer.mlp.gate_proj.weight),
    ]:
        assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.05)


def test_llamas_also_refuses_what_it_does_not_know():
    model = tiny_model(**SWIGLU)
    prune.identity(model.trf_blocks[0].ff.gate, "weight")
    with pytest.raises(ValueError, match="init_llama solo sabe sortear los parámetros de un GPTModel"):
        init_llama(model)
