"""El sitio de `.ci/run` solo vale para las pruebas si es, byte a byte, el que construyó y de donde salió."""

import built
import pytest


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Un curso diminuto con su sitio, y en GPT_CURSO_SITIO su huella."""
    monkeypatch.setattr(built, "ROOT", tmp_path)
    monkeypatch.setattr(built, "SITE", tmp_path / "_site")
    for name in ("_site/index.html", "docs/sitio/conf.py", "notebooks/01.ipynb", "gpt_course/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for name in ("constraints.txt", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    monkeypatch.setenv("GPT_CURSO_SITIO", built.fingerprint())
    return tmp_path


def test_the_site_just_built_is_used(course):
    (course / "gpt_course" / "__pycache__").mkdir()
    (course / "gpt_course" / "__pycache__" / "a.pyc").write_text("lo que deja Python al cargarlo")
    assert built.ready() == course / "_site"


@pytest.mark.parametrize(
    "name",
    ["_site/index.html", "docs/sitio/conf.py", "notebooks/01.ipynb", "gpt_course/a.py", "constraints.txt"],
)
def test_a_change_refuses_it(course, name):
    (course / name).write_text("otra cosa")
    assert built.ready() is None


@pytest.mark.parametrize("name", ["_site/nueva.html", "notebooks/02.ipynb"])
def test_a_new_file_refuses_it(course, name):
    (course / name).write_text("")
    assert built.ready() is None


def test_a_site_half_gone_is_refused(course):
    (course / "_site" / "index.html").unlink()
    assert built.ready() is None
    (course / "_site").rmdir()
    assert built.ready() is None


@pytest.mark.parametrize("value", [None, "", "1"])
def test_without_the_fingerprint_it_is_built(course, monkeypatch, value):
    monkeypatch.delenv("GPT_CURSO_SITIO") if value is None else monkeypatch.setenv("GPT_CURSO_SITIO", value)
    assert built.ready() is None


def test_ci_writes_the_fingerprint_after_building_and_before_testing():
    lines = (built.ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    order = (
        "python3 curso.py libro",
        "GPT_CURSO_SITIO=$(.venv/bin/python tests/built.py)",
        "export GPT_CURSO_SITIO",
    )
    places = [[line.split("  #")[0] for line in lines].index(line) for line in order]
    assert places == sorted(places) and places[-1] < lines.index("python3 curso.py probar")
