"""La tabla de notas: un CSV para la hoja de cálculo y una página que se abre sin red.

Todo lo que escribió quien estudia es texto: en la página se escapa, y en el CSV no empieza una fórmula.
"""

import csv
import html
import io
import re

COLUMNS = (
    *("estudiante", "entrega", "lección", "ejercicio", "resuelto", "signo", "mensaje", "último visto"),
    *("intentos", "cuándo", "semilla", "respuesta"),
)
# Ni scripts ni nada de fuera: aunque algo se escapara, el navegador no lo cargaría.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border: 1px solid #8886; padding: .25rem .6rem; text-align: left; vertical-align: top; }
td.sign { text-align: center; }
.yes { background: #2e7d3233; } .no { background: #d32f2f22; } .none { background: #f9a82533; }
pre { background: #8881; max-height: 24rem; overflow: auto; padding: .6rem; white-space: pre-wrap; }
"""
CLASSES = {"✓": "yes", "✗": "no", "!": "none"}
LEGEND = "✓ resuelto · ✗ mal · ○ sin resolver · ! sin nota: el motivo está en su fila."


def to_csv(marks):
    """El texto del CSV: una fila por ejercicio, o una por entrega si no se pudo leer."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for each in marks:
        start = [each.handin.student, each.handin.path]
        if not each.rows:
            table.writerow(map(_plain, [*start, "", "", "0", "!", each.handin.reason, *[""] * 5]))
        for row in each.rows:
            message = " · ".join([row.text, *each.notices])
            cells = [each.lesson.number, row.exercise, str(int(row.sign == "✓")), row.sign, message]
            cells += [row.seen, row.tries, row.when, row.seed, row.answer]
            table.writerow(map(_plain, [*start, *cells]))
    return "\ufeff" + text.getvalue()  # con esa marca, una hoja de cálculo lee bien los acentos


def _plain(text):
    """Una celda que empieza por =, +, −, @ o un salto la ejecutaría una hoja de cálculo."""
    text = re.sub("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "\ufffd", text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\n")) else text


def to_html(marks):
    """La página: totales por lección, lo que no se pudo leer y, debajo, cada entrega con sus respuestas."""
    lessons = {each.lesson.number: each.lesson for each in marks if each.lesson}
    parts = [
        _totals(lesson, [each for each in marks if each.lesson == lesson])
        for _, lesson in sorted(lessons.items())
    ]
    unread = [each for each in marks if not each.rows]
    if unread:
        rows = "".join(
            f"<tr>{_cell(m.handin.student)}{_cell(m.handin.path)}{_cell(m.handin.reason)}</tr>"
            for m in unread
        )
        head = "<tr><th>Estudiante</th><th>Entrega</th><th>Motivo</th></tr>"
        parts.append(f"<h2>Sin corregir</h2><table>{head}{rows}</table>")
    parts += [_handin(place, each) for place, each in enumerate(marks) if each.rows]
    barriers = sorted({barrier for each in marks for barrier in each.barriers})
    foot = (
        f"<p>Cada cuaderno se ejecutó encerrado: {_text(', '.join(barriers) or 'no se ejecutó ninguno')}.</p>"
    )
    body = "\n".join(["<h1>Notas</h1>", f"<p>{LEGEND}</p>", _summary(marks), *parts, foot])
    return (
        '<!DOCTYPE html>\n<html lang="es">\n<head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Notas · GPT a lápiz</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _summary(marks):
    graded = [each for each in marks if each.rows]
    solved, total = sum(each.solved for each in graded), sum(len(each.rows) for each in graded)
    return (
        f"<p>{len(marks)} entregas, {len(graded)} corregidas; {solved} ejercicios resueltos de {total}.</p>"
    )


def _totals(lesson, marks):
    names = [row.exercise for row in marks[0].rows]
    numbers = "".join(f"<th>{_text(name.split('.')[1])}</th>" for name in names)
    rows = [
        f"<tr>{_cell(each.handin.student)}{_cell(each.handin.path)}{''.join(map(_sign, each.rows))}"
        f"<td>{each.solved} de {len(each.rows)}</td>{_cell(' '.join(each.notices))}</tr>"
        for each in marks
    ]
    sums = "".join(
        f"<td>{sum(each.rows[place].sign == '✓' for each in marks)}</td>" for place in range(len(names))
    )
    return (
        f"<h2>{_text(f'{lesson.number} · {lesson.title}')}</h2><table>"
        f"<tr><th>Estudiante</th><th>Entrega</th>{numbers}<th>Total</th><th>Mira</th></tr>{''.join(rows)}"
        f"<tr><th colspan=2>Lo resuelven</th>{sums}</tr></table>"
    )


def _handin(place, marks):
    rows = "".join(
        f"<tr><td>{_text(row.exercise)}</td>{_sign(row)}<td>{_text(row.text)}</td><td>{_text(row.seen)}</td>"
        f"<td>{_text(row.tries)}</td><td>{_text(row.when)}</td><td>{_text(row.seed)}</td></tr>"
        f"<tr><td colspan=7><pre>{_text(row.answer)}</pre></td></tr>"
        for row in marks.rows
    )
    head = "".join(
        f"<th>{name}</th>"
        for name in ("Ejercicio", "", "Mensaje", "Lo último que vio", "Intentos", "Cuándo", "Semilla")
    )
    title = f"{marks.handin.student} · {marks.handin.path}: {marks.solved} de {len(marks.rows)}"
    table = f"<table><tr>{head}</tr>{rows}</table>"
    return f"<details id=e{place}><summary>{_text(title)}</summary>{table}</details>"


def _sign(row):
    return f'<td class="sign {CLASSES.get(row.sign, "")}" title="{_text(row.text)}">{_text(row.sign)}</td>'


def _cell(text):
    return f"<td>{_text(text)}</td>"


def _text(text):
    """Texto, y solo texto: también lo que dirige la escritura al revés o no se puede mostrar."""
    clean = re.sub("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", str(text))
    return html.escape(clean)
