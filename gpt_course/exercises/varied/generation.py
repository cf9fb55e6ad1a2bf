"""Ejercicios de la lección 07 con variantes: softmax, temperatura y núcleo, a mano."""

import math

from gpt_course.exercises.core import ANY, number, table, varied
from gpt_course.exercises.grading.drawing import first, spanish

LN2 = math.log(2)


def _shares(powers):
    return [power / sum(powers) for power in powers]


@varied(
    *("Con logits {prose:y},", "logits_1 = [{code}]"),
    bits=[(0, 0, 1), (1, 0, 0), (0, 0, 2), (2, 0, 0), (0, 0, 3), (3, 0, 0), (0, 0, 4), (4, 0, 0)],
    also=lambda bits: {
        "prose": [f"ln {2**n}" if n else "0" for n in bits],
        "code": [f"math.log({2**n})" if n else "0" for n in bits],
    },
)
def _softmax(bits):
    powers, size = [2**n for n in bits], 2 ** max(bits)
    right, times = _shares(powers), "el doble" if size == 2 else f"{size} veces lo"
    return table(
        "generacion.1",
        right,
        f"los dos ceros se llevan lo mismo, y el ln {size}, {times} que cada uno.",
        hints=[
            (powers, "has elevado bien. Falta dividir entre la suma."),
            ([n * LN2 for n in bits], "esos son los logits: falta elevar *e* a cada uno."),
            ([float(n > 0) for n in bits], "e elevado a 0 no es 0: un logit 0 también tiene probabilidad."),
            ([1 / 3, 1 / 3, 1 / 3], "los logits no son iguales, así que las probabilidades tampoco."),
            ([1 / 7, 2 / 7, 4 / 7], "esas son las del ejemplo: aquí los logits son otros."),
            (_shares([2 ** (n * LN2) for n in bits]), "elevaste 2; softmax eleva *e*."),
            (right[::-1], "los números son esos, pero en el orden de los logits."),
        ],
    )


PARTS = {2: "mitad", 3: "tercera parte", 4: "cuarta parte"}


def _of_mar(power):
    """Lo que se lleva *mar* si de un logit al siguiente se multiplica por `power`."""
    return power**2 / (1 + power + power**2)


@varied(
    *("los logits 0, ln {a} y ln {b},", "temperatura {heat}?", "Divide entre {heat} los"),
    *("a la {part} de ln {a}?", "[0, math.log({a}), math.log({b})], {heat}"),
    bits=[1, 2, 3, 4, 5],
    heat=first(2, PARTS),
    also=lambda bits, heat: {"a": 2**bits, "b": 4**bits, "part": PARTS[heat]},
)
def _heat(bits, heat):
    a, power, cold = 2**bits, 2 ** (bits / heat), 2.0 ** (bits * heat)
    total = 1 + power + power**2
    raised, before = f"e elevado a la {PARTS[heat]} de ln", f"{a**2}/{1 + a + a**2}"
    rounded = [] if bits % heat == 0 else [(power**2 / (power**2 + 2), f"{raised} {a} no es 1.")]
    return number(
        "generacion.2",
        _of_mar(power),
        f"baja de {before} a {spanish(_of_mar(power), '.2f')} y sigue siendo la mayor: la temperatura no "
        "cambia el orden.",
        decimals=2,
        hints=[
            (
                _of_mar(cold),
                f"eso es con temperatura {spanish(round(1 / heat, 2))}: a temperatura {heat} los logits se "
                f"dividen entre {heat}.",
            ),
            (_of_mar(a), "eso es con temperatura 1. Divide los logits antes de softmax."),
            (
                _of_mar(a) / heat,
                "has dividido la probabilidad; lo que se divide son los logits, antes de softmax.",
            ),
            (1 / 3, f"a temperatura {heat} se aplana, pero no del todo: el orden no cambia."),
            (power / total, "esa es la de *sol*."),
            (1 / total, "esa es la de *pan*."),
            (power**2, f"has elevado bien: {raised} {a**2} es eso. Falta dividir entre la suma."),
            *rounded,
        ],
    )


LISTS = ((40, 30, 20, 10), (50, 25, 15, 10), (45, 30, 15, 10), (35, 30, 20, 15), (50, 30, 15, 5))
LISTS += ((45, 25, 20, 10), (55, 25, 15, 5), (40, 35, 20, 5))


@varied(
    *("probabilidades {shares:;y}.", "con p = {p}", "[{shares}], {p}"),
    percents=first(LISTS[0], LISTS),
    limit=first(60, range(40, 86, 5)),
    when=lambda percents, limit: percents[0] < limit < sum(percents[:2]),
    also=lambda percents, limit: {"shares": [n / 100 for n in percents], "p": limit / 100},
)
def _nucleus(percents, limit):
    shares, p = [n / 100 for n in percents], limit / 100
    a, b, c, _ = shares
    left, right = (n // math.gcd(*percents[:2]) for n in percents[:2])
    one, other, raw = spanish(a), spanish(b), spanish(p)
    return table(
        "generacion.3",
        [a / (a + b), b / (a + b), 0, 0],
        f"{one} no llega a {raw} y {one} + {other} sí: se quedan dos, y se reparten el total {left} a "
        f"{right}.",
        hints=[
            ([a, b, 0, 0], "quedan los dos que tocan, pero ya no suman 1: reparte."),
            ([1, 0, 0, 0], f"{one} solo no llega a {raw}: el que cruza p también se queda."),
            ([*_shares(shares[:3]), 0], f"sobra uno: con los dos primeros ya se pasa de {raw}."),
            ([a, b, c, 0], f"sobra uno: con los dos primeros ya se pasa de {raw}. Después, reparte."),
            (shares, "esas son las de partida: falta filtrar."),
            ([0.5, 0.5, 0, 0], f"al repartir se conserva la proporción: {left} a {right}."),
            ([a / p, 1 - a / p, 0, 0], f"no recortes al segundo: se queda entero, {other}."),
            ([p, 1 - p, 0, 0], f"al repartir se divide entre la suma de los que quedan, que no es {raw}."),
            ([ANY, ANY], "se piden las cuatro, también las que quedan a cero."),
        ],
    )
