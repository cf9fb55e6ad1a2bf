"""Los ejercicios con variantes: mil semillas de cada uno se resuelven leyendo su enunciado."""

import ast
import json
import re

import manifest
import pytest
import repository
from solving import SOLVERS, solve

from gpt_course.exercises import EXERCISES, check, core, judge
from gpt_course.exercises.core import number, varied
from gpt_course.exercises.grading.comparing import flat
from gpt_course.exercises.grading.drawing import filled, is_clear, spanish
from gpt_course.exercises.lessons import exercise_cells
from gpt_course.exercises.variants import STATEMENT, has_variants, reseeded, restated

core.grader("modelo.1")  # los registra todos
VARIED = [name for name, grade in EXERCISES.items() if hasattr(grade, "variants")]
# Los de números que no cambian, y por qué.
FIXED = {
    "bienvenida.0": "el de muestra",
    "modelo.3": "su enunciado no lleva números: nombra un modelo publicado",
    "modelo.4": "se contesta con True y False",
    "memoria.4": "se pregunta por la ReLU, sin números que elegir",
    "memoria.5": "lo resuelve el paquete, y sus pistas salen de medir once errores",
    "vinculacion.2": "se contesta con True y False",
    "pesos.2": "su enunciado no lleva números: nombra un modelo publicado",
    "pesos.5": "se contesta con True y False",
}
LESSONS = [path for path in manifest.notebooks() if path.parent.name == "notebooks"]
HIDDEN = (
    repository.answers_are_hidden()
)  # la celda es entonces la de quien estudia, y de ella no se espera nada
CELLS = {
    name: ("".join(statement["source"]), f'check("{name}", 0)' if HIDDEN else "".join(answer["source"]))
    for path in LESSONS
    for name, statement, answer in exercise_cells(
        json.loads(path.read_bytes() if HIDDEN else repository.committed(path))["cells"]
    )
}
each_varied = pytest.mark.parametrize("name", [name for name in VARIED if name in CELLS or not HIDDEN])


def asked(name):
    """El enunciado de siempre, sin lo que lo precede en su celda."""
    text = CELLS[name][0]
    return text[max(found.start() for found in STATEMENT.finditer(text)) :]


def test_every_exercise_of_the_course_is_found_in_its_notebook():
    expected = {name for name in EXERCISES if not name.endswith(".0")}
    assert set(CELLS) <= expected if HIDDEN else set(CELLS) == expected


def test_a_numeric_exercise_has_variants_or_a_reason():
    numeric = {name for name, grade in EXERCISES.items() if hasattr(grade, "right")}
    assert numeric - {*VARIED} == set(FIXED) and set(SOLVERS) == {*VARIED}


def assert_shown(variants, values, text, code):
    """Cada trozo está en el enunciado o en la celda."""
    pairs = zip(variants.parts(values), variants.parts(values, code=True), strict=True)
    assert HIDDEN or [pair for pair in pairs if pair[0] not in text and pair[1] not in code] == []


@each_varied
def test_without_a_seed_they_are_the_numbers_of_always(name):
    variants, (text, code) = EXERCISES[name].variants, CELLS[name]
    assert_shown(variants, variants.today, asked(name), code)
    assert variants.rewrite(text, variants.today) == text
    assert variants.rewrite(code, variants.today, code=True) == code
    assert is_clear(EXERCISES[name])
    assert judge(name, solve(name, asked(name))).solved


def agree(answer, right):
    (shape, numbers), (wanted, others) = flat(answer), flat(right)
    return shape == wanted and all(
        abs(a - b) <= 1e-9 * max(1, abs(b)) for a, b in zip(numbers, others, strict=True)
    )


@each_varied
def test_a_thousand_seeds_are_solved_from_what_the_student_reads(name):
    variants, text, shown = EXERCISES[name].variants, asked(name), set()
    for seed in range(1000):
        values, grade = variants.draw(name, seed)
        statement = variants.rewrite(text, values)
        answer = solve(name, statement)
        shown.add(statement)
        if hasattr(grade, "right"):
            assert agree(answer, grade.right), (seed, statement, answer, grade.right)
        elif seed < 100:  # usa torch, que es más lento
            grade(answer)  # lanza la pista si no está bien
    assert len(shown) >= 4


@each_varied
def test_the_cell_and_the_statement_of_a_seed_say_the_same(name):
    """Y su respuesta es un acierto, y cada error previsto recibe una pista."""
    for seed in ("ana", "grupo B", 'ñ"\\'):
        text, code = restated(name, CELLS[name][0], seed), reseeded(name, CELLS[name][1], seed)
        assert code.count(", semilla=") == 1 and ast.literal_eval(code.split(", semilla=")[1][:-1]) == seed
        variants, (values, grade) = EXERCISES[name].variants, core._seeded(name, seed)
        assert_shown(variants, values, text, code)
        start = max(found.start() for found in STATEMENT.finditer(text))
        assert judge(name, solve(name, text[start:]), seed).solved
        assert text[:start] == CELLS[name][0][:start]
        hints = getattr(grade, "hints", [])
        for mistake, _ in hints:
            told = judge(name, mistake, seed)
            assert told.sign == "✗" and not re.search(r"\b(demasiado|de \d+ números)\b", told.text), told.text


def test_the_same_seed_gives_the_same_numbers_everywhere():
    """Escritos a mano: si cambian, lo repartido a una clase deja de corregirse."""
    assert core._seeded("memoria.3", "ana")[0] == {"model": ("GPT-2 pequeño", 12, 768), "B": 7, "T": 768}
    assert core._seeded("bienvenida.5", "grupo B")[0] == {"B": 8, "T": 2048, "C": 512}


def test_a_seed_reaches_check_and_changes_what_is_right(capsys):
    name = "bienvenida.5"
    right = core._seeded(name, "ana")[1].right
    assert right != EXERCISES[name].right
    check(name, right, semilla="ana")
    check(name, right)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("✓") and second.startswith("✗")
    assert judge(name, EXERCISES[name].right).solved  # la variante no ocupó su lugar
    assert judge("bienvenida.2", "b", "ana").solved and not has_variants("bienvenida.2")
    assert reseeded("bienvenida.2", 'check("bienvenida.2", x)', 7) == 'check("bienvenida.2", x, semilla="7")'
    assert restated("bienvenida.2", "**2. ★ Así.**", 7) == "**2. ★ Así.**"


@pytest.fixture
def declared(monkeypatch):
    monkeypatch.setattr(core, "EXERCISES", {})
    return core.EXERCISES


def test_a_draw_in_which_a_mistake_would_be_right_is_repeated(declared):
    @varied("n = {n}", n=[3, 2, 4])
    def square(n):
        return number("modelo.1", n * n, "bien.", hints=[(2 * n, "eso es el doble."), (16, "ese no.")])

    variants = declared["modelo.1"].variants
    assert {variants.draw("modelo.1", seed)[0]["n"] for seed in range(50)} == {
        3
    }  # 2 · 2 = 2 + 2, y 4 · 4 = 16


@pytest.mark.parametrize(
    ("right", "hints", "decimals", "clear"),
    [
        (5, [(6, "a"), (6, "a")], 0, True),
        (5, [(6, "a"), (6, "b")], 0, False),  # un error con dos pistas
        (5, [(5.0, "a")], 0, False),
        (2.5, [(2.51, "a")], 0, False),  # redondeado, pasaría por bueno
        (0.3754, [], 2, False),  # 0,38 no se aceptaría
        (0.4532, [], 2, True),
    ],
)
def test_what_makes_a_draw_clear(declared, right, hints, decimals, clear):
    assert is_clear(number("modelo.1", right, "bien.", hints, decimals=decimals)) is clear


def test_an_impossible_draw_says_which(declared):
    @varied("n = {n}", when=lambda n: False, n=[3])
    def never(n):
        return number("modelo.1", n, "bien.")

    with pytest.raises(RuntimeError, match=r"Ningún sorteo de modelo\.1 sirve con la semilla 'ana'"):
        declared["modelo.1"].variants.draw("modelo.1", "ana")


@pytest.mark.parametrize(
    ("part", "spanish_text", "python_text"),
    [
        ("{n}", "1\u202f234\u202f567", "1_234_567"),
        ("({row})", "(\u22121, 0,5)", "(-1, 0.5)"),
        ("{row:y}", "\u22121 y 0,5", "-1 y 0.5"),
        ("{shares:;y}", "0,4; 0,3 y 0,1", "0.4; 0.3 y 0.1"),
        ("{rows}", "(1, 2), (3, 4)", "[1, 2], [3, 4]"),
        ("{small}", "1024", "1024"),
        ("{word}", "hoy", "hoy"),
    ],
)
def test_numbers_are_written_as_in_a_text_or_as_in_a_cell(part, spanish_text, python_text):
    values = {"n": 1234567, "row": (-1, 0.5), "shares": [0.4, 0.3, 0.1], "small": 1024, "word": "hoy"}
    values["rows"] = [(1, 2), (3, 4)]
    assert filled(part, values) == spanish_text and filled(part, values, code=True) == python_text
    assert spanish(12288) == "12\u202f288"
