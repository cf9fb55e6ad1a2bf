"""Pesos en el formato de Hugging Face, de GPT-2 y de Llama y su familia: cargarlos, guardarlos, bajarlos.

    model = load_gpt2("carpeta")  # config.json y model.safetensors
    save_gpt2(model, "otra")      # la abre AutoModelForCausalLM.from_pretrained
    model = load_llama("llama")   # también Mistral, Qwen y Mixtral
    save_llama(model, "otra más")

Solo safetensors, que guarda números y nada más; de un `.pt`, solo sus tensores.
"""

from gpt_course.weights.download import download_gpt2
from gpt_course.weights.llama import load_llama, save_llama
from gpt_course.weights.loading import load_gpt2
from gpt_course.weights.names import from_gpt2, our_names, to_gpt2
from gpt_course.weights.saving import save_gpt2

__all__ = [
    "download_gpt2",
    "from_gpt2",
    "load_gpt2",
    "load_llama",
    "our_names",
    "save_gpt2",
    "save_llama",
    "to_gpt2",
]
