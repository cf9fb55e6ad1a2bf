"""Los cuentos: que la gramática cuente bien sus probabilidades, y que lo que cuenta sea español."""

import hashlib
import itertools
import math
import random
from collections import Counter

import pytest
from test_spanish import WITHOUT_ACCENT, dictionary

from gpt_course.config import STORY_CONFIG
from gpt_course.stories import Grammar, StoryTokenizer, load_grammar, load_story_tokenizer, story_batch
from gpt_course.tokenizer import END_OF_TEXT, split_text, train_bpe

LABELS = {"libre", "fija", "concordancia", "nombre", "objeto", "pronombre", "trama", "cuenta"}

# Una lengua que cabe en la cabeza: un animal, con su artículo y su color, y a veces otro distinto.
TINY = """
inicio = "frase"
fija = "fija"
libre = "libre"
acuerdo = "concordancia"
[reglas]
frase = ["{a=animal}{El a.g} {a.nombre} {c=color}{c a.g}{fin}."]
fin = ["3 | ", "{b=animal nombre!=a.nombre} y {el b.g|trama} {b.nombre}", "[a.g=f]  y nadie más"]
[palabras]
El = { m = "El", f = "La" }
el = { m = "el", f = "la" }
[tablas]
animal = \"\"\"
nombre:objeto  g  peso
gato           m  2
perro          m  1
gata           f  1
\"\"\"
color = \"\"\"
m      *      peso
rojo   roja   1
verde  verde  3
\"\"\"
"""


@pytest.fixture(scope="module")
def grammar():
    return load_grammar()


@pytest.fixture(scope="module")
def told(grammar):
    """Veinte mil cuentos, con el logaritmo de la probabilidad de las elecciones que los hicieron."""
    rng = random.Random(2026)
    return [("".join(words), nats) for words, nats in (grammar.derive(rng) for _ in range(20_000))]


@pytest.fixture(scope="module")
def stories(told):
    return [story for story, _ in told[:400]]


@pytest.fixture(scope="module")
def tiny():
    return Grammar(TINY)


def tiny_sentences():
    """Todas las frases de la lengua pequeña, con su probabilidad, escritas sin la gramática."""
    animals = {"gato": ("m", 2 / 4), "perro": ("m", 1 / 4), "gata": ("f", 1 / 4)}
    found = Counter()
    for (one, (g, p)), (colour, q) in itertools.product(animals.items(), [("roj", 1 / 4), ("verde", 3 / 4)]):
        start = f"{'El' if g == 'm' else 'La'} {one} {colour}{'' if colour == 'verde' else 'oa'[g == 'f']}"
        ends = 4 if g == "m" else 5
        found[f"{start}."] += p * q * 3 / ends
        others = {two: weight for two, (_, weight) in animals.items() if two != one}
        for two, weight in others.items():
            article = "el" if animals[two][0] == "m" else "la"
            found[f"{start} y {article} {two}."] += p * q / ends * weight / sum(others.values())
        if g == "f":
            found[f"{start} y nadie más."] += p * q / ends
    return found


def test_a_tiny_language_is_counted_as_by_hand(tiny):
    by_hand = tiny_sentences()
    assert sum(by_hand.values()) == pytest.approx(1)
    assert tiny.count() == len(by_hand) == 20
    for sentence, p in by_hand.items():
        assert tiny.log_probability(sentence) == pytest.approx(math.log(p), abs=1e-12)
    assert tiny.entropy().nats == pytest.approx(-sum(p * math.log(p) for p in by_hand.values()), abs=1e-12)
    words = sum(p * (len(split_text(sentence)) + 1) for sentence, p in by_hand.items())
    assert tiny.entropy().words == pytest.approx(words, abs=1e-12)
    assert tiny.entropy().bits == pytest.approx(tiny.entropy().nats / math.log(2))
    assert tiny.entropy().nats_per_word == pytest.approx(tiny.entropy().nats / words)


def test_the_next_word_is_what_the_sentences_of_the_tiny_language_say(tiny):
    by_hand = tiny_sentences()
    prefixes = {tuple(split_text(s)[:n]) for s in by_hand for n in range(len(split_text(s)) + 1)}
    for prefix in prefixes:
        expected = Counter()
        for sentence, p in by_hand.items():
            words = (*split_text(sentence), END_OF_TEXT)
            if words[: len(prefix)] == prefix:
                expected[words[len(prefix)]] += p
        total = sum(expected.values())
        found = tiny.next_words("".join(prefix))
        assert found == pytest.approx({word: p / total for word, p in expected.items()}, abs=1e-12)


def test_sampling_the_tiny_language_gives_each_sentence_its_share(tiny):
    rng = random.Random(0)
    counts = Counter(tiny.sample(rng) for _ in range(20_000))
    assert counts.keys() <= tiny_sentences().keys()
    for sentence, p in tiny_sentences().items():
        assert abs(counts[sentence] / 20_000 - p) < 5 * math.sqrt(p * (1 - p) / 20_000), sentence


def test_the_labels_of_the_tiny_language(tiny):
    read = [(word, label) for word, label, _ in tiny.reading("La gata roja y el perro.")]
    assert read == [
        ("La", "concordancia"),
        (" gata", "objeto"),
        (" roja", "concordancia"),
        (" y", "libre"),
        (" el", "trama"),
        (" perro", "objeto"),
        (".", "fija"),
        (END_OF_TEXT, "fija"),
    ]


def within_three_errors(values, expected):
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return abs(mean - expected) < 3 * math.sqrt(variance / len(values))


def test_the_entropy_is_the_mean_surprise_of_the_stories(grammar, told):
    assert within_three_errors([-nats for _, nats in told], grammar.entropy().nats)


def test_the_expected_length_is_the_mean_length_and_all_fit(grammar, told):
    lengths = [len(split_text(story)) + 1 for story, _ in told[:4_000]]
    assert within_three_errors(lengths, grammar.entropy().words)
    assert max(lengths) <= STORY_CONFIG["context_length"]


def test_no_story_can_be_told_in_two_ways(grammar, told):
    for story, nats in told[:60]:
        assert grammar.log_probability(story) == pytest.approx(nats, abs=1e-9)


def test_the_story_is_as_likely_as_its_words(grammar, stories):
    for story in stories[:10]:
        words, total = [*split_text(story), END_OF_TEXT], 0.0
        for position, word in enumerate(words[:30]):
            total += math.log(grammar.next_words("".join(words[:position]))[word])
        read = grammar.reading(story)
        assert total == pytest.approx(sum(word.log_probability for word in read[:30]), abs=1e-9)
        assert [word.word for word in read] == words
        for distribution in grammar.follow(story):
            assert sum(distribution.values()) == pytest.approx(1, abs=1e-12)


def test_every_word_has_a_label_and_the_labels_are_all_used(grammar, stories):
    found, total = Counter(), 0.0
    for story in stories[:40]:
        for _, label, log_probability in grammar.reading(story):
            found[label] -= log_probability
            assert label != "fija" or log_probability > -1e-8
        total -= grammar.log_probability(story)
    assert set(found) == LABELS
    assert sum(found.values()) == pytest.approx(total, abs=1e-6)
    # Lo que ya está decidido no cuesta nada a quien conoce la gramática y recuerda lo que ha pasado.
    assert max(found[label] for label in ("fija", "objeto", "cuenta", "pronombre")) < 1e-6
    assert found["nombre"] + found["trama"] < 0.02 * total


STORY = (
    "Había una vez una niña muy curiosa que se llamaba Ana. Un día de lluvia, Ana fue a la playa con su "
    "amigo Tomás. Llevaba una pelota roja. También llevaba tres manzanas: le dio una a Tomás y le quedaron "
    "dos. Pero al cruzar el puente, Ana la perdió.\n—No llores, Ana —dijo Tomás—. Vamos a buscarla.\n"
    "Buscaron durante una hora y al final la encontraron entre unas piedras. Al anochecer, Ana y Tomás "
    "volvieron de la playa muy contentos, con la pelota roja. Fuera seguía la lluvia."
)
BREAKS = {
    "género junto al nombre": ("una niña muy curiosa", "una niña muy curioso", " curioso"),
    "género del artículo": ("con la pelota", "con el pelota", " el"),
    "género que llega después": ("Llevaba una pelota roja", "Llevaba un pelota roja", " pelota"),
    "otro nombre": ("puente, Ana", "puente, Tomás", " Tomás"),
    "un nombre de fuera": ("No llores, Ana", "No llores, Marta", " Marta"),
    "otro objeto": ("con la pelota roja", "con la cometa roja", " cometa"),
    "otro color": ("la pelota roja. Fuera", "la pelota azul. Fuera", " azul"),
    "pronombre": ("Ana la perdió", "Ana lo perdió", " lo"),
    "pronombre pegado": ("a buscarla", "a buscarlo", " buscarlo"),
    "otro plan": ("a buscarla", "a arreglarla", " arreglarla"),
    "otro arreglo": ("\nBuscaron", "\nVolvieron", "Volvieron"),
    "femenino con un hombre": ("muy contentos", "muy contentas", " contentas"),
    "mala cuenta": ("quedaron dos", "quedaron tres", " tres"),
    "número del verbo": ("quedaron dos", "quedó dos", " quedó"),
    "otro lugar": ("de la playa", "de la plaza", " plaza"),
    "otro tiempo": ("seguía la lluvia", "seguía la nieve", " nieve"),
    "una palabra de más": ("playa muy contentos", "playa muy muy contentos", " muy"),
    "cortado": (" Fuera seguía la lluvia.", " Fuera", END_OF_TEXT),
    "sin espacio": ("Tomás. Llevaba", "Tomás.Llevaba", "Llevaba"),
    "dos finales": ("seguía la lluvia.", "seguía la lluvia. Fuera seguía la lluvia.", " Fuera"),
}


def test_the_story_of_these_tests_is_one_of_them(grammar):
    assert grammar.parse(STORY) == (True, len(split_text(STORY)) + 1, None, {})
    assert -100 < grammar.log_probability(STORY) < -20


def first_difference(broken):
    pairs = zip([*split_text(STORY), END_OF_TEXT], [*split_text(broken), END_OF_TEXT], strict=False)
    return next(position for position, (one, other) in enumerate(pairs) if one != other)


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_story_does_not_belong(grammar, name):
    right, wrong, culprit = BREAKS[name]
    assert STORY.count(right) == 1
    broken = STORY.replace(right, wrong)
    found = grammar.parse(broken)
    assert not found.belongs and found.word == culprit and found.word not in found.expected
    assert found.position == first_difference(broken) + (name == "género que llega después")
    assert grammar.log_probability(broken) == -math.inf
    with pytest.raises(ValueError, match=f"palabra número {found.position + 1}, .*no puede ir ahí"):
        grammar.reading(broken)


def test_an_impossible_beginning_is_explained(grammar):
    with pytest.raises(
        ValueError, match=r"palabra número 3, ' dos', no puede ir ahí. Se esperaba una de 1: ' vez'$"
    ):
        grammar.next_words("Había una dos veces")
    with pytest.raises(ValueError, match=r"número 1, '¡', no puede ir ahí.*de 3: "):
        grammar.next_words("¡Hola!")
    assert grammar.next_words("Había una") == {" vez": 1.0}
    assert set(grammar.next_words("")) == {"Había", "En", "Este"}
    assert grammar.next_words(STORY) == {END_OF_TEXT: pytest.approx(1)}


def test_there_are_many_stories_and_many_words(grammar, stories):
    assert grammar.count() > 10**12
    letters = {word.strip().lower() for word in grammar.words if word.strip().isalpha()}
    assert len(letters) >= 300
    assert len(set(stories)) == len(stories)
    sentences = [story.replace("—.", "").count(".") for story in stories]
    assert min(sentences) >= 5 and max(sentences) <= 9


def test_the_words_of_a_story_are_the_pieces_of_its_text(grammar):
    for index in range(400):
        words = grammar.story_words(index, "palabras")
        assert split_text(grammar.story(index, "palabras")) == words


def test_every_word_of_the_language_is_used_and_no_other(grammar, told):
    used = {word for story, _ in told[:4_000] for word in split_text(story)}
    assert list(grammar.words) == [*sorted(used), END_OF_TEXT]


def test_every_word_is_in_the_dictionary(grammar):
    words = {word.strip() for word in grammar.words if word.strip().isalpha()}
    assert [word for word in sorted(words) if not dictionary().lookup(word)] == []
    assert [word for word in sorted(words) if word.lower() in WITHOUT_ACCENT] == []


def test_what_a_dictionary_does_not_see(stories):
    for story in stories:
        assert " y I" not in story and " y Hi" not in story  # sería «e»
        assert " a el " not in story and " de el " not in story and "  " not in story
        assert story.count("—") in (0, 2, 3) and story[0].isupper() and story.endswith(".")


def test_the_same_stories_on_every_machine(grammar):
    text = "\n\n".join(grammar.story(index) for index in range(200))
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "9f4a50cf80ca25144be8f249ae46e3137cf62fd070446e4391f451cd16e149f7"
    )
    assert grammar.story(3) != grammar.story(3, seed=1) != grammar.story(3, seed="1 ")
    assert grammar.sample(random.Random("0/3")) == grammar.story(3)


def test_bpe_until_nothing_is_left_makes_each_word_a_token(grammar, told):
    tokenizer = load_story_tokenizer()
    bpe = train_bpe("\n".join(story for story, _ in told[:2_000]), 20_000)
    ids = {word: bpe.encode(word) for word in grammar.words[:-1]}
    assert all(len(number) == 1 for number in ids.values())
    for story, _ in told[:50]:
        assert bpe.encode(story) == [ids[tokenizer.words[i]][0] for i in tokenizer.encode(story)]


def test_the_tokenizer_reads_and_writes_stories(grammar, stories):
    tokenizer = load_story_tokenizer()
    for story in stories[:50]:
        assert tokenizer.decode(tokenizer.encode(story)) == story
    assert tokenizer.n_vocab == STORY_CONFIG["vocab_size"] == len(grammar.words)
    assert tokenizer.encode(END_OF_TEXT, special=True) == [tokenizer.eot_token]
    two = stories[0] + END_OF_TEXT + stories[1]
    assert tokenizer.decode(tokenizer.encode(two, special=True)) == two
    assert tokenizer.encode("") == []


def test_what_the_tokenizer_does_not_know_is_explained():
    tokenizer = load_story_tokenizer()
    with pytest.raises(ValueError, match=r"no existe ' pelotas'.*Prueba con ' pelota'"):
        tokenizer.encode("Había una pelotas")
    with pytest.raises(ValueError, match=r"no existe 'Ω'.*Mira cuáles hay"):
        tokenizer.encode("Ω")
    with pytest.raises(ValueError, match="no existe"):
        tokenizer.encode(END_OF_TEXT)
    with pytest.raises(ValueError, match="Se esperaba un texto; llegó int"):
        tokenizer.encode(3)
    for wrong in (-1, tokenizer.n_vocab, True, 0.5):
        with pytest.raises(ValueError, match=f"de 0 a {tokenizer.n_vocab - 1}; llegó {wrong!r}"):
            tokenizer.decode([wrong])
    with pytest.raises(ValueError, match="alguna repetida"):
        StoryTokenizer(["a", "a", END_OF_TEXT])
    for words in ([], ["a", "b"]):
        with pytest.raises(ValueError, match=f"llegaron {len(words)}"):
            StoryTokenizer(words)


def test_a_batch_is_stories_one_place_apart(grammar):
    tokenizer = load_story_tokenizer()
    x, y, mask = story_batch(5, 4, seed="lotes")
    assert x.shape == y.shape == mask.shape and x.shape[0] == 4
    for row, index in enumerate(range(5, 9)):
        ids = tokenizer.encode(grammar.story(index, "lotes"))
        real = mask[row].sum().item()
        assert real == len(ids) + 1 and mask[row, :real].all()
        assert x[row, :real].tolist() == [tokenizer.eot_token, *ids]
        assert y[row, :real].tolist() == [*ids, tokenizer.eot_token]
        assert set(x[row, real:].tolist()) | set(y[row, real:].tolist()) <= {tokenizer.eot_token}
    assert mask.any(0).all()  # ni una columna de más
    with pytest.raises(ValueError, match="count debe ser un entero"):
        story_batch(0, 0)
    with pytest.raises(ValueError, match="start debe ser un entero"):
        story_batch(-1, 1)


def test_what_the_grammar_tells_is_a_copy(tiny):
    """Lo que recuerda para leer antes no se estropea si alguien cambia lo que recibió."""

    def told():
        return [tiny.next_words("El gato"), *tiny.follow("El gato"), tiny.parse("El gato").expected]

    before = told()
    assert all(before)
    for distribution in told():
        distribution.clear()
    assert told() == before
