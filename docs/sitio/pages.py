"""El remate de las páginas que escribe Sphinx: español, accesibilidad, figuras ligeras, mapa y descargas."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from course_map import with_links
from PIL import Image
from sources import DOWNLOADS

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

CAPTION = re.compile(r"<p>(<strong>Figura \d+\.\d+\.</strong>)")


def finish(site):
    """Remata el sitio de la carpeta `site`."""
    lighten_figures(site / "_images")
    pages = {path.stem[:2]: path.stem for path in sorted(site.glob("[0-9][0-9]_*.html"))}
    titles = {number: (page, title_of(page)) for number, page in pages.items()}
    for path in sorted(site.rglob("*.html")):
        root = "../" * (len(path.relative_to(site).parts) - 1)
        html = path.read_text(encoding="utf-8")
        html = CAPTION.sub(r'<p class="pie" aria-hidden="true">\1', html)
        html = re.sub(r"(_images/\w+)\.png", r"\1.webp", html)
        path.write_text(with_links(html, titles, root), encoding="utf-8", newline="\n")
    shutil.copyfile(site / "indice.html", site / "index.html")
    offer_notebooks(site / DOWNLOADS)


def title_of(page):
    cells = json.loads((NOTEBOOKS / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).partition("\n")[0].removeprefix("# ")


def lighten_figures(folder):
    """Las figuras, punto por punto las mismas, en WebP: ocupan menos de la mitad."""

    def lighten(path):
        Image.open(path).convert("RGB").save(path.with_suffix(".webp"), lossless=True, quality=60, method=4)
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
        target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
