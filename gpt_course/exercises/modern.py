"""Ejercicios de la lección 14: repartir las *keys* y girar. Los demás, en `varied`."""

import torch

from gpt_course.exercises.core import function


def _keys(random):
    """Unas *keys* que se siguen con lápiz; después, una sola, tantas como cabezas y otros repartos."""
    yield torch.arange(4.0).view(1, 2, 2, 1), 4
    for shape, n_heads in (((2, 2, 3, 4), 6), ((1, 3, 2, 2), 6), ((2, 1, 3, 2), 4), ((1, 4, 2, 3), 4)):
        yield torch.randn(shape, generator=random), n_heads


def _each(axis):
    """Repite seguido lo de un eje, H/Hkv veces."""
    return lambda key, n_heads: key.repeat_interleave(n_heads // key.shape[1], dim=axis)


@function(
    "modernas.5",
    "los grupos son de vecinas; con una sola *key* leen todas la misma, y con H, cada una la suya.",
    cases=_keys,
    hints=[
        (
            lambda key, n_heads: key.repeat(1, n_heads // key.shape[1], 1, 1),
            "así se alternan, y las que leen la misma *key* tienen que ir seguidas.",
        ),
        (lambda key, n_heads: key, "devuelves las *keys* como llegaron: hace falta una por cabeza."),
        (
            lambda key, n_heads: key.repeat_interleave(n_heads, dim=1),
            "repetiste cada una H veces: con Hkv *keys* para H cabezas, ¿cuántas tocan a cada una?",
        ),
        (_each(0), "repetiste las frases del lote; el eje de las cabezas es el segundo."),
        (_each(2), "repetiste los tokens: el eje de las cabezas es el segundo."),
        (_each(3), "repetiste los números de cada *key*: el eje de las cabezas es el segundo."),
        (
            lambda key, n_heads: key[:, :, None].expand(-1, -1, n_heads // key.shape[1], -1, -1),
            "los grupos están bien; falta juntar los dos ejes de las cabezas en uno, de tamaño H.",
        ),
        (
            lambda key, n_heads: key[:, :1].expand(-1, n_heads, -1, -1),
            "todas las cabezas leen la primera *key*, y las demás no las lee nadie.",
        ),
    ],
)
def share_heads(key, n_heads):
    return key.repeat_interleave(n_heads // key.shape[1], dim=1)


def _queries(random):
    """Dos lugares y una pareja, que se sigue con lápiz; después, otras anchuras, lugares y bases."""
    yield torch.tensor([[1.0, 0.0], [1.0, 0.0]]), 10000.0
    for T, D, base in ((3, 4, 10000.0), (5, 6, 100.0), (1, 4, 10000.0), (6, 8, 500.0), (4, 2, 10000.0)):
        yield torch.randn(T, D, generator=random), base


def _speeds(x, base, power=1):
    """Lo que gira cada pareja por lugar, (D/2,). power: el que multiplica a −2i/D en el exponente."""
    return base ** (-power * torch.arange(0, x.shape[1], 2) / x.shape[1])


def _angles(x, base, power=1):
    """Lo que ha girado cada pareja en cada lugar, (T, D/2)."""
    return torch.arange(len(x))[:, None] * _speeds(x, base, power)


def _turned(a, b, angles):
    return a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()


def _woven(a, b):
    """Los dos números de cada pareja, otra vez vecinos."""
    return torch.stack((a, b), dim=-1).flatten(1)


def _halves(x, base):
    """Como Llama: cada número, con el que está media cabeza más allá."""
    return torch.cat(_turned(*x.chunk(2, dim=-1), _angles(x, base)), dim=-1)


def _with(change):
    """La buena, con otros ángulos."""
    return lambda x, base: _woven(*_turned(x[:, ::2], x[:, 1::2], change(x, base)))


def _joined(change):
    """La buena, con otra manera de juntar los dos números de cada pareja."""
    return lambda x, base: change(*_turned(x[:, ::2], x[:, 1::2], _angles(x, base)))


@function(
    "modernas.6",
    "no hay nada que aprender en el giro: el lugar queda escrito en cada *query* y en cada *key*.",
    cases=_queries,
    hints=[
        (_halves, "emparejas i con i + D/2, como Llama y la lección; aquí la pareja son dos vecinos."),
        (
            _joined(lambda a, b: torch.cat((a, b), dim=-1)),
            "giras bien, pero al pegar dejas una mitad detrás de la otra: cada número vuelve a su sitio.",
        ),
        (
            _with(lambda x, base: -_angles(x, base)),
            "giras en el otro sentido: (1, 0) tiene que ir hacia (0, 1). Mira los signos de los senos.",
        ),
        (
            _joined(lambda a, b: _woven(a, -b)),
            "eso es un reflejo, no un giro: mira los signos de la segunda cuenta.",
        ),
        (
            _with(lambda x, base: _angles(x, base) + _speeds(x, base)),
            "el primer lugar es el 0, y ahí no se gira nada.",
        ),
        (
            _with(lambda x, base: _angles(x, base, power=1 / 2)),
            "el exponente es −2i/D, y el tuyo, −i/D.",
        ),
        (
            _with(lambda x, base: _angles(x, base, power=2)),
            "el exponente es −2i/D y el tuyo, el doble: ¿qué es D, y hasta dónde llega i?",
        ),
        (
            _with(lambda x, base: _angles(x, base, power=-1)),
            "el exponente es negativo: cada pareja gira más despacio que la anterior.",
        ),
        (
            _with(lambda x, base: _angles(x, base, power=0)),
            "todas las parejas giran lo mismo: falta que el ángulo dependa de i.",
        ),
        (
            _with(lambda x, base: _speeds(x, base).expand(len(x), -1)),
            "todos los lugares giran lo mismo: falta multiplicar por t.",
        ),
        (
            _with(lambda x, base: _angles(x, base).deg2rad()),
            "el ángulo ya está en radianes: no lo conviertas.",
        ),
        (
            _joined(lambda a, b: _woven(b, a)),
            "giras bien, pero los dos números de cada pareja van cambiados.",
        ),
        (
            _joined(lambda a, b: torch.stack((a, b), dim=-1)),
            "giras bien; falta juntar las parejas en una fila de D números.",
        ),
        (lambda x, base: x, "devuelves las *queries* sin girar."),
    ],
)
def rotate(x, base):
    return _woven(*_turned(x[:, ::2], x[:, 1::2], _angles(x, base)))
