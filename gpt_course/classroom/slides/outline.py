"""Qué va en cada diapositiva: lo decide la anatomía del cuaderno, que es la misma en todas las lecciones.

La pregunta, los objetivos y el mapa; de cada apartado, sus frases clave (la primera, las que llevan negrita,
las preguntas, las fórmulas y la que lee el resultado), sus figuras con la primera frase del pie y sus
«Predice» con la respuesta detrás; los errores frecuentes y el resumen. Los ejercicios y «Para quien
quiera más» se quedan en el cuaderno.
"""

import base64
import json
from html import escape

from gpt_course.classroom.slides.text import caption, key_sentences, opening, paragraphs

IMAGE = '<img src="data:image/{};base64,{}" alt="{}">'
ROOM = 660  # caracteres que caben en una diapositiva
LINE = 72  # y en una de sus líneas
FIGURE = 430  # los que quita una figura
LAST = "Para quien quiera más"
LEFT_OUT = ("Ejercicios",)


def outline(path):
    """Las diapositivas de un cuaderno: una lista de (tipo, texto)."""
    deck = Deck(path)
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            source, last, _ = "".join(cell["source"]).partition(f"## {LAST}")
            deck.read_text(source)
            if last:
                break
        else:
            deck.read_outputs(cell["outputs"])
    deck.close()
    return deck.slides


class Deck:
    """Las diapositivas que se van llenando al leer un cuaderno de arriba abajo."""

    def __init__(self, path):
        self.path, self.slides = path, []
        self.title, self.kind, self.body = "", "slide", []
        self.left_out = False
        self.pending = []  # figuras que esperan su pie
        self.predicting = self.reading = False  # ¿la salida que sigue es la respuesta?, ¿el texto la lee?

    def close(self):
        """Cierra la diapositiva abierta, si tiene algo."""
        if self.body:
            self.slides.append(
                (self.kind, "\n\n".join([*([f"## {self.title}"] if self.title else []), *self.body]))
            )
            self.kind, self.body = "subslide", []

    def add(self, text):
        """Pone un trozo en la diapositiva abierta o, si no cabe, en otra debajo, con el mismo título."""
        if text and sum(map(room, [*self.body, text])) > ROOM:
            self.close()
        self.body += [text] if text else []

    def start(self, title, kind):
        self.close()
        self.title, self.kind = title, kind
        self.left_out = title in LEFT_OUT

    def read_text(self, source):
        for text in paragraphs(source):
            if text.startswith("# "):
                self.start("", "slide")
                self.body = [text]
            elif text.startswith("## "):
                self.start(text[3:].lstrip("0123456789. "), "slide")
                self.reading = False
            elif not self.left_out:
                self.read_paragraph(text)
        if not self.left_out:
            self.flush()
        self.reading = False

    def read_paragraph(self, text):
        if text.startswith("### "):
            self.start(text[4:], "subslide")
        elif text.startswith("**Figura"):
            self.show(self.pending.pop(0) if self.pending else "", caption(text))
        elif text.startswith("!["):
            self.show(picture_of_file(self.path.parent, text), "")
        elif text.startswith("> **Predice"):
            self.add(text)
            self.close()  # la respuesta, en otra
            self.predicting = True
        elif self.title == "" or text.startswith("$$"):
            self.add(text if text.startswith((">", "$$")) else "")
        elif text.startswith(("- ", "1. ", "|")):
            self.add_list(text)
        elif not text.startswith(("**Siguiente", "**Fuentes", "<details", "```")):
            self.add(opening(text) if self.reading else key_sentences(text, first=not self.body))
            self.reading = False

    def add_list(self, text):
        """Una lista entera si es corta; si no, lo principal de cada punto."""
        if text.startswith("|"):
            self.add(text if room(text) <= ROOM else "")
            return
        whole = self.title in ("Objetivos", "Resumen") or room(text) <= ROOM // 2
        for item in text.split("\n"):
            self.add(item if whole else key_sentences(item, first=True))

    def show(self, image, below):
        """Una figura, con la primera frase de su pie."""
        if image:
            self.add(f"<figure>{image}</figure>\n\n{below}".strip())

    def flush(self):
        while self.pending:  # una figura sin pie
            self.show(self.pending.pop(0), "")

    def read_outputs(self, outputs):
        """Guarda las figuras hasta leer su pie; del texto, solo la respuesta a un «Predice» y los errores."""
        if self.left_out:
            return
        self.pending = [picture(each) for each in outputs if "image/png" in each.get("data", {})]
        texts = ["".join(each["text"]) for each in outputs if each["output_type"] == "stream"]
        errors = [f"{each['ename']}: {each['evalue']}" for each in outputs if each["output_type"] == "error"]
        shown = "".join(texts) if self.predicting and not self.pending else "\n".join(errors)
        if shown:
            self.add(fenced(shown))
        self.predicting, self.reading = False, bool(outputs)


def room(text):
    """Lo que ocupa un trozo, en caracteres: cada línea empezada cuenta entera."""
    if text.startswith("<figure>"):
        return FIGURE
    return sum(LINE * max(1, -(-len(line) // LINE)) for line in text.split("\n"))


def fenced(text):
    """Una salida de texto, sin líneas en blanco; si no cabe entera, sus primeras líneas."""
    lines = [line for line in text.split("\n") if line.strip()]
    while room("\n".join(lines)) > ROOM - 3 * LINE:
        lines = [*lines[:-2], "…"]
    return "\n".join(["```", *lines, "```"])


def picture(output):
    """La figura de una salida guardada, con su texto alternativo."""
    data = "".join(output["data"]["image/png"]).replace("\n", "")
    alternative = output.get("metadata", {}).get("image/png", {}).get("alt", "")
    return IMAGE.format("png", data, escape(alternative))


def picture_of_file(folder, text):
    """El dibujo que nombra un texto como `![alternativo](../imgs/mapa.svg)`."""
    alternative, _, name = text[2:].rstrip(")").rpartition("](")
    data = base64.b64encode((folder / name).read_bytes()).decode("ascii")
    return IMAGE.format("svg+xml", data, escape(alternative))
