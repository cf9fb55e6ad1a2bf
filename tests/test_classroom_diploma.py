"""El diploma: dice lo que dieron los correctores, y solo vale con la entrega de la que salió."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from gpt_course.classroom import __main__ as classroom
from gpt_course.classroom import diploma
from gpt_course.classroom.grading.marks import Marks, Row
from gpt_course.classroom.sheet import page, read_page
from gpt_course.classroom.version import course_version
from gpt_course.command import BadInput
from gpt_course.exercises.lessons import read_lessons

LESSONS = {lesson.topic: lesson for lesson in read_lessons()}
NAME = "Ana </script> <Pérez> & Ñ"


def marks(signs, *, topic="capas", changed=(), seed=""):
    """Las notas de una lección inventada, un ejercicio por signo."""
    rows = [
        Row(f"{topic}.{place}", sign, "motivo.", seed=seed, answer=f"x = {place}{'!' * (place in changed)}")
        for place, sign in enumerate(signs, 1)
    ]
    handin = SimpleNamespace(path=f"{topic}.ipynb", student=topic, reason="", metadata={})
    return Marks(handin, LESSONS[topic], tuple(rows))


def written(tmp_path, found, name=NAME):
    path = tmp_path / "diploma.html"
    path.write_text(page(diploma.describe(name, "2026-01-02", course_version(), found)), encoding="utf-8")
    return path


def test_the_page_tells_the_name_the_lessons_and_what_it_does_not_prove(tmp_path):
    found = [marks("✓✗", topic="modelo"), marks("✓✓✓")]
    text = written(tmp_path, found).read_text(encoding="utf-8")
    assert "<h1>GPT a lápiz</h1>" in text and "Ana &lt;/script&gt; &lt;Pérez&gt; &amp; Ñ</p>" in text
    rows = re.findall(r"<tr><td>(\d\d) · .*?</td><td>(.*?)</td><td>(.*?)</td></tr>", text)
    assert rows == [("04", "3 de 3", "sí"), ("06", "1 de 2", "todavía no")]
    for told in ("2026-01-02", course_version(), "Qué no dice", "No lleva firma", "corregir --diploma"):
        assert told in text
    assert not re.search(r"(?:src|href)=|https?:|@import|url\(", text)  # se abre sin red
    assert text.count("</script>") == 1
    _, data = read_page(tmp_path / "diploma.html")
    assert data["name"] == NAME and set(data["answers"]) == {"modelo.1", "capas.1", "capas.2", "capas.3"}
    assert data["digest"] in text


def test_it_belongs_to_its_hand_in_and_to_one_that_solves_more(tmp_path):
    path = written(tmp_path, [marks("✓✓○")])
    for found in ([marks("✓✓○")], [marks("✓✓✓"), marks("✓", topic="modelo")]):
        belongs, told = diploma.verify(path, found)
        assert belongs and told.startswith(f"Es de esta entrega el diploma de {NAME} (2026-01-02), con 2")
        assert "No dice quién" in told and "otra versión" not in told


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([marks("✓✓○", changed=[2])], "tienen otra respuesta: capas.2."),
        ([marks("✓✗○")], "no salen resueltos: capas.2."),
        ([marks("✓✓○", seed="ana")], "tienen otra respuesta: capas.1, capas.2."),
        ([marks("✓✓", topic="modelo")], "no están en ella: capas.1, capas.2."),
        ([], "no están en ella: capas.1, capas.2."),
    ],
)
def test_it_does_not_belong_to_another(tmp_path, found, told):
    belongs, text = diploma.verify(written(tmp_path, [marks("✓✓○")]), found)
    assert not belongs and text.startswith("No es de esta entrega") and told in text


def test_spaces_that_are_not_seen_do_not_change_an_answer(tmp_path):
    path, same = written(tmp_path, [marks("✓")]), marks("✓")
    same.rows[0].answer = "\nx = 1   \n\n"
    assert diploma.verify(path, [same])[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<td>2 de 3</td>", "<td>3 de 3</td>"),
        ("todavía no", "sí"),
        ("Ana &lt;", "Eva &lt;"),
        ('"name": "Ana', '"name": "Eva'),
        ('"solved": 2', '"solved": 3'),
        ('"date": "2026', '"date": "2025'),
    ],
)
def test_a_retouched_page_is_not_valid(tmp_path, old, new):
    path = written(tmp_path, [marks("✓✓○")])
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    belongs, told = diploma.verify(path, [marks("✓✓○")])
    assert not belongs and "retocada" in told


def test_another_version_of_the_course_is_told(tmp_path, monkeypatch):
    path = written(tmp_path, [marks("✓")])
    monkeypatch.setattr(diploma, "course_version", lambda: "otra")
    assert "otra versión del curso" in diploma.verify(path, [marks("✓")])[1]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"<html>", b'<script type="application/json" id="diploma">{</script>']
    + [b'<script type="application/json" id="diploma">%b</script>' % text for text in (b"3", b"[]", b"{}")]
    + [b'<script type="application/json" id="diploma">' + b"[" * 10**5 + b"</script>"],
    ids=lambda content: content[45:60].decode(errors="replace"),
)
def test_what_is_not_a_diploma_is_one_sentence(tmp_path, content):
    path = tmp_path / "otro.html"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"Se esperaba la página .*curso\.py diploma"):
        diploma.verify(path, [])
    with pytest.raises(BadInput, match="no se puede leer"):
        diploma.verify(tmp_path / "no.html", [])


@pytest.fixture
def graded(monkeypatch):
    """Lo que daría corregir los cuadernos de esta copia, sin ejecutarlos: {tema: signos}."""
    signs = {}

    def grade(found, lessons, *_, **__):
        return [marks(signs[each.path], topic=topic) for each, topic in zip(found, lessons, strict=True)]

    monkeypatch.setattr(diploma, "grade", grade)
    return signs


def test_the_order_writes_the_page_and_says_what_is_missing(graded, tmp_path, capsys):
    graded |= {
        "03_atencion.ipynb": "✓✗○",
        "04_capas_del_bloque.ipynb": "✓✓",
        "05_bloque_transformer.ipynb": "○",
    }
    out = tmp_path / "mi diploma.html"
    arguments = ["diploma", "--nombre", "  Ana\u0301 ", "--lecciones", "03-05", "--out", str(out)]
    assert classroom.main(arguments) == 0
    told = capsys.readouterr().out
    assert "03, 1 de 3. Falta atencion.2: motivo.; atencion.3: motivo." in told and "05" not in told
    _, data = read_page(out)
    assert data["name"] == "Aná" and data["digest"] in told and data["version"] == course_version()
    assert [lesson["number"] for lesson in data["lessons"]] == ["03", "04", "05"]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_without_a_passed_lesson_nothing_is_written(graded, tmp_path, capsys):
    graded["03_atencion.ipynb"] = "✓✗"
    out = tmp_path / "diploma.html"
    assert classroom.main(["diploma", "--nombre", "Ana", "--lecciones", "03", "--out", str(out)]) == 1
    assert "Todavía no hay ninguna lección" in capsys.readouterr().out and not out.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "`--nombre` espera un nombre de 1 a 80 letras; no llegó ninguno"),
        (["--nombre", "  "], "`--nombre` espera un nombre"),
        (["--nombre", "a" * 81], "`--nombre` espera un nombre"),
        (["--nombre", "Ana\nPérez"], "`--nombre` espera un nombre"),
        (["--nombre", "Ana", "--lecciones", "99"], "`--lecciones` espera números de lección"),
        (["--nombre", "Ana", "--out", "no/hay/d.html"], "`--out` espera un archivo"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(
    graded, tmp_path, capsys, monkeypatch, arguments, told
):
    monkeypatch.chdir(tmp_path)
    graded |= {lesson.file: "✓" for lesson in LESSONS.values()}
    assert classroom.main(["diploma", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Error: ") and told in err and err.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_the_version_is_the_one_written_in_the_notebooks():
    given = [SimpleNamespace(metadata={"version": "abc"}), SimpleNamespace(metadata={})]
    assert diploma._version(given) == "abc"
    assert diploma._version([*given, SimpleNamespace(metadata={"version": "otra"})]) == course_version()


def test_the_name_is_the_one_written_in_the_notebooks():
    given = [SimpleNamespace(path=f"{name}.ipynb", student=name) for name in ("03_atencion", "04_capas")]
    given[1].student = "Eva Luna"
    assert diploma._name(None, given) == "Eva Luna"
    assert diploma._name("Ana", given) == "Ana"


def test_the_same_data_give_the_same_page(tmp_path):
    data = diploma.describe("Ana", "2026-01-02", "v", [marks("✓", topic="modelo"), marks("✓")])
    assert page(data) == page(json.loads(json.dumps(data)))
    assert data == diploma.describe("Ana", "2026-01-02", "v", [marks("✓"), marks("✓", topic="modelo")])
