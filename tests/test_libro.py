"""El curso como sitio (docs/sitio): lo que se ve sin abrir un navegador; con él, tests/test_sitio.py."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import manifest
import pytest
from browser import installed, require
from fontTools.ttLib import TTFont

from gpt_course.command import BadInput

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "docs" / "sitio"
NOTEBOOKS = manifest.notebooks()
VOID = {"br", "hr", "img", "input", "link", "meta"}
MEGABYTE = 10**6


@pytest.fixture(scope="session")
def sources():
    """Los módulos de docs/sitio se pueden importar."""
    require(installed("sphinx", "myst_nb", "furo"), 'el extra «libro»: pip install -e ".[libro]"')
    sys.path.insert(0, str(SITE))
    yield
    sys.path.remove(str(SITE))


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def texts(path):
    return ["".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "markdown"]


def page_of(folder, path):
    return (folder / path.relative_to(ROOT / "notebooks")).with_suffix(".html")


class Page(HTMLParser):
    """Una página leída etiqueta a etiqueta: qué hay, dentro de qué, y qué está mal cerrado."""

    def __init__(self, path):
        super().__init__()
        self.open, self.wrong, self.tags, self.words = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.wrong += self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes), list(self.open)))
        if tag not in VOID:
            self.open.append((tag, dict(attributes).get("class", "")))

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes), list(self.open)))

    def handle_endtag(self, tag):
        if self.open and self.open[-1][0] == tag:
            self.open.pop()
        else:
            self.wrong.append((tag, self.getpos()))

    def handle_data(self, data):
        self.words.append((data, list(self.open)))

    def all(self, tag, **wanted):
        """Los atributos de cada etiqueta así, en orden."""
        return [a for name, a, _ in self.tags if name == tag and wanted.items() <= a.items()]


@pytest.fixture(scope="session")
def pages(site):
    return {path.relative_to(site).as_posix(): Page(path) for path in sorted(site.rglob("*.html"))}


# --- Las fórmulas, sin construir nada -----------------------------------------------------------------

FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", flags=re.S)
STORED = json.loads((SITE / "formulas.json").read_text(encoding="utf-8"))


def formulas(path):
    """Las fórmulas de un cuaderno: («display» o «inline», tex)."""
    for text in texts(path):
        prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
        for apart, inside in FORMULA.findall(prose):
            yield ("display", apart.strip()) if apart else ("inline", inside.strip())


def test_the_stored_formulas_are_those_of_the_notebooks():
    written = {formula for path in NOTEBOOKS for formula in formulas(path)}
    stored = {(kind, tex) for kind, converted in STORED.items() for tex in converted}
    assert len(written) > 100
    assert stored == written, "Rehaz docs/sitio/formulas.json: docs/sitio/formulas.py dice cómo."


def test_each_stored_formula_keeps_its_tex():
    for converted in STORED.values():
        for tex, mathml in converted.items():
            [kept] = re.findall(r'<annotation encoding="application/x-tex">(.*?)</annotation>', mathml)
            assert kept.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == tex


def italic(letter):
    """El signo con que se dibuja una letra sola: cursiva matemática."""
    if letter == "h":
        return 0x210E
    for first, start in (("a", 0x1D44E), ("A", 0x1D434), ("α", 0x1D6FC), ("Α", 0x1D6E2)):
        if 0 <= ord(letter) - ord(first) < 26:
            return start + ord(letter) - ord(first)
    return ord(letter)


def test_the_font_has_every_sign_of_the_formulas():
    fonts = SITE / "estaticos" / "fuentes"
    font = TTFont(fonts / "noto-sans-math.woff")
    assert "MATH" in font and "SIL OPEN FONT LICENSE" in (fonts / "OFL.txt").read_text(encoding="utf-8")
    mathml = "".join(m for converted in STORED.values() for m in converted.values())
    mathml = re.sub(r"<annotation.*?</annotation>", "", mathml)
    needed = {ord(sign) for sign in re.sub(r"<[^>]+>|&\w+;", "", mathml)} | {0x221A} - {0x2061}
    needed |= {italic(letter) for letter in re.findall(r"<mi>(\w)</mi>", mathml)}
    assert not {chr(code) for code in needed - {0x2061} - set(font.getBestCmap())}


# --- El sitio construido ------------------------------------------------------------------------------


def test_every_notebook_has_its_page_and_its_download(site, pages):
    for path in NOTEBOOKS:
        name = page_of(Path(), path).as_posix()
        expected = cells(path)
        for cell in expected:
            for output in cell.get("outputs", ()):
                output.get("data", {}).pop("image/png", None)
        download = site / "cuadernos" / path.relative_to(ROOT / "notebooks")
        assert cells(download) == expected
        links = [link["href"] for link in pages[name].all("a", download=None)]
        assert [(site / name).parent.joinpath(link).resolve() for link in links] == [download.resolve()]
    assert (site / "index.html").read_bytes() == (site / "indice.html").read_bytes()


def test_the_site_is_light(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) <= 8 * MEGABYTE


def test_every_page_is_well_formed(pages):
    for name, page in pages.items():
        repeated = [i for i, n in Counter(a["id"] for _, a, _ in page.tags if "id" in a).items() if n > 1]
        assert not page.wrong and not repeated, (name, page.wrong[:3], repeated[:3])
        assert len(page.all("h1")) == 1 and page.all("html")[0]["lang"] == "es", name


def test_every_link_leads_somewhere_and_nothing_is_fetched_from_outside(site, pages):
    anchors = {name: {a["id"] for _, a, _ in page.tags if "id" in a} for name, page in pages.items()}
    for name, page in pages.items():
        for tag, attributes, _ in page.tags:
            for url in filter(None, (attributes.get("href"), attributes.get("src"))):
                parts = urlsplit(url)
                if parts.scheme or parts.netloc:  # un enlace a otra parte se ofrece; cargar de ella, no
                    assert parts.scheme == "data" or (tag == "a" and parts.scheme == "https"), (name, url)
                    continue
                target = (site / name).resolve()
                if parts.path:
                    target = (target.parent / unquote(parts.path)).resolve()
                assert target.is_file(), (name, url)
                there = anchors.get(target.relative_to(site.resolve()).as_posix(), ())
                if parts.fragment and "=" not in parts.fragment:  # con «=» son valores de la página
                    assert unquote(parts.fragment) in there, (name, url)


def test_every_formula_is_mathml(site, pages):
    for path in NOTEBOOKS:
        page = pages[page_of(Path(), path).as_posix()]
        assert len(page.all("math")) == len(list(formulas(path))), path.name
        assert not re.search(
            r"\$[^$]+\$|\\\(", "".join(w for w, inside in page.words if inside and inside[-1][0] == "p")
        )


def test_each_figure_is_described_once(pages):
    for path in NOTEBOOKS:
        page = pages[page_of(Path(), path).as_posix()]
        stored = [
            output["metadata"]["image/png"]["alt"]
            for cell in cells(path)
            for output in cell.get("outputs", ())
            if "image/png" in output.get("data", {})
        ]
        shown = [image.get("alt") for image in page.all("img") if ".webp" in image["src"]]
        assert shown == stored and all(image.get("alt") for image in page.all("img")), path.name
        assert len([a for a in page.all("p", **{"aria-hidden": "true"}) if a["class"] == "pie"]) == len(
            stored
        )


def test_predictions_hints_and_solutions_are_folded(pages):
    for path in NOTEBOOKS:
        page = pages[page_of(Path(), path).as_posix()]
        folded = [c for c in cells(path) if c["metadata"].get("jupyter", {}).get("outputs_hidden")]
        hints = sum(text.count("<details>") for text in texts(path))
        answers = re.findall(r"^(?:## |\*\*)\d+\. ", "\n".join(texts(path)), flags=re.M)
        expected = {"prediccion": len(folded), "solucion": len(answers) if "soluciones" in path.parts else 0}
        found = Counter(a.get("class", "pista") for a in page.all("details"))
        assert found == Counter({**expected, "pista": hints}), path.name
        assert not any("open" in a for a in page.all("details"))
        if "soluciones" in path.parts:
            outside = [w for w, inside in page.words if "✓" in w and ("details", "solucion") not in inside]
            assert not outside and answers, (path.name, outside)


def test_the_map_leads_to_every_piece(pages):
    for name in ("index.html", "05_bloque_transformer.html"):
        pieces = [a for tag, a, inside in pages[name].tags if tag == "a" and ("svg", "mapa") in inside]
        assert [a["href"][:2] for a in pieces] == ["01", "06", "02", "05", "03", "04", "06", "07"]
        assert pieces[4]["aria-label"] == "Atención: lección 03 · Atención"
        assert len(pages[name].all("svg", **{"class": "mapa", "role": "group"})) == 1


def test_each_term_is_linked_once_with_its_definition(pages):
    glossary = (ROOT / "notebooks" / "glosario.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .+ \| .+ \| (.+) \| \[\d\d\]\(.*$", glossary, flags=re.M)
    anchors = [a["id"] for a in pages["glosario.html"].all("span") if a.get("id", "").startswith("termino-")]
    assert len(anchors) == len(rows) == len(set(anchors)) > 50
    linked = set()
    for name, page in pages.items():
        terms = [a for tag, a, inside in page.tags if tag == "a" and inside[-1:] == [("span", "termino")]]
        tips = Counter(a["id"] for a in page.all("span", role="tooltip"))
        assert [a["aria-describedby"] for a in terms] == list(tips) and set(tips.values()) <= {1}, name
        linked |= {a["href"].split("#")[1] for a in terms}
    shown = "".join(
        word for word, inside in pages["03_atencion.html"].words if ("span", "no-search") in inside
    )
    assert "Una fila de números." in shown and "Una fila de números." in rows
    assert linked == set(anchors), "Hay términos del glosario que ninguna página enlaza."


def test_nothing_is_left_in_english(site, pages, sources):
    from spanish import TEXTS

    for name in pages:
        html = (site / name).read_text(encoding="utf-8")
        assert not [old for old in TEXTS if old in html and old not in TEXTS[old]], name
    translations = (site / "_static" / "translations.js").read_text(encoding="utf-8")
    for script in ("searchtools.js", "sphinx_highlight.js"):
        code = (site / "_static" / script).read_text(encoding="utf-8")
        said = re.findall(r'(?:\b_|gettext|ngettext)\(\s*"([^"]+)"', code)
        assert said and not [text for text in said if f'"{text}":' not in translations], script


# --- Las piezas ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["después", "además", "incrustación", "según", "atención", "lingüística"])
def test_the_search_does_not_mind_accents(sources, word):
    from search_es import PLAIN, SearchWithoutAccents

    stem = SearchWithoutAccents({}).stem
    assert stem(word) == stem(word.translate(PLAIN)) == stem(word.upper())
    assert stem("año") != stem("ano")


def test_opening_elsewhere_is_one_setting(sources):
    from sources import actions

    assert "Colab" not in actions("03_atencion", "")
    html = actions("soluciones/03_atencion", "ana/gpt/main")
    assert "/github/ana/gpt/blob/main/notebooks/soluciones/03_atencion.ipynb" in html
    assert "/gh/ana/gpt/main?labpath=notebooks/soluciones/03_atencion.ipynb" in html


def test_a_link_to_a_page_apart_that_does_not_exist_stops_the_build(sources):
    from sources import LINK_APART, link_apart

    match = LINK_APART.search("[la página](../docs/sitio/memoria/no_existe.html#aqui)")
    with pytest.raises(ValueError, match="no_existe"):
        link_apart("02_incrustaciones", match)


def test_a_folder_with_something_else_is_left_as_it_is(sources, tmp_path):
    from site_build import build

    (tmp_path / "apuntes.txt").write_text("míos")
    with pytest.raises(BadInput, match="hay otra cosa"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["apuntes.txt"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(["--help"], 0, "Construye el curso"), (["--outt"], 2, "No existe la opción"), (["--out"], 2, "--out")],
)
def test_the_command_says_what_it_expects(arguments, code, said):
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}  # con LC_ALL=C, cada acento sería «?»
    done = subprocess.run(
        [sys.executable, SITE, *arguments], env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == code and said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
