"""Los textos de un cuaderno en trozos: párrafos, frases y la primera frase de un pie."""

import re

# Acaba una frase: punto, pregunta o exclamación, y después un espacio y algo que empieza otra.
_END = re.compile(r"(?<=[.?!])((?:\*\*|[)»*])*)\s+(?=[¿¡«*_`]*\(?[¿¡«]?[A-ZÁÉÍÓÚÑ0-9\ue000])")
_WHOLE = re.compile(r"`[^`]*`|\$[^$\n]+\$")  # lo que no se parte: código y fórmulas


def paragraphs(source):
    """Los párrafos de una celda, sin enlaces y sin pistas; las líneas de una lista o una tabla van juntas."""
    text = re.sub(r"<details>.*?</details>", "", source, flags=re.S)
    text = re.sub(r"(?<!!)\[([^\]]+)\]\((?!http)[^)]*\)", r"\1", text)
    text = re.sub(r"^(#+ .*)$", r"\n\1\n", text, flags=re.M)
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def sentences(paragraph):
    """Las frases de un párrafo."""
    kept = []

    def hide(match):
        kept.append(match[0])
        return f"\ue000{len(kept) - 1}\ue001"

    parts = _END.sub("\\1\n", _WHOLE.sub(hide, paragraph)).split("\n")
    return [re.sub("\ue000(\\d+)\ue001", lambda match: kept[int(match[1])], part) for part in parts if part.strip()]


def first_sentences(paragraph, count):
    return " ".join(sentences(paragraph)[:count])


def bold_sentences(item):
    """De un punto de una lista, las frases con negrita y la que sigue a la primera; nada si no tiene."""
    parts = sentences(item)
    chosen = [part for place, part in enumerate(parts) if place < 2 or "**" in part]
    return " ".join(chosen)


def key_sentences(paragraph, *, first):
    """Las frases con negrita y las preguntas; con `first`, también la primera, que es la que abre."""
    chosen = [
        part
        for place, part in enumerate(sentences(paragraph))
        if (first and place == 0) or "**" in part or part.startswith("¿")
    ]
    return " ".join(chosen)


def caption(paragraph):
    """De un pie, «Figura N.M.» y su primera frase, en HTML."""
    label, _, rest = paragraph.removeprefix("**").partition("**")
    return f"<strong>{label}</strong> {first_sentences(rest.strip(), 1)}"
