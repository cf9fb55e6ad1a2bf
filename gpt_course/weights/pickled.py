"""Los tensores de un `.pt`, que puede ser un `state_dict` o llevarlo dentro, sin ejecutar nada."""

import re
import zipfile

import torch

_PLACES = ("model_state_dict", "state_dict", "model")  # donde suele ir, con el optimizador al lado


class Foreign(ValueError):
    """Un archivo entero en el que los pesos no están donde sabemos buscarlos."""


def load_pt(path):
    """Lo que guarda un `.pt`, proyectado en memoria.

    Errores: `Foreign` si lleva algo que no es un tensor ni un tipo sencillo; `ValueError` si está dañado.
    """
    try:
        with zipfile.ZipFile(path) as parts:  # torch no comprime: comprimido, podría no caber
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist()):
                raise zipfile.BadZipFile
        # weights_only: un .pt es un `pickle`, y abrir uno cualquiera puede ejecutar lo que lleve dentro.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError:
        raise
    except Exception as error:  # un `pickle` dañado falla de cualquier manera
        unknown = re.search(r"GLOBAL (\S{1,80}) ", str(error))
        if unknown:
            raise Foreign(
                f"{path.name} lleva dentro {unknown[1]}, que no es un tensor: podría ejecutar código. Si "
                "es tuyo, guarda solo los pesos: torch.save(model.state_dict(), …)."
            ) from None
        kind = type(error).__name__
        raise ValueError(f"torch no puede abrirlo sin descomprimir ni ejecutar nada ({kind})") from None


def state_dict_in(loaded, name):
    """El `state_dict` que es `loaded` o que lleva en una de las claves de costumbre.

    Errores: `Foreign`, con lo que hay dentro, si no está ahí.
    """
    nested = [
        loaded[key] for key in _PLACES if isinstance(loaded, dict) and isinstance(loaded.get(key), dict)
    ]
    found = nested[0] if nested else loaded
    if isinstance(found, dict) and all(map(_is_named_tensor, found.items())):
        return found
    inside = type(found).__name__
    if isinstance(found, dict):
        others = [f"{str(key)[:40]!r} ({_kind(value)})" for key, value in found.items() if _kind(value)]
        inside = ", ".join(others[:5] or ["claves que no son texto"]) + (
            f" y {len(others) - 5} más" if len(others) > 5 else ""
        )
    raise Foreign(
        f"En {name} se esperaba un state_dict, un diccionario de tensores con su nombre; hay: {inside}. Si "
        "está en una de esas claves, sácalo: torch.save(torch.load(ruta, weights_only=True)[clave], …)."
    )


def _kind(value):
    """Qué es lo que no es un tensor corriente; vacío si lo es."""
    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    return "maqueta" if value.is_meta else "" if value.layout == torch.strided else "disperso"


def _is_named_tensor(item):
    name, tensor = item
    return isinstance(name, str) and not _kind(tensor)
