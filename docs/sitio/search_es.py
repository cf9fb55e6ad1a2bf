"""El buscador, que encuentra las palabras con acentos y sin ellos: «despues» y «después» dan lo mismo."""

from functools import cache

from sphinx.search.es import SearchSpanish

PLAIN = str.maketrans("áéíóúü", "aeiouu")


class SearchWithoutAccents(SearchSpanish):
    """El español de Sphinx, que quita los acentos antes de buscar la raíz y no después."""

    # Se escribe detrás del código que busca la raíz en el navegador, que debe hacer lo mismo que `stem`.
    js_splitter_code = """
const PLAIN = { á: "a", é: "e", í: "i", ó: "o", ú: "u", ü: "u" };
window.Stemmer = function () {
  const spanish = new SpanishStemmer();
  this.stemWord = (word) => spanish.stemWord(word.replace(/[áéíóúü]/g, (letter) => PLAIN[letter]));
};
"""

    @cache  # noqa: B019
    def stem(self, word):
        return super().stem(word.lower().translate(PLAIN))


def setup(app):
    app.add_search_language(SearchWithoutAccents)
