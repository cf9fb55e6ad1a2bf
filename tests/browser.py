"""Chromium de verdad para las pruebas de las páginas, y el sitio construido y servido una sola vez.

Sin Chromium o sin el extra `[navegador]`, esas pruebas se saltan y dicen qué falta. Con la variable
GPT_CURSO_NAVEGADOR=1, que pone la integración continua, lo que falta es un fallo.
"""

import contextlib
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import built
import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# Ni aceleradora gráfica ni nada que Chromium pregunte a la red por su cuenta.
FLAGS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SIZE = {"width": 1280, "height": 800}
LOCAL = ("127.0.0.1", "localhost", "")  # "": file:, data: y blob:


def require(condition, what):
    """Si falta lo que hace falta, salta la prueba; donde se exige el navegador, la da por fallada."""
    if not condition:
        stop = pytest.fail if os.environ.get("GPT_CURSO_NAVEGADOR") == "1" else pytest.skip
        stop(f"Para probar las páginas falta {what}.")


def installed(*modules):
    return all(importlib.util.find_spec(module) for module in modules)


@pytest.fixture(scope="session")
def chromium():
    """Un Chromium sin ventanas por proceso de pruebas; cada prueba abre en él sus páginas."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    require(program, "Chromium (en Debian y Ubuntu: sudo apt install chromium)")
    require(installed("playwright"), 'el extra «navegador»: pip install -e ".[navegador]"')
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def tab(chromium):
    """La pestaña de las pruebas de una página: abrir otra cuesta más que la página."""
    opened = chromium.new_page(locale="es-ES")
    opened.faults = watch(opened)
    return opened


@pytest.fixture
def page(tab):
    """Una página en blanco de 1280 × 800; falla si deja un error en la consola o pide algo fuera o roto.

    La pestaña es la de la prueba anterior, y nada queda de ella: ni página, ni tamaño, ni colores, ni ratón.
    """
    tab.set_viewport_size(SIZE)
    tab.emulate_media(color_scheme="null", reduced_motion="null")
    tab.set_default_timeout(30_000)
    tab.mouse.move(-1, -1)
    tab.faults.clear()
    yield tab
    tab.goto("about:blank")
    assert not tab.faults, tab.faults


def watch(page):
    """La lista, que crece sola, de lo que una página hace mal: errores, peticiones fuera o sin respuesta."""
    faults = []
    page.on("console", lambda m: m.type in ("error", "warning") and faults.append(f"consola: {m.text}"))
    page.on("pageerror", lambda error: faults.append(f"error de JavaScript: {error}"))
    page.on(
        "requestfailed", lambda r: is_cut(r) or faults.append(f"no se pudo cargar: {r.url} ({r.failure})")
    )
    page.on("response", lambda r: r.status >= 400 and faults.append(f"{r.status}: {r.url}"))
    page.on("request", lambda r: is_foreign(r.url) and faults.append(f"petición ajena: {r.url}"))
    return faults


def is_cut(request):
    """Lo que se pide al final, que pasar a otra página deja a medias: el icono de la pestaña y las letras."""
    last = request.resource_type == "font" or request.url.endswith("/icono.svg")
    return request.failure == "net::ERR_ABORTED" and last


def is_foreign(url):
    return (urlsplit(url).hostname or "") not in LOCAL


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """La carpeta del sitio, construido una vez aunque las pruebas se repartan en varios procesos.

    Nadie escribe en ella: las demás pruebas la están leyendo.
    """
    require(installed("sphinx", "myst_nb", "furo"), 'el extra «libro»: pip install -e ".[libro]"')
    if just_built := built.ready():
        return just_built
    from filelock import FileLock  # viene con torch

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sitio"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            build(folder)
    return folder


def build(folder):
    """Construye el sitio en `folder` con la misma orden que usa quien lo publica."""
    command = [sys.executable, str(ROOT / "docs" / "sitio"), "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def server(site):
    """La dirección, en este equipo, desde la que se sirve el sitio."""
    with serve(site) as url:
        yield url


@contextlib.contextmanager
def serve(folder):
    """Sirve una carpeta en un puerto libre de 127.0.0.1 y da su dirección, sin barra final."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # una sola conexión para todo lo de una página

    def log_message(self, *_):
        pass
