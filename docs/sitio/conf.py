"""Los ajustes de Sphinx. Los demás módulos de esta carpeta hacen lo que Sphinx no sabe."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from sources import PAGES_APART

# «dueño/repositorio/rama», en GitHub: así, cada lección ofrece abrirla en Colab y en Binder.
course_repository = ""

project = html_title = "GPT a lápiz"
language = "es"
root_doc = "indice"
smartquotes = False  # las comillas, como están escritas
extensions = ["myst_nb", "sources", "formulas", "glossary", "search_es"]

nb_execution_mode = "off"  # se publican las salidas guardadas
myst_enable_extensions = ["dollarmath"]

html_theme = "furo"
html_theme_options = {"top_of_page_buttons": [], "navigation_with_keys": False}
templates_path = ["plantillas"]
html_static_path = ["estaticos"]
html_css_files = ["sitio.css"]
html_favicon = "estaticos/icono.svg"
html_context = {"apart": PAGES_APART}
html_sidebars = {
    "**": [
        *(
            "sidebar/brand.html",
            "sidebar/search.html",
            "sidebar/scroll-start.html",
            "sidebar/navigation.html",
        ),
        *("apart.html", "sidebar/scroll-end.html"),
    ]
}
html_math_renderer = "guardadas"
html_copy_source = html_show_sourcelink = False
html_use_index = html_domain_indices = False
html_show_copyright = html_show_sphinx = False
html_permalinks_icon = "¶"
