"""Lo que cambia de cada cuaderno antes de que Sphinx lo lea; los archivos no se tocan.

Las figuras llevan su texto alternativo; las respuestas de «Predice antes de ejecutar» y las soluciones se
pliegan; la cabecera ofrece el cuaderno. El índice recibe el orden de las páginas.
"""

import json
import re
from pathlib import Path

import glossary

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
DOWNLOADS = "cuadernos"
OPENED_WITH = {
    "Colab": "https://colab.research.google.com/github/{owner}/{name}/blob/{branch}/notebooks/{page}.ipynb",
    "Binder": "https://mybinder.org/v2/gh/{owner}/{name}/{branch}?labpath=notebooks/{page}.ipynb",
}
LINK_APART = re.compile(r"\[([^\]]+)\]\((?:\.\./)+docs/sitio/((?:explorador|memoria)/([^)#?]+)[^)]*)\)")
EXERCISE = re.compile(r"^(?:## \d+\. .*\n\n.*|\*\*\d+\. .*)$", flags=re.M)
OPEN, CLOSE = '<details class="solucion"><summary>Ver la solución</summary>\n\n', "\n\n</details>\n\n"
FAREWELL = "**Volver a la lección:**"
# Lo que el índice dice a quien lo abre en JupyterLab y, en su lugar, lo que dice a quien lo lee en el sitio.
INDEX_TEXTS = {
    "Abre una lección con un clic y ejecuta sus celdas con <kbd>Mayús</kbd>+<kbd>Intro</kbd>.": (
        "Aquí lo lees con sus salidas. Para ejecutar las celdas y resolver los ejercicios, descarga el curso "
        "y sigue su `README.md`."
    ),
    "en la carpeta `soluciones`.": (
        'al final del índice lateral. Y cualquier palabra, en el <a href="search.html">buscador</a>.'
    ),
    "¿Prefieres comprobarlo todo? En una terminal:": "¿Prefieres comprobarlo todo? Con el curso descargado:",
}
# Las páginas que no son de Sphinx, con su nombre y lo que se hace en ellas.
PAGES_APART = {
    page: words
    for page, words in {
        "explorador/explorador.html": (
            "El explorador",
            "mira cómo elige cada palabra un GPT que ha leído cuentos",
        ),
        "memoria/memoria.html": ("La calculadora de memoria", "¿cabe tu modelo en tu equipo?"),
    }.items()
    if (HERE / page).is_file()
}


def prepare(app, page, source):
    """Cambia lo que Sphinx va a leer (`source[0]`)."""
    text = source[0]
    if page == "glosario":
        text = glossary.with_anchors(text)
    elif page == app.config.root_doc:
        text = index(text, sorted(app.env.found_docs))
    else:
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            describe_figures(cell)
            if cell["metadata"].get("jupyter", {}).get("outputs_hidden"):
                cell["metadata"].setdefault("tags", []).append("hide-output")
            if cell["cell_type"] == "markdown":
                cell["source"] = LINK_APART.sub(
                    lambda match: link_apart(page, match), "".join(cell["source"])
                )
        if page.startswith("soluciones/"):
            fold_solutions(notebook["cells"])
        notebook["cells"][0]["source"] += actions(page, app.config.course_repository)
        text = json.dumps(notebook)
    source[0] = text


def describe_figures(cell):
    for output in cell.get("outputs", ()):
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        if alt:
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}


def up(page):
    """De una página a la raíz del sitio."""
    return "../" * page.count("/")


def link_apart(page, match):
    label, target, file = match.groups()
    if not (HERE / target.split("/")[0] / file).is_file():
        raise ValueError(f"{page} enlaza docs/sitio/{target}, que no existe.")
    return f'<a class="reference internal" href="{up(page)}{target}">{label}</a>'


def fold_solutions(cells):
    """Pliega cada solución, desde detrás de su enunciado hasta el ejercicio siguiente."""
    opened = False
    for cell in cells:
        if cell["cell_type"] != "markdown":
            continue
        before, *rest = re.split(f"({EXERCISE.pattern})", cell["source"], flags=re.M)
        parts = [before]
        for statement, solution in zip(rest[::2], rest[1::2], strict=True):
            parts += [CLOSE if opened else "", statement, "\n\n", OPEN, solution]
            opened = True
        if opened and FAREWELL in parts[-1]:
            parts[-1] = parts[-1].replace(FAREWELL, CLOSE + FAREWELL)
            opened = False
        cell["source"] = "".join(parts)
    if opened:
        cells.append({"cell_type": "markdown", "metadata": {}, "source": CLOSE, "id": "cierre"})


def actions(page, repository):
    """Bajo la cabecera: descargar el cuaderno y, si se ha dicho el repositorio, abrirlo donde se ejecuta."""
    links = [f'<a href="{up(page)}{DOWNLOADS}/{page}.ipynb" download>Descarga el cuaderno</a>']
    if repository:
        owner, name, branch = repository.split("/", 2)
        for place, address in OPENED_WITH.items():
            url = address.format(owner=owner, name=name, branch=branch, page=page)
            links.append(f'<a href="{url}">Abrir en {place}</a>')
    return f'\n\n<p class="acciones">{" · ".join(links)}</p>\n'


def index(text, pages):
    for old, new in INDEX_TEXTS.items():
        if old not in text:
            raise ValueError(f"El índice ya no dice «{old}»: cambia INDEX_TEXTS, en docs/sitio/sources.py.")
        text = text.replace(old, new)
    lessons = [page for page in pages if re.match(r"\d\d_", page)]
    solutions = [page for page in pages if page.startswith("soluciones/")]
    if PAGES_APART:
        links = (f'- <a href="{page}">{name}</a>: {what}' for page, (name, what) in PAGES_APART.items())
        text += "\n".join(["\n## Para tocar\n", *links, ""])
    solved = [f"{title_of(Path(page).name)} <{page}>" for page in solutions]
    trees = {"Lecciones": lessons, "Términos": ["glosario"], "Soluciones": solved}
    return text + "".join(toctree(caption, entries) for caption, entries in trees.items())


def title_of(page):
    """El título de una lección, como «03 · Atención»."""
    cells = json.loads((NOTEBOOKS / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).partition("\n")[0].removeprefix("# ")


def toctree(caption, pages):
    return "\n".join(["\n```{toctree}", ":hidden:", f":caption: {caption}", *pages, "```\n"])


def visit_prediction(translator, node):
    translator.body.append('<details class="prediccion"><summary>Ver la respuesta</summary>\n')


def depart_prediction(translator, node):
    translator.body.append("</details>\n")


def fold_predictions(app):
    """Pone en las salidas plegadas nuestro rótulo; lo que se pliega lo decide `prepare`."""
    from myst_nb.sphinx_ import HideCodeCellNode  # tarda en cargarse, y las demás piezas no lo usan

    app.add_node(HideCodeCellNode, override=True, html=(visit_prediction, depart_prediction))


def setup(app):
    app.add_config_value("course_repository", "", "env", str)
    app.connect("source-read", prepare)
    # Después de que myst-nb ponga el suyo.
    app.connect("builder-inited", fold_predictions)
