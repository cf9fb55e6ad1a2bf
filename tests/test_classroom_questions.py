"""El banco de preguntas: que el formato se exija, que los números se calculen y que nada delate la respuesta.

El español de los textos lo mira test_spanish.py.
"""

import html
import itertools
import math
import re

import manifest
import prose
import pytest
import yaml

from gpt_course.classroom.exam import shuffle
from gpt_course.classroom.paper import to_html
from gpt_course.classroom.questions import FOLDER, RECALL, bank, fill, read

READY = {lesson.file.removesuffix(".ipynb"): lesson for lesson in manifest.read() if lesson.ready}
PATHS = sorted(FOLDER.glob("*.yml"))
CHANCE = 1 / 4
# Un número suelto: no el de un nombre (GPT-2, float32) ni el de una fórmula (2C, C²).
TYPED = re.compile(r"(?<![\w.,-])\d[\d\u202f]*(?:[.,]\d+)?(?![\w²³⁴])")
each_file = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def questions():
    """Todo el banco, leído una vez: {nombre del cuaderno: sus preguntas}."""
    return {deck[0].lesson: deck for deck in bank().values()}


def visible(text):
    """El texto como se lee: sin marcas de Markdown."""
    return re.sub(r"[`*]", "", " ".join(text.split()))


def test_every_file_is_of_a_lesson():
    assert {path.stem for path in PATHS} == set(READY)


@each_file
def test_there_are_fifteen_questions_and_few_of_recall(path, questions):
    deck = questions[path.stem]
    assert len(deck) >= 15
    assert sum(question.kind == RECALL for question in deck) <= len(deck) / 4
    assert sum(bool(question.confusion) for question in deck) >= len(deck) / 2


@each_file
def test_an_id_is_the_topic_and_a_number(path, questions):
    topic = READY[path.stem].topic
    expected = [f"{topic}-{number:02d}" for number in range(1, len(questions[path.stem]) + 1)]
    assert [question.id for question in questions[path.stem]] == expected


@each_file
def test_every_choice_differs_from_the_others_and_has_its_reason(path, questions):
    for question in questions[path.stem]:
        shown = [visible(choice.text).casefold() for choice in question.choices]
        reasons = [visible(choice.reason) for choice in question.choices]
        same = [pair for pair in itertools.combinations(shown, 2) if are_equal(*pair)]
        assert not same, f"{question.id}: dos opciones dicen lo mismo: {same}"
        assert len(set(reasons)) == len(reasons), f"{question.id}: una razón se repite"
        assert all(len(reason) >= 25 and reason.endswith(".") for reason in reasons), (
            f"{question.id}: cada porque es una frase entera: {reasons}"
        )
        endings = {text[-1] in ".…" for text in shown}
        assert len(endings) == 1, f"{question.id}: o todas las opciones acaban en punto o ninguna: {shown}"


def are_equal(a, b):
    """¿Dicen lo mismo, también escrito de otra manera (0,5 y 0,50)?"""
    numbers = [[number.value for number in prose.numbers(text)[0]] for text in (a, b)]
    words = [re.sub(r"[\d\s.,\u202f]+", " ", text) for text in (a, b)]
    close = len(numbers[0]) == len(numbers[1]) and all(map(math.isclose, *numbers))
    return a == b or (bool(numbers[0]) and close and words[0] == words[1])


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("0,5", "0,50", True),
        ("12 mib", "12 mb", False),
        ("sí", "sí", True),
        ("2", "3", False),
        ("c", "h", False),
    ],
)
def test_two_choices_are_compared_by_what_they_say(a, b, equal):
    assert are_equal(a, b) is equal


@each_file
def test_every_text_is_read_whole_on_paper(path, questions):
    for question in questions[path.stem]:
        for text in (question.statement, *(text for c in question.choices for text in (c.text, c.reason))):
            shown = to_html(text)
            outside_code = re.sub(r"<(code|pre).*?</\1>", "", shown, flags=re.S)
            assert not re.search(r"[*`]|<(?:h\d|hr|ul|ol|blockquote)", outside_code), (
                f"{question.id}: {shown}"
            )
            letters = html.unescape(re.sub(r"</?[a-z][^>]*>", "", shown))
            assert re.sub(r"\W", "", letters) == re.sub(r"\W", "", text), f"{question.id}: {shown}"


def test_no_statement_is_asked_twice(questions):
    statements = [visible(q.statement).casefold() for deck in questions.values() for q in deck]
    starts = [re.sub(r"\W+", "", text) for text in statements]
    assert len(set(starts)) == len(starts)


@each_file
def test_no_choice_speaks_of_its_place(path, questions):
    for question in questions[path.stem]:
        for choice in question.choices:
            assert not re.search(
                r"(?i)(?:todas|ninguna de) las anteriores|opci[oó]n|respuesta [a-d]\b", choice.text
            ), question.id


@each_file
def test_nothing_needs_a_formula_language(path):
    assert not re.search(r"\$|\\[a-zA-Z]", path.read_text(encoding="utf-8")), (
        "las fórmulas van en texto corriente"
    )


# --- Los números se calculan ------------------------------------------------------------------------


def typed(entry):
    """Los números de las opciones que no vienen ni de `valores` ni del enunciado; un 0 o un 1 valen."""
    given = {"0", "1", *numbers_in(entry["enunciado"])}
    for choice in entry["opciones"]:
        yield from (n for n in numbers_in(choice["texto"]) if n not in given)
        reason = (n for n in numbers_in(choice["porque"]) if n not in given)
        yield from (n for n in reason if len(re.sub(r"\D", "", n)) > 1)


def numbers_in(text):
    return TYPED.findall(re.sub(r"(?<!\{)\{[^{}]*\}(?!\})", "·", text))


@each_file
def test_a_number_of_a_choice_is_computed_or_given(path):
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["preguntas"]
    found = {entry["id"]: list(typed(entry)) for entry in entries}
    assert not {name: numbers for name, numbers in found.items() if numbers}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Son 64.", ["64"]),
        ("Son 50\u202f257 y 0,5.", ["50\u202f257", "0,5"]),
        ("GPT-2 en `float32` y 8C² + 5C", []),
        ("Son {d} y {x:.2f}, con {{2}}", ["2"]),
        ("`(2, 3)`", ["2", "3"]),
    ],
)
def test_typed_numbers_are_seen(text, numbers):
    assert numbers_in(text) == numbers


@each_file
def test_every_value_is_used(path):
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["preguntas"]:
        texts = [
            entry["enunciado"],
            *(text for choice in entry["opciones"] for text in map(str, choice.values())),
        ]
        expressions = list(map(str, entry.get("valores", {}).values()))
        for name in entry.get("usa", ()):
            last = name.rpartition(".")[2]
            assert any(re.search(rf"\b{last}\b", e) for e in expressions), f"{entry['id']}: sobra {name}"
        for name in entry.get("valores", {}):
            shown = any(re.search(rf"\{{{name}[:}}]", text) for text in texts)
            assert shown or any(re.search(rf"\b{name}\b", e) for e in expressions), (
                f"{entry['id']}: sobra {name}"
            )


# --- Nada delata la respuesta -----------------------------------------------------------------------


def hits(deck, pick):
    """Cuántas acierta, de media, quien marca siempre la opción más larga (`max`) o la más corta (`min`)."""
    total = 0
    for question in deck:
        lengths = [len(visible(choice.text)) for choice in question.choices]
        marked = [
            choice.right for choice, n in zip(question.choices, lengths, strict=True) if n == pick(lengths)
        ]
        total += sum(marked) / len(marked)
    return total


def test_the_longest_choice_is_right_no_more_often_than_chance(questions):
    decks = list(questions.values())
    total = sum(map(len, decks))
    assert sum(hits(deck, max) for deck in decks) <= total * CHANCE
    assert sum(hits(deck, min) for deck in decks) <= total * 0.4
    for name, deck in questions.items():
        assert hits(deck, max) <= len(deck) / 3, name


def test_the_right_choice_falls_in_every_place(questions):
    deck = [question for deck in questions.values() for question in deck]
    dealt = [shuffle(question, str(seed)) for seed in range(60) for question in deck]
    places = [[choice.right for choice in question.choices].index(True) for question in dealt]
    share = [places.count(place) / len(places) for place in range(4)]
    assert CHANCE - 0.05 < min(share) <= max(share) < CHANCE + 0.05, share


# --- El formato -------------------------------------------------------------------------------------

GOOD = {
    "id": "x-01",
    "tipo": "recuerdo",
    "usa": ["math", "fractions.Fraction"],
    "valores": {"n": 50257, "x": "math.sqrt(n)", "f": "Fraction(2, 6)"},
    "enunciado": "¿{n}, {x:.2f}, {f} y {{llaves}}?",
    "opciones": [{"texto": t, "porque": "Porque sí."} for t in "abc"]
    + [{"texto": "d", "correcta": True, "porque": "Porque no."}],
}


def saved(tmp_path, *entries, lesson="03"):
    path = tmp_path / "03_atencion.yml"
    text = yaml.safe_dump({"leccion": lesson, "preguntas": list(entries)}, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_question_is_read_with_its_numbers(tmp_path):
    (question,) = read(saved(tmp_path, GOOD))
    assert question.statement == "¿50\u202f257, 224,18, 1/3 y {llaves}?"
    assert (question.lesson, question.kind, question.confusion) == ("03_atencion", "recuerdo", None)
    assert [(choice.text, choice.right) for choice in question.choices] == [(t, t == "d") for t in "abcd"]


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("{n}", 1024, "1024"),
        ("{n}", 9999, "9999"),
        ("{n}", 10000, "10\u202f000"),
        ("{n}", -1234567, "−1\u202f234\u202f567"),
        ("{n:.1f}", 12345.67, "12\u202f345,7"),
        ("{n:.2f}", -0.5, "−0,50"),
        ("{n:.1%}", 0.237, "23,7\u00a0%"),
        ("{n}", True, "True"),
        ("{n}", "a-b", "a-b"),
    ],
)
def test_a_value_is_written_in_spanish(template, value, text):
    assert fill(template, {"n": value}) == text


def changed(**changes):
    return {**{key: value for key, value in GOOD.items() if key not in changes}, **changes}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (changed(tipo="fácil"), "tipo debe ser recuerdo o transferencia"),
        (changed(pista="no"), "puede tener confusion"),
        ({"id": "x-01"}, "debe tener enunciado"),
        ("x", "debe tener enunciado"),
        (changed(opciones=GOOD["opciones"][1:]), "cuatro opciones".replace("cuatro", "4")),
        (changed(opciones=[GOOD["opciones"][3]] * 4), "una sola"),
        (changed(opciones=[{"texto": "a"}] * 4), "cada opción tiene texto, porque"),
        (changed(enunciado="{z}"), r"usa \{z\}"),
        (changed(enunciado="{"), "llave suelta"),
        (changed(enunciado="{}"), "llave suelta"),
        (changed(valores={"n": "1 / 0"}), "division by zero"),
        (changed(usa=["math.nada"]), "nada"),
        (changed(usa=["nada"]), "nada"),
    ],
)
def test_a_wrong_question_is_named(tmp_path, entry, message):
    with pytest.raises(ValueError, match=rf"(?s)03_atencion.yml, pregunta .*{message}"):
        read(saved(tmp_path, entry))


def test_a_wrong_file_is_named(tmp_path):
    path = saved(tmp_path, GOOD, GOOD)
    with pytest.raises(ValueError, match=r"03_atencion.yml: el id .* se repite x-01"):
        read(path)
    with pytest.raises(ValueError, match="debe decir `leccion`: '03'; dice '04'"):
        read(saved(tmp_path, GOOD, lesson="04"))
    for text, message in [
        ("leccion: '03'\npreguntas: [", "no es un archivo YAML en UTF-8. Mira la línea 2."),
        ("- a", "`leccion` y `preguntas`"),
        ("leccion: '03'\npreguntas:", "`leccion` y `preguntas`"),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            read(path)


def test_a_lesson_without_questions_is_named(tmp_path):
    saved(tmp_path, GOOD)
    assert list(bank(folder=tmp_path)) == list(bank(["03"], folder=tmp_path)) == ["03"]
    with pytest.raises(ValueError, match="de la lección 07; las hay de 03"):
        bank(["03", "07"], folder=tmp_path)
