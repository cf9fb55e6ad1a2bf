"""Ejercicios de la lección 11 con variantes: tokens leídos, lo que se salva y cuántas frases caben."""

from gpt_course.exercises.core import ANY, number, table, varied
from gpt_course.exercises.grading.drawing import first


@varied(
    *(
        "Entran {prompt}\u00a0tokens y escribes {new} más.",
        "{prompt} en el primer paso, {second} en el segundo",
    ),
    "prompt_1, new_1 = {prompt}, {new}",
    prompt=first(10, range(6, 25)),
    new=first(5, range(4, 10)),
    also=lambda prompt, new: {"second": prompt + 1},
)
def _read_tokens(prompt, new):
    last = prompt + new - 1  # lo que se lee en el último paso
    without = sum(range(prompt, last + 1))
    formula = "la fórmula n(n + 1)/2 vale si se empieza con un token; suma lo de cada paso."
    start = "con caché faltan los de la entrada, que también hay que leer una vez."
    return table(
        "cache.1",
        [without, last],
        "el último token escrito no se lee de ninguna de las dos maneras.",
        hints=[
            ([last, without], "has puesto los dos números al revés: primero, sin caché."),
            (
                [last + 1, ANY],
                "sin caché: ese es el largo de la frase final; suma lo que se lee en cada paso.",
            ),
            (
                [without + new, ANY],
                "sin caché te sobra un token por paso: el primero lee solo los de la entrada.",
            ),
            (
                [without + last + 1, ANY],
                "o leíste cada vez la frase final, que antes es más corta, o diste un paso de más.",
            ),
            (
                [prompt * new, ANY],
                f"sin caché: la frase crece, y no se leen siempre los {prompt} de la entrada.",
            ),
            ([without - last, ANY], f"sin caché contaste un paso de menos: son {new} tokens nuevos."),
            ([(last + 1) * (last + 2) // 2, ANY], formula),
            ([last * (last + 1) // 2, ANY], formula),
            ([ANY, last + 1], "con caché, casi: ¿hace falta leer el último token que se escribe?"),
            ([ANY, new], start),
            ([ANY, new - 1], start),
            ([ANY, prompt], "con caché faltan los que se escriben y se vuelven a leer."),
            ([ANY, without], "el segundo número es con caché: cada token se lee una sola vez."),
        ],
        otherwise="no es eso. Son dos números, sin caché y con ella: apunta cuántos tokens se leen en cada "
        "paso.",
    )


ORDINALS = {4: "cuarto", 5: "quinto", 6: "sexto", 7: "séptimo", 8: "octavo", 9: "noveno", 10: "décimo"}


@varied(
    *("una frase de {length}\u00a0tokens", "el **{word}** token"),
    length=first(12, range(9, 31)),
    changed=first(6, ORDINALS),
    when=lambda length, changed: changed < length - 2,
    also=lambda length, changed: {"word": ORDINALS[changed]},
)
def _kept(length, changed):
    word = ORDINALS[changed]
    return number(
        "cache.2",
        changed - 1,
        "se salvan los de delante: así se reutiliza un comienzo que comparten muchas peticiones.",
        hints=[
            (changed, f"el {word} token es justo el que cambia: su fila no sirve. ¿Cuántos van delante?"),
            (length - changed + 1, "eso son los que hay que volver a leer. Se pregunta cuántos se salvan."),
            (length - 1, f"los que van detrás también cambian: desde el segundo bloque han leído al {word}."),
            (length, "algo cambia: hay una palabra distinta, y quienes la leen lo notan."),
            (0, f"con la máscara causal, ¿los que van delante del {word} pueden notarlo?"),
        ],
    )


# Nombre, parámetros, bloques y anchura.
MODELS = [("GPT-2 XL", 1_557_611_200, 48, 1600), ("GPT-2 grande", 774_030_080, 36, 1280)]
MODELS += [("GPT-2 mediano", 354_823_168, 24, 1024)]


@varied(
    *(
        "tiene {room}\u00a0GiB libres. Sirve {model[0]}",
        "({model[1]}\u00a0parámetros, {model[2]} bloques, ",
    ),
    "anchura {model[3]})",
    "parameters_3, L_3, C_3 = {model[1]}, {model[2]}, {model[3]}",
    model=MODELS,
    room=first(8, (4, 5, 6, 7, 10, 12, 14, 16, 24)),
)
def _how_many(model, room):
    _, parameters, blocks, width = model
    weights, free = 2 * parameters / 2**20, room * 1024  # MiB: los pesos en bf16, y lo que hay
    sentence = 2 * blocks * 1024 * width * 2 / 2**20  # MiB de caché
    quotient = (free - weights) / sentence
    mistakes = [
        (free / sentence, f"repartiste los {room} GiB enteros: también tienen que caber los pesos."),
        (quotient / 2, "en bf16 cada número de la caché son 2 bytes, no 4."),
        (quotient * 2, "falta el factor 2: una *key* y un *value*."),
        ((free - 2 * weights) / sentence / 2, "eso es con todo en fp32; el enunciado dice bf16."),
        ((room * 1e9 / 2**20 - weights) / sentence, f"{room} GiB no son {room} GB: un GiB son 2³⁰ bytes."),
        ((free - 2 * weights) / sentence, "¿pusiste los pesos en fp32? En bf16 ocupan la mitad."),
    ]
    return number(
        "cache.3",
        int(quotient),
        "en ese equipo, la memoria que no ocupan los pesos es caché.",
        hints=[
            (int(quotient) + 1, "esa ya no cabe: redondea hacia abajo."),
            (quotient, "ese es el cociente; frases hay un número entero."),
            *((value, hint) for wrong, hint in mistakes for value in (wrong, int(wrong))),
        ],
    )
