"""El glosario: cada término tiene su ancla, y la primera vez que sale en una página, su definición."""

import re
import unicodedata
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes

GLOSSARY = Path(__file__).resolve().parents[2] / "notebooks" / "glosario.md"
ROW = re.compile(r"^\| (?!Usamos|---)(.+?) \| .+? \| (.+?) \| \[(\d\d)\]", flags=re.M)
# Dentro de esto no se enlaza: ya es un enlace, es código o fórmula, o se lee de un vistazo.
LEFT_ALONE = (nodes.reference, nodes.title, nodes.literal, nodes.FixedTextElement, nodes.math, nodes.raw)
# Ni en el pie de una figura, que quien no la ve oye con ella, ni en la lista de fuentes, que está en inglés.
UNLINKED = re.compile(r"Figura \d+\.\d+\.|Fuentes\.")
# Palabras que también se dicen en otro sentido («de esta forma»): solo se enlazan donde se explican.
EVERYDAY = ("forma", "huella", "cabeza", "pérdida")


def slug(term):
    plain = unicodedata.normalize("NFD", term).encode("ascii", "ignore").decode().lower()
    return "termino-" + re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def with_anchors(text):
    """El texto del glosario, con un ancla en cada término."""
    return ROW.sub(lambda row: row[0].replace(row[1], f'<span id="{slug(row[1])}">{row[1]}</span>', 1), text)


@cache
def terms():
    """{ancla: (formas del término, definición en HTML, lección si solo se enlaza en ella o None)}."""
    found = {}
    for term, definition, lesson in ROW.findall(GLOSSARY.read_text(encoding="utf-8")):
        html = re.sub(r"\*(.+?)\*", r"<em>\1</em>", escape(definition, quote=False))
        html = re.sub(r"`(.+?)`", r"<code>\1</code>", html)
        found[slug(term)] = (forms(term), html, lesson if term in EVERYDAY else None)
    return found


def forms(term):
    """Las maneras de escribirlo: «codificación por parejas de bytes (BPE)» y «red *feed-forward*» son dos."""
    long, _, short = term.replace("*", "").partition(" (")
    return [long.split(" o ")[0], *([short.rstrip(")")] if short else []), *re.findall(r"\*(.+?)\*", term)]


def pattern(form):
    """La forma en singular o en plural, con la primera letra de cualquier tamaño."""
    first, *others = (re.escape(word) for word in form.split(" "))
    plurals = [re.sub("ón$", "(?:ón|ones)", word) + "(?:e?s)?" for word in (first, *others)]
    start = plurals[0][0]  # con minúscula, «transformers» es una biblioteca
    return (start if start.isupper() else f"(?i:{start})") + " ".join(plurals)[1:]


@cache
def matcher():
    """(la expresión que encuentra cualquier término, primero los más largos; el ancla de cada grupo)."""
    pairs = [(form, anchor) for anchor, (written, *_) in terms().items() for form in written]
    pairs.sort(key=lambda pair: -len(pair[0]))
    alternatives = "|".join(f"({pattern(form)})" for form, _ in pairs)
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)"), [anchor for _, anchor in pairs]


def link_terms(app, doctree, page):
    """Enlaza cada término de una lección con su entrada, la primera vez que sale en un párrafo."""
    if page in ("glosario", app.config.root_doc):
        return
    seen = {anchor for anchor, (*_, only) in terms().items() if only and not is_lesson(page, only)}
    for text in list(doctree.findall(nodes.Text)):
        if is_prose(text):
            pieces = split(text.astext(), "../" * page.count("/"), seen)
            if len(pieces) > 1:
                text.parent.replace(text, pieces)


def is_lesson(page, number):
    return page.split("/")[-1].startswith(number)


def is_prose(text):
    node, inside = text.parent, False
    while node is not None:
        if isinstance(node, LEFT_ALONE) or node.get("nb_element") == "cell_code":
            return False
        if isinstance(node, nodes.paragraph):
            inside = not UNLINKED.match(node.astext())
            if not inside:
                return False
        node = node.parent
    return inside


def split(text, root, seen):
    """El texto, partido por los términos que aún no han salido; cada uno, entre su enlace y su definición."""
    expression, anchors = matcher()
    pieces, start = [], 0
    for match in expression.finditer(text):
        anchor = anchors[match.lastindex - 1]
        if anchor not in seen:
            seen.add(anchor)
            pieces += [nodes.Text(text[start : match.start()]), *linked(match[0], anchor, root)]
            start = match.end()
    return [*pieces, nodes.Text(text[start:])]


def linked(word, anchor, root):
    before = f'<span class="termino"><a href="{root}glosario.html#{anchor}" aria-describedby="def-{anchor}">'
    definition = f'<span role="tooltip" id="def-{anchor}">{terms()[anchor][1]}</span>'
    # no-search: el buscador encuentra la definición en el glosario, no en todas las páginas.
    folded = nodes.inline("", "", nodes.raw("", definition, format="html"), classes=["no-search"])
    after = [nodes.raw("", "</a>", format="html"), folded, nodes.raw("", "</span>", format="html")]
    return [nodes.raw("", before, format="html"), nodes.Text(word), *after]


def setup(app):
    app.connect("doctree-resolved", link_terms)
