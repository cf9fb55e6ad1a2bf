"""Estructura de los cuadernos: lo que `pytest --nbval` no mira. Se examina lo que git guarda."""

import contextlib
import copy
import functools
import io
import itertools
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
import time

import canonical
import manifest
import nbformat
import pytest
import regenerate
import repository
from regenerate import NOTEBOOKS, ROOT
from repository import tracked

PATHS = manifest.notebooks()
ALLOWED_TAGS = {"nbval-ignore-output", "raises-exception"}
SECTIONS = ["Objetivos", "El mapa", "De la libreta al paquete", "Errores frecuentes", "Ejercicios", "Resumen"]
LESSONS = [path for path in PATHS if path.parent == NOTEBOOKS]
TEXT_FILES = tracked(".md")
LONG_NUMBER = r"(?<!\d)(?:[1-9]\d*\.\d{2,}|0\.\d{3,})(?!\d)"  # no está en un texto por casualidad


@functools.cache
def committed(path):
    """El cuaderno que git guarda. Se lee una vez: lo comparten las pruebas, y ninguna lo cambia."""
    return nbformat.reads(repository.committed(path).decode("utf-8"), as_version=4)


@pytest.fixture(params=PATHS, ids=lambda path: path.name)
def notebook(request):
    return committed(request.param)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def compared_cells(notebook):
    return [
        cell for cell in code_cells(notebook) if "nbval-ignore-output" not in cell.metadata.get("tags", [])
    ]


def markdown(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def printed(cell):
    """Los textos que muestra una celda."""
    for output in cell.outputs:
        yield (
            output.get("text", "") or output.get("data", {}).get("text/plain", "") or output.get("evalue", "")
        )


def check_that_it_has_outputs(notebook):
    assert any(cell.execution_count for cell in code_cells(notebook)), (
        "git guarda el cuaderno sin salidas. Si las quita un filtro, desactívalo (nbstripout --uninstall); "
        "después, python3 curso.py regenerar y git add"
    )


def test_a_notebook_without_outputs_is_told_how_to_get_them_back():
    cell = nbformat.v4.new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]})
    stripped = nbformat.v4.new_notebook(cells=[cell], metadata=canonical.METADATA)
    for test in (
        test_is_valid_and_canonical,
        test_every_cell_was_executed_in_order,
        test_no_error_nor_stderr_is_kept,
    ):
        with pytest.raises(AssertionError, match="nbstripout --uninstall"):
            test(stripped)


def test_there_are_notebooks():
    assert {"06_modelo_gpt.ipynb", "07_generacion_texto.ipynb"} <= {path.name for path in PATHS}


def test_is_valid_and_canonical(notebook):
    nbformat.validate(notebook)
    check_that_it_has_outputs(notebook)
    saved = nbformat.writes(notebook)
    assert nbformat.writes(canonical.normalise(copy.deepcopy(notebook))) == saved, (
        "el cuaderno no está normalizado: ejecuta python3 curso.py regenerar"
    )


def test_every_cell_was_executed_in_order(notebook):
    check_that_it_has_outputs(notebook)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "ejecuta python3 curso.py regenerar"


def test_tags_are_the_two_of_the_course(notebook):
    for cell in notebook.cells:
        assert set(cell.metadata.get("tags", [])) <= ALLOWED_TAGS, cell.id


def test_no_error_nor_stderr_is_kept(notebook):
    check_that_it_has_outputs(notebook)
    for cell in compared_cells(notebook):
        expected = "raises-exception" in cell.metadata.get("tags", [])
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert bool(errors) == expected, f"{cell.id}: error sin etiqueta, o etiqueta sin error"
        assert not [output for output in cell.outputs if output.get("name") == "stderr"], cell.id


def test_outputs_depend_on_no_machine(notebook):
    for cell in compared_cells(notebook):
        for text in printed(cell):
            assert not re.search(r"0x[0-9a-f]{6,}|/(home|root|tmp|Users)/|[A-Z]:\\", text), cell.id
            # Más de 4 decimales, o notación científica, enseñarían el redondeo de cada procesador.
            assert not re.search(r"\d\.\d{5,}|\d\.\d+e[-+]\d", text), f"{cell.id}: {text[:200]}"


def test_every_figure_is_shown_and_described(notebook):
    for cell in code_cells(notebook):
        images = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        for image in images:
            alt = image.metadata.get("image/png", {}).get("alt", "")
            assert len(alt) > 60, (
                f"{cell.id}: tras la figura va una celda que empieza por «**Figura N.M.** …»"
            )
            assert cell.source.rstrip().endswith("plt.show()"), cell.id


def test_images_exist_and_are_described(notebook):
    for alt, target in re.findall(r"!\[([^]]*)\]\(([^)]*)\)", markdown(notebook)):
        assert len(alt) > 60, f"{target}: falta un texto alternativo que la describa"
        assert (NOTEBOOKS / target).is_file(), target
    assert "<img" not in markdown(notebook)


def test_cells_are_small(notebook):
    long = [cell.id for cell in code_cells(notebook) if len(cell.source.splitlines()) > 20]
    assert len(long) <= 1, f"solo la clase de la lección puede pasar de 20 líneas: {long}"
    wide = [line for cell in code_cells(notebook) for line in cell.source.splitlines() if len(line) > 100]
    assert not wide, f"estas líneas no caben en la página: {wide}"


def test_cell_ids_are_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_lesson_has_the_anatomy_of_the_course(path):
    notebook = committed(path)
    headings = " | ".join(re.findall(r"^#+ (.*)$", markdown(notebook), flags=re.M))
    positions = [headings.find(section) for section in SECTIONS]
    assert -1 not in positions, f"faltan apartados: {dict(zip(SECTIONS, positions, strict=True))}"
    assert positions == sorted(positions)
    assert "Rómpelo" in headings
    assert headings.endswith("Para quien quiera más") or "Para quien quiera más" not in headings
    assert len(re.findall(r"^\*\*\d\. ★+ ", markdown(notebook), flags=re.M)) >= 5
    assert 40 <= len(notebook.cells) <= 60
    assert len(repository.committed(path)) < 500_000


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_a_prediction_comes_before_its_answer(path):
    """La pregunta cierra su celda, la respuesta está plegada y nada de lo que se ve antes la da."""
    cells = committed(path).cells
    asked = [place for place, cell in enumerate(cells) if canonical.predicts(cell)]
    assert len(asked) >= 2
    assert sum(cell.source.count("**Predice antes") for cell in cells) == len(asked), "cierra su celda"
    for place in asked:
        answer = list(itertools.takewhile(lambda cell: cell.cell_type == "code", cells[place + 1 :]))
        folded = [cell for cell in answer if cell.outputs]
        assert folded and all(cell.metadata["jupyter"]["outputs_hidden"] for cell in folded), place
        given = set(re.findall(LONG_NUMBER, "".join(text for cell in folded for text in printed(cell))))
        code = "\n".join(cell.source for cell in answer)
        for before in cells[:place]:
            seen = before.source if before.cell_type == "markdown" else ""
            told = set(re.findall(LONG_NUMBER, seen.replace(",", "."))) - set(re.findall(LONG_NUMBER, code))
            assert not given & told, f"{before.id} adelanta la respuesta de {cells[place].id}"


@pytest.mark.parametrize("path", [*PATHS, *TEXT_FILES], ids=lambda path: path.name)
def test_numbers_and_links(path):
    saved = repository.committed(path)
    text = markdown(committed(path)) if path.suffix == ".ipynb" else saved.decode("utf-8")
    assert not re.search(r"\d \d{3}(?!\d)", text), "en los millares va un espacio fino (U+202F)"
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"enlace roto: {target}"


def test_the_figures_in_imgs_are_the_ones_that_the_code_draws(tmp_path):
    from tolerance import same_output

    regenerate.draw_figures(tmp_path)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "imgs").iterdir()}
    assert drawn.keys() == kept.keys()
    for name, text in drawn.items():
        assert same_output(kept[name], text), f"{name} no es la que dibuja el código: regenera las figuras"


def test_a_failing_cell_leaves_the_notebook_as_it_was(tmp_path, capsys):
    path = tmp_path / "roto.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(notebook, path)
    before = path.read_bytes()
    message = regenerate.main([str(path)])
    assert "roto.ipynb" in message and "ZeroDivisionError" in message
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["roto.ipynb"]


def ignored(source, *lines):
    """Una celda que no se compara, con la salida que ya tenía."""
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["nbval-ignore-output"]})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="".join(lines))]
    return cell


# Un solo cuaderno, que se regenera dos veces, lleva todo lo que puede salir sin que nada se detenga: arrancar
# un núcleo para cada cosa es casi todo lo que costaría.
CLOCK = "import time; print(time.time_ns())"
BAR = r"import sys; [print(f'\r{i}/9', end='', file=sys.stderr) for i in range(10)]; print('\nfin')"
PIECES = "import sys; print('uno', flush=True); print('dos'); sys.stdout.flush()"
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([0, 1, 0], color=(0.4 + {},) * 3)\nplt.show()"
FAILING = ["1 / 0", "def f(:", "respuesta", "raise SystemExit"]
# Cuánto se aclara la curva la segunda vez, ¿y se conserva la figura? 1 / 255 no se ve, y es otro PNG.
LIGHTER = {0: True, 1 / 255: True, 0.2: False}


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory):
    """Las celdas tras cada una de las dos veces, y lo que se dijo la primera."""
    solved = ignored("resuelta = 1\nprint(resuelta, 'es poco')", "1 es poco\n")
    unsolved = [ignored("respuesta = ...", "Sin respuesta.\n") for _ in FAILING]
    cells = {
        "reloj": ignored(CLOCK),
        "barra": ignored(BAR),
        "trozos": ignored(PIECES, "antes\n"),
        "otra": ignored("print('después')", "antes\n"),
        "resuelta": copy.deepcopy(solved),
        **dict(zip(FAILING, copy.deepcopy(unsolved), strict=True)),
        **{change: nbformat.v4.new_code_cell(FIGURE.format(0)) for change in LIGHTER},
        "última": nbformat.v4.new_code_cell("print('sigue')"),
    }
    cells["resuelta"].source = solved.source.replace("= 1", "= 2")
    for answer in FAILING:
        cells[answer].source = answer
    path = tmp_path_factory.mktemp("cuaderno") / "todo.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells.values())), path)

    def again(*saved):
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
            patch.setattr(regenerate, "saved_by_git", lambda path: nbformat.v4.new_notebook(cells=saved))
            assert regenerate.main([str(path)]) == 0
        return dict(zip(cells, nbformat.read(path, 4).cells, strict=True)), said.getvalue()

    first, said = again(solved, *unsolved)
    notebook = nbformat.read(path, 4)
    for cell, change in zip(notebook.cells[-1 - len(LIGHTER) : -1], LIGHTER, strict=True):
        cell.source = FIGURE.format(change)
    nbformat.write(notebook, path)
    return first, again(first["reloj"])[0], said


def shown(cell):
    """Lo que muestra una celda, por nombre del flujo."""
    assert len({output.name for output in cell.outputs}) == len(cell.outputs)
    return {output.name: output.text for output in cell.outputs}


def test_a_measure_already_kept_does_not_change(regenerated):
    first, second, _ = regenerated
    assert int(shown(first["reloj"])["stdout"]) > 10**18
    assert second["reloj"] == first["reloj"]


def test_of_a_progress_bar_only_its_last_state_is_kept(regenerated):
    first, second, _ = regenerated
    assert shown(first["barra"]) == {"stderr": "9/9", "stdout": "\nfin\n"}
    assert second["barra"] == first["barra"]


def test_the_feedback_of_another_answer_is_not_kept(regenerated):
    assert shown(regenerated[0]["resuelta"]) == {"stdout": "2 es poco\n"}


def test_a_measure_that_arrives_in_pieces_is_kept_once(regenerated):
    assert shown(regenerated[0]["trozos"]) == {"stdout": "uno\ndos\n"}


def test_an_output_that_says_something_else_is_replaced(regenerated):
    assert shown(regenerated[0]["otra"]) == {"stdout": "después\n"}


@pytest.mark.parametrize("answer", FAILING)
def test_an_answer_that_fails_stops_nothing(regenerated, answer):
    cells, _, said = regenerated
    assert cells[answer].metadata == {"tags": ["nbval-ignore-output"]}
    assert shown(cells["última"]) == {"stdout": "sigue\n"}
    number = list(cells).index(answer) + 1
    assert f"La celda {number}, que no se compara, da un error: " in said


@pytest.mark.parametrize(("change", "kept"), LIGHTER.items())
def test_a_figure_is_kept_if_the_change_cannot_be_seen(regenerated, change, kept):
    old, new = (cells[change].outputs[0].data["image/png"] for cells in regenerated[:2])
    assert (old == new) is kept


def test_a_measure_of_the_course_that_fails_stops(tmp_path, monkeypatch):
    kept = nbformat.v4.new_notebook(cells=[ignored("1 / 0")])
    monkeypatch.setattr(regenerate, "saved_by_git", lambda path: kept)
    path = tmp_path / "medida.ipynb"
    nbformat.write(kept, path)
    assert "ZeroDivisionError" in regenerate.main([str(path)])


@pytest.mark.skipif(os.name == "nt", reason="en Windows no se puede enviar Ctrl-C a un proceso")
def test_ctrl_c_leaves_the_notebook_as_it_was_and_no_kernel(tmp_path, monkeypatch, capfd):
    source = "import os, pathlib, time; pathlib.Path('lista').write_text(str(os.getpid())); time.sleep(600)"
    path, ready = tmp_path / "lento.ipynb", tmp_path / "lista"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    before = path.read_bytes()

    def interrupt():
        for _ in range(15_000):  # cinco minutos
            if ready.exists() and ready.read_text():
                return os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)

    monkeypatch.setattr(sys, "argv", ["regenerate.py", str(path)])
    handler = signal.getsignal(signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(SystemExit) as ended:  # como si se ejecutara el archivo
            runpy.run_path(str(ROOT / "tests" / "regenerate.py"), run_name="__main__")
    finally:
        signal.signal(signal.SIGINT, handler)
    assert ended.value.code == 130
    assert capfd.readouterr().err.strip().startswith("Interrumpido.")
    assert path.read_bytes() == before
    with pytest.raises(ProcessLookupError):
        os.kill(int(ready.read_text()), 0)


def test_a_color_that_changes_by_one_part_of_255_is_the_same_figure():
    import base64
    import io

    import matplotlib.pyplot as plt
    import numpy as np

    def png(level):
        buffer = io.BytesIO()
        plt.imsave(buffer, np.full((4, 4, 3), level, dtype=np.uint8))
        return base64.b64encode(buffer.getvalue()).decode()

    assert png(100) != png(101)
    assert regenerate._looks_the_same(png(100), png(101))
    assert not regenerate._looks_the_same(png(100), png(110))


def test_a_full_disk_leaves_the_notebook_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "lleno.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]), path)
    before = path.read_bytes()

    def no_space(path, target):
        raise OSError(28, "No space left on device")

    executed = nbformat.v4.new_notebook(), "0 GiB"  # aquí no hace falta ejecutar nada
    monkeypatch.setattr(regenerate, "execute", lambda *_: executed)
    monkeypatch.setattr(type(path), "replace", no_space)
    assert "Comprueba el espacio" in regenerate.main([str(path)])
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["lleno.ipynb"]


def test_a_file_cut_short_is_named(tmp_path):
    path = tmp_path / "cortado.ipynb"
    path.write_text('{"cells": [')
    assert "cortado.ipynb no se pudo ejecutar" in regenerate.main([str(path)])


def test_the_copies_that_jupyterlab_keeps_are_not_lessons():
    assert repository.is_hidden(NOTEBOOKS.relative_to(ROOT) / ".ipynb_checkpoints" / "06-checkpoint.ipynb")
    assert {path.name for path in regenerate.lessons()} >= {
        "06_modelo_gpt.ipynb",
        "07_generacion_texto.ipynb",
    }


@pytest.mark.parametrize("text", ["[]", '{"cells": 1}', "no es JSON"])
def test_what_is_not_a_notebook_is_named(tmp_path, text):
    path = tmp_path / "raro.ipynb"
    path.write_text(text)
    assert "raro.ipynb no se pudo ejecutar" in regenerate.main([str(path)])


@pytest.mark.parametrize("argument", ["--ayuda", "no_existe.ipynb", "README.md"])
def test_regenerate_says_what_it_expects(argument):
    assert re.search(r"Uso:|Se esperaba", regenerate.main([argument]))


def test_normalise_removes_what_depends_on_the_machine():
    code = nbformat.v4.new_code_cell("x", metadata={"scrolled": True, "tags": ["raises-exception"]})
    code.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="a"),
        nbformat.v4.new_output("stream", name="stdout", text="b"),
        nbformat.v4.new_output("error", ename="E", evalue="mal", traceback=["/home/ana/curso.py", "…"]),
        nbformat.v4.new_output(
            "display_data", data={"image/png": "aGk="}, metadata={"needs_background": "light"}
        ),
    ]
    caption = nbformat.v4.new_markdown_cell("**Figura 1.1.** Una `barra` alta.\n\nAquí no.")
    notebook = nbformat.v4.new_notebook(cells=[code, caption], metadata={"widgets": {}})
    code = canonical.normalise(notebook).cells[0]
    assert notebook.metadata == canonical.METADATA
    assert code.metadata == {"tags": ["raises-exception"]}
    assert [output.output_type for output in code.outputs] == ["stream", "error", "display_data"]
    assert code.outputs[0].text == "ab"
    assert code.outputs[1].traceback == ["E: mal"]
    assert code.outputs[2].metadata == {"image/png": {"alt": "Figura 1.1. Una barra alta."}}


# --- Lo que es del curso y lo que es de quien estudia -----------------------------------------------


def test_without_git_the_files_of_the_course_are_the_same():
    for suffix in (".py", ".md", ".ipynb", ".svg"):
        assert set(tracked(suffix)) <= set(repository.unlisted(suffix))
    assert all(path.is_file() for path in repository.unlisted(""))


ONE_LESSON = """[[lesson]]
number = "00"
title = "Uno"
question = "¿Cuántas?"
status = "lista"
file = "00_uno.ipynb"
minutes = 60
map = []
topic = "uno"
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Una carpeta con lo mínimo del curso y lo que deja a su lado quien estudia."""
    folder = tmp_path / "curso"
    for name in (
        "curso.py",
        "apuntes.py",
        "apuntes.md",
        "gpt_course/model.py",
        "gpt_course/__pycache__/model.py",
        "tests/conftest.py",
        "notebooks/00_uno.ipynb",
        "notebooks/00_uno-Copy1.ipynb",
        "notebooks/soluciones/00_uno.ipynb",
        "notebooks/07_mío.ipynb",
        "notebooks/apuntes.md",
        "notebooks/.ipynb_checkpoints/00_uno.ipynb",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "notebooks" / "indice.md").touch()
    (folder / manifest.MANIFEST).write_text(ONE_LESSON, encoding="utf-8")
    monkeypatch.setattr(repository, "ROOT", folder)
    monkeypatch.delenv("GIT_DIR", raising=False)
    return folder


def listed(course):
    paths = [path for suffix in (".py", ".md", ".ipynb") for path in tracked(suffix)]
    assert len(set(paths)) == len(paths)
    return {path.relative_to(course).as_posix() for path in paths}


OURS = {
    "curso.py",
    "gpt_course/model.py",
    "tests/conftest.py",
    "notebooks/00_uno.ipynb",
    "notebooks/indice.md",
    "notebooks/soluciones/00_uno.ipynb",
}


def test_without_git_what_the_reader_leaves_is_not_of_the_course(course):
    assert listed(course) == OURS


@pytest.mark.parametrize("added", [False, True])
def test_inside_the_repository_of_another_there_is_no_git(course, monkeypatch, added):
    outer = course.parent
    subprocess.run(["git", "-C", outer, "init", "-q"], check=True)
    if added:
        subprocess.run(["git", "-C", outer, "add", "."], check=True)
    assert listed(course) == OURS
    assert repository.saved(course / "curso.py") is None


def test_of_our_repository_the_notebooks_that_the_reader_added_do_not_count(course, monkeypatch):
    subprocess.run(["git", "-C", course, "init", "-q"], check=True)
    subprocess.run(["git", "-C", course, "add", "notebooks", "curso.py"], check=True)
    monkeypatch.setenv("GIT_DIR", "/otro")  # como dentro de un gancho de git de otro repositorio
    assert listed(course) == OURS - {"gpt_course/model.py", "tests/conftest.py"} | {"notebooks/apuntes.md"}
    assert repository.saved(course / "curso.py") == b""


def test_without_git_what_the_reader_wrote_is_left_out(tmp_path):
    solved = nbformat.v4.new_code_cell("print( 1 )", metadata={"tags": ["nbval-ignore-output", "mía"]})
    kept = nbformat.v4.new_code_cell("print(2)", metadata={"collapsed": False})
    path = tmp_path / "leccion.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[solved, kept]), path)
    notebook = nbformat.reads(repository.without_the_reader(path).decode("utf-8"), as_version=4)
    assert [cell.source for cell in notebook.cells] == [repository.EMPTIED, "print(2)"]
    assert notebook.cells[0].outputs == []
    assert notebook.cells[0].metadata == {"tags": ["nbval-ignore-output"]}
