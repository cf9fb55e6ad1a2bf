"""Lo que el tema de Sphinx dice en inglés, dicho en español, y lo que le falta para oírlo o usar el teclado.

Cada cambio tiene que hacer falta en alguna página: si el tema cambia, construir el sitio lo dice.
"""

TEXTS = {
    ">Skip to content<": ">Saltar al contenido<",
    ">Back to top<": ">Volver arriba<",
    ">Next<": ">Siguiente<",
    ">Previous<": ">Anterior<",
    '<div class="title">Home</div>': '<div class="title">Índice</div>',
    "On this page": "En esta página",
    'title="Link to this heading"': 'title="Enlace a este apartado"',
    'aria-label="Toggle site navigation sidebar"': 'aria-label="Mostrar u ocultar las páginas"',
    'aria-label="Toggle table of contents sidebar"': 'aria-label="Mostrar u ocultar los apartados"',
    '<input type="checkbox" class="sidebar-toggle" name="__navigation"': (
        '<nav class="paneles" aria-label="Paneles">'
        '<input type="checkbox" class="sidebar-toggle" name="__navigation"'
    ),
    '<label class="overlay sidebar-overlay"': '</nav><label class="overlay sidebar-overlay"',
    "Toggle Light / Dark / Auto color theme": "Cambiar entre claro, oscuro y automático",
    "<title>Contents</title>": "<title>Apartados</title>",
    "<title>Menu</title>": "<title>Menú</title>",
    "<title>Expand</title>": "<title>Desplegar</title>",
    "<title>Light mode</title>": "<title>Claro</title>",
    "<title>Dark mode</title>": "<title>Oscuro</title>",
    "<title>Auto light/dark, in light mode</title>": "<title>Automático, ahora claro</title>",
    "<title>Auto light/dark, in dark mode</title>": "<title>Automático, ahora oscuro</title>",
    "Please activate JavaScript to enable the search functionality.": (
        "Para buscar hace falta JavaScript; para leer, no."
    ),
    "Made with ": 'Código, MIT; textos y figuras, <a href="https://creativecommons.org/licenses/by-sa/4.0/deed.es">'
    "CC BY-SA 4.0</a>. Hecho con Sphinx y ",
    # Lo que puede hacerse más ancho que la pantalla se recorre también con las flechas del teclado.
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    '<math display="block"': '<math tabindex="0" display="block"',
    # Cada zona de la página tiene su nombre, y cada título, su nivel.
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Páginas del curso">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="Apartados de esta página">',
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<th class="head"><p></p></th>': "<td></td>",
    '<meta name="viewport" content="width=device-width, initial-scale=1" />\n': "",  # ya lo pone el tema
}


def translate(html):
    """(la página cambiada, los cambios que ha necesitado)."""
    used = set()
    for old, new in TEXTS.items():
        if old in html:
            used.add(old)
            html = html.replace(old, new)
    return html, used
