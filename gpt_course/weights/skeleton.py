"""Un modelo sin números: sus piezas, sus nombres y sus formas; y cómo se llena con los de un archivo."""

from reprlib import repr as short

import torch
from torch.overrides import TorchFunctionMode

from gpt_course.config import complete
from gpt_course.model import GPTModel
from gpt_course.weights.source import some

# De sobra: un config.json hostil podría pedir lo que quiera.
_MOST = {"n_layers": 1000, "n_experts": 1000, "emb_dim": 100_000, "n_heads": 100_000, "head_dim": 100_000}
_MOST |= {"vocab_size": 10**8, "hidden_dim": 10**8}


class _Undrawn(TorchFunctionMode):
    """Deja sin hacer lo que sortea o rellena pesos (`torch.nn.init`).

    Sin memoria no serviría de nada, y PyTorch cargaría antes su compilador, que tarda más que todo lo demás.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__module__", None) != "torch.nn.init":
            return function(*args, **(kwargs or {}))


def skeleton(cfg):
    """Un `GPTModel` de esa configuración en el dispositivo `meta`: no ocupa memoria ni sortea nada."""
    with torch.device("meta"), _Undrawn():
        return GPTModel(cfg)


def check_shapes(shapes, expected, whose):
    """Exige que las formas, {nombre: forma}, sean `expected`, las de `whose`. Errores: `ValueError`."""
    missing, extra = ([n for n in a if n not in b] for a, b in ((expected, shapes), (shapes, expected)))
    if missing or extra:
        raise ValueError(
            f"No son los {len(expected)} tensores de {whose}. Faltan: {some(missing) or 'ninguno'}; "
            f"sobran: {some(extra) or 'ninguno'}."
        )
    for name, shape in shapes.items():
        if shape != expected[name]:
            raise ValueError(f"{name} debe tener la forma {expected[name]}; llegó {shape}.")


@torch.no_grad()
def filled(model, tensors):
    """Reserva en float32 la memoria de `model`, de `skeleton`, y copia en ella cada (nombre, tensor).

    Los nombres son los de sus parámetros, y las formas ya se comprobaron: no puede faltar ninguno.
    """
    # Como `.to_empty(device="cpu")`, que para la forma de lo que no existe carga `sympy`: medio segundo.
    model._apply(lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu"))
    parameters = dict(model.named_parameters())
    for name, tensor in tensors:
        parameters.pop(name).copy_(tensor)
    assert not parameters
    return model.eval()


def model_from(source, shapes, cfg, name_of):
    """El `GPTModel` de `cfg` con los tensores de `source`, si las formas, {nombre: forma}, son las suyas.

    name_of: de un nombre del curso, el que tiene en el archivo.
    Errores: `ValueError` si falta o sobra alguno, o mide otra cosa.
    """
    sizes = complete(cfg)
    for name, most in _MOST.items():
        if (sizes[name] or 0) > most:
            raise ValueError(f"El modelo tendría {name} = {short(sizes[name])}, y se admite hasta {most}.")
    if cfg["n_layers"] * (sizes["n_experts"] or 1) > len(shapes):  # antes de crear lo que nadie llenaría
        raise ValueError(
            f"config.json dice {cfg['n_layers']} bloques y en {source.path.name} solo hay {len(shapes)} "
            "tensores: son de dos modelos distintos. Usa el config.json que venía con los pesos."
        )
    model = skeleton(cfg)
    names = {name: name_of(name) for name in model.state_dict()}
    expected = {names[name]: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    check_shapes(shapes, expected, "este modelo, según su config.json")
    return filled(model, ((name, source.get(theirs)) for name, theirs in names.items()))
