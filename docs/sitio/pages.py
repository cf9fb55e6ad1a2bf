"""El remate de las páginas que escribe Sphinx: español, accesibilidad, figuras ligeras, mapa y descargas."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

from course_map import with_links
from PIL import Image
from sources import DOWNLOADS, NOTEBOOKS, title_of
from spanish import TEXTS, translate

from gpt_course.command import BadInput

# El pie de una figura es, palabra por palabra, su texto alternativo: quien no la ve lo oye una sola vez.
CAPTION = re.compile(r"<p>(<strong>Figura \d+\.\d+\.</strong>)")


def finish(site):
    """Remata el sitio de la carpeta `site`. Errores: `BadInput` si el tema ya no dice lo que se cambia."""
    lighten_figures(site / "_images")
    lessons = {path.stem[:2]: path.stem for path in sorted(site.glob("[0-9][0-9]_*.html"))}
    pages = {number: (page, title_of(page)) for number, page in lessons.items()}
    used = set()
    for path in sorted(site.rglob("*.html")):
        root = "../" * (len(path.relative_to(site).parts) - 1)
        html, found = translate(path.read_text(encoding="utf-8"))
        used |= found
        html = CAPTION.sub(r'<p class="pie" aria-hidden="true">\1', html)
        html = re.sub(r"(_images/\w+)\.png", r"\1.webp", html)
        path.write_text(with_links(html, pages, root), encoding="utf-8", newline="\n")
    if set(TEXTS) - used:
        raise BadInput(
            f"El tema ya no dice {sorted(set(TEXTS) - used)}: cambia TEXTS, en docs/sitio/spanish.py."
        )
    search_without_server(site / "_static" / "documentation_options.js")
    shutil.copyfile(site / "indice.html", site / "index.html")
    offer_notebooks(site / DOWNLOADS)
    (site / "_sources").rmdir()
    for useless in (".buildinfo", "objects.inv"):
        (site / useless).unlink()


def search_without_server(options):
    """Sin servidor, el navegador no deja leer las demás páginas: el buscador no enseña trozos de ellas."""
    text = options.read_text(encoding="utf-8")
    changed = text.replace("SHOW_SEARCH_SUMMARY: true", 'SHOW_SEARCH_SUMMARY: location.protocol !== "file:"')
    if changed == text:
        raise BadInput(f"{options.name} ya no dice si el buscador enseña trozos: cambia docs/sitio/pages.py.")
    options.write_text(changed, encoding="utf-8", newline="\n")


def lighten_figures(folder):
    """Las figuras, punto por punto las mismas, en WebP: ocupan menos de la mitad."""

    def lighten(path):
        Image.open(path).convert("RGB").save(path.with_suffix(".webp"), lossless=True, quality=20, method=2)
        path.unlink()

    with ThreadPoolExecutor() as pool:
        list(pool.map(lighten, sorted(folder.glob("*.png"))))


def offer_notebooks(folder):
    """Copia los cuadernos sin sus figuras, que salen al ejecutarlos y ocupan más que todo el sitio."""
    for path in sorted(NOTEBOOKS.rglob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            for output in cell.get("outputs", ()):
                output.get("data", {}).pop("image/png", None)
        target = folder / path.relative_to(NOTEBOOKS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(
            json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
        )
