"""Las páginas del sitio en Chromium: cada una se visita una vez (tests/visit.py) y se mira lo visto."""

import posixpath
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from browser import build, installed, require, serve
from visit import NARROW, Visitor, english

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


@pytest.fixture(scope="module")
def visitor(chromium):
    require(installed("axe_playwright_python"), 'el extra «navegador»: pip install -e ".[navegador]"')
    return Visitor(chromium)


@pytest.fixture(scope="module")
def visits(site, visitor):
    """{página: lo que se vio en ella}, abierta del disco, que es donde más falla lo que pide."""

    @cache
    def visit(folder, content):  # index.html e indice.html son la misma
        return visitor.visit(pages[folder, content].as_uri())

    pages = {(path.parent, path.read_bytes()): path for path in sorted(site.rglob("*.html"))}
    return {
        path.relative_to(site).as_posix(): visit(path.parent, path.read_bytes())
        for path in sorted(site.rglob("*.html"))
    }


def faults(visits, kind):
    return [f"{page}: {fault}" for page, seen in visits.items() for fault in seen[kind]]


# --- Cada página -------------------------------------------------------------------------------------


def test_every_lesson_and_solution_has_its_page(visits):
    notebooks = {path.relative_to(NOTEBOOKS) for path in NOTEBOOKS.rglob("[0-9][0-9]_*.ipynb")}
    assert {path.with_suffix(".html").as_posix() for path in notebooks} <= set(visits)
    assert {"index.html", "glosario.html", "search.html"} <= set(visits)


@pytest.mark.parametrize("kind", ["loading", "sideways", "axe", "keyboard"])
def test_no_page_has_faults(visits, kind):
    found = faults(visits, kind)
    assert not found, "\n".join(found)


def test_everything_is_in_spanish(visits):
    found = [f"{page}: {text}" for page, seen in visits.items() for text in english(seen["words"])]
    assert not found, "\n".join(found)


def test_every_page_is_reached_from_the_index(visits):
    reached, pending = set(), ["index.html"]
    while pending:
        page = pending.pop()
        reached.add(page)
        for to in visits[page]["links"]:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), urlsplit(to).path))
            if path in visits and path not in reached:
                pending.append(path)
    assert set(visits) - reached <= {"indice.html"}  # los mismos bytes que index.html


def test_every_image_is_seen_and_says_what_it_shows(visits):
    for page, seen in visits.items():
        for image in seen["images"]:
            text = image["text"] or ""
            assert image["shown"], f"{page}: no se ve {image['source']}"
            assert len(text.split()) > 3, f"{page}: {image['source']} no se describe: «{text}»"
            assert not re.search(r"\.(png|svg|webp)$|_images/", text), f"{page}: «{text}» es una ruta"


def test_every_formula_is_drawn_with_the_font_that_comes_with_the_site(visits):
    assert sum(seen["formulas"] for seen in visits.values()) >= 137
    assert not faults(visits, "raw")
    used = {font for seen in visits.values() for font in seen["fonts"]}
    assert used
    assert all(own for _, own in used), used


# --- El sitio entero ---------------------------------------------------------------------------------


def test_the_tabulator_goes_through_the_index(server, visitor, visits):
    visitor.open(f"{server}/index.html")
    assert not visitor.walk()


def test_the_menu_of_a_phone_opens_with_the_keyboard(server, visitor):
    visitor.open(f"{server}/03_atencion.html")
    visitor.page.set_viewport_size(NARROW)
    for switch, panel in (("#__navigation", ".sidebar-drawer"), ("#__toc", ".toc-drawer")):
        assert not on_screen(visitor.page.locator(panel))
        visitor.page.locator(switch).focus()
        visitor.page.keyboard.press("Space")
        assert on_screen(visitor.page.locator(panel))
        visitor.page.keyboard.press("Space")


def on_screen(panel):
    return panel.evaluate(
        "(box) => box.getBoundingClientRect().left < 360 && box.getBoundingClientRect().right > 0"
    )


# El tipo con que un servidor da cada cosa; con otro, Chromium no la usa.
TYPES = {"document": "text/html", "stylesheet": "text/css", "script": "text/javascript", "image": "image/"}


def asked(site, seen, kinds=(*TYPES, "font", "fetch", "xhr", "other")):
    """Lo que pidió una página al abrirse del disco: {(ruta en el sitio, clase)}."""
    urls = {(url, kind) for url, kind in seen["asked"] if not url.startswith(("data:", "blob:"))}
    return {(url.removeprefix(f"{site.as_uri()}/"), kind) for url, kind in urls if kind in kinds}


def test_the_web_gives_all_that_the_pages_ask_for(site, server, visits):
    everything = set().union(*(asked(site, seen) for seen in visits.values()))
    assert {"document", "stylesheet", "script", "image", "font"} <= {kind for _, kind in everything}
    for path, kind in sorted(everything):
        with urlopen(Request(f"{server}/{path}", method="HEAD")) as answer:
            assert answer.headers.get_content_type().startswith(TYPES.get(kind, "")), path


def test_every_page_opens_from_the_web(server, visitor, visits):
    found = [f"{page}: {fault}" for page in visits for fault in visitor.open(f"{server}/{page}")]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("where", ["web", "disco"])
def test_the_search_finds_words_with_and_without_accents(site, server, visitor, where):
    assert not visitor.open(f"{server if where == 'web' else site.as_uri()}/search.html?q=incrustación")
    asked_in_the_address = found(visitor)
    assert asked_in_the_address and search(visitor, "incrustación") == asked_in_the_address
    for word, page in [
        ("incrustación", "02_incrustaciones"),
        ("además", ""),
        ("después", ""),
        ("atención", "03_"),
    ]:
        with_accents, without = (search(visitor, text) for text in (word, unaccented(word)))
        assert with_accents, f"no encuentra «{word}»"
        assert set(without) == set(with_accents), f"«{word}» y «{unaccented(word)}» no dan lo mismo"
        assert any(page in link for link in with_accents)
    assert search(visitor, "xilófonoinexistente") == []


def search(visitor, text):
    """Las páginas que encuentra el buscador, ya abierto, como si ese texto fuera en la dirección."""
    visitor.page.evaluate(
        """(text) => {
            document.querySelector("#search-results").replaceChildren();
            Search.performSearch(text);
        }""",
        text,
    )
    return found(visitor)


def found(visitor):
    """Las páginas que enseña el buscador."""
    visitor.page.wait_for_function(
        "document.querySelector('.search-summary')?.textContent.match(/\\d|ning|No /i)"
    )
    texts = visitor.page.locator("main, [role=main], article").first.inner_text().splitlines()
    assert not english([line for line in texts if line.strip()][:2])
    links = visitor.page.locator("#search-results li a").evaluate_all(
        "all => all.map((link) => link.pathname)"
    )
    return [link.rpartition("/")[2] for link in links]


def unaccented(word):
    return word.translate(str.maketrans("áéíóú", "aeiou"))


def test_a_page_is_read_without_javascript(chromium, server):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/03_atencion.html")
    assert page.locator("h1").is_visible()
    assert page.locator("math").first.is_visible()
    context.close()


def test_two_builds_give_the_same_bytes(site, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    build(tmp_path / "otra carpeta")
    first, second = contents(site), contents(tmp_path / "otra carpeta")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def contents(folder):
    names = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


# --- Que la visita ve lo que está mal -----------------------------------------------------------------

BROKEN = """<!doctype html><html lang="es"><meta charset="utf-8"><title>Rota</title>
<style>body { color: #000; background: #fff } button:focus { outline: none } math { font-family: serif }
@media (prefers-color-scheme: dark) { .gris, pre .c { color: #777; background: #555 } }</style>
<body><main><h1>Una página rota</h1><p class="gris">Solo se lee con el tema claro.</p>
<p><a href="otra.html">enlace</a></p><pre><span class="k">for</span> <span class="c"># también</span></pre>
<div style="width: 500px; background: #eee">ancho</div><button>sin foco</button><label for="x">Menú</label>
<input type="checkbox" id="x" style="display: none"><span onclick="1" id="y">se pulsa</span>
<p>Back to top</p><p aria-label="Click to open the menu">Fórmula $x^2$</p><img src="no.png">
<math><mi>x</mi></math><script>fetch("http://ajeno.invalid/x").catch(() => 0); noExiste()</script></main>"""


@pytest.fixture(scope="module")
def broken(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rota")
    (folder / "rota.html").write_text(BROKEN, encoding="utf-8")
    with serve(folder) as url:
        yield Visitor(chromium).visit(f"{url}/rota.html")


@pytest.mark.parametrize(
    ("kind", "piece"),
    [
        *(
            ("loading", piece)
            for piece in ("ajena: http://ajeno.invalid", "noExiste", "404: http://127.0.0.1")
        ),
        *(
            ("axe", piece)
            for piece in ("color-contrast: <p class", 'color-contrast: <span class="c"', "image-alt")
        ),
        *(("keyboard", piece) for piece in ("no se ve: <button", "no llega: <label", "no llega: <span")),
        *(("sideways", piece) for piece in ("se desplaza", '<div style="width: 500px')),
    ],
)
def test_the_visit_sees_what_is_wrong(broken, kind, piece):
    assert piece in "\n".join(broken[kind])


def test_the_visit_sees_english_links_images_and_formulas(broken):
    assert english(broken["words"]) == ["Back to top", "Click to open the menu"]
    assert broken["links"] == ["otra.html"]
    assert broken["images"] == [{"source": "no.png", "text": None, "shown": False}]
    assert (broken["formulas"], broken["raw"]) == (1, ["Fórmula $x^2$"])
    assert [own for _, own in broken["fonts"]] == [False]
