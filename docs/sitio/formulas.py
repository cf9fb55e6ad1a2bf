"""Las fórmulas del curso, de TeX a MathML: se dibujan sin JavaScript, y se pueden oír y copiar.

La conversión está guardada en `formulas.json`, así que construir el sitio no necesita Node. Cuando un
cuaderno estrena una fórmula, se rehace con Node y con temml, instalado en una carpeta cualquiera:

    npm install --prefix ../temml temml@0.13.5
    python docs/sitio/formulas.py --convertir ../temml
"""

import json
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from sphinx.util import logging

logger = logging.getLogger(__name__)

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
CACHE = HERE / "formulas.json"


def read_cache():
    """{"inline": {tex: mathml}, "display": {tex: mathml}}: dentro de una línea y aparte."""
    return json.loads(CACHE.read_text(encoding="utf-8"))


def find_formulas(folder=NOTEBOOKS):
    """Las fórmulas de los cuadernos, en orden y sin repetir: {"inline": […], "display": […]}."""
    parser = MarkdownIt().use(dollarmath_plugin)  # el mismo lector que usa MyST
    found = {"inline": {}, "display": {}}
    for path in sorted(folder.rglob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                for token in parser.parse("".join(cell["source"])):
                    for inner in (token, *(token.children or ())):
                        kind = {"math_inline": "inline", "math_block": "display"}.get(inner.type)
                        if kind:
                            found[kind][inner.content.strip()] = None
    return {kind: list(formulas) for kind, formulas in found.items()}


def convert(temml_folder):
    """Rehace `formulas.json` con Node y con el temml instalado en esa carpeta."""
    command = ["node", str(HERE / "formulas.mjs"), str(Path(temml_folder).resolve())]
    asked = json.dumps(find_formulas())
    done = subprocess.run(
        command, input=asked, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True
    )
    CACHE.write_text(done.stdout, encoding="utf-8", newline="\n")


def visit_inline(translator, node):
    write(translator, "inline", node)


def visit_display(translator, node):
    write(translator, "display", node)


def write(translator, kind, node):
    """Escribe en la página el MathML de una fórmula. Errores: un aviso de Sphinx si no está guardada."""
    tex = node.astext().strip()
    stored = translator.builder.app.formulas[kind].get(tex)
    if stored is None:
        logger.warning("la fórmula $%s$ no está en formulas.json: formulas.py dice cómo añadirla", tex)
        stored = ""
    translator.body.append(stored)
    raise nodes.SkipNode


def setup(app):
    app.formulas = read_cache()
    app.add_html_math_renderer("guardadas", (visit_inline, None), (visit_display, None))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--convertir":
        sys.exit(__doc__)
    convert(sys.argv[2])
