"""Cómo se guarda un cuaderno: sin lo que depende de la máquina o del editor, con sus figuras descritas y con
las respuestas de las predicciones plegadas."""

import copy
import re

import nbformat

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CAPTION = "**Figura "  # la celda de texto que sigue a una figura empieza así y es su texto alternativo
PREDICTION = "> **Predice antes de ejecutar.**"  # lo que muestran las celdas que la siguen es la respuesta
FOLDED = {"jupyter": {"outputs_hidden": True}}  # JupyterLab la despliega cuando se ejecuta la celda


def is_not_compared(cell):
    return "nbval-ignore-output" in cell.metadata.get("tags", [])


def error_of(cell):
    """El error con que acabó una celda, en una línea, o None."""
    found = (output for output in cell.get("outputs", []) if output.output_type == "error")
    return next((f"{output.ename}: {output.evalue}" for output in found), None)


def normalise(notebook):
    """Quita de un cuaderno lo que depende de la máquina o del editor y describe sus figuras."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count, predicted = 0, False
    for cell, following in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": sorted(tags)} if tags else {})
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [_normalise_output(output, count, following) for output in merge(cell.outputs)]
            if predicted and cell.outputs:
                cell.metadata.update(nbformat.from_dict(FOLDED))
        else:
            predicted = predicts(cell)
    return notebook


def predicts(cell):
    """¿Acaba esta celda de texto pidiendo una predicción?"""
    return cell.source.split("\n\n")[-1].startswith(PREDICTION)


def merge(outputs):
    """Junta los trozos seguidos de un mismo flujo: cuántos llegan depende del momento."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == "stream" == last.output_type and output.name == last.name:
            last.text += output.text
        else:
            merged.append(copy.copy(output))  # sin tocar las que llegan: se leen más de una vez
    for output in merged:
        if output.output_type == "stream":  # una barra de progreso se reescribe: queda su último estado
            output.text = re.sub(r"[^\n]*\r(?=[^\n])", "", output.text)
    return merged


def _normalise_output(output, count, following):
    if output.output_type == "error":  # la traza lleva rutas de esta máquina; basta su última línea
        output.traceback = [f"{output.ename}: {output.evalue}"]
    if "execution_count" in output:
        output.execution_count = count
    if "metadata" in output:
        alt = _caption(following) if "image/png" in output.data else ""
        output.metadata = nbformat.from_dict({"image/png": {"alt": alt}} if alt else {})
    return output


def _caption(cell):
    """Texto alternativo de una figura: el pie que la sigue, sin marcas."""
    if cell is None or cell.cell_type != "markdown" or not cell.source.startswith(CAPTION):
        return ""
    return " ".join(cell.source.split("\n\n")[0].replace("*", "").replace("`", "").replace("$", "").split())
