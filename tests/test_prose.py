"""Cada número de un texto lo muestra una celda o está declarado con su fuente; el código, en `prose.py`."""

import json
import tomllib

import manifest
import prose
import pytest
import repository
from manifest import ROOT

from gpt_course.bench.table import table

TOPICS = {lesson.file: lesson.topic for lesson in manifest.read() if lesson.ready}
CHECKERS = prose.checkers()
NOTES = tomllib.loads(prose.NOTED.read_text(encoding="utf-8"))
MEASURED = ROOT / "gpt_course" / "bench" / "measured.json"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "notebooks" / "indice.md"]


def cells_of(path):
    return json.loads(repository.committed(path))["cells"]


def pool_of(path):
    """Los números que muestra un cuaderno, su lección si es de soluciones y quien corrige el tema."""
    lesson = cells_of(ROOT / "notebooks" / path.name)
    return prose.pool(cells_of(path), lesson, checker=CHECKERS.get(TOPICS[path.name], ""))


def notes_of(path):
    return NOTES.get(path.relative_to(ROOT).as_posix(), {})


def faults(texts, pool, fragments, names, notes):
    """Lo que falla en unos textos: números que no salen de ninguna parte y números cortos sin anotar."""
    for cell, text in texts.items():
        for number, around in prose.loose(text, pool, fragments, names):
            yield f"{cell}: «{number}» no lo muestra ninguna celda ni está en tests/citas.toml: …{around}…"
        if prose.short_numbers(text) != notes.get(cell, ""):
            yield (
                f"{cell}: han cambiado sus números de una a tres cifras. Antes: {notes.get(cell, '')}; "
                f"ahora: {prose.short_numbers(text)}. Si son correctos, anótalos: python tests/prose.py"
            )


@pytest.mark.parametrize("path", manifest.notebooks(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_number_of_a_text_comes_from_somewhere(path):
    texts = prose.texts(cells_of(path))
    found = list(faults(texts, pool_of(path), *prose.cited(path.name), notes_of(path)))
    found += [
        f"{cell} está en tests/numeros.toml y no en el cuaderno"
        for cell in notes_of(path).keys() - texts.keys()
    ]
    assert not found, "\n".join(found)


def test_every_declared_fragment_is_still_said():
    said = {path.name: "" for path in [*manifest.notebooks(), *DOCUMENTS]}
    for path in manifest.notebooks():
        said[path.name] += "\n".join(prose.texts(cells_of(path)).values())
    for path in DOCUMENTS:
        said[path.name] = path.read_text(encoding="utf-8")
    for group in tomllib.loads(prose.CITED.read_text(encoding="utf-8"))["cita"]:
        where = "\n".join(said.values()) if group["en"] == "todos" else said[group["en"]]
        for text in group["textos"]:
            assert text in where, f"tests/citas.toml declara «{text}», que ya no se dice en {group['en']}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_long_numbers_of_the_documents_are_measured_or_cited(path):
    pool = prose.pool(*(cells_of(other) for other in manifest.notebooks()))
    fragments, names = prose.cited(path.name)
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))  # las tablas las comprueba test_readme.py
    text = path.read_text(encoding="utf-8")
    for result in measured:
        text = text.replace(table(result), "")
    loose = [
        found for found in prose.loose(text, pool, fragments, names) if sum(map(str.isdigit, found[0])) > 2
    ]
    assert not loose, f"no los muestra ninguna celda ni están en tests/citas.toml: {loose}"


# --- Cómo se lee un número --------------------------------------------------------------------------

READ = [
    ("Son 163\u202f009\u202f536.", 163_009_536, 1),
    ("`163,009,536`", 163_009_536, 1),
    ("queda en −0,0003", 0.0003, 1e-4),
    ("`621.83`", 621.83, 0.01),
    ("unos 17\u202f700 millones", 17_700e6, 100e6),
    ("39 millones", 39e6, 1e6),
    ("23,7\u00a0%", 23.7, 0.1),
    ("2²⁰ bytes", 2**20, 0),
    ("$27{,}7 \\cdot c$", 27.7, 0.1),
]


@pytest.mark.parametrize(("text", "value", "unit"), READ)
def test_a_number_is_read_as_it_is_written(text, value, unit):
    number = prose.numbers(text)[0][0]
    assert (number.value, number.unit) == pytest.approx((value, unit))


@pytest.mark.parametrize("text", ["GPT-2", "float32", "gpt2-xl", "Qwen2.5", "norm1", "SHA-256"])
def test_a_word_with_digits_is_a_name(text):
    assert prose.numbers(text) == ([], [(text, 0)])


def test_the_target_of_a_link_has_no_numbers():
    assert prose.numbers("[otra](07_otra.ipynb) <img width=30>") == ([], [])


@pytest.mark.parametrize(
    ("text", "output", "found"),
    [
        ("38\u202f597\u202f376", "38,597,376", True),
        ("38\u202f597\u202f367", "38,597,376", False),
        ("23,7", "el 23.68 %", True),
        ("23,8", "el 23.68 %", False),
        ("23,7\u00a0%", "0.2368", True),
        ("163 millones", "163,009,536", True),
        ("164 millones", "163,009,536", False),
        ("0,1381", "tensor([[ 0.1381, -0.1963]])", True),
        ("0,1318", "tensor([[ 0.1381, -0.1963]])", False),
        ("50\u202f257", "[2, 4, 50257]", True),
        ("4", "a = [1,2,4]", True),
        ("0,24", "0.2", False),
        ("768", "767.6", True),
        ("10⁶", "1e6", True),
    ],
)
def test_a_number_is_searched_with_its_own_digits(text, output, found):
    assert prose.matches(prose.numbers(text)[0][0], prose.printed(output)) is found


@pytest.mark.parametrize(("tags", "found"), [([], True), (["nbval-ignore-output"], False)])
def test_a_cell_that_is_not_compared_backs_no_number(tags, found):
    output = {"output_type": "stream", "name": "stdout", "text": ["38,597,376"]}
    cell = {"cell_type": "code", "metadata": {"tags": tags}, "source": [], "outputs": [output]}
    number = prose.numbers("38\u202f597\u202f376")[0][0]
    assert prose.matches(number, prose.pool([cell])) is found


# --- Averías ----------------------------------------------------------------------------------------

PLANTED = [  # cuaderno, lo que dice y una cifra cambiada
    ("06_modelo_gpt.ipynb", "38\u202f597\u202f376", "38\u202f597\u202f367"),
    ("06_modelo_gpt.ipynb", "**Figura 6.2.**", "**Figura 6.3.**"),
    ("06_modelo_gpt.ipynb", "GPT-2 completo", "GPT-3 completo"),
    ("04_capas_del_bloque.ipynb", "1607.06450", "1607.06460"),
    ("04_capas_del_bloque.ipynb", "Ba et al. (2016)", "Ba et al. (2015)"),
    ("04_capas_del_bloque.ipynb", "8C² + 5C", "8C² + 6C"),
    ("04_capas_del_bloque.ipynb", "16C²", "16C³"),
    ("03_atencion.ipynb", "(lección 02)", "(lección 01)"),
    ("09_aritmetica_de_memoria.ipynb", "5/32", "5/31"),
    ("11_cache_kv.ipynb", "14\u00a0% más", "15\u00a0% más"),
]


@pytest.mark.parametrize(("name", "old", "new"), PLANTED, ids=lambda value: str(value))
def test_a_digit_that_changes_is_seen(name, old, new):
    path = ROOT / "notebooks" / name
    texts = prose.texts(cells_of(path))
    assert any(old in text for text in texts.values())
    changed = {cell: text.replace(old, new) for cell, text in texts.items()}
    assert list(faults(changed, pool_of(path), *prose.cited(name), notes_of(path)))
