"use strict";
// El cuento escrito y la pregunta: qué palabra viene, y los puntos de cada jugador.

/** Los tokens del cuento, con su lugar en él. */
function storyWords(explorer) {
  return explorer.ids.map((id) => explorer.words[id]);
}

/** ¿Es el token de un lugar la primera palabra que ningún cuento podía llevar ahí? */
function isWrong(explorer, place) {
  const { readings } = explorer;
  return (
    place > 0 && !readings[place] && Boolean(readings[place - 1]) && explorer.word(place) !== END_OF_TEXT
  );
}

function showStory(explorer) {
  const words = storyWords(explorer);
  wordList(byId("story"), "El cuento", words, explorer.place, (word, place) => {
    const wrong =
      isWrong(explorer, place) || (place > 0 && word === END_OF_TEXT && !endsWell(explorer, place));
    const text = `${spoken(word)}, token ${explorer.ids[place]}, lugar ${place}${wrong ? ", imposible" : ""}`;
    return { text, extra: explorer.ids[place], wrong };
  });
  byId("undo").disabled = words.length === 1;
  byId("skip").disabled = !explorer.reading() || explorer.isFull();
  const rows = words.map((word, place) => [String(place), wordNode(word), String(explorer.ids[place])]);
  byId("tokens-table").replaceChildren(table("Los tokens del cuento", ["lugar", "token", "número"], rows));
  byId("place-says").textContent = placeSays(explorer);
}

/** ¿Podía acabar el cuento en ese lugar? */
function endsWell(explorer, place) {
  return Boolean(explorer.readings[place - 1]?.distribution.has(END_OF_TEXT));
}

function placeSays(explorer) {
  const { place, ids } = explorer;
  const where = `Leídos ${place + 1} de ${ids.length} tokens; el último, «${spoken(explorer.word())}».`;
  if (explorer.isFinished()) {
    const first = explorer.readings.findIndex((_, at) => isWrong(explorer, at));
    if (first > 0) {
      const wrong = `«${spoken(explorer.word(first))}», en el lugar ${first}, era imposible`;
      return `El cuento ha acabado, pero no es de esta lengua: ${wrong}.`;
    }
    return endsWell(explorer, place)
      ? "El cuento ha acabado, y es correcto."
      : "El cuento ha acabado antes de tiempo.";
  }
  if (explorer.isFull()) return `${where} No caben más: el modelo no tiene más posiciones.`;
  return where;
}

function showQuestion(explorer) {
  const { pending, answer } = explorer;
  const here = storyWords(explorer)
    .slice(Math.max(1, explorer.place - 7), explorer.place + 1)
    .join("")
    .trim();
  const after = explorer.place === 0 ? "Empieza un cuento." : `«${explorer.place > 7 ? "…" : ""}${here}»`;
  byId("ask").hidden = !explorer.veiled;
  byId("question").textContent = questionText(explorer, after);
  if (explorer.veiled) {
    byId("options").replaceChildren(
      ...explorer
        .choices()
        .map((word) => el("button", { type: "button", "data-guess": word }, wordNode(word))),
    );
  }
  byId("verdict").textContent = answer && !pending ? verdictText(explorer) : "";
  const { rounds, you, model, perfect } = explorer.score;
  const rows = [
    ["tú", you, 0],
    ["el modelo", model, 1],
    ["el jugador perfecto", perfect, 2],
  ].map(([who, total, i]) => [who, answer ? spanish(answer.points[i], 0) : "–", spanish(total, 0)]);
  const head = ["quién juega", "esta palabra", `en total (${rounds})`];
  byId("score").replaceChildren(
    rounds ? table("Los puntos", head, rows, { visible: true, name: "score" }) : "",
  );
  document.body.classList.toggle("asking", explorer.veiled);
}

function questionText(explorer, after) {
  if (explorer.isFinished()) return "El cuento ha acabado: no viene nada más. Empieza otro arriba.";
  if (explorer.isFull()) return "No cabe ni una palabra más. Empieza otro cuento arriba.";
  if (!explorer.reading()) return "Este comienzo ya no es de ningún cuento: la gramática no tiene respuesta.";
  if (explorer.place < explorer.ids.length - 1) {
    const came = spoken(explorer.word(explorer.place + 1));
    return `${after} Aquí vino «${came}». Ve al último token para seguir jugando.`;
  }
  return explorer.pending ? `${after} ¿Y ahora?` : `${after} Elige abajo la palabra con que sigue el cuento.`;
}

function verdictText(explorer) {
  const { word, favourite, best, points } = explorer.answer;
  const reading = explorer.reading();
  const yours = reading.distribution.has(word)
    ? `«${spoken(word)}» viene el ${spanish(points[0], 0)} % de las veces: ${spanish(points[0], 0)} puntos.`
    : `${whyImpossible(reading, word)} Cero puntos.`;
  const model = `El modelo apuesta por «${spoken(favourite)}» (${spanish(points[1], 0)})`;
  return `${yours} ${model}, y el jugador perfecto, por «${spoken(best)}» (${spanish(points[2], 0)}).`;
}
