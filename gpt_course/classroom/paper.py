"""El examen y su clave como páginas HTML que se imprimen: sin red, y con las fórmulas en texto corriente."""

import html
from pathlib import Path

import mistune

to_html = mistune.create_markdown(escape=True)
STYLE = Path(__file__).with_suffix(".css")


def sheet(exam, name):
    """La hoja del examen: nombre, preguntas y opciones, sin nada que delate la correcta."""
    header = (
        '<p>Nombre: <span class="line"></span> Grupo: <span class="line short"></span> '
        'Fecha: <span class="line short"></span></p>'
        f"<p>{len(exam)} preguntas, con una sola respuesta correcta cada una. Rodea su letra.</p>"
    )
    sections = [_section(number, question, _plain_choice) for number, question in enumerate(exam, 1)]
    return _page(f"Examen {name}", header, sections)


def key(exam, name, order):
    """La clave: la letra de cada pregunta y la razón de cada opción. order: con qué se repite el examen."""
    cells = "".join(
        f"<tr><td>{n}</td><td>{letter(q)}</td><td>{q.id}</td></tr>" for n, q in enumerate(exam, 1)
    )
    header = (
        f"<p>Para quien corrige el examen {name}, que se repite con <code>{html.escape(order)}</code>.</p>"
        f"<table><tr><th>Pregunta</th><th>Correcta</th><th>En el banco</th></tr>{cells}</table>"
    )
    sections = [_section(number, question, _explained_choice) for number, question in enumerate(exam, 1)]
    return _page(f"Clave del examen {name}", header, sections)


def letter(question):
    """La letra de la opción correcta."""
    return "ABCD"[[choice.right for choice in question.choices].index(True)]


def _section(number, question, show):
    choices = "".join(map(show, question.choices))
    return f"<section><h2>{number}.</h2>{to_html(question.statement)}<ol>{choices}</ol></section>"


def _plain_choice(choice):
    return f"<li>{to_html(choice.text)}</li>"


def _explained_choice(choice):
    mark = ' class="right"' if choice.right else ""
    return f'<li{mark}>{to_html(choice.text)}<div class="reason">{to_html(choice.reason)}</div></li>'


def _page(title, header, sections):
    return (
        '<!DOCTYPE html>\n<html lang="es">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)} · GPT a lápiz</title>"
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style></head>\n<body>"
        f"<header><h1>GPT a lápiz · {html.escape(title)}</h1>{header}</header>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )
