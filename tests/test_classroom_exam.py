"""El examen: que sea el mismo en todas partes, que la hoja no delate nada y que Moodle lo entienda."""

import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from gpt_course.classroom import __main__ as classroom
from gpt_course.classroom import exam, moodle, paper
from gpt_course.classroom.questions import Choice, Question
from gpt_course.command import BadInput
from gpt_course.exercises.lessons import ROOT

HOSTILE = "`a = {1}` ~x #3 <b>&amp; ]]> \"q\" 'r' x<y & **fuerte**"


def question(name, lesson="03_atencion", text="¿Cuál?"):
    choices = tuple(Choice(f"{letter} {text}", letter == "c", f"Razón {letter}.") for letter in "abcd")
    return Question(f"{name}", lesson, "transferencia", None, f"{name} {text}", choices)


# Lo que salió al escribir estas pruebas; en otro equipo o con otro Python ha de salir lo mismo.
GROUP_A, LETTERS_A = ["00-01", "00-02", "01-03", "01-08", "02-08"], "BAABD"
BANK = {
    number: [question(f"{number}-{n:02d}", f"{number}_tema") for n in range(1, count + 1)]
    for number, count in {"00": 4, "01": 9, "02": 9}.items()
}


def ids(drawn):
    return [each.id for each in drawn]


# --- El sorteo --------------------------------------------------------------------------------------


def test_a_seed_draws_the_same_exam_in_every_machine():
    drawn = exam.draw(BANK, 5, "grupo-a")
    assert ids(drawn) == GROUP_A
    assert "".join(map(paper.letter, drawn)) == LETTERS_A
    assert ids(exam.draw(BANK, 5, "grupo-b")) != GROUP_A


@pytest.mark.parametrize(
    ("count", "shares"), [(3, (1, 1, 1)), (7, None), (14, (4, 5, 5)), (22, (4, 9, 9)), (20, (4, 8, 8))]
)
def test_each_lesson_gives_as_many_as_it_can(count, shares):
    drawn = exam.draw(BANK, count, "x")
    found = Counter(each.lesson[:2] for each in drawn)
    assert len(set(ids(drawn))) == count
    assert shares is None or tuple(found[number] for number in BANK) == shares
    assert max(found.values()) - min(found.values()) <= 1 or found["00"] == 4
    assert [each.lesson for each in drawn] == sorted(each.lesson for each in drawn)


def test_another_seed_draws_every_question_some_day():
    seen = {name for seed in range(200) for name in ids(exam.draw(BANK, 3, str(seed)))}
    assert seen == {each.id for deck in BANK.values() for each in deck}


def test_shuffling_only_moves_the_choices():
    before = question("x")
    orders = {exam.shuffle(before, str(seed)).choices for seed in range(200)}
    assert len(orders) == 24
    assert all(set(order) == set(before.choices) for order in orders)


@pytest.mark.parametrize("count", [0, -1, 23])
def test_a_number_that_cannot_be_drawn_is_refused(count):
    with pytest.raises(BadInput, match=rf"de 1 a 22, .*; llegó {count}"):
        exam.draw(BANK, count, "x")


# --- La hoja y la clave -----------------------------------------------------------------------------


class Reader(HTMLParser):
    """El texto de una página, y un error si una etiqueta se cierra mal."""

    def __init__(self, page):
        super().__init__()
        self.open, self.text, self.tags = [], "", []
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open[-1:] != ["style"] else ""


def plain(text):
    """Lo que debe leerse de un texto en Markdown de una línea."""
    return re.sub(r"`|\*\*", "", text)


def test_the_sheet_says_everything_but_the_answers():
    drawn = [exam.shuffle(question(str(n), text=HOSTILE), "x") for n in range(12)]
    page = paper.sheet(drawn, "abc123")
    text = Reader(page).text
    for each in drawn:
        assert plain(each.statement) in text
        assert all(plain(choice.text) in text for choice in each.choices)
    blind = [
        dataclasses.replace(
            each, id="", choices=tuple(dataclasses.replace(c, right=False, reason="") for c in each.choices)
        )
        for each in drawn
    ]
    assert page == paper.sheet(blind, "abc123"), "la hoja depende de cuál es la correcta"
    assert not re.search(r"https?:|<script|<img|<link|@import|url\(", page)


def test_the_key_gives_each_letter_with_its_reasons():
    drawn = [exam.shuffle(question(f"x-{n}"), "x") for n in range(12)]
    reader = Reader(paper.key(drawn, "abc123", "orden --semilla '<b>'"))
    assert "orden --semilla '<b>'" in reader.text
    for number, each in enumerate(drawn, 1):
        right = each.choices["ABCD".index(paper.letter(each))]
        assert right.right and f"{number}{paper.letter(each)}{each.id}" in reader.text
        assert all(choice.reason in reader.text for choice in each.choices)
    items = [attributes.get("class") == "right" for tag, attributes in reader.tags if tag == "li"]
    assert items == [choice.right for each in drawn for choice in each.choices]


def test_code_of_several_lines_keeps_its_lines():
    shown = paper.sheet([question("x", text="mira:\n\n```python\nfor i in x:\n    print(i < 3)\n```")], "a")
    assert "for i in x:\n    print(i &lt; 3)\n" in shown


# --- Moodle -----------------------------------------------------------------------------------------

# Qué lleva cada elemento, según https://docs.moodle.org/en/Moodle_XML_format: {hijo: (veces, atributos)}.
ONE, SOME = (1,), range(2, 100)
GRAMMAR = {
    "quiz": {"question": (range(1, 10**6), {"type": ("category", "multichoice")})},
    "category": {"category": (ONE, {})},
    "multichoice": {
        "name": (ONE, {}),
        "questiontext": (ONE, {"format": ("html",)}),
        **{name: (ONE, {}) for name in ("defaultgrade", "penalty", "hidden", "single", "shuffleanswers")},
        **{name: (ONE, {}) for name in ("answernumbering", "idnumber")},
        "answer": (SOME, {"fraction": ("0", "100"), "format": ("html",)}),
    },
    "answer": {"text": (ONE, {}), "feedback": (ONE, {"format": ("html",)})},
    "text": {},
}
VALUES = {"single": "true|false", "shuffleanswers": "true|false|0|1", "hidden": "0|1"}
VALUES |= {"answernumbering": "none|abc|ABCD|123|iii|IIII", "defaultgrade": r"[\d.]+", "penalty": r"[\d.]+"}


def check_grammar(element, kind=None):
    """Exige que un elemento y los de dentro sean como dice GRAMMAR."""
    kind = kind or element.tag
    rules = GRAMMAR.get(kind, {} if kind in VALUES or kind == "idnumber" else {"text": (ONE, {})})
    assert set(child.tag for child in element) <= set(rules), (kind, [child.tag for child in element])
    assert re.fullmatch(VALUES.get(kind, "(?s).*"), element.text or ""), (kind, element.text)
    for tag, (times, attributes) in rules.items():
        children = element.findall(tag)
        assert len(children) in times, (kind, tag, len(children))
        for child in children:
            assert set(child.attrib) == set(attributes)
            assert all(child.get(name) in options for name, options in attributes.items())
            inner = child.get("type") or ("named" if kind == "category" else child.tag)
            check_grammar(child, inner)


def read_back(text):
    """Lo que Moodle lee: (categoría, id, enunciado, [(texto, vale, comentario)]) de cada pregunta."""
    category, found = None, []
    for element in ElementTree.fromstring(text.encode("utf-8")):
        if element.get("type") == "category":
            category = element.findtext("category/text")
            continue
        answers = [
            (shown(a.findtext("text")), a.get("fraction"), shown(a.findtext("feedback/text")))
            for a in element.findall("answer")
        ]
        statement = shown(element.findtext("questiontext/text"))
        found.append((category, element.findtext("name/text"), statement, answers))
    return found


def shown(fragment):
    return Reader(fragment).text.strip()


def test_moodle_reads_back_what_was_written():
    drawn = [question("a", text=HOSTILE), question("b", "04_capas", "√D = 8, «ñ»"), question("c", "04_capas")]
    text = moodle.write(drawn)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<quiz>')
    check_grammar(ElementTree.fromstring(text.encode("utf-8")))
    expected = [
        (
            f"$course$/top/GPT a lápiz/{each.lesson}",
            each.id,
            plain(each.statement),
            [(plain(c.text), "100" if c.right else "0", c.reason) for c in each.choices],
        )
        for each in drawn
    ]
    assert read_back(text) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('fraction="100"', 'fraction="1"'),
        ("<single>true</single>", "<single>sí</single>"),
        ("<penalty>0</penalty>", ""),
        ("questiontext", "statement"),
        ('type="multichoice"', 'type="test"'),
        ("<idnumber>", "<extra/><idnumber>"),
    ],
)
def test_the_grammar_refuses_what_moodle_would_not_read(old, new):
    text = moodle.write([question("a")])
    assert old in text
    with pytest.raises((AssertionError, ElementTree.ParseError)):
        check_grammar(ElementTree.fromstring(text.replace(old, new).encode("utf-8")))


# --- La orden ---------------------------------------------------------------------------------------


def order(tmp_path, *arguments):
    arguments = ["examen", "--lecciones", "00", "--preguntas", "6", "--out", str(tmp_path), *arguments]
    return classroom.main(arguments)


def test_the_order_writes_an_exam_and_its_key(tmp_path, capsys):
    folder = tmp_path / "carpeta nueva"
    assert order(folder) == 0
    names = sorted(path.name for path in folder.iterdir())
    name = names[1].removeprefix("examen-").removesuffix(".html")
    assert names == [f"clave-{name}.html", f"examen-{name}.html"]
    assert all(str(folder / each) in capsys.readouterr().out for each in names[:1])
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    key = Reader(first[f"clave-{name}.html"].decode("utf-8")).text
    assert "python3 curso.py examen --lecciones 00 --preguntas 6 --semilla 1." in key
    assert order(folder, "--moodle") == 0
    again = {path.name: path.read_bytes() for path in folder.iterdir()}
    text = again.pop(f"moodle-{name}.xml").decode("utf-8")
    assert again == first, "la misma orden escribe los mismos bytes"
    check_grammar(ElementTree.fromstring(text.encode("utf-8")))
    assert order(folder, "--semilla", "otra") == 0
    assert len(list(folder.iterdir())) == 5, "otro examen no pisa al anterior"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--preguntas", "999"], "de 1 a "),
        (["--preguntas", "seis"], "`--preguntas` debe ser un entero"),
        (["--lecciones", "98-99"], "`--lecciones` espera"),
        (["--lecciones", "tres"], "`--lecciones` espera"),
    ],
)
def test_a_wrong_order_is_told_in_a_sentence_and_writes_nothing(tmp_path, capsys, arguments, told):
    assert order(tmp_path / "nada", *arguments) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "nada").exists()


def test_git_keeps_no_exam():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"{exam.read_options([]).out}/" in ignored


def test_a_folder_that_cannot_be_written_is_told(tmp_path, capsys):
    (tmp_path / "archivo").write_text("mío")
    assert order(tmp_path / "archivo") == 2
    assert "`--out` espera una carpeta" in capsys.readouterr().err
    assert (tmp_path / "archivo").read_text() == "mío"
