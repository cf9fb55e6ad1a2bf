"""Comparar una respuesta con la buena y, si no lo es, encontrar la pista que le toca.

Las pistas son parejas (respuesta equivocada, frase). Una respuesta redondeada recibe la suya; si convienen
varias, la más cercana.
"""

import copy

import torch

from gpt_course.exercises.grading.comparing import (
    CLOSE_TO_A_MISTAKE,
    agrees,
    as_values,
    distance,
    enough_decimals,
    same,
)
from gpt_course.exercises.grading.errors import brief, tried
from gpt_course.exercises.grading.reading import kind, read_choice, read_number, read_values
from gpt_course.exercises.grading.running import argument_names, run
from gpt_course.exercises.grading.wrong import Wrong

SIZES = {
    **{"bits": (1 / 8, ""), "bytes": (1, ""), "KiB": (2**10, " (2¹⁰ bytes)"), "MiB": (2**20, " (2²⁰ bytes)")},
    **{"GiB": (2**30, " (2³⁰ bytes)"), "MB": (10**6, " (10⁶ bytes)"), "GB": (10**9, " (10⁹ bytes)")},
}
DECIMALS = ("algún decimal más", "un decimal", "dos decimales", "tres decimales", "cuatro decimales")
NOTHING = object()  # lo que da una función que falla: no se parece a nada


def expect_number(answer, expected, hints=(), *, decimals=0, unit=None, tolerance=None):
    """Exige `expected`: exacto si es entero; si no, redondeado con `decimals` decimales o, sin ellos, al 1 %.

    `unit` añade una pista por cada unidad confundida con ella. `tolerance`: error relativo que se admite.
    """
    readings = read_number(answer)
    how = {"tolerance": _tolerance(expected) if tolerance is None else tolerance}
    close = [reading for reading in readings if agrees(reading, expected, **how)]
    if any(enough_decimals(reading, expected, decimals) for reading in close):
        return
    wanted = DECIMALS[decimals]
    mistakes = [*hints, *_other_units(expected, unit), (expected, f"es casi eso: da {wanted}.")]
    _hint(readings, mistakes)
    if expected and any(agrees((-values, places), expected, **how) for values, places in readings):
        raise Wrong("el tamaño es ese, pero mira el signo.")
    if isinstance(answer, float) and agrees((readings[0][0] * 1000, 0), expected, **how):
        raise Wrong("en Python el punto separa los decimales. Si era de millares, quítalo.")
    value = readings[0][0].item()
    shown = f"{int(value) if value.is_integer() else value:,}"
    raise Wrong(
        f"{shown} es demasiado {'pequeño' if value < expected else 'grande'}. Repasa la cuenta paso a paso."
    )


def expect_table(answer, expected, hints=(), *, otherwise=None, tolerance=1e-4):
    """Exige los números de `expected`, en la misma forma. `otherwise` es la pista de lo que no tiene otra."""
    reading, expected = read_values(answer), as_values(expected)
    if agrees(reading, expected, tolerance=tolerance):
        return
    values, decimals = reading
    if not values.isfinite().all():
        raise Wrong("hay algún número que no es finito (`inf` o `nan`).")
    _hint([reading], hints)
    if otherwise:
        raise Wrong(otherwise)
    if values.dim() == expected.dim() == 1 and len(values) != len(expected):
        raise Wrong(f"se esperaban {len(expected)} números y llegaron {len(values)}.")
    if values.shape != expected.shape:
        raise Wrong(f"se esperaba la forma {tuple(expected.shape)} y llegó {tuple(values.shape)}.")
    pairs = zip(values.flatten(), expected.flatten(), strict=True)
    bad = sum(not agrees((value, decimals), right, tolerance=tolerance) for value, right in pairs)
    raise Wrong(f"la forma es correcta, pero {bad} de {values.numel()} números no lo son.")


def expect_choice(answer, right, hints):
    """Exige la opción `right`; `hints` empareja cada opción equivocada con su pista."""
    text, options = read_choice(answer), sorted([right, *hints])
    if text not in options:
        came = f"`{text}`" if text is not None and len(text) < 30 else kind(answer)
        raise Wrong(f"se esperaba una de estas opciones: {', '.join(options)}; llegó {came}.")
    if text != right:
        raise Wrong(hints[text])


def outcomes(reference, cases, hints):
    """Lo que no depende de la respuesta: los casos, y lo que dan la referencia y cada error con pista."""
    cases = list(cases(torch.Generator().manual_seed(0)) if callable(cases) else cases)
    guesses = [([_outcome(wrong, case) for case in cases], hint) for wrong, hint in hints]
    return cases, [_outcome(reference, case) for case in cases], guesses


def expect_function(answer, cases, expected, guesses, *, tolerance=1e-5):
    """Exige que la función dé lo esperado en todos los casos, que prepara `outcomes`.

    Cada pista acompaña a una función equivocada: toca la que explica todos los resultados o, si no la hay,
    todos los que están mal.
    """
    results = []
    for case in cases:
        try:
            results.append(run(answer, *case))
        except Wrong:
            if all(same(*pair, tolerance) for pair in zip(results, expected, strict=False)):
                raise
            break  # ya había fallado en un caso más sencillo
    pairs = zip(results, expected, strict=False)
    bad = [place for place, pair in enumerate(pairs) if not same(*pair, tolerance)]
    if not bad:
        return
    first, data = bad[0], tried(argument_names(answer, cases[bad[0]]))
    for guess, hint in guesses:
        if all(same(*pair, tolerance) for pair in zip(results, guess, strict=False)):
            raise Wrong(hint + data)
    for guess, hint in guesses:  # o bien resuelve algunos casos y en los demás se equivoca así
        if len(bad) > 1 and all(same(results[place], guess[place], tolerance) for place in bad):
            raise Wrong(hint + data)
    raise Wrong(_difference(results[first], expected[first], tolerance) + data)


def _outcome(function, case):
    try:
        return function(*copy.deepcopy(case))
    except Exception:
        return NOTHING


def _difference(result, expected, tolerance):
    if isinstance(expected, torch.Tensor):
        if not isinstance(result, torch.Tensor):
            return f"se esperaba un tensor de forma {tuple(expected.shape)} y llegó {kind(result)}."
        if result.shape != expected.shape:
            return f"se esperaba la forma {tuple(expected.shape)} y llegó {tuple(result.shape)}."
        if expected.numel() > 16 or brief(expected) == brief(result):  # o no caben sus números
            pairs = zip(result.flatten(), expected.flatten(), strict=True)
            bad = sum(not same(*pair, tolerance) for pair in pairs)
            return f"la forma es correcta, pero {bad} de {expected.numel()} números no lo son."
    return f"se esperaba {brief(expected)} y llegó {brief(result)}."


def _tolerance(expected):
    """De un entero, exacto; de lo demás, una diezmilésima parte."""
    return min(1e-6, 1e-2 / max(1, abs(expected))) if float(expected).is_integer() else 1e-4


def _other_units(expected, unit):
    if unit is None:
        return
    size, meaning = SIZES[unit]
    for other, (theirs, explained) in SIZES.items():
        if other != unit:
            yield expected * size / theirs, f"eso son {other}{explained}; se piden {unit}{meaning}."


def _hint(readings, mistakes):
    """Lanza la pista del error más cercano a lo que se leyó."""
    found = []
    for wrong, hint in mistakes:
        wrong = as_values(wrong)
        tolerance = _tolerance(wrong.item()) if wrong.numel() == 1 and not wrong.isnan().any() else 1e-4
        for reading in readings:
            if agrees(reading, wrong, tolerance=tolerance, limit=CLOSE_TO_A_MISTAKE):
                found.append((distance(reading, wrong), hint))
    if found:
        raise Wrong(min(found, key=lambda pair: pair[0])[1])
