"""El PDF que imprime Chromium: unas páginas o, con GPT_CURSO_PDF=entero (tests/matrix.py pdf), todas."""

import html
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from browser import require

SOURCES = str(Path(__file__).resolve().parent.parent / "docs" / "sitio")
SOME = ["00_bienvenida.html", "soluciones/00_bienvenida.html"]
MEGABYTE = 10**6


@pytest.fixture(scope="module")
def site(site, tmp_path_factory):
    """Una copia: la imprenta deja en la carpeta del sitio, mientras trabaja, lo que va a imprimir."""
    return shutil.copytree(site, tmp_path_factory.mktemp("imprenta") / "sitio")


@pytest.fixture(scope="module")
def maker(site):
    """El módulo pdf, con los suyos al alcance."""
    sys.path.insert(0, SOURCES)
    import pdf

    yield pdf
    sys.path.remove(SOURCES)


@pytest.fixture(scope="module")
def book(maker, site, tmp_path_factory):
    """El PDF, abierto."""
    from pypdf import PdfReader

    require(maker.find_chromium(), "Chromium (en Debian y Ubuntu: sudo apt install chromium)")
    target = tmp_path_factory.mktemp("pdf") / "libro.pdf"
    before = set(site.iterdir())
    maker.make_pdf(site, target, only=None if os.environ.get("GPT_CURSO_PDF") == "entero" else SOME)
    assert set(site.iterdir()) == before, "deja algo en la carpeta del sitio"
    assert target.stat().st_size <= 15 * MEGABYTE
    return PdfReader(target)


@pytest.fixture(scope="module")
def texts(book):
    """El texto de cada página, con espacios corrientes."""
    return [re.sub(r"\s+", " ", page.extract_text()) for page in book.pages]


def chapters(book):
    """[(título, página)] de los marcadores de primer nivel, sin la portada ni el contenido."""
    outline = [entry for entry in book.outline if not isinstance(entry, list)]
    return [(entry.title, book.get_destination_page_number(entry) + 1) for entry in outline][2:]


def test_the_title_page_and_the_contents_come_first(book, texts):
    assert "GPT a lápiz" in texts[0]
    assert "Contenido" in texts[1]
    solutions = [title.startswith("Soluciones") for title, _ in chapters(book)]
    assert any(solutions)
    assert solutions == sorted(solutions), "las soluciones, al final"


def test_the_contents_give_the_page_of_each_chapter_and_section(book, texts):
    start = chapters(book)[0][1]
    contents = " ".join(texts[1 : start - 1])
    assert "000" not in contents
    for title, number in chapters(book):
        assert re.search(rf"{re.escape(title)} ?{number}\b", contents), title
        assert title in texts[number - 1]
    sections = re.findall(r"Objetivos ?(\d+)", contents)
    assert len(sections) == sum(
        not title.startswith(("Soluciones", "Glosario")) for title, _ in chapters(book)
    )
    assert all("Objetivos" in texts[int(number) - 1] for number in sections)


def test_each_page_but_the_first_has_its_footer(book, texts):
    for number, text in enumerate(texts[1:], start=2):
        current = [title for title, start in chapters(book) if start <= number]
        footer = f"GPT a lápiz · {current[-1]}" if current else "GPT a lápiz"
        assert footer in text, number
        assert re.search(rf"(^|\D){number}\D", text.partition(footer)[0][-8:] + " "), number
    assert "GPT a lápiz ·" not in texts[0]


def test_it_is_tagged_and_in_spanish(book):
    root = book.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "es"
    assert book.metadata.title == "GPT a lápiz"


def test_hints_answers_and_solutions_are_open(site, texts):
    whole = "".join(texts).replace(" ", "")
    for page in SOME:
        source = (site / page).read_text(encoding="utf-8")
        folded = re.findall(
            r"<details[^>]*>\s*<summary>.*?</summary>(.*?)</details>", source, flags=re.DOTALL
        )
        assert folded, page
        for text in folded:
            start = re.sub(r"<[^>]+>|\s+", "", html.unescape(text.partition("<math")[0]))[:20]
            assert start in whole, text


def images(page):
    """Los números de las imágenes que dibuja una página."""
    drawn = page["/Resources"].get("/XObject", {})
    return [drawn.raw_get(name).idnum for name in drawn if drawn[name]["/Subtype"] == "/Image"]


def test_no_figure_is_split_and_none_is_missing(site, maker, book):
    used = [number for page in book.pages for number in images(page)]
    assert len(used) == len(set(used)), "una figura partida sale en dos páginas"
    pages = maker.book_pages(site) if os.environ.get("GPT_CURSO_PDF") == "entero" else SOME
    figures = [re.findall(r'src="[^"]*_images/', (site / page).read_text(encoding="utf-8")) for page in pages]
    assert len(used) == sum(map(len, figures)) > 0


def test_the_map_is_drawn_too(site, maker):
    source, body = (site / SOME[0]).read_text(encoding="utf-8"), maker.chapter(site, SOME[0], SOME)
    maps = re.findall(r'href="(_images/[^"]+\.svg)"', source)
    assert maps
    assert all(f'href="../{path}"' in body for path in maps)


def test_without_chromium_it_says_what_to_do(maker, site, tmp_path, monkeypatch):
    monkeypatch.setattr(maker, "find_chromium", lambda: None)
    with pytest.raises(maker.BadInput, match="hace falta Chromium o Chrome"):
        maker.make_pdf(site, tmp_path / "x.pdf")
    assert not list(tmp_path.iterdir())


def test_a_browser_that_fails_leaves_no_pdf(maker, site, tmp_path, monkeypatch):
    monkeypatch.setattr(maker, "find_chromium", lambda: sys.executable)  # no entiende sus opciones
    with pytest.raises(maker.BadInput, match="no pudo imprimir"):
        maker.make_pdf(site, tmp_path / "x.pdf", only=SOME)
    assert not list(tmp_path.iterdir())
