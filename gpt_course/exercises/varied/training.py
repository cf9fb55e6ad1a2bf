"""Ejercicios de la lección 10 con variantes: perplejidad, el punto de partida y una entropía."""

import math
from itertools import permutations

from gpt_course.exercises.core import number, varied
from gpt_course.exercises.grading.drawing import WORDS, first, spanish


@varied(
    *("1/{under[0]}, 1/{under[1]}, 1/{under[2]} y 1/{under[3]}.", "p_1 = [{fractions}]"),
    bits=first((1, 3, 2, 4), permutations(range(1, 7), 4)),
    also=lambda bits: {"under": [2**n for n in bits], "fractions": [f"1 / {2**n}" for n in bits]},
)
def _perplexity(bits):
    mean, chances = sum(bits) / 4, [2.0**-n for n in bits]
    right, measure = 2**mean, "mide cuánta probabilidad se llevó cada token correcto."
    low, high = math.floor(right), math.ceil(right)
    doubt = WORDS[low] if low == high else f"{WORDS[low]} o {WORDS[high]}"
    return number(
        "entrenamiento.1",
        right,
        f"2 elevado a la media de los bits: duda como quien sortea entre {doubt}.",
        decimals=2,
        hints=[
            (mean, "esa es la pérdida media, en bits. La perplejidad se calcula a partir de ella."),
            (mean * math.log(2), "esa es la pérdida media, en nats. Falta el último paso."),
            (math.exp(mean), "una pérdida en bits se deshace elevando 2; *e* deshace los nats."),
            (sum(2**n for n in bits) / 4, "eso es la media de 1/p. Primero la media de −ln p; después, *e*."),
            (4 / sum(chances), "eso es 1 entre la media de p. La media se hace de −ln p."),
            (sum(chances) / 4, "esa es la media de las probabilidades. La media se hace de −ln p."),
            (2 ** sum(bits), "has sumado las cuatro pérdidas: la perplejidad sale de la media, por token."),
            (sum(bits), "eso es la suma, en bits. La perplejidad sale de la media, por token."),
            (3, f"la perplejidad no cuenta fallos: {measure}"),
            (1, f"la perplejidad no cuenta aciertos: {measure}"),
        ],
    )


@varied(
    *("igual entre {V} tokens", "V_2 = {V}"),
    bits=first(12, range(5, 18)),
    also=lambda bits: {"V": 2**bits},
)
def _start(bits):
    V = 2**bits
    return number(
        "entrenamiento.2",
        math.log(V),
        "quien no sabe nada paga ln V; si tu modelo empieza muy lejos, algo anda mal.",
        decimals=2,
        hints=[
            (1, "una pérdida no va de 0 a 1: es −ln de una probabilidad, y cada token recibe aquí muy poca."),
            (0, "una pérdida 0 es de quien acierta siempre y está seguro."),
            (bits, f"eso son bits, 2 elevado a {bits}; se piden nats."),
            (V, "esa es su perplejidad; la pérdida es su logaritmo."),
            (1 / V, "esa es la probabilidad que da a cada token; la pérdida es −ln de ella."),
            (math.log10(V), "ese logaritmo es en base 10; el de la pérdida es el natural, `math.log`."),
            (
                -math.log(V),
                "el logaritmo de una probabilidad es negativo, y la pérdida lleva delante un menos.",
            ),
        ],
    )


CHOICES = {2: "cuatro", 1: "dos", 4: "dieciséis", 5: "treinta y dos", 6: "sesenta y cuatro"}
CHOICES |= {7: "ciento veintiocho"}
WORDS_A_SENTENCE = 2.5  # dos o tres, con el punto


@varied("al azar entre {word},", bits=list(CHOICES), also=lambda bits: {"word": CHOICES[bits]})
def _entropy(bits):
    sentence, nats = 1 + bits / 2, math.log(2)
    right = sentence / WORDS_A_SENTENCE
    seldom = "solo ocurre la mitad de las veces."
    size = "1 bit" if bits == 1 else f"{bits} bits"
    return number(
        "entrenamiento.4",
        right,
        f"{spanish(sentence, 'g')} bits por frase, repartidos entre 2,5 palabras: la media de las palabras "
        "también se calcula.",
        decimals=1,
        hints=[
            (sentence, "eso son los bits por *frase*; se piden por palabra."),
            (1 + bits, f"sumaste 1 bit y {size}, pero el segundo sorteo {seldom}"),
            ((1 + bits) / WORDS_A_SENTENCE, f"el segundo sorteo, de {size}, {seldom}"),
            (
                (1 / 2 + (1 + bits) / 3) / 2,
                "no es la media de los cocientes: divide los bits de una frase entre sus palabras.",
            ),
            (sentence / 1.5, "el punto final también es una palabra que hay que acertar."),
            (right * nats, "eso son nats; se piden bits."),
            (sentence * nats, "eso son nats, y por frase; se piden bits por palabra."),
            (1, f"una frase corta cuesta 1 bit, y una larga, {1 + bits}. Haz la media y divide."),
            (2 / 3, "ese es el idioma de *tic* y *tac*; este es otro."),
        ],
    )
