"""El curso en un PDF para imprimir: une las páginas del sitio en una sola y la imprime Chromium.

Chromium no sabe en qué página cae cada cosa: se imprime dos veces, y la segunda lleva ya los números.
"""

import html
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path, PurePosixPath

from pypdf import PdfReader
from tqdm import tqdm

from gpt_course.command import BadInput

HERE = Path(__file__).resolve().parent
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
FOLDERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
FLAGS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--no-pdf-header-footer", "--generate-pdf-document-outline"),
)
ARTICLE = re.compile(r"<article\b[^>]*>(.*?)</article>", flags=re.DOTALL)
HEADING = re.compile(r'<section[^>]* id="([^"]+)">\s*<h([12])>(.*?)<a class="headerlink"', flags=re.DOTALL)
# Lo que el código no colorea: sin estas piezas, las etiquetas del PDF ocupan la tercera parte.
PLAIN = re.compile(r'<span class="(?:n|o|p|w|pre)">([^<]*)</span>')
NAMES = re.compile(r'\b(id|for|aria-labelledby|aria-describedby)="([^"]+)"')
ADDRESSES = re.compile(r'\b(href|src|xlink:href)="([^"]*)"')
TITLE_PAGE = """<section class="portada"><h1>GPT a lápiz</h1>
<p>Cómo funciona un GPT, construyendo GPT-2 con PyTorch</p>
<p class="licencia">Textos y figuras: CC BY-SA 4.0. Código: licencia MIT.</p></section>"""


def make_pdf(site, target, only=None):
    """Escribe en `target` el PDF de un sitio: portada, contenido, lecciones, glosario y soluciones.

    only: las páginas que lleva, como «00_bienvenida.html»; sin nada, todas. Errores: `BadInput` si no hay
    Chromium o si no puede imprimir.
    """
    chromium = find_chromium()
    if chromium is None:
        raise BadInput(
            "Para hacer el PDF hace falta Chromium o Chrome y no está en este equipo. Instálalo (en Debian y "
            "Ubuntu: sudo apt install chromium) y repite la orden, o constrúyelo sin --pdf."
        )
    pages = only or book_pages(site)
    chapters = [(page, chapter(site, page, pages)) for page in pages]
    numbers = {}
    with tempfile.TemporaryDirectory(dir=site, prefix="imprenta-", ignore_cleanup_errors=True) as folder:
        for _ in tqdm(range(2), desc="Imprimo el libro", unit=" pasadas", leave=False):
            book, printed = Path(folder) / "libro.html", Path(folder) / "libro.pdf"
            book.write_text(whole(site, chapters, numbers), encoding="utf-8")
            print_with(chromium, book, printed)
            numbers = page_numbers(printed)
        os.replace(printed, target)


def find_chromium():
    """La ruta de un navegador que sabe imprimir, o None."""
    found = filter(None, map(shutil.which, PROGRAMS))
    return next(found, None) or next(filter(os.path.exists, FOLDERS), None)


def book_pages(site):
    """Las páginas del sitio, en el orden del libro."""
    lessons = sorted(site.glob("[0-9][0-9]_*.html"))
    solutions = sorted((site / "soluciones").glob("[0-9][0-9]_*.html"))
    paths = [*lessons, site / "glosario.html", *solutions]
    return [path.relative_to(site).as_posix() for path in paths]


# --- Una sola página -----------------------------------------------------------------------------------


def chapter(site, page, pages):
    """El texto de una página con todo desplegado; sus nombres y enlaces valen dentro del libro."""
    source = (site / page).read_text(encoding="utf-8")
    body = PLAIN.sub(r"\1", ARTICLE.search(source)[1]).replace("<details", "<details open")
    name = book_name(page)
    body = NAMES.sub(lambda m: f'{m[1]}="{" ".join(f"{name}--{one}" for one in m[2].split())}"', body)
    body = ADDRESSES.sub(lambda m: address(m[1], m[2], page, pages), body)
    return f'<article id="{name}" style="page: {name}">{body}</article>'


def book_name(page):
    """Cómo se llama una página dentro del libro: soluciones/03_x.html es «p-soluciones-03_x»."""
    return "p-" + page.removesuffix(".html").replace("/", "-")


def address(attribute, to, page, pages):
    """Un enlace o una imagen de una página, vistos desde el libro; fuera del libro no hay a dónde ir."""
    if re.match(r"\w+:", to):
        return f'{attribute}="{to}"'
    path, _, anchor = to.partition("#")
    here = os.path.normpath(PurePosixPath(page).parent / path).replace(os.sep, "/") if path else page
    if here in pages:
        return f'{attribute}="#{book_name(here)}{"--" + anchor if anchor else ""}"'
    return f'{attribute}="../{here}"' if "_images/" in here else ""


def whole(site, chapters, numbers):
    """El libro en HTML. numbers: en qué página cae cada nombre; los que faltan dejan su hueco."""
    page = (site / "glosario.html").read_text(encoding="utf-8")
    head = re.search(r"<head>.*?</head>", page, flags=re.DOTALL)[0]
    styles = re.findall(r'<link rel="stylesheet"[^>]*href="([^"]+)"', head)
    links = "".join(f'<link rel="stylesheet" href="../{style}">' for style in styles)
    colours = "".join(re.findall(r"<style>.*?</style>", head, flags=re.DOTALL))
    printed = (HERE / "imprenta.css").read_text(encoding="utf-8")
    footers = "".join(footer(page, body) for page, body in chapters)
    return (
        '<!doctype html><html lang="es"><head><meta charset="utf-8"><title>GPT a lápiz</title>'
        f"{links}{colours}<style>{printed}{footers}</style></head>"
        f'<body data-theme="light">{TITLE_PAGE}{contents(chapters, numbers)}'
        f"{''.join(body for _, body in chapters)}</body></html>"
    )


def headings(body):
    """Los títulos de una página, de primer y segundo nivel: [(nombre, nivel, texto)]."""
    return [(name, int(level), re.sub(r"<[^>]+>", "", text)) for name, level, text in HEADING.findall(body)]


def footer(page, body):
    """El pie de las páginas de un capítulo: su título."""
    title = html.unescape(headings(body)[0][2]).replace('"', "»")
    return f'@page {book_name(page)} {{ @bottom-left {{ content: "GPT a lápiz · {title}" }} }}\n'


def contents(chapters, numbers):
    """El contenido, con la página de cada cosa; de las soluciones, solo el título."""
    items = []
    for page, body in chapters:
        (_, _, title), *rest = headings(body)
        parts = (
            [] if page.startswith("soluciones/") else [entry(name, text, numbers) for name, _, text in rest]
        )
        inner = f"<ol>{''.join(f'<li>{part}</li>' for part in parts)}</ol>" if parts else ""
        items.append(f"<li>{entry(book_name(page), title, numbers)}{inner}</li>")
    return f'<nav class="contenido" aria-label="Contenido"><h1>Contenido</h1><ol>{"".join(items)}</ol></nav>'


def entry(name, text, numbers):
    return f'<a href="#{name}" data-page="{numbers.get(name, 0) or "000"}">{text}<span></span></a>'


# --- La imprenta ---------------------------------------------------------------------------------------


def print_with(chromium, book, target):
    """Imprime un archivo de HTML en un PDF etiquetado y con marcadores. Errores: `BadInput`."""
    flags = [*FLAGS, f"--user-data-dir={book.parent / 'perfil'}", f"--print-to-pdf={target}"]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        flags.append("--no-sandbox")  # lo pide Chromium a root, lo normal en un contenedor
    done = subprocess.run([chromium, *flags, book.as_uri()], capture_output=True, text=True, errors="replace")
    if done.returncode != 0 or not target.is_file():
        last = (done.stderr.strip().splitlines() or ["sin explicación"])[-1]
        raise BadInput(f"Chromium no pudo imprimir el libro: {last}. Prueba a abrirlo y vuelve a intentarlo.")


def page_numbers(printed):
    """{nombre: página en que cae}, de los nombres a los que lleva un enlace."""
    reader = PdfReader(printed)
    places = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, start=1)}
    return {name.lstrip("/"): places[dest.page.idnum] for name, dest in reader.named_destinations.items()}
