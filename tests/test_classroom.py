"""Las órdenes del aula: se reparten, se explican y, si algo no sirve, lo dicen en una frase."""

import importlib
import json
import shutil

import pytest

from gpt_course.classroom import __main__ as classroom
from gpt_course.classroom.version import course_version
from gpt_course.exercises import progress, record
from gpt_course.exercises.lessons import ROOT


def test_each_order_has_its_help_in_spanish(capsys):
    assert classroom.main([]) == classroom.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, (module, what) in classroom.COMMANDS.items():
        assert f"{name} " in shown and what in shown
        with pytest.raises(SystemExit) as caught:
            importlib.import_module(f"gpt_course.classroom.{module}").main(["--help"])
        assert caught.value.code == 0
        told = capsys.readouterr().out
        assert told.startswith(f"Uso: python3 curso.py {name} ") and "muestra esta ayuda" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nada"], "Se esperaba una de estas órdenes: progreso"),
        (["progreso", "--leccion", "99"], "No hay lección '99': se espera su número, como 03."),
        (["progreso", "--leccion"], "No se entiende --leccion"),
        (["progreso", "03"], "No existe la opción '03'"),
    ],
)
def test_what_is_wrong_is_one_sentence(capsys, arguments, told):
    assert classroom.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Error: ") and told in err and err.count("\n") == 1


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (OSError("disco"), 2)])
def test_an_interruption_or_a_full_disk_is_no_traceback(capsys, monkeypatch, error, code):
    def fails(arguments):
        raise error

    module = importlib.import_module("gpt_course.classroom.progress")
    monkeypatch.setattr(module, "main", fails)
    assert classroom.main(["progreso"]) == code
    assert capsys.readouterr().err.strip().startswith(("Interrumpido", "Error: disco"))


def events(*found):
    return [
        {"exercise": name, "event": event, "hint": None, "message": "m", "when": "w"} for name, event in found
    ]


def test_progress_is_told_lesson_by_lesson(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(record, "ROOT", tmp_path)
    (tmp_path / record.FILE).write_text(
        "".join(
            json.dumps(each) + "\n"
            for each in events(("atencion.2", "hint"), ("atencion.2", "solved"), ("atencion.7", "wrong"))
        )
    )
    assert classroom.main(["progreso"]) == 0
    out = capsys.readouterr().out
    assert "03 · Atención                     1 de 7  ○ ✓ ○ ○ ○ ○ ✗\n" in out and "En total, 1 de " in out
    assert progress.NOTHING not in out
    assert classroom.main(["progreso", "--leccion", "3"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[2].split() == ["✓", "atencion.2", "2", "w", "m"] and rows[1].split()[2] == "0"
    (tmp_path / record.FILE).unlink()
    assert classroom.main(["progreso"]) == 0
    assert progress.NOTHING in capsys.readouterr().out


def test_the_notebook_shows_the_same_as_the_terminal(capsys, monkeypatch):
    found = progress.Progress(events(("bloque.1", "solved")), "05")
    assert (
        "✓ bloque.1" in repr(found) and "<td" in found._repr_html_() and "✓ bloque.1" in found._repr_html_()
    )
    monkeypatch.setattr(record, "read", lambda path: [])
    progress.progreso()
    assert progress.NOTHING in capsys.readouterr().out


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Lo que decide la versión, en otra carpeta y con una sola lección."""
    root = tmp_path_factory.mktemp("curso")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gpt_course/exercises", root / "gpt_course/exercises", ignore=ignored)
    (root / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "03_atencion.ipynb", root / "notebooks")
    entry = 'number = "03"\ntitle = "Atención"\nfile = "03_atencion.ipynb"\ntopic = "atencion"\n'
    (root / "notebooks" / "lecciones.toml").write_text(f"[[lesson]]\n{entry}", encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("notebooks/03_atencion.ipynb", "values_1 = [2, 4, 9]", "values_1 = [2, 4, 9]  # ", False),
        ("notebooks/03_atencion.ipynb", "respuesta_1 = ...", "respuesta_1 = [2, 3, 5]", False),
        ("notebooks/03_atencion.ipynb", "Tres tokens valen 2, 4 y 9", "Tres tokens valen 2, 4 y 8", True),
        ("gpt_course/exercises/varied/attention.py", "cada token", "cada ficha", True),
        ("gpt_course/exercises/grading/reading.py", "LARGEST = 10_000", "LARGEST = 10", True),
    ],
)
def test_the_version_is_what_decides_a_mark(copy, file, old, new, changes):
    path, before = copy / file, course_version(copy)
    text = path.read_text(encoding="utf-8")
    assert old in text and before == course_version(copy)
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert (course_version(copy) != before) is changes
    path.write_text(text, encoding="utf-8")
