"""Cambiar varios archivos por otros: todos o ninguno, también si el proceso muere a la mitad."""

import os

SWAP = ".cambio-a-medias"  # mientras existe, un proceso está cambiando archivos, o murió al hacerlo


class HalfDone(OSError):
    """No se pudo cambiar ni deshacer: el texto dice dónde está cada archivo."""


def replace_together(new, directory, names):
    """Mueve los archivos `names` de la carpeta `new` a `directory`, que la contiene; si no puede, lo deshace.

    El primero de `names` es el que da fe: sale antes que ninguno y entra cuando ya están todos, así que si
    está, los demás son los suyos. Los anteriores esperan en `SWAP`; al acabar quedan en `new`.
    Errores: `OSError` si no se pudo (queda todo como estaba) o si otro proceso cambia la misma carpeta;
    `HalfDone` si además no se pudo deshacer.
    """
    swap, moves = directory / SWAP, []
    old = swap / "antes"
    try:
        os.rename(new, swap)  # solo uno lo consigue: dos a la vez mezclarían sus archivos
        old.mkdir()
        moves += [(directory / name, old / name) for name in names if os.path.lexists(directory / name)]
        moves += [(swap / name, directory / name) for name in reversed(names)]
        for origin, target in moves:
            os.replace(origin, target)
    except BaseException as error:
        if not os.path.lexists(new):  # `SWAP` es nuestra, aunque algo cortara justo entonces
            _undo(moves, directory)
            _release(swap, new, "Los archivos que había siguen como estaban")
        elif isinstance(error, OSError) and os.path.lexists(swap):
            raise HalfDone(half_done(directory)) from None
        raise
    _release(swap, new, "Los archivos nuevos ya están en su sitio")


def half_done(directory):
    """Qué hacer cuando un cambio quedó a medias en `directory`."""
    return (
        f"En {directory} hay un cambio a medias: otro proceso está guardando ahí, o se interrumpió. "
        f"Si no hay otro, lo que había está en {SWAP}/antes: devuélvelo a su sitio y borra {SWAP}."
    )


def _release(swap, new, result):
    try:
        os.rename(swap, new)
    except OSError as error:
        raise HalfDone(f"{result}, pero no se pudo quitar {swap}: bórralo ({error}).") from error


def _undo(moves, directory):
    try:
        for origin, target in reversed(moves):
            if os.path.lexists(target) and not os.path.lexists(origin):  # este sí llegó a hacerse
                os.replace(target, origin)
    except OSError as error:
        raise HalfDone(f"{half_done(directory)} Al deshacerlo falló: {error}.") from error
