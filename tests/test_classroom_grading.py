"""El corrector: notas que no se falsifican, motivos en vez de fallos y nada fuera de su sitio."""

import contextlib
import csv
import html.parser
import io
import json
import multiprocessing
import socket
import sys
from pathlib import Path

import handins
import numpy as np
import pytest
import torch

from gpt_course.classroom import __main__ as classroom
from gpt_course.classroom.grading import command, report, sandbox, values
from gpt_course.classroom.grading.handins import find
from gpt_course.classroom.grading.marks import Marks, Row
from gpt_course.classroom.grading.notebook import HandIn, read
from gpt_course.classroom.grading.remote import Remote
from gpt_course.classroom.grading.slicing import checks, needed
from gpt_course.exercises.core import judge
from gpt_course.exercises.grading.wrong import Wrong
from gpt_course.exercises.lessons import ROOT, read_lessons

LESSON = "02"
LESSONS = {lesson.topic: lesson for lesson in read_lessons() if lesson.number == LESSON}
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="las barreras del núcleo son de Linux")
LIMITS = sandbox.Limits(cell=1, total=30, memory=2**30)
NAMES = [f"incrustaciones.{number}" for number in range(1, 7)]
# Seis ataques por entrega, uno en cada ejercicio: (ejercicio → ataque, lo que debe decir su motivo).
CLASS = {
    "Ágata/ataques 1.ipynb": {
        "exit": "acaba el programa",
        "escribe en lo ajeno": "fuera de su carpeta temporal",
        "abre la red": "usar la red",
        "bomba de procesos": "crear otros procesos",
        "mata procesos": "mandar señales",
        "se miente al tubo": "mirar lo que no es suyo",
    },
    "Ágata/ataques 2.ipynb": {
        "cambia check": "no llegó a llamar",
        "borra archivos": "fuera de su carpeta temporal",
        "bucle sin fin": "¿Hay un bucle que no termina?",
        "fórmula": "Python no entiende la línea 1",
        "pide toda la memoria": "más memoria de la que hay",
        "sale del proceso": "acabó con el proceso",
    },
}
OF_LINUX = {"pide toda la memoria"}  # los demás sistemas no cumplen el tope de memoria


def attacks(kinds, home):
    """Una entrega con un ataque en cada ejercicio."""
    codes = {
        name: handins.ATTACKS[kind].format(home=home, call=f'check("{name}"', check=f'check("{name}", 0)')
        for name, kind in zip(NAMES, kinds, strict=True)
        if sys.platform == "linux" or kind not in OF_LINUX
    }
    return handins.hand_in(LESSON, codes)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Una carpeta de quien enseña."""
    folder = tmp_path_factory.mktemp("ajena")
    (folder / "apuntes.txt").write_text("intacto", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def marks(tmp_path_factory, home):
    """{ruta: sus notas} de una clase pequeña, y la carpeta de las notas."""
    folder = tmp_path_factory.mktemp("clase")
    liar = (
        "import gpt_course.exercises.core as core\nimport torch\nfor name in core.EXERCISES:\n"
        "    core.EXERCISES[name] = lambda answer: None\n"
        "torch.allclose = torch.equal = lambda *a, **k: True\n"
        "def never_asked(n_tokens, context_length, stride):\n    return [0]\n\n\n"
    )
    files = {
        **{path: attacks(kinds, home.as_posix()) for path, kinds in CLASS.items()},
        "Bien/entrega.ipynb": handins.hand_in(LESSON, name="José Ñu"),
        "Bien/otra.ipynb": handins.hand_in(
            LESSON, {"incrustaciones.3": f'{liar}check("incrustaciones.3", never_asked)'}, name="José Ñu"
        ),
        "vacío.ipynb": b"",
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    event = {"exercise": NAMES[0], "event": "wrong", "message": "casi", "when": "2026-05-04T10:00"}
    (folder / "Bien" / "progreso.jsonl").write_text(f"{json.dumps(event)}\n" * 2, encoding="utf-8")
    graded = command.grade(find(folder), LESSONS, LIMITS, 2)
    return {each.handin.path: each for each in graded}


def rows(marks, path):
    return {row.exercise: row for row in marks[path].rows}


def test_a_solved_lesson_is_solved_and_its_record_is_told(marks):
    graded = marks["Bien/entrega.ipynb"]
    assert [row.sign for row in graded.rows] == ["✓"] * len(NAMES) and graded.solved == len(NAMES)
    first = graded.rows[0]
    assert (first.tries, first.when, first.seen) == ("2", "2026-05-04T10:00", "casi")
    assert first.text == judge("incrustaciones.1", 4).text and "check(" in first.answer
    assert graded.handin.student == "José Ñu"
    assert graded.notices == ("José Ñu tiene 2 entregas de esta lección: elige cuál vale.",)


def test_changing_the_checkers_or_torch_changes_no_mark(marks):
    found = rows(marks, "Bien/otra.ipynb")
    assert found["incrustaciones.3"].sign == "✗"
    assert found["incrustaciones.3"].text == judge("incrustaciones.3", lambda n, t, s: [0]).text
    assert [found[name].sign for name in NAMES if name != "incrustaciones.3"] == ["✓"] * 5
    assert any("mira si las copia" in notice for notice in marks["Bien/otra.ipynb"].notices)


@pytest.mark.parametrize("path", CLASS)
def test_an_attack_is_a_row_with_its_reason_and_touches_nothing(marks, home, path):
    found = list(rows(marks, path).values())
    for row, (kind, reason) in zip(found, CLASS[path].items(), strict=True):
        if sys.platform == "linux" or kind not in OF_LINUX:
            assert (row.sign, reason in row.text) == ("!", True), (kind, row.text)
    assert [file.read_text(encoding="utf-8") for file in home.iterdir()] == ["intacto"]


@LINUX
def test_what_kept_each_notebook_in_is_told(marks):
    assert "guarda de Python" in marks["Bien/entrega.ipynb"].barriers
    assert "topes de memoria y de procesador" in marks["Bien/entrega.ipynb"].barriers


def test_what_cannot_be_read_has_its_reason(marks):
    assert marks["vacío.ipynb"].handin.reason == "está vacío." and not marks["vacío.ipynb"].rows


# --- Las barreras del núcleo, sin la guarda de Python -----------------------------------------------


def outside(pipe, home, port):
    """Lo que consigue, encerrado, quien se salta la guarda de Python."""
    done = []
    sandbox.close_python = lambda folder: None
    folder = Path(home, "suya")
    barriers = sandbox.enter(sandbox.Limits(1, 30, 2**30, str(folder)), keep=pipe.fileno())
    torch.save(torch.ones(1), folder / "propia")
    for attempt in (
        lambda: torch.save(torch.ones(1), Path(home, "nota")),
        lambda: Path(home, "apuntes.txt").unlink(),
        lambda: socket.create_connection(("127.0.0.1", port), timeout=1),
    ):
        with contextlib.suppress(OSError, RuntimeError):
            attempt()
            done.append(True)
    pipe.send((barriers, done))


@LINUX
def test_the_kernel_keeps_a_notebook_in_without_the_help_of_python(tmp_path):
    (tmp_path / "suya").mkdir()
    (tmp_path / "apuntes.txt").write_text("intacto", encoding="utf-8")
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = (theirs, str(tmp_path), server.getsockname()[1])
        process = multiprocessing.get_context("fork").Process(target=outside, args=arguments)
        process.start()
        assert ours.poll(60)
        barriers, done = ours.recv()
        process.join()
    if "Landlock" not in barriers:
        pytest.skip("este núcleo no tiene Landlock")
    assert done == [] and (tmp_path / "suya" / "propia").exists()
    assert (tmp_path / "apuntes.txt").read_text(encoding="utf-8") == "intacto"


# --- Llevar valores ---------------------------------------------------------------------------------

SENT = [None, True, 3, -(10**400), 1.5, float("inf"), "ñ\ud800", b"x", ..., range(3), [1, (2, {3})], {"a": 1}]
SENT += [
    torch.tensor([[1.0, 2]]),
    torch.zeros(0, 3),
    torch.tensor([True, False]),
    np.arange(4.0).reshape(2, 2),
]


@pytest.mark.parametrize("value", SENT, ids=repr)
def test_a_value_arrives_as_it_was(value):
    arrived = values.decode(json.loads(json.dumps(values.encode(value, None))), None)
    assert type(arrived) is type(value)
    assert torch.equal(arrived, value) if isinstance(value, torch.Tensor) else np.all(arrived == value)


def test_a_function_is_called_where_it_was_born_with_its_signature():
    kept = []
    sent = values.encode(lambda a, b=2: a + b, lambda function: kept.append(function) or len(kept) - 1)
    remote = values.decode(json.loads(json.dumps(sent)), lambda number, arguments: kept[number](*arguments))
    assert remote(1) == 3 and list(remote.__signature__.parameters) == ["a", "b"]


def test_a_piece_of_an_argument_is_still_a_piece_of_it():
    there, here = torch.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(2, 3)
    piece = values.decode(values.encode(there[:, 1:], None, (there,)), None, (here,))
    piece.zero_()
    assert here.tolist() == [[0, 0, 0], [3, 0, 0]]


@pytest.mark.parametrize(
    "data",
    [
        *({"tensor": content} for content in (["float32", [2], "AA=="], ["object", [1], ""], [1])),
        *({"tensor": ["bool", [10**9, 0], ""]}, {"view": [0, [10**9], [0], 0]}),
        *(
            {"view": [0, [10**6], [1], 0]},
            {"view": [9, [1], [1], 0]},
            {"__class__": "os"},
            {"int": "9" * 5000},
        ),
        *({"range": ["0", str(10**15), "1"]}, {"fraction": "1e999999999"}, [1], "x", 7, {}),
        {"function": [0, "f", [["no es un nombre", 1, False]]]},
    ],
    ids=str,
)
def test_what_is_badly_written_is_something_that_no_exercise_takes(data):
    arrived = values.decode(data, None, (torch.ones(3),))
    assert isinstance(arrived, values.Opaque)
    assert judge("incrustaciones.1", arrived).sign == "✗"


class Trap:
    """Al leerla con pickle se ejecutaría."""

    def __reduce__(self):
        return (exec, ("raise SystemExit",))


def test_a_trap_or_a_thing_too_big_or_endless_is_only_its_type():
    endless = []
    endless.append(endless)
    for value in (Trap(), endless, "x" * 2**21, torch.zeros(2**20), torch.empty(2, device="meta")):
        arrived = values.decode(json.loads(json.dumps(values.encode(value, None))), None)
        assert isinstance(arrived, values.Opaque)


# --- Qué celdas se ejecutan -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "chosen"),
    [
        (["import torch", "while True: pass", 'check("a.1", 3)'], [2]),
        (["x = 1", "y = x", "z = 9", 'check("a.1", y)'], [0, 1, 3]),
        (["x = 1", "x = 2", 'check("a.1", x)'], [1, 2]),
        (["x = []", "x.append(1)", 'check("a.1", x)'], [0, 1, 2]),
        (["x = 1", "if True:\n    x = 2", "x += 1", 'check("a.1", x)'], [0, 1, 2, 3]),
        (["w = 1", "def f():\n    w = 2\n    return v", "v = 1", 'check("a.1", f)'], [1, 3]),
        (["v = 1", "def f():\n    return v", 'check("a.1", f)'], [0, 1, 2]),
        (["import torch", "torch.manual_seed(1)", 'check("a.1", torch.ones(1))'], [0, 2]),
        (["from math import *", "(", "%pip install x\nq = 1", 'check("a.1", pi + q)'], [0, 2, 3]),
        (["x = 1", "x = 2\ny = x", 'check("a.1", y)', 'check("b.1", 1)'], [1, 2]),
    ],
)
def test_only_the_cells_that_an_exercise_needs_are_run(codes, chosen):
    assert needed(codes, ["a.1"]) == chosen


def test_the_exercises_of_a_cell_are_read_in_every_form():
    assert checks("check('a.1', 1)\n  check( \"a.2\", 2, semilla='x')\n# check(\"a.3\", 1)") == ["a.1", "a.2"]


# --- Encontrar y leer entregas ----------------------------------------------------------------------


def test_every_broken_hand_in_is_told_and_none_escapes(tmp_path):
    for name, content in handins.broken(LESSON).items():
        (tmp_path / name).write_bytes(content)
    if hasattr(Path, "symlink_to") and sys.platform != "win32":
        (tmp_path / "enlace.ipynb").symlink_to(ROOT / "notebooks" / "00_bienvenida.ipynb")
    found = {each.path: each for each in find(tmp_path)}
    told = {path: each.reason for path, each in found.items() if each.reason}
    for path, reason in {
        "vacío.ipynb": "está vacío",
        "cortado.ipynb": "está cortado",
        "binario.ipynb": "no es texto",
        "lista.ipynb": "no es un cuaderno",
        "hondo.ipynb": "demasiadas cosas",
        "roto.zip": "no es un zip entero",
        "se sale.zip/../fuera.ipynb": "se sale del zip",
        "se sale.zip/enlace.ipynb": "no se sigue",
        **({"enlace.ipynb": "no se sigue"} if sys.platform != "win32" else {}),
    }.items():
        assert reason in told.pop(path)
    assert told == {}
    assert found["se sale.zip/Begoña Núñez/la mía.ipynb"].codes
    assert not (tmp_path.parent / "fuera.ipynb").exists()


def test_a_bomb_in_a_zip_is_not_opened(tmp_path):
    path = tmp_path / "bomba.zip"
    path.write_bytes(
        handins.zipped({"a.ipynb": b"0" * (21 * 2**20), "b.zip": handins.zipped({"c.ipynb": b"{"})})
    )
    assert [each.reason[:22] for each in find(path)] == ["pesa 21 MiB y se admit", "está cortado o estrope"]


@pytest.mark.parametrize(
    "cells",
    [[None, 3], [{"source": 5}], [{"cell_type": "code", "source": ["x", 1], "outputs": [7, {"data": 1}]}]],
)
def test_a_notebook_made_of_anything_is_not_of_the_course(cells):
    content = json.dumps({"cells": cells, "metadata": []}).encode()
    assert read("a.ipynb", content).reason.startswith("no tiene ejercicios")


def test_the_last_message_seen_and_the_name_come_from_the_notebook():
    verdict = {"output_type": "display_data", "data": {"text/plain": ["✗ a.1: ", "casi"]}}
    cells = [{"cell_type": "markdown", "source": "**Nombre:** Zoé"}]
    cells += [{"cell_type": "code", "source": 'check("a.1", 1)', "outputs": [verdict]}]
    handin = read("x/y.ipynb", json.dumps({"cells": cells}).encode())
    assert (handin.student, handin.seen) == ("Zoé", {"a.1": "✗ casi"})


# --- La tabla ---------------------------------------------------------------------------------------

NASTY = "<script>alert(1)</script>\"' =1+1 \x1b[31m \u202e \ud800"


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attributes):
        self.seen |= {tag, *(name for name, _ in attributes)}


def nasty_marks():
    lesson = next(iter(LESSONS.values()))
    return [
        Marks(HandIn(NASTY, student=NASTY), lesson, (Row("a.1", "✓", *[NASTY] * 6),), (NASTY,), (NASTY,)),
        Marks(HandIn(f"={NASTY}", NASTY, student="=1+1")),
        Marks(HandIn("c", student="c"), lesson, (Row("a.1", *[NASTY] * 7),)),
    ]


def test_what_a_student_writes_is_text_in_the_page():
    page = report.to_html(nasty_marks())
    tags = Tags()
    tags.feed(page)
    assert not tags.seen & {"script", "img", "link", "iframe", "src", "href", "onerror", "onload"}
    assert page.count("<script") == 0 and "&lt;script&gt;" in page and "default-src 'none'" in page
    assert not set("\x1b\u202e\ud800") & set(page)


def test_what_a_student_writes_is_text_in_a_spreadsheet():
    table = list(csv.reader(io.StringIO(report.to_csv(nasty_marks()).lstrip("\ufeff"))))
    assert all(len(row) == len(report.COLUMNS) for row in table)
    assert not [cell for row in table for cell in row if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert table[2][0] == "'=1+1" and table[1][4] == "1"


# --- La orden ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no_existe"], "'no_existe' no existe"),
        ([], "Falta ENTREGAS"),
        ([".", "--lecciones", "02-99"], "`--lecciones` espera números de lección"),
        ([".", "--segundos", "mil"], "`--segundos` debe ser un entero"),
        ([".", "--memoria", "0"], "`--memoria` debe ser 1 o más"),
        (["."], "No hay ningún cuaderno"),
    ],
)
def test_what_is_wrong_is_one_sentence(capsys, monkeypatch, tmp_path, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert classroom.main(["corregir", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and told in err and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_the_tables_are_written_and_told(capsys, tmp_path):
    (tmp_path / "a.ipynb").write_bytes(b"")
    folder = tmp_path / "notas"
    for _ in range(2):
        assert classroom.main(["corregir", str(tmp_path / "a.ipynb"), "--out", str(folder)]) == 0
        assert "1 sin corregir, con su motivo" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["notas.csv", "notas.html"]
    (tmp_path / "ocupado").write_text("x", encoding="utf-8")
    assert classroom.main(["corregir", str(tmp_path / "a.ipynb"), "--out", str(tmp_path / "ocupado")]) == 2
    assert "se pueda escribir" in capsys.readouterr().err


def test_a_wrong_hint_crosses_as_text():
    def call(number, arguments):
        raise Wrong("<b>")

    assert judge("incrustaciones.3", Remote(call, 0, "f", None)).text == "<b>"
