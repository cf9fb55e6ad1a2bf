"""Lo que `check` apunta: cada intento una vez, dos cuadernos a la vez, y sin que nada lo estropee."""

import builtins
import json
import os
import subprocess
import sys
from datetime import datetime

import pytest

from gpt_course.exercises import check, core, record
from gpt_course.exercises.core import number
from gpt_course.exercises.grading.verdict import Verdict


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """Un cuaderno de lección en una carpeta de prueba, con los ejercicios modelo.0 a modelo.3 y otro.1."""
    monkeypatch.setattr(core, "EXERCISES", {})
    monkeypatch.setattr(core, "_register_all", lambda: None)
    monkeypatch.setattr(builtins, "display", print, raising=False)
    monkeypatch.setattr(record, "ROOT", tmp_path)
    monkeypatch.delenv(record.OFF, raising=False)
    (tmp_path / "notebooks" / "soluciones").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks")
    for place in range(4):
        number(f"modelo.{place}", place, "bien.", hints=[(7, "siete no."), (8, "ocho no.")])
    number("otro.1", 1, "bien.")
    return tmp_path / record.FILE


def corrected(capsys, answer, name="modelo.1", **seed):
    check(name, answer, **seed)
    return capsys.readouterr().out


def kept(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_progress_counts_each_exercise_once(lesson, capsys):
    assert corrected(capsys, 1) == "✓ modelo.1: bien. Llevas 1 de 3.\n"
    assert corrected(capsys, 1, "otro.1") == "✓ otro.1: bien. Llevas 1 de 1.\n"
    assert corrected(capsys, 2, "modelo.2") == "✓ modelo.2: bien. Llevas 2 de 3.\n"
    assert corrected(capsys, 2, "modelo.2") == "✓ modelo.2: bien. Llevas 2 de 3.\n"
    assert (
        corrected(capsys, 9, "modelo.3")
        == "✗ modelo.3: 9 es demasiado grande. Repasa la cuenta paso a paso.\n"
    )
    assert corrected(capsys, 0, "modelo.0") == "✓ modelo.0: bien.\n"  # el de muestra no cuenta
    assert {each["exercise"] for each in kept(lesson)} == {"modelo.1", "modelo.2", "modelo.3", "otro.1"}
    lesson.unlink()
    assert corrected(capsys, 2, "modelo.2") == "✓ modelo.2: bien. Llevas 1 de 3.\n"


def test_each_try_is_kept_with_its_hint_and_its_moment(lesson, capsys):
    for answer in (..., 9, 8, 1):
        corrected(capsys, answer)
    corrected(capsys, 7, semilla="ana ñ")
    found = kept(lesson)
    assert [(each["event"], each["hint"]) for each in found] == [
        ("wrong", None),
        ("hint", 2),
        ("solved", None),
        ("hint", 1),
    ]
    assert [each.get("semilla") for each in found] == [None, None, None, "ana ñ"]
    assert found[1]["message"] == "ocho no." and found[2]["message"] == "bien."
    assert all(datetime.fromisoformat(each["when"]).tzinfo for each in found)


def test_solutions_tests_and_terminals_leave_no_trace(lesson, capsys, monkeypatch):
    notebooks = lesson.parent / "notebooks"
    for folder in (notebooks / "soluciones", lesson.parent):
        monkeypatch.chdir(folder)
        assert corrected(capsys, 1) == "✓ modelo.1: bien.\n"
    monkeypatch.chdir(notebooks)
    monkeypatch.setenv(record.OFF, "1")
    assert corrected(capsys, 1) == "✓ modelo.1: bien.\n"
    monkeypatch.delenv(record.OFF)
    monkeypatch.delattr(builtins, "display")
    assert corrected(capsys, 1) == "✓ modelo.1: bien.\n"
    assert not lesson.exists()


def test_a_file_that_cannot_be_written_or_read_does_no_harm(lesson, capsys):
    lesson.mkdir()
    assert corrected(capsys, 1) == "✓ modelo.1: bien. Llevas 1 de 3.\n"
    assert corrected(capsys, 7) == "✗ modelo.1: siete no.\n"


GOOD = '{"exercise": "modelo.2", "event": "solved"}'


@pytest.mark.parametrize(
    "bad",
    [
        *(b'{"exer', b"\xff\x00", b"[1]", b"3", b"null", b"", b"[" * 10**5, b'{"otro": 1}'),
        *(b'{"exercise": 3, "event": "solved"}', b'{"exercise": "modelo.3", "event": "regalado"}'),
    ],
    ids=lambda line: line[:20].decode(errors="replace"),
)
def test_lines_that_are_not_understood_are_skipped(lesson, capsys, bad):
    lesson.write_bytes(bad + b"\n" + GOOD.encode() + b"\n" + bad)
    assert corrected(capsys, 1) == "✓ modelo.1: bien. Llevas 2 de 3.\n"
    assert [each["exercise"] for each in record.read(lesson)] == ["modelo.2", "modelo.1"]


# Sin el paquete entero, que carga torch y tarda: los dos módulos sueltos bastan.
WRITER = """
import importlib.util, pathlib, sys
for name in ("lessons", "record"):
    path = pathlib.Path(sys.argv[1], name + ".py")
    spec = importlib.util.spec_from_file_location("gpt_course.exercises." + name, path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
for place in range(300):
    event = {"exercise": sys.argv[3] + str(place), "event": "solved", "message": "ñ" * 900}
    module.note(pathlib.Path(sys.argv[2]), event)
"""


def test_two_kernels_write_at_once(tmp_path):
    path, folder = tmp_path / record.FILE, record.Path(record.__file__).parent
    command = [sys.executable, "-c", WRITER, str(folder), str(path)]
    writers = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = [each["exercise"] for each in record.read(path)]
    assert sorted(found) == sorted(f"{name}{place}" for name in "abc" for place in range(300))


def test_a_long_message_is_cut_and_the_line_stays_whole(lesson):
    record.advance(Verdict("✗", "modelo.1", "a\nñ" * 10**5), ["modelo.1"])
    (found,) = kept(lesson)
    assert len(found["message"]) == record.LONGEST


def test_the_record_is_ignored_by_git_and_lies_in_the_root():
    assert (record.ROOT / "notebooks" / "00_bienvenida.ipynb").is_file()
    assert record.FILE in (record.ROOT / ".gitignore").read_text().splitlines()


def test_the_suite_and_the_notebooks_it_runs_record_nothing():
    assert os.environ[record.OFF]
    assert "GPT_CURSO_SIN_REGISTRO" in (record.ROOT / "tests" / "regenerate.py").read_text(encoding="utf-8")
