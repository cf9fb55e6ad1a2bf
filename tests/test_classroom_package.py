"""El paquete que se reparte: nada que dé una respuesta, y lo que hace falta para abrirlo y comprobarlo."""

import datetime
import json
import re
import zipfile

import pytest
from test_architecture import imported_names

from gpt_course.classroom import __main__ as classroom
from gpt_course.classroom import handout, package
from gpt_course.classroom.grading.notebook import read
from gpt_course.classroom.version import course_version
from gpt_course.command import BadInput
from gpt_course.exercises.core import judge
from gpt_course.exercises.lessons import ROOT, exercise_cells, read_lessons

LESSONS = read_lessons()[:2]
PREDICTION = "> **Predice antes de ejecutar.**"
DAY = datetime.date(2026, 5, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("paquete") / "grupo"
    package.build(target, LESSONS, name="Grupo B", today=DAY)
    return target


def notebooks(folder):
    return {
        path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("notebooks/*.ipynb")
    }


def source(cell):
    return "".join(cell["source"])


def test_it_carries_no_solution_and_leads_to_none(folder):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert not [name for name in files if re.search(r"soluciones|answers|docs/|progreso|\.git|pyc", name)]
    for path in folder.rglob("*"):
        if path.suffix in (".ipynb", ".md") and "gpt_course" not in path.parts:
            assert "soluciones" not in path.read_text(encoding="utf-8"), path
    assert {path.name for path in folder.glob("notebooks/*.ipynb")} == {lesson.file for lesson in LESSONS}


def test_no_exercise_or_prediction_keeps_an_output(folder):
    emptied = 0
    for name, notebook in notebooks(folder).items():
        whole = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
        answers = [cell["id"] for _, _, cell in exercise_cells(notebook["cells"])]
        predicted = False
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                predicted = source(cell).split("\n\n")[-1].startswith(PREDICTION)
            elif cell["id"] in answers or predicted:
                assert cell["outputs"] == [] and cell["execution_count"] is None
                emptied += 1
        kept = [cell for cell in notebook["cells"] if cell.get("outputs")]
        assert kept and all(cell in whole["cells"] for cell in kept)  # las demás, como estaban
    assert emptied > 15


def test_each_notebook_has_a_place_for_the_name_and_says_where_it_comes_from(folder):
    for lesson, notebook in zip(LESSONS, dict(sorted(notebooks(folder).items())).values(), strict=True):
        stamp = {"version": course_version(), "lesson": lesson.number}
        assert notebook["metadata"]["gpt_course"] == stamp
        place = notebook["cells"][1]
        assert "Paquete «Grupo B», del 4 de mayo de 2026" in source(place)
        assert read("Ana/x.ipynb", json.dumps(notebook).encode()).student == "Ana"
        place["source"] = source(place).replace("**Nombre:** ", "**Nombre:** Begoña Núñez")
        handin = read("Ana/x.ipynb", json.dumps(notebook).encode())
        assert (handin.student, handin.metadata, handin.reason) == ("Begoña Núñez", stamp, "")


def test_every_link_and_picture_goes_somewhere(folder):
    texts = [(path, path.read_text(encoding="utf-8")) for path in folder.glob("notebooks/*.md")]
    for name, notebook in notebooks(folder).items():
        cells = [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
        texts.append((folder / "notebooks" / name, "\n\n".join(cells)))
    targets = [(path, target) for path, text in texts for target in re.findall(r"\]\(([\w./-]+)\)", text)]
    assert len(targets) > 10
    assert [str(target) for path, target in targets if not (path.parent / target).exists()] == []
    assert (folder / "LEEME.md").read_text(encoding="utf-8").count("\n- 0") == len(LESSONS)


def test_its_tests_find_what_they_import(folder):
    ours = {path.stem for path in (ROOT / "tests").iterdir() if path.suffix in (".py", "")}
    carried = {path.stem for path in (folder / "tests").iterdir()}
    for path in [folder / "conftest.py", *(folder / "tests").glob("*.py")]:
        names = {name.split(".")[0] for name in imported_names(path.read_text(encoding="utf-8"))}
        assert names & ours <= carried, path.name


def test_the_manifest_keeps_only_what_is_there(folder):
    assert read_lessons(folder) == LESSONS


def test_a_seed_changes_the_numbers_and_check_knows_it(tmp_path):
    package.build(tmp_path / "ana", LESSONS, seed='a "b"', today=DAY)
    statements = {}
    for name, notebook in notebooks(tmp_path / "ana").items():
        assert notebook["metadata"]["gpt_course"]["semilla"] == 'a "b"'
        whole = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
        before = {each: source(statement) for each, statement, _ in exercise_cells(whole["cells"])}
        for each, statement, cell in exercise_cells(notebook["cells"]):
            assert source(cell).endswith(', semilla="a \\"b\\"")') and f'check("{each}", ' in source(cell)
            assert judge(each, ..., 'a "b"').sign == "○"
            statements[each] = source(statement) != before[each]
    assert any(statements.values())


def test_a_solved_copy_is_not_given_out():
    notebook = json.loads((ROOT / "notebooks" / LESSONS[0].file).read_text(encoding="utf-8"))
    name, _, cell = next(exercise_cells(notebook["cells"]))
    cell["source"] = f'respuesta_1 = [2, 5]\ncheck("{name}", respuesta_1)'
    with pytest.raises(BadInput, match=f"{name} está resuelto"):
        handout.prepare(notebook, set(), {}, "")


def test_the_same_package_has_the_same_bytes_and_nothing_is_overwritten(capsys, tmp_path):
    first, second = tmp_path / "a" / "grupo.zip", tmp_path / "b" / "grupo.zip"
    for path in (first, second):
        path.parent.mkdir()
        assert classroom.main(["paquete-alumno", "--out", str(path), "--lecciones", "00"]) == 0
    assert "1 lecciones en" in capsys.readouterr().out and first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"grupo"}
    assert classroom.main(["paquete-alumno", "--out", str(first)]) == 2
    assert "ya existe y no se borra nada" in capsys.readouterr().err
    assert sorted(path.name for path in first.parent.iterdir()) == ["grupo.zip"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Falta `--out`"),
        (["--out", "nada/grupo"], "no existe la carpeta"),
        (["--out", str(ROOT / "grupo")], "está dentro del curso"),
        (["--out", "grupo", "--semilla", " "], "un texto que no esté vacío"),
        (["--out", "grupo", "--lecciones", "7-"], "`--lecciones` espera números de lección"),
        (["--out", "grupo", "--lecciones", "05-02"], "`--lecciones` espera números de lección"),
    ],
)
def test_what_is_wrong_is_one_sentence(capsys, monkeypatch, tmp_path, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert classroom.main(["paquete-alumno", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and told in err and err.count("\n") == 1 and not list(tmp_path.iterdir())
