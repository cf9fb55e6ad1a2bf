"use strict";
// La página: crea el estado, lo dibuja y escucha a quien la usa.

/** Vuelve a dibujarlo todo. */
function render(explorer) {
  showStory(explorer);
  showQuestion(explorer);
  showBars(explorer);
  showMixer(explorer.mixer);
  showEmbedding(explorer);
  showHeads(explorer);
  showAttention(explorer);
  showLens(explorer);
  byId("heads-say").textContent = headsSay(explorer);
  showDamageHere(explorer);
  byId("insist").hidden = true;
  byId("adder-says").textContent = "";
}

/** Escucha lo que pase a un elemento y, después, vuelve a dibujar. Si lo pulsado ya no está, el foco va a la
 * pregunta. */
function listen(explorer, id, event, react) {
  byId(id).addEventListener(event, (happened) => {
    if (event === "submit") happened.preventDefault();
    if (react(happened) === false) return;
    render(explorer);
    const focused = document.activeElement;
    const lost = focused === document.body || !focused.checkVisibility();
    if (lost) byId("question").focus({ preventScroll: true });
  });
}

/** Lo que se pulsó, si lleva ese dato. */
function pressed(event, name) {
  return event.target.closest(`[data-${name}]`)?.dataset[name];
}

/** Lee un comienzo escrito: se queda con las palabras hasta la primera que no existe. */
function readBeginning(explorer, text) {
  const words = splitText(text.trim());
  const unknown = words.findIndex((word) => !explorer.number.has(word));
  const room = explorer.whole.config.context_length - 2;
  explorer.start(words.slice(0, unknown < 0 ? room : Math.min(unknown, room)));
  if (unknown < 0)
    return words.length > room ? `Caben ${room} palabras y signos: el resto no se ha leído.` : "";
  if (explorer.number.has(` ${words[unknown]}`)) return `Ningún cuento empieza por «${words[unknown]}».`;
  return `${unknownText(explorer, words[unknown])} Leído hasta ahí.`;
}

function unknownText(explorer, typed) {
  const near = similar(typed, explorer.words).map((word) => `«${word}»`);
  const advice = near.length ? ` ¿Querías decir ${near.join(", ")}?` : "";
  return `En la lengua de los cuentos no existe «${typed.trim()}».${advice}`;
}

function listenToStory(explorer) {
  listen(explorer, "starts", "click", (event) => {
    const text = pressed(event, "start");
    if (text !== undefined) byId("reader-says").textContent = readBeginning(explorer, text);
    return text !== undefined;
  });
  listen(explorer, "random-start", "click", () => {
    const words = explorer.grammar.sample(Math.random);
    explorer.start(words.slice(0, Math.floor(Math.random() * (words.length - 1))));
    byId("reader-says").textContent = "";
  });
  listen(explorer, "reader", "submit", () => {
    byId("reader-says").textContent = readBeginning(explorer, byId("beginning").value);
  });
  for (const id of ["story", "looks"]) {
    listen(explorer, id, "click", (event) => goTo(explorer, Number(pressed(event, "place") ?? NaN)));
    listen(explorer, id, "keydown", (event) => {
      const last = explorer.ids.length - 1;
      const { place } = explorer;
      const to = {
        ArrowLeft: place - 1,
        ArrowUp: place - 1,
        ArrowRight: place + 1,
        ArrowDown: place + 1,
        Home: 0,
        End: last,
      }[event.key];
      if (to !== undefined) event.preventDefault();
      return goTo(explorer, to);
    });
  }
  listen(explorer, "undo", "click", () => {
    explorer.keep(explorer.ids.length - 1);
    explorer.open();
  });
  listen(explorer, "skip", "click", () => {
    explorer.place = explorer.ids.length - 1;
    do explorer.push(drawKey(explorer.reading().distribution, Math.random()));
    while (!explorer.isFull() && explorer.entropy() < 0.1);
  });
}

/** Va a un lugar del cuento, si existe. */
function goTo(explorer, place) {
  if (!(place >= 0 && place < explorer.ids.length)) return false;
  explorer.place = place;
  return true;
}

function listenToQuestion(explorer) {
  listen(explorer, "options", "click", (event) => {
    const word = pressed(event, "guess");
    if (word === undefined) return false;
    explorer.guess(word);
    return true;
  });
  listen(explorer, "reveal", "click", () => {
    explorer.pending = false;
  });
  listen(explorer, "asking", "change", (event) => {
    explorer.asking = event.target.checked;
    explorer.pending = false;
  });
}

function listenToBars(explorer) {
  listen(explorer, "bars", "click", (event) => {
    const word = pressed(event, "add");
    if (word === undefined) return false;
    explorer.push(word);
    return true;
  });
  listen(explorer, "adder", "submit", () => addTyped(explorer));
  listen(explorer, "insist", "click", (event) => {
    explorer.push(event.target.dataset.word);
    byId("word").value = "";
  });
}

/** Añade la palabra escrita; si no puede ir, dice por qué y ofrece ponerla de todos modos. */
function addTyped(explorer) {
  const typed = byId("word").value;
  const reading = explorer.reading();
  const word = findWord(typed, explorer.number, reading?.distribution);
  if (word !== undefined && !explorer.isFull() && (!reading || reading.distribution.has(word))) {
    explorer.push(word);
    byId("word").value = "";
    return true;
  }
  byId("insist").hidden = word === undefined || explorer.isFull();
  byId("insist").dataset.word = word;
  byId("adder-says").textContent = refusal(explorer, typed, word);
  return false;
}

function refusal(explorer, typed, word) {
  if (!typed.trim()) return "Escribe una palabra de los cuentos.";
  if (word === undefined) return unknownText(explorer, typed);
  return explorer.isFull() ? "Aquí ya no cabe ninguna palabra." : whyImpossible(explorer.reading(), word);
}

function listenToMixer(explorer) {
  const read = () => {
    const [temperature, topK, topP] = ["temperature", "top-k", "top-p"].map((id) => Number(byId(id).value));
    explorer.mixer = { temperature, topK: topK > 20 ? Infinity : topK, topP };
  };
  for (const id of ["temperature", "top-k", "top-p"]) listen(explorer, id, "input", read);
  listen(explorer, "neutral", "click", () => {
    [byId("temperature").value, byId("top-k").value, byId("top-p").value] = [1, 21, 1];
    read();
  });
}

function listenToWriter(explorer) {
  const write = (choose) => {
    if (explorer.isFull()) return "No cabe ninguna palabra más.";
    const word = choose();
    explorer.push(word);
    return `Añadida «${spoken(word)}».`;
  };
  const byModel = () => explorer.words[draw(explorer.belief(), Math.random())];
  listen(explorer, "by-model", "click", () => {
    byId("writer-says").textContent = write(byModel);
  });
  listen(explorer, "by-grammar", "click", () => {
    const { distribution } = explorer.reading() ?? {};
    byId("writer-says").textContent = distribution
      ? write(() => drawKey(distribution, Math.random()))
      : "La gramática no puede seguir: este comienzo no es de ningún cuento, o el cuento ha acabado.";
  });
  listen(explorer, "finish", "click", () => {
    while (!explorer.isFull()) explorer.push(byModel());
    byId("writer-says").textContent = placeSays(explorer);
  });
}

function listenToHeads(explorer) {
  listen(explorer, "head-choice", "change", (event) => {
    explorer.head = event.target.value;
  });
  listen(explorer, "switches", "click", (event) => {
    const head = pressed(event, "head");
    if (head === undefined) return false;
    explorer.toggle(head);
    byId("damage").replaceChildren();
    return true;
  });
  byId("measure").addEventListener("click", () => {
    if (!explorer.model.headsOff.size) byId("damage").textContent = "Apaga antes una cabeza.";
    else measureDamage(explorer, showDamage);
  });
}

function begin() {
  if (typeof STORY_MODEL === "undefined" || typeof STORY_RULES === "undefined") {
    byId("failure").hidden = false;
    byId("failure").textContent =
      "Faltan los datos del modelo, que no se guardan con la página. Desde la carpeta del curso, ejecuta " +
      "«python docs/sitio/explorer_data.py» y vuelve a cargarla.";
    return;
  }
  const explorer = new Explorer(STORY_MODEL, STORY_RULES);
  const parameters = STORY_MODEL.sizes.reduce((sum, [, size]) => sum + size, 0);
  const { n_layers: layers, n_heads: heads, emb_dim: width } = STORY_MODEL.config;
  byId("size").textContent =
    `${layers} bloques, ${heads} cabezas en cada uno, ${width} números por token ` +
    `y ${thousands(parameters)} parámetros`;
  byId("vocabulary").replaceChildren(
    ...[...new Set(explorer.words.map(spoken))].map((word) => el("option", { value: word })),
  );
  readBeginning(explorer, byId("starts").children[1].dataset.start);
  for (const attach of [
    listenToStory,
    listenToQuestion,
    listenToBars,
    listenToMixer,
    listenToWriter,
    listenToHeads,
  ])
    attach(explorer);
  document.querySelector("main").hidden = false;
  render(explorer);
  new ResizeObserver(() => showLines(explorer)).observe(byId("looks"));
  if (location.hash) document.querySelector(location.hash)?.scrollIntoView();
}

begin();
