"""Contar en español el error que dio la función de quien estudia: en qué línea, cuál y con qué datos."""

import linecache
import re
import traceback

import torch

SHORT = 70  # letras de un dato que se enseña
# Lo que dicen Python y PyTorch (con «_» por espacio) → lo que pasa. Lo demás se cuenta con sus palabras.
SPANISH = {
    r"NameError.*name_'(\w+)'_is_not_defined": (
        "no existe el nombre `{0}`. Si has reiniciado, ejecuta antes las dos primeras celdas de código, las "
        "de importaciones y constantes; si no, mira cómo lo has escrito"
    ),
    r"UnboundLocalError.*local_variable_'(\w+)'": "usas `{0}` antes de darle un valor",
    r"ZeroDivisionError": "divides entre cero",
    r"RecursionError": "la función se llama a sí misma sin fin",
    r"KeyError:_(.+)": "el diccionario no tiene la clave `{0}`",
    r"UnicodeDecodeError": "esos bytes no son texto: mira cuáles lees y cuántos",
    r"JSONDecodeError": "ese texto no es JSON, o no está entero: mira qué bytes lees y cuántos",
    r"IndexError:_(?:list|tuple|string)": "pides un lugar que no existe: el índice se sale",
    r"IndexError:_index_(-?\d+)_is_out_of_bounds_for_dimension_(\d+)_with_size_(\d+)": (
        "pides el lugar {0} de la dimensión {1}, que mide {2}"
    ),
    r"IndexError:_Dimension_out_of_range.*got_(-?\d+)": "el tensor no tiene la dimensión {0}",
    r"IndexError:_tensors_used_as_indices": "para indexar hacen falta enteros o True y False, no decimales",
    r"IndexError:_too_many_indices": "usas más índices que dimensiones tiene el tensor",
    r"AttributeError:_.*'(\w+)'_object_has_no_attribute_'(\w+)'": "un dato de tipo `{0}` no tiene `{1}`",
    r"(?:Import|ModuleNotFound)Error.*'([\w.]+)'": "no se puede importar `{0}`",
    r"The_size_of_tensor_a_\((\d+)\)_must_match_the_size_of_tensor_b_\((\d+)\).*dimension_(\d+)": (
        "en la dimensión {2} un tensor mide {0} y el otro {1}, y no se pueden difundir. "
        "¿Falta `keepdim=True`?"
    ),
    r"shapes_cannot_be_multiplied_\((\S+)_and_(\S+)\)": "no se puede multiplicar {0} por {1}: mira los ejes",
    r"(?:size_mismatch|inconsistent_tensor_size|Expected_size_for_first_two)": (
        "los tamaños de los tensores no encajan en el producto"
    ),
    r"shape_'\[(.*?)\]'_is_invalid_for_input_of_size_(\d+)": "{1} números no caben en la forma [{0}]",
    r"not_implemented_for_'(\w+)'": "esa operación no admite números de tipo `{0}`",
    r"expected_(?:m1_and_m2|scalar_type|.*dtype)": "mezclas tensores de tipos distintos (int64, float32…)",
    r"Boolean_value_of_Tensor": "un `if` o un `and` necesita un solo True o False, no un tensor entero",
    r"can't_be_(?:cast|converted)|[Oo]nly_(?:one_element|integer)_tensors": "ese tensor no es un solo número",
    r"(?:does_not|doesn't)_require_grad": "pides un gradiente a un tensor que no lo lleva",
    r"TypeError:_can_only_concatenate|unsupported_operand_type\(s\)_for_(\S+):_'(\w+)'_and_'(\w+)'": (
        "la operación no vale entre un dato de tipo `{1}` y uno de tipo `{2}`"
    ),
    r"TypeError:_'(\w+)'_object_is_not_(callable|iterable|subscriptable)": (
        "un dato de tipo `{0}` no se puede llamar, recorrer ni indexar"
    ),
    r"TypeError:_.*unexpected_keyword_argument_'(\w+)'": "la función que llamas no tiene el argumento `{0}`",
    r"TypeError:_.*missing_\d+_required_positional_argument": "en esa llamada faltan argumentos",
    r"TypeError:_.*takes_.*_positional_argument": "en esa llamada sobran argumentos",
}


def told(error, function, arguments):
    """La frase entera: «tu función dio un error en su línea 2, `…`: … La probé con …»."""
    return f"tu función dio un error{place(error, function)}: {explained(error)}.{tried(arguments)}"


def place(error, function):
    """« en su línea 2, `código`»: la última de quien estudia por la que pasó el error."""
    return _line(error, getattr(function, "__globals__", {}).get("__name__"))


def cell_error(error):
    """Lo mismo, cuando lo que falla es la celda y no una función probada por `check`."""
    if isinstance(error, SyntaxError):
        code = (error.text or "").strip()
        return (
            f"Python no entiende la línea {error.lineno}, `{code}`. Un número va sin espacios y con punto "
            "decimal; si lo copias tal cual, ponlo entre comillas."
        )
    return f"la celda dio un error{_line(error, '__main__')}: {explained(error)}."


def _line(error, home):
    """La última línea que el error pasó en el módulo `home`."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [(frame, line) for frame, line in frames if frame.f_globals.get("__name__") == home]
    if not own:
        return ""
    frame, number = own[-1]
    code = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    return f" en su línea {number}" + (f", `{code}`" if code else "")


def explained(error):
    lines = str(error).splitlines() or [""]
    name = type(error).__name__
    text = f"{name}: {lines[0]}"
    for pattern, sentence in SPANISH.items():
        match = re.search(pattern.replace("_", " "), text)
        if match:
            return f"{sentence.format(*(part or '' for part in match.groups()))} ({name})"
    return f"`{text}`" if lines[0] else f"`{name}`"


def tried(arguments):
    """« La probé con `a` = 1 y `b` = 2.»"""
    shown = [_pair(name, brief(value)) for name, value in arguments.items()]
    if not shown:
        return ""
    return f" La probé con {' y '.join(filter(None, [', '.join(shown[:-1]), shown[-1]]))}."


def _pair(name, text):
    return f"`{name}`, {text}" if text.startswith("un ") else f"`{name} = {text[1:-1]}`"


def brief(value):
    """Un dato en pocas letras: sus números si son pocos; si no, su forma."""
    if isinstance(value, torch.Tensor):
        numbers = value.detach().cpu()
        numbers = numbers.double().round(decimals=4) if value.is_floating_point() else numbers
        text = str(numbers.tolist()) if value.numel() <= 16 else ""
        return f"`{text}`" if text and len(text) <= SHORT else f"un tensor de forma {tuple(value.shape)}"
    if isinstance(value, torch.nn.Module):
        return "un modelo"
    text = repr(round(value, 4) if isinstance(value, float) else value)
    return f"`{text if len(text) <= SHORT else text[:SHORT] + '…'}`"
