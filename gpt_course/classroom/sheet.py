"""La página de un diploma: lo que se lee y, dentro, los mismos datos para comprobarlo."""

import html
import json
import re

from gpt_course.command import BadInput

DATA = re.compile(r'<script type="application/json" id="diploma">(.*?)</script>', flags=re.S)
LARGEST = 10**6  # bytes
KINDS = {"name": str, "date": str, "version": str, "digest": str, "lessons": list, "answers": dict}
LESSON = {"number": str, "title": str, "solved": int, "total": int}
STYLE = """
@page { size: A4; margin: 15mm; }
:root { color-scheme: light; }
body { font: 11pt/1.4 Georgia, serif; color: #1a1a1a; background: #fff; max-width: 178mm; margin: 0 auto;
  padding: 6mm; border: 1.5pt solid #1a1a1a; }
h1 { font-size: 22pt; text-align: center; margin: 0 0 2mm; }
p { margin: 2mm 0; }
.quien { font-size: 18pt; text-align: center; margin: 5mm 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 0.6mm 2mm; border-bottom: 0.5pt solid #999; }
.letra { font-size: 8.5pt; }
code { overflow-wrap: anywhere; }
"""
PAGE = """<!DOCTYPE html>
<html lang="es">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Diploma de {name}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>GPT a lápiz</h1>
<p class="quien">{name}</p>
<p>ha resuelto estos ejercicios del curso. Una lección está superada si lo están todos los suyos.</p>
<table>
<thead><tr><th>Lección</th><th>Ejercicios</th><th>Superada</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p>Fecha: {date} · Versión del curso: <code>{version}</code><br>
Huella de las respuestas: <code>{digest}</code></p>
<p class="letra"><strong>Qué dice.</strong> Que en una copia de esa versión del curso sus correctores dieron
por buenas estas respuestas. Quien enseña comprueba si son las de una entrega con
<code>python3 curso.py corregir --diploma diploma.html ENTREGA</code>, que vuelve a corregirla.</p>
<p class="letra"><strong>Qué no dice.</strong> Quién escribió las respuestas, con qué ayuda ni cuándo: la
fecha es la del equipo. No lleva firma: quien tenga las respuestas puede hacer otro con otro nombre.</p>
</main>
<script type="application/json" id="diploma">{data}</script>
</body>
</html>
"""


def page(data):
    """El HTML de un diploma; los mismos datos dan siempre los mismos bytes."""
    rows = "\n".join(
        f"<tr><td>{html.escape(lesson['number'])} · {html.escape(lesson['title'])}</td>"
        f"<td>{lesson['solved']} de {lesson['total']}</td>"
        f"<td>{'sí' if lesson['solved'] == lesson['total'] else 'todavía no'}</td></tr>"
        for lesson in data["lessons"]
    )
    shown = {key: html.escape(data[key]) for key in ("name", "date", "version", "digest")}
    inside = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")  # no cierra la etiqueta
    return PAGE.format(style=STYLE, rows=rows, data=inside, **shown)


def read_page(path):
    """(el texto de la página, sus datos). Errores: `BadInput` si no es un diploma del curso."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST).decode("utf-8").replace("\r\n", "\n")
        data = json.loads(DATA.search(text)[1])
    except OSError as error:
        raise BadInput(
            f"Se esperaba la página de un diploma; {str(path)!r} no se puede leer ({error.strerror})."
        ) from None
    except (ValueError, TypeError, RecursionError):
        data = None
    if not _is_whole(data):
        raise BadInput(
            f"Se esperaba la página que escribe `python3 curso.py diploma`; {str(path)!r} no lo es, o está "
            "cortada. Pídela otra vez."
        )
    return text, data


def _is_whole(data):
    return (
        _has(data, KINDS)
        and all(_has(lesson, LESSON) for lesson in data["lessons"])
        and all(isinstance(each, str) for pair in data["answers"].items() for each in pair)
    )


def _has(found, kinds):
    return (
        isinstance(found, dict)
        and found.keys() == kinds.keys()
        and all(type(found[key]) is kind for key, kind in kinds.items())
    )
