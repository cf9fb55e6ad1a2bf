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
    return [
        re.sub("\ue000(\\d+)\ue001", lambda match: kept[int(match[1])], part)
        for part in parts
        if part.strip()
    ]


def opening(paragraph, least=90):
    """Las primeras frases, hasta que juntas digan algo: `least` caracteres, o tres frases."""
    parts = sentences(paragraph)
    count = next((n for n in (1, 2) if len(" ".join(parts[:n])) >= least), 3)
    return " ".join(parts[:count])


def key_sentences(paragraph, *, first):
    """Las frases con negrita y las preguntas, con la que las sigue; con `first`, también las que abren."""
    parts = sentences(paragraph)
    start = opening(paragraph) if first else ""
    asked = {place for place, part in enumerate(parts) if re.fullmatch(r"\*\*.*\*\*|(?:\*\*)?¿.*", part)}
    asked |= {place + 1 for place in asked}  # y lo que contesta o explica
    return " ".join(
        part for place, part in enumerate(parts) if part in start or "**" in part or place in asked
    )


def caption(paragraph):
    """De un pie, «Figura N.M.» y su primera frase."""
    return " ".join(sentences(paragraph)[:2])
