"""De los cuadernos al sitio: llama a Sphinx, remata sus páginas y las pone en su carpeta, todas o ninguna."""

import io
import os
import shutil
import tempfile
from pathlib import Path

from pages import finish
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils
from tqdm import tqdm

from gpt_course.command import BadInput

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
SIGN = "searchindex.js"  # lo que distingue un sitio nuestro de otra carpeta
APART = ("explorador", "memoria")  # carpetas de docs/sitio que van al sitio como están


def build(target, *, pdf=None, settings=None):
    """Construye el sitio en la carpeta `target`, que cambia entera al final o se queda como estaba.

    pdf: cómo se llama el PDF, o None si no se pide. settings: valores de conf.py que cambian.
    Errores: `BadInput` si la carpeta tiene otra cosa o si algo de los cuadernos no se entiende.
    """
    target = Path(target)
    check_that_it_is_ours(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".sitio-") as folder:
        # Dentro de otra carpeta: myst-nb deja las figuras al lado de las páginas.
        site = Path(folder) / "salida" / "html"
        run_sphinx(site, Path(folder) / "doctrees", settings or {})
        finish(site)
        add_pages_apart(site)
        if pdf:
            from pdf import make_pdf

            make_pdf(site, site / pdf)
        if target.exists():
            target.rename(Path(folder) / "anterior")
        site.rename(target)


def add_pages_apart(site):
    """Copia las páginas que no son de Sphinx, cada una con su carpeta, y escribe los datos del explorador."""
    for name in APART:
        if (HERE / name).is_dir():
            shutil.copytree(HERE / name, site / name)
    if (site / "explorador").is_dir():
        from explorer_data import write_data  # carga PyTorch, que tarda

        write_data(site / "explorador")


def check_that_it_is_ours(target):
    if target.exists() and not (target / SIGN).is_file() and not (target.is_dir() and not os.listdir(target)):
        raise BadInput(
            f"En {target} hay otra cosa, y construir el libro la borraría. Elige con --out una carpeta nueva."
        )


def run_sphinx(site, doctrees, settings):
    """Construye las páginas. Errores: `BadInput` con lo que diga Sphinx; cada aviso es un error."""
    warnings = io.StringIO()
    with patch_docutils(HERE), docutils_namespace():
        app = Sphinx(
            *(NOTEBOOKS, HERE, site, doctrees, "html"),
            confoverrides=settings,
            status=None,
            warning=warnings,
            warningiserror=True,
        )
        show_progress(app)
        app.build()
    if app.statuscode or warnings.getvalue():
        raise BadInput(
            f"El libro no se ha construido. Arregla esto y repite la orden:\n{warnings.getvalue()}"
        )


def show_progress(app):
    """Una barra: cada página se lee y se escribe."""
    bar = tqdm(desc="Construyo el libro", unit=" pasos", leave=False)

    def advance(app, *_):
        bar.total = 2 * len(app.env.found_docs) + 1  # la del buscador no se lee
        bar.update()

    app.connect("source-read", advance)
    app.connect("html-page-context", advance)
    app.connect("build-finished", lambda *_: bar.close())
