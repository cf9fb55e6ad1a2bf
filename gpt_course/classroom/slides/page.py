"""De una lista de diapositivas a una página de `reveal.js`, con `nbconvert` y sin ejecutar nada."""

import json

import nbformat
from jinja2 import pass_context
from nbconvert.exporters import SlidesExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from gpt_course.exercises.lessons import ROOT

SOURCES = ROOT / "docs" / "docencia" / "diapositivas"
FORMULAS = ROOT / "docs" / "sitio" / "formulas.json"


class Renderer(IPythonRenderer):
    """Las fórmulas, ya convertidas a MathML: el navegador las dibuja sin MathJax."""

    formulas = None

    def inline_math(self, body):
        return self._formula("inline", body)

    def block_math(self, body):
        return self._formula("display", body)

    def _formula(self, kind, body):
        stored = self.formulas[kind].get(body.strip())
        return stored or f"<code>{self.escape_html(body.strip())}</code>"  # una fórmula que el curso no tiene


class Slides(SlidesExporter):
    """El exportador de diapositivas de `nbconvert`, con la plantilla de `docs/docencia/diapositivas`."""

    def __init__(self, formulas):
        super().__init__(extra_template_basedirs=[str(SOURCES)], template_name="plantilla")
        self.formulas = formulas

    @pass_context
    def markdown2html(self, context, source):
        renderer = Renderer(escape=False, exclude_anchor_links=True)
        renderer.formulas = self.formulas
        return MarkdownWithMath(renderer=renderer).render(source)


def make_page(title, slides):
    """El HTML de una lección. slides: (tipo, texto); `slide` va a la derecha y `subslide`, debajo."""
    cells = [
        nbformat.v4.new_markdown_cell(text, id=f"d{number}", metadata={"slideshow": {"slide_type": kind}})
        for number, (kind, text) in enumerate(slides)
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"title": title})
    formulas = json.loads(FORMULAS.read_text(encoding="utf-8"))
    return Slides(formulas).from_notebook_node(notebook)[0]
