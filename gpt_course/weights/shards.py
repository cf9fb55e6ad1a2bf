"""Los pesos repartidos en varios archivos, como publican los suyos los modelos grandes."""

from gpt_course.files import read_json
from gpt_course.weights.names import MASKS, unwrapped
from gpt_course.weights.source import INDEX, SAFE, Source, some

_LARGEST = 10**7  # bytes del índice: el de un modelo de cien mil tensores


def open_source(path):
    """El `Source` de un archivo de pesos o los `Shards` de un índice. Errores: los suyos."""
    return Shards(path) if path.name == INDEX else Source(path)


class Shards:
    """Como `Source`, de los archivos que nombra un `model.safetensors.index.json`, que están a su lado.

    Errores: `OSError` si falta alguno o no se puede leer; `ValueError` si alguno, o el índice, no es sano.
    """

    def __init__(self, path):
        self.path, self.n_heads = path, None
        places = _places(path)
        files = list(dict.fromkeys(places.values()))
        missing = [name for name in files if not (path.parent / name).exists()]
        if missing:
            raise FileNotFoundError(
                f"Los pesos de {path.parent} están repartidos en {len(files)} archivos y falta: "
                f"{some(missing)}. Descarga la carpeta entera."
            )
        self.shapes, self._parts = {}, {}
        for name in files:
            part = Source(path.parent / name)
            self._add(part, [tensor for tensor, place in places.items() if place == name])

    def get(self, name):
        return self._parts[name].get(name)

    def _add(self, part, promised):
        lost = [name for name in promised if name not in part.shapes]
        twice = [name for name in part.shapes if name in self.shapes]
        if lost or twice:
            problem = f"falta {some(lost)}" if lost else f"se repite {some(twice)}"
            raise ValueError(
                f"{self.path.name} y {part.path.name} no son de la misma copia: en este {problem}. "
                "Descarga la carpeta entera otra vez."
            )
        self.shapes |= part.shapes
        self._parts |= dict.fromkeys(part.shapes, part)


def _places(path):
    """{tensor: archivo} de un índice, sin las máscaras, que no se leen."""
    places = read_json(path, _LARGEST).get("weight_map")
    if not isinstance(places, dict) or not places or not all(map(_is_beside, places.values())):
        raise ValueError(
            f"Los pesos de {path.parent.name} están repartidos en varios archivos, y {path.name} no dice en "
            f"cuál está cada tensor: en weight_map se espera el nombre de un {SAFE} de esa carpeta para cada "
            "uno. Descárgalo otra vez."
        )
    return {unwrapped(name): place for name, place in places.items() if not name.endswith(MASKS)}


def _is_beside(name):
    """¿Es el nombre de un archivo de esta carpeta, y no el de otra o una ruta cualquiera?"""
    return isinstance(name, str) and name.endswith(SAFE) and not {"/", "\\", ":", "\0"} & set(name)
