"""Una visita a una página del sitio en Chromium: se carga una vez y se mira clara y oscura, ancha y estrecha.

Cada visita da sus faltas, por clases, y lo que se compara después: enlaces, fórmulas, imágenes y peticiones.
"""

import importlib.util
import re
from pathlib import Path

from browser import watch

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
QUESTIONS = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
# Las reglas de axe que dependen de la anchura; las demás miran lo mismo en las dos.
WIDTH_RULES = [
    "scrollable-region-focusable",
    "target-size",
    "region",
    "landmark-unique",
    "link-name",
    "button-name",
]
# Lo que dicen Sphinx, furo y myst-nb cuando les falta una traducción, y las palabras que delatan lo demás.
ENGLISH_PHRASES = (
    *(
        "Back to top",
        "Contents",
        "Copyright",
        "Copy to clipboard",
        "Edit this page",
        "Expand",
        "Hide code cell",
    ),
    *(
        "Hide navigation",
        "Hide table of contents",
        "Home",
        "Last updated",
        "Link to this",
        "Made with",
        "Menu",
    ),
    *("Navigation", "Next", "On this page", "Permalink", "Please activate", "Preparing search", "Previous"),
    *(
        "Search",
        "Searching",
        "Show code cell",
        "Skip to content",
        "Table of Contents",
        "Toggle",
        "View this page",
    ),
    *(
        "Auto light/dark",
        "Dark mode",
        "Light mode",
        "Site navigation",
        "Download",
        "Output",
        "Close",
        "Source",
    ),
)
ENGLISH_WORDS = re.compile(r"\b(?:the|this|that|with|and|of|for|your|you|is|are|to|from)\b", re.IGNORECASE)
RAW_FORMULA = re.compile(r"\$[^$]+\$|\\\(|\\\[|\\[a-z]{2}")  # lo que se vería de una sin convertir


def axe_source():
    package = importlib.util.find_spec("axe_playwright_python").submodule_search_locations[0]
    return (Path(package) / "axe.min.js").read_text(encoding="utf-8")


def english(texts):
    """De unos textos, los que llevan algo en inglés que debería estar traducido."""
    phrases = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, ENGLISH_PHRASES))})(?!\w)")
    return [text for text in texts if phrases.match(text) or ENGLISH_WORDS.search(text)]


class Visitor:
    """Visita páginas con una sola ventana; los aspectos de texto ya vistos no se miran otra vez."""

    def __init__(self, browser):
        self.context = browser.new_context(locale="es-ES", viewport=WIDE, reduced_motion="reduce")
        self.page = self.context.new_page()
        self.faults, self.asked = watch(self.page), set()
        self.page.on("request", lambda request: self.asked.add((request.url, request.resource_type)))
        self.devtools = self.context.new_cdp_session(self.page)
        self.axe, self.looks, self.signs = axe_source(), set(), []

    def ask(self, question, *arguments):
        return self.page.evaluate(f"(values) => questions.{question}(...values)", list(arguments))

    def open(self, url):
        """Carga una página; da lo que hizo mal al cargarse."""
        self.faults.clear()
        self.asked.clear()
        self.page.set_viewport_size(WIDE)
        self.page.emulate_media(color_scheme="light")
        self.page.goto(url)
        self.page.evaluate(QUESTIONS)
        return list(self.faults)

    def visit(self, url):
        """Lo que se ve y lo que falla en una página: {clase: lista}."""
        loading = self.open(url)
        self.page.evaluate(self.axe)
        self.ask("remember", list(self.looks))
        self.ask("unfold")
        seen = {name: self.ask(name) for name in ("links", "images", "words", "formulas")}
        seen["raw"] = list(filter(RAW_FORMULA.search, seen["words"]))
        seen["fonts"] = self.fonts()
        self.ask("thinCode")
        self.page.keyboard.press("Tab")  # desde aquí el foco viene del teclado
        seen["keyboard"] = self.fresh("keyboard")
        seen["sideways"] = self.ask("sideways")
        seen["axe"] = self.fresh("contrast") + self.ask("audit", [])
        self.page.emulate_media(color_scheme="dark")
        seen["axe"] += self.fresh("contrast")
        self.page.set_viewport_size(NARROW)
        seen["sideways"] += self.ask("sideways")
        seen["axe"] += self.fresh("contrast")
        self.page.emulate_media(color_scheme="light")
        seen["sideways"] += self.ask("sideways")
        seen["axe"] += self.fresh("contrast") + self.ask("audit", WIDTH_RULES)
        seen["keyboard"] += self.fresh("keyboard")
        seen["asked"] = set(self.asked)
        seen["loading"] = loading + [fault for fault in self.faults if fault not in loading]
        return seen

    def fresh(self, question):
        """Las faltas de lo que no se ha visto aún igual, ni en esta página ni en otra."""
        found = self.ask(question)
        self.looks.update(found["looks"])
        return found["faults"]

    def fonts(self):
        """Con qué letras se dibujan los signos de las fórmulas, uno de cada: [(familia, ¿del sitio?)]."""
        self.signs = self.ask("signs", self.signs)
        send, used = self.devtools.send, set()
        send("DOM.enable")
        send("CSS.enable")
        root = send("DOM.getDocument")["root"]["nodeId"]
        found = send("DOM.querySelectorAll", {"nodeId": root, "selector": "[data-sign]"})
        for node in found["nodeIds"]:
            fonts = send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
            used |= {(font["familyName"], font["isCustomFont"]) for font in fonts}
        send("CSS.disable")
        return sorted(used)

    def walk(self, limit=400):
        """Recorre la página con el tabulador de verdad; da lo que se puede usar y no ha recibido el foco."""
        self.ask("follow")
        key = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        for _ in range(limit):
            self.devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
            if self.page.evaluate("passed.length > 1 && document.activeElement === document.body"):
                break
        return self.ask("notPassed")
