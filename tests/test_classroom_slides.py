"""Las diapositivas: salen de lo guardado en los cuadernos, sin red, y cada una cabe en su hoja."""

import json
import re
from functools import cache
from html.parser import HTMLParser

import pytest

from gpt_course.classroom.__main__ import main
from gpt_course.classroom.slides.outline import ROOM, outline, room
from gpt_course.classroom.slides.page import FORMULAS, make_page
from gpt_course.classroom.slides.text import caption, key_sentences, opening, paragraphs, sentences
from gpt_course.exercises.lessons import ROOT, read_lessons

outline = cache(outline)
NOTEBOOKS = [ROOT / "notebooks" / lesson.file for lesson in read_lessons()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("diapositivas") / "clase"
    assert main(["diapositivas", "--lecciones", "02,05", "--out", str(out)]) == 0
    return out


class Page(HTMLParser):
    """Lo que una página pide y lo que dice cada imagen."""

    def __init__(self, text):
        super().__init__()
        self.asked, self.images, self.open, self.sections = [], [], 0, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.asked += [attributes[key] for key in ("src", "href") if key in attributes and tag != "a"]
        self.images += [attributes] if tag == "img" else []
        self.open += tag == "section"
        self.sections += tag == "section"

    def handle_endtag(self, tag):
        self.open -= tag == "section"


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_lesson_has_its_question_its_figures_and_its_summary(path):
    slides = outline(path)
    text = "\n\n".join(text for _, text in slides)
    first = "".join(cells(path)[0]["source"])
    assert slides[0][0] == "slide"
    assert slides[0][1].startswith(first.splitlines()[0])
    assert re.search(r"^> \*\*.+\*\*$", first, re.M)[0] in slides[0][1]
    core = []
    for cell in cells(path):
        source = "".join(cell["source"])
        if "## Para quien quiera más" in source:
            break
        core.append(cell)
    figures = [
        output for cell in core for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert text.count("image/png;base64") == len(figures) > 0
    assert text.count("\n\n**Figura ") == len(figures)
    questions = sum("".join(cell["source"]).count("> **Predice") for cell in core)
    assert text.count("> **Predice antes de ejecutar.**") == questions >= 2
    titles = [text.split("\n")[0] for kind, text in slides if kind == "slide"]
    assert {"## Objetivos", "## Errores frecuentes", "## Resumen"} <= set(titles)
    assert not {"## Ejercicios", "## Para quien quiera más"} & set(titles)
    assert not re.search(r"\]\((?!http)", text), "un enlace a un archivo que no va con las diapositivas"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_answer_shares_its_slide_with_its_question(path):
    texts = [text for _, text in outline(path)]
    for text in texts:
        if "> **Predice" in text:
            assert "```" not in text.split("> **Predice")[1]
            assert "<figure>" not in text.split("> **Predice")[1]
            assert text.split("> **Predice")[1].count("\n\n") == 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_slide_has_room_and_every_sentence_is_of_the_notebook(path):
    source = re.sub(
        r"(?<!!)\[([^\]]+)\]\((?!http)[^)]*\)", r"\1", "\n".join("".join(c["source"]) for c in cells(path))
    )
    for _, text in outline(path):
        blocks = re.split(r"(?<!</figure>)\n\n", text)[text.startswith("## ") :]  # una figura, con su pie
        assert sum(map(room, blocks)) <= ROOM
        for block in blocks:
            if not block.startswith(("<figure>", "```")):
                assert all(sentence in source for sentence in sentences(block)), block


SEEN = """async () => {
  const cut = [];
  for (const slide of Reveal.getSlides()) {
    const {h, v} = Reveal.getIndices(slide);
    Reveal.slide(h, v);
    slide.getBoundingClientRect();  // aquí pide sus letras, y sin ellas mediría otra cosa
    await document.fonts.ready;
    const all = [slide, ...slide.children].map((piece) => piece.getBoundingClientRect());
    const fits = ({ top, left, right, bottom }) =>
      top >= 0 && left >= 0 && right <= innerWidth && bottom <= innerHeight;
    if (!all.every(fits) || all[0].width <= innerWidth / 2) cut.push(slide.innerText.slice(0, 60));
  }
  return cut;
}"""


def test_in_a_browser_every_slide_is_seen_whole(page, tmp_path):
    assert main(["diapositivas", "--out", str(tmp_path / "clase")]) == 0
    page.set_viewport_size({"width": 1280, "height": 720})
    for path in NOTEBOOKS:
        page.goto((tmp_path / "clase" / f"{path.stem}.html").as_uri())
        page.wait_for_function("Reveal.isReady()")
        assert page.evaluate(SEEN) == [], path.stem


def test_every_formula_of_the_slides_is_already_mathml():
    formulas = json.loads(FORMULAS.read_text(encoding="utf-8"))
    for path in NOTEBOOKS:
        text = "\n\n".join(text for _, text in outline(path) if "$" in text)
        text = re.sub(r"```.*?```|`[^`]*`|base64,[^\"]*", "", text, flags=re.S)
        for block in re.findall(r"\$\$(.+?)\$\$", text, re.S):
            assert block.strip() in formulas["display"], path.name
        for inline in re.findall(r"\$([^$\n]+)\$", re.sub(r"\$\$.+?\$\$", "", text, flags=re.S)):
            assert inline.strip() in formulas["inline"], path.name


def test_the_pages_need_nothing_that_is_not_beside_them(folder):
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["02_incrustaciones.html", "05_bloque_transformer.html", "diapositivas", "index.html"]
    for path in folder.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        files = [name for name in page.asked if not name.startswith("data:")]
        assert files
        assert all((folder / name).is_file() for name in files)
        assert not re.search(r"MathJax|require|unpkg|cdn|jupyter", re.sub('base64,[^"]*', "", text), re.I)
        assert page.open == 0
        assert all(image["alt"].strip() for image in page.images)
        assert 'lang="es"' in text
    styles = (folder / "diapositivas" / "diapositivas.css").read_text(encoding="utf-8")
    for name in re.findall(r'url\("([^"]+)"\)', styles):
        assert (folder / "diapositivas" / name).is_file()
    links = re.findall(r'href="(\d\d_\w+\.html)"', (folder / "index.html").read_text(encoding="utf-8"))
    assert sorted(links) == names[:2]


def test_the_formulas_reach_the_page_as_mathml():
    page = make_page("x", [("slide", "# Uno\n\n$d$ y $no_{esta}$"), ("subslide", "## Dos\n\n- **a**")])
    formulas = json.loads(FORMULAS.read_text(encoding="utf-8"))
    known = next(iter(formulas["inline"]))
    assert formulas["inline"][known] in make_page("x", [("slide", f"Así: ${known}$.")])
    assert "<code>no_{esta}</code>" in page
    assert Page(page).sections == 3  # la columna y sus dos hojas


def test_it_gives_the_same_bytes_twice(folder):
    again = folder.parent / "otra"
    assert main(["diapositivas", "--lecciones", "05", "--out", str(again)]) == 0
    written = [path for path in again.rglob("*") if path.is_file() and path.name != "index.html"]
    assert len(written) == 7
    for path in written:
        assert path.read_bytes() == (folder / path.relative_to(again)).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lecciones", "99"], "`--lecciones` espera números de lección"),
        (["--lecciones", "x"], "llegó 'x'"),
        (["--nada"], "--nada"),
    ],
)
def test_a_wrong_order_is_a_sentence_and_writes_nothing(tmp_path, capsys, arguments, message):
    assert main(["diapositivas", *arguments, "--out", str(tmp_path / "x")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_file_in_the_place_of_the_folder_is_kept(tmp_path, capsys):
    file = tmp_path / "apuntes"
    file.write_text("míos")
    assert main(["diapositivas", "--lecciones", "02", "--out", str(file)]) == 2
    assert "es un archivo" in capsys.readouterr().err
    assert file.read_text() == "míos"


def test_sentences_end_where_they_end():
    text = "Salen 1, 1,5 y 2. **Cada fila** suma 1. ¿Y `a. B`? Mira $x. Y$ (Luego.) «Sí.» Así."
    assert sentences(text) == [
        *(
            "Salen 1, 1,5 y 2.",
            "**Cada fila** suma 1.",
            "¿Y `a. B`?",
            "Mira $x. Y$ (Luego.)",
            "«Sí.»",
            "Así.",
        ),
    ]


def test_the_key_sentences_are_the_bold_ones_the_questions_and_their_answers():
    text = "Uno va. Dos **negrita**. Tres va. ¿Cuatro? Cinco contesta. Seis va."
    assert key_sentences(text, first=False) == "Dos **negrita**. ¿Cuatro? Cinco contesta."
    assert key_sentences("Nada que decir. Ni aquí.", first=False) == ""
    assert key_sentences("Abre. Sigue. Y sigue. No.", first=True) == "Abre. Sigue. Y sigue."
    assert opening("x" * 95 + ". Otra.") == "x" * 95 + "."


def test_a_caption_keeps_its_label_and_its_first_sentence():
    assert caption("**Figura 3.1.** Una cosa. Otra.") == "**Figura 3.1.** Una cosa."


def test_hints_and_local_links_are_left_out():
    text = "Mira [esto](../x.ipynb) y [eso](https://a.b).\n\n<details>no</details>\n\n## Dos\nTres"
    assert paragraphs(text) == ["Mira esto y [eso](https://a.b).", "## Dos", "Tres"]
