"""Las preguntas en el XML que importa Moodle: una categoría por lección y la explicación de cada opción.

El formato: https://docs.moodle.org/en/Moodle_XML_format. En él, `{ } = ~ #` son signos corrientes.
"""

from xml.etree import ElementTree

from gpt_course.classroom.paper import to_html

# Lo que se fija en cada pregunta: una sola respuesta, sin penalización y en el orden de la clave.
SETTINGS = {
    "defaultgrade": "1",
    "penalty": "0",
    "hidden": "0",
    "single": "true",
    "shuffleanswers": "false",
    "answernumbering": "ABCD",
}


def write(exam):
    """El texto del archivo, para «Importar preguntas» → «Formato Moodle XML»."""
    quiz, lesson = ElementTree.Element("quiz"), None
    for question in exam:
        if question.lesson != lesson:
            lesson = question.lesson
            _category(quiz, f"$course$/top/GPT a lápiz/{lesson}")
        _question(quiz, question)
    ElementTree.indent(quiz)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(quiz, encoding="unicode") + "\n"


def _category(quiz, name):
    element = ElementTree.SubElement(quiz, "question", type="category")
    _text(element, "category", name)


def _question(quiz, question):
    element = ElementTree.SubElement(quiz, "question", type="multichoice")
    _text(element, "name", question.id)
    _text(element, "questiontext", to_html(question.statement), format="html")
    for name, value in SETTINGS.items():
        ElementTree.SubElement(element, name).text = value
    ElementTree.SubElement(element, "idnumber").text = question.id
    for choice in question.choices:
        fraction = "100" if choice.right else "0"
        answer = _text(element, "answer", to_html(choice.text), fraction=fraction, format="html")
        _text(answer, "feedback", to_html(choice.reason), format="html")


def _text(parent, name, text, **attributes):
    element = ElementTree.SubElement(parent, name, attributes)
    ElementTree.SubElement(element, "text").text = text
    return element
