"""Ejercicios de la lección 01: bytes, fusiones y el precio de cada idioma."""

from gpt_course.exercises.core import Wrong, exercise, expect_choice, expect_number, run


@exercise("tokenizacion.1")
def _bytes(answer):
    expect_number(
        answer,
        7,
        [
            (5, "cuentas letras y signos. En UTF-8, los que no son ASCII ocupan más de un byte."),
            (6, "casi: te falta uno. Hay dos signos que no son ASCII, no uno."),
            (10, "no todos ocupan dos bytes: los que están en ASCII ocupan uno."),
            (3, "¿has descontado los que no son ASCII? Al contrario: ocupan más."),
        ],
    )
    return "los tres signos ASCII ocupan un byte cada uno; los otros dos, dos bytes cada uno."


@exercise("tokenizacion.2")
def _first_merge(answer):
    if isinstance(answer, (tuple, list)):
        answer = "".join(map(str, answer))
    if isinstance(answer, str) and answer == "s ":
        raise Wrong("esa pareja cruza de una palabra a otra. El espacio va con la palabra que sigue.")
    if str(answer).strip().lower() not in {"es", "re", "st", "t", "ti", "tr"}:
        raise Wrong("no es esa. Escribe los tres trozos y cuenta cada pareja de vecinos.")
    expect_choice(
        answer,
        "es",
        {
            "tr": "«tr» está en dos palabras; busca una pareja que esté en las tres.",
            "re": "«re» está en dos palabras; busca una pareja que esté en las tres.",
            "ti": "«ti» aparece una sola vez: en la otra palabra, tras la t viene una r.",
            "t": "el espacio y la t se juntan dos veces: la primera palabra no lleva espacio delante.",
            "st": "«st» aparece una sola vez. Cuenta cada pareja en las tres palabras.",
        },
    )
    return "es la única pareja que aparece tres veces."


@exercise("tokenizacion.3")
def _vocabulary(answer):
    expect_number(
        answer,
        1257,
        [
            (1000, "esas son solo las fusiones. Antes de la primera ya hay tokens."),
            (1256, "faltan los tokens que no salen de ninguna fusión ni son un byte."),
            (1001, "has olvidado los tokens con los que se empieza."),
            (1128, "los bytes no acaban en 127: eso es ASCII."),
            (2256, "cada fusión añade un token, no dos: sus dos mitades ya estaban."),
        ],
        tolerance=1e-6,
    )
    return "es la misma cuenta que da 50 257 en GPT-2, con menos fusiones."


def _expect_list(function, arguments, expected, hints):
    """Llama a la función con copias de los argumentos y compara la lista que devuelve."""
    given = [list(value) if isinstance(value, list) else value for value in arguments]
    result = run(function, *given)
    if isinstance(result, tuple):
        result = list(result)
    if not isinstance(result, list):
        raise Wrong(f"se esperaba una lista y llegó {type(result).__name__}.")
    if given != list(arguments):
        raise Wrong("tu función cambia la lista que recibe. Construye una nueva y devuélvela.")
    for wrong, hint in hints:
        if result == wrong:
            raise Wrong(hint)
    if result != expected:
        shown = ", ".join(map(repr, arguments))
        raise Wrong(f"con {shown} se esperaba otra lista y llegó {result!r}.")


@exercise("tokenizacion.4")
def _merge(function):
    _expect_list(
        function,
        ([5, 6, 7, 5, 6], (5, 6), 9),
        [9, 7, 9],
        [
            ([9, 7, 5, 6], "has unido solo la primera aparición; sigue hasta el final de la lista."),
            ([5, 6, 7, 5, 6], "no has unido nada. Compara cada número y el siguiente con la pareja."),
            ([9, 6, 7, 9, 6], "al unir has dejado el segundo número de la pareja: hay que saltar los dos."),
            ([9, 7], "te falta el final: mira qué pasa con los últimos números de la lista."),
        ],
    )
    _expect_list(
        function,
        ([4, 4, 4], (4, 4), 9),
        [9, 4],
        [
            ([9, 9], "has usado el número del centro dos veces. Lo que ya se ha unido no se vuelve a usar."),
            ([4, 9], "has empezado por la derecha; se une de izquierda a derecha."),
            ([9], "has perdido el último número."),
        ],
    )
    _expect_list(function, ([6, 5], (5, 6), 9), [6, 5], [([9], "el orden importa: (5, 6) no es (6, 5).")])
    _expect_list(function, ([], (5, 6), 9), [], [])
    return "une de izquierda a derecha, sin solaparse y sin cambiar la lista que recibe."


@exercise("tokenizacion.5")
def _encode(function):
    greedy = "has avanzado de izquierda a derecha. Manda el orden en que se aprendieron las fusiones."
    merges = [("b", "c"), ("a", "b")]
    _expect_list(
        function,
        ("abc", merges),
        ["a", "bc"],
        [
            (["ab", "c"], greedy),
            (["a", "b", "c"], "no has hecho ninguna fusión."),
            (["abc"], "no hay ninguna fusión de «a» con «bc»: comprueba que la pareja está en la lista."),
        ],
    )
    merges = [("l", "a"), ("o", "la"), ("h", "ola")]
    _expect_list(
        function,
        ("hola", merges),
        ["hola"],
        [
            (["h", "o", "la"], "solo has hecho una fusión: después de cada una puede haber otra."),
            (["h", "o", "l", "a"], "no has hecho ninguna fusión."),
        ],
    )
    _expect_list(function, ("lala", merges), ["la", "la"], [(["la", "l", "a"], "une todas las apariciones.")])
    _expect_list(function, ("xyz", merges), ["x", "y", "z"], [])
    return "aplicas las fusiones en el orden en que se aprendieron, como GPT-2."


@exercise("tokenizacion.6")
def _why(answer):
    expect_choice(
        answer,
        "b",
        {
            "a": "los acentos cuentan algo, pero una frase sin ninguno también sale cara: mira la figura.",
            "c": "no es el alfabeto: con las mismas letras, un BPE entrenado con el relato gasta menos.",
            "d": "un token no es una sílaba: las fusiones salen de contar parejas, sin saber gramática.",
        },
    )
    return "quien elige el texto de entrenamiento del tokenizador decide qué idioma sale barato."
