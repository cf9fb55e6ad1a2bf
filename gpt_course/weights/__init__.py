"""Los pesos de GPT-2 en el formato de Hugging Face: cargarlos, guardarlos y descargarlos.

    model = load_gpt2("carpeta")  # config.json y model.safetensors
    save_gpt2(model, "otra")      # la abre AutoModelForCausalLM.from_pretrained

Solo safetensors, que guarda números y nada más; de un `.pt`, solo sus tensores.
"""

from gpt_course.weights.download import download_gpt2
from gpt_course.weights.loading import load_gpt2
from gpt_course.weights.names import from_gpt2, our_names, to_gpt2
from gpt_course.weights.saving import save_gpt2

__all__ = ["download_gpt2", "from_gpt2", "load_gpt2", "our_names", "save_gpt2", "to_gpt2"]
