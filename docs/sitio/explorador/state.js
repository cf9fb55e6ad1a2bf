"use strict";
// Lo que la página sabe: el cuento escrito, lo que el modelo pensó en cada lugar y la verdad de la gramática.

class Explorer {
  constructor(story, rules) {
    this.words = story.words;
    this.number = new Map(story.words.map((word, id) => [word, id]));
    const tensors = nameTensors(unpackHalves(story.halves), story.sizes);
    this.whole = new GPT(story.config, tensors); // con todas sus cabezas
    this.model = new GPT(story.config, tensors); // con las que estén encendidas
    this.probe = new GPT(story.config, tensors); // para medir sin estorbar a los otros
    this.grammar = new Grammar(rules);
    this.mixer = { temperature: 1, topK: Infinity, topP: 1 };
    this.head = "0.0"; // la que se mira
    this.asking = true;
    this.score = { rounds: 0, you: 0, model: 0, perfect: 0 };
    this.start([]);
  }

  /** Empieza otro cuento con estas palabras. */
  start(words) {
    this.whole.rewind();
    this.model.rewind();
    this.ids = [];
    this.wholeTraces = [];
    this.traces = [];
    this.readings = [];
    [END_OF_TEXT, ...words].forEach((word) => this.push(word));
  }

  /** Añade una palabra detrás del lugar elegido; lo que hubiera después se borra. */
  push(word) {
    if (this.ids.length) this.keep(this.place + 1);
    const id = this.number.get(word);
    const last = this.readings.at(-1);
    this.readings.push(this.ids.length ? last && last.after(word) : this.grammar.begin());
    this.ids.push(id);
    this.wholeTraces.push(this.whole.read(id));
    if (this.model.headsOff.size) this.traces.push(this.model.read(id));
    else this.traces = this.wholeTraces;
    this.place = this.ids.length - 1;
    this.open();
  }

  /** Deja solo los primeros `count` tokens. */
  keep(count) {
    for (const list of new Set([this.ids, this.readings, this.wholeTraces, this.traces])) list.length = count;
    this.whole.rewind(count);
    this.model.rewind(this.model.headsOff.size ? count : 0);
    this.place = count - 1;
  }

  /** Hay pregunta si se pide, el cuento sigue y no se ha contestado ya. */
  open() {
    this.pending = this.asking && Boolean(this.reading()) && !this.isFull();
    this.answer = null;
  }

  /** ¿Hay que esconder lo que sigue al lugar elegido? */
  get veiled() {
    return this.pending && this.place === this.ids.length - 1;
  }

  /** Apaga o enciende una cabeza y vuelve a leer el cuento. */
  toggle(head) {
    const off = this.model.headsOff;
    if (!off.delete(head)) off.add(head);
    this.model.rewind();
    this.traces = off.size ? this.ids.map((id) => this.model.read(id)) : this.wholeTraces;
  }

  /** La palabra de un lugar. */
  word(place = this.place) {
    return this.words[this.ids[place]];
  }

  /** Lo que la gramática sabe tras el lugar elegido; null si ningún cuento empieza así o ya acabó. */
  reading() {
    return this.readings[this.place];
  }

  isFinished() {
    return this.place > 0 && this.word() === END_OF_TEXT;
  }

  isFull() {
    return this.isFinished() || this.place + 1 === this.whole.config.context_length;
  }

  /** Los logits del token que sigue al lugar elegido, del modelo entero o con cabezas apagadas. */
  logits(traces = this.traces) {
    const trace = traces[this.place];
    return (trace.logits ??= this.whole.logits(trace.stream.at(-1)));
  }

  /** Lo que cree el modelo con los mandos puestos, o sin ellos: (V). */
  belief(traces = this.traces, mixer = this.mixer) {
    return nextProbabilities(this.logits(traces), mixer);
  }

  /** Cuánto pierde de más que la gramática quien reparte `probabilities`: la divergencia KL, en nats. */
  divergence(probabilities, { distribution } = this.reading()) {
    let nats = 0;
    for (const [word, p] of distribution) nats += p * Math.log(p / probabilities[this.number.get(word)]);
    return Math.max(0, nats);
  }

  /** Los nats que duda la propia gramática: la entropía. */
  entropy() {
    return [...this.reading().distribution.values()].reduce((nats, p) => nats - p * Math.log(p), 0);
  }

  /** La palabra preferida en unas probabilidades. */
  favourite(probabilities) {
    return this.words[probabilities.indexOf(probabilities.reduce((a, b) => Math.max(a, b)))];
  }

  /** Seis palabras para elegir: las que más vienen y, de las imposibles, las que más tientan al modelo. */
  choices() {
    const { distribution } = this.reading();
    const possible = [...distribution]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 4)
      .map(([word]) => word);
    const belief = this.belief(this.wholeTraces, {});
    const tempting = this.words.filter((word) => !distribution.has(word));
    tempting.sort((a, b) => belief[this.number.get(b)] - belief[this.number.get(a)]);
    const all = [...possible, ...tempting.slice(0, 6 - possible.length)];
    return all.sort((a, b) => spoken(a).localeCompare(spoken(b), "es"));
  }

  /** Apunta una respuesta: la tuya, la favorita del modelo y la mejor que hay. */
  guess(word) {
    const { distribution } = this.reading();
    const points = (each) => 100 * (distribution.get(each) ?? 0);
    const favourite = this.favourite(this.belief(this.traces, {}));
    const best = [...distribution].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
    this.answer = { word, favourite, best, points: [points(word), points(favourite), points(best)] };
    const [you, model, perfect] = this.answer.points;
    const { score } = this;
    this.score = {
      rounds: score.rounds + 1,
      you: score.you + you,
      model: score.model + model,
      perfect: score.perfect + perfect,
    };
    this.pending = false;
  }
}
