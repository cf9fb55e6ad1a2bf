"""Abrir un archivo de pesos sin fiarse de él: solo tensores, nunca código, y nada que no quepa."""

import os
import re
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from gpt_course.weights.names import MASKS, WRAPPERS, unwrapped
from gpt_course.weights.pickled import Foreign, load_pt, state_dict_in
from gpt_course.weights.swap import SWAP, half_done

SAFE, TORCH = ".safetensors", (".pt", ".pth")
INDEX = "model.safetensors.index.json"  # en qué archivo está cada tensor, si son varios
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class Source:
    """Los tensores de un archivo: `shapes`, {nombre: forma}, y `get(nombre)`, que lee uno.

    Los nombres van sin lo que añaden `torch.compile` y otros (ver `unwrapped`), y las máscaras causales que
    otros guardan no cuentan, sean del tipo que sean. `n_heads`: las cabezas que `save_gpt2` anotó, o None.
    Errores: `OSError` si no se puede leer; `ValueError` si no es un archivo de pesos sano.
    """

    def __init__(self, path):
        self.path, self.n_heads = path, None
        with open(path, "rb") as file:  # si falta o no hay permiso, que lo diga el sistema
            size = os.fstat(file.fileno()).st_size
        try:
            tensors = self._safe() if path.suffix == SAFE else self._torch(size)
        except Foreign:
            raise
        except (SafetensorError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"{path.name} no es un archivo de pesos completo y sano ({size:,} bytes). Lo que falla: "
                f"{_first_line(error)}. Descárgalo o guárdalo otra vez."
            ) from None
        tensors = {name: found for name, found in tensors.items() if not name.endswith(MASKS)}
        wrong = {name: dtype for name, (_, dtype) in tensors.items() if dtype not in DTYPES.values()}
        if wrong:
            found = some(f"{name} ({dtype})" for name, dtype in wrong.items())
            raise ValueError(
                f"Los pesos deben ser float32, float16 o bfloat16; en {path.name} hay otro tipo: {found}. "
                "Conviértelos y guárdalo otra vez."
            )
        self._stored = {unwrapped(name): name for name in tensors}
        if len(self._stored) < len(tensors):
            raise ValueError(
                f"En {path.name} hay tensores repetidos, con y sin {WRAPPERS[0]} o {WRAPPERS[1]}."
            )
        self.shapes = {name: tensors[stored][0] for name, stored in self._stored.items()}

    def get(self, name):
        return self._read(self._stored[name])

    def _safe(self):
        file = safe_open(self.path, framework="pt")
        self._read = file.get_tensor  # del archivo proyectado en memoria, sin copiarlo entero
        noted = (file.metadata() or {}).get("n_head", "")
        self.n_heads = int(noted) if re.fullmatch("[0-9]{1,6}", noted) else None
        found = {}
        for name in file.keys():  # noqa: SIM118 - no es un diccionario
            part = file.get_slice(name)
            found[name] = (tuple(part.get_shape()), DTYPES.get(part.get_dtype(), part.get_dtype()))
        return found

    def _torch(self, size):
        loaded = state_dict_in(load_pt(self.path), self.path.name)
        if sum(tensor.nbytes for tensor in loaded.values()) > 2 * size:  # 2: una matriz con dos nombres
            raise ValueError("sus tensores dicen medir más que el archivo")
        self._read = loaded.__getitem__
        return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in loaded.items()}


def find_file(path):
    """El archivo de pesos de `path`, que puede ser él mismo o su carpeta; si son varios, su índice.

    Errores: `OSError` si no existe; `ValueError` si no es de un formato que se admite.
    """
    path = Path(path)
    whole = path.is_dir() or path.name == "model.safetensors"
    folder = path if path.is_dir() else path.parent
    if whole and (folder / SWAP).exists() and not (folder / "config.json").exists():
        raise ValueError(half_done(folder))
    if path.is_dir():
        one, several = path / "model.safetensors", path / INDEX
        path = several if several.exists() and not one.exists() else one
    if not path.exists():
        raise FileNotFoundError(
            f"No existe {path}. Se esperaba una carpeta con model.safetensors y config.json, o un archivo "
            f"{', '.join([SAFE, *TORCH])}."
        )
    if not path.is_file():  # una carpeta, o una tubería en la que se esperaría para siempre
        raise OSError(f"{path} no es un archivo.")
    if path.suffix not in (SAFE, *TORCH) and path.name != INDEX:
        raise ValueError(
            f"Se esperaba un archivo {SAFE} (o {' o '.join(TORCH)} con un state_dict); llegó {path.name}. "
            "Otros formatos pueden ejecutar código al abrirlos: conviértelo antes a safetensors."
        )
    return path


def some(names, limit=3):
    """Unos cuantos nombres, y cuántos más hay."""
    names = [name if len(name) <= 80 else f"{name[:80]}…" for name in names]
    rest = f" y {len(names) - limit} más" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest


def _first_line(error):
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")
