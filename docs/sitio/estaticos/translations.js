// Lo que dice el buscador. El catálogo de Sphinx deja en inglés el número de resultados.
Documentation.addTranslations({
  locale: "es",
  plural_expr: "n === 1 ? 0 : 1",
  messages: {
    "Preparing search...": "Preparo la búsqueda…",
    "Searching": "Busco",
    "Search Results": "Resultados",
    "Search finished, found one page matching the search query.": [
      "Hay un resultado.",
      "Hay ${resultCount} resultados.",
    ],
    "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories.":
      "Ninguna página tiene todas esas palabras. Comprueba cómo están escritas o prueba con menos.",
    "Hide Search Matches": "Quitar las marcas de la búsqueda",
    ", in ": ", en ",
  },
});
