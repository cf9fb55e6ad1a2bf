// Lo que las pruebas preguntan a una página abierta en el navegador (tests/visit.py).
window.questions = (() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const clean = (text) => text.trim().replace(/\s+/g, " ");
  const outline = (element) => clean(element.cloneNode(false).outerHTML).slice(0, 160);

  // Todo a la vista: pistas, soluciones y salidas plegadas.
  const unfold = () => all("details").forEach((details) => { details.open = true; });

  // A dónde se puede ir desde la página: sus enlaces y su buscador.
  const links = () => all("a[href], form[action]").map((from) => from.getAttribute("href") ?? from.getAttribute("action"));

  const images = () => all("img").map((image) => ({
    source: image.getAttribute("src"), text: image.getAttribute("alt"), shown: image.naturalWidth > 0,
  }));

  // Lo que lee quien visita la página: sus textos y sus etiquetas, sin código ni cursiva (otras lenguas).
  const words = () => {
    const foreign = "pre, code, kbd, samp, em, i, cite, math, script, style, noscript, [lang=en]";
    const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    const found = [document.title];
    while (walker.nextNode()) {
      const { parentElement: parent, data } = walker.currentNode;
      if (data.trim() && !parent.closest(foreign)) found.push(clean(data));
    }
    for (const name of ["aria-label", "title", "placeholder", "alt", "aria-description"])
      for (const element of all(`[${name}]`)) found.push(clean(element.getAttribute(name)));
    return [...new Set(found)];
  };

  // Qué se sale por la derecha sin que lo contenga una caja que se desplace por su cuenta.
  const sideways = () => {
    const width = document.documentElement.clientWidth;
    const boxed = (element) => {
      for (let box = element; box && box !== document.body; box = box.parentElement) {
        const style = getComputedStyle(box);
        if (style.position === "fixed" || (box !== element && style.overflowX !== "visible")) return true;
      }
      return false;
    };
    const out = all("body *").filter((element) => shown(element)
      && element.getBoundingClientRect().right > width + 1 && !boxed(element)).map(outline);
    const scrolled = document.scrollingElement.scrollWidth - width;
    return scrolled > 0 ? [`la página se desplaza ${scrolled} px`, ...out] : out;
  };

  // --- El contraste: un texto de cada aspecto ---

  // El aspecto de un texto: su letra y los fondos que tiene detrás. Dos iguales contrastan igual.
  const behind = (box, memory) => {
    if (!box) return "";
    if (!memory.has(box)) {
      const { backgroundColor, backgroundImage, opacity, position, filter } = getComputedStyle(box);
      const part = [backgroundColor, backgroundImage, opacity, position, filter].join(" ");
      const plain = part === "rgba(0, 0, 0, 0) none 1 static none";
      memory.set(box, (plain ? "" : `${part}|`) + behind(box.parentElement, memory));
    }
    return memory.get(box);
  };
  const look = (element, memory) => {
    const { color, fontSize, fontWeight, textDecorationLine } = getComputedStyle(element);
    const around = element.closest("a") ? getComputedStyle(element.closest("a").parentElement).color : "";
    return [color, fontSize, fontWeight, textDecorationLine, around, behind(element, memory)].join("|");
  };
  const holdsText = (element) => element.matches("input, textarea, select")
    || [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const known = new Set();
  const remember = (looks) => looks.forEach((each) => known.add(each));
  const freshLooks = () => {
    const fresh = new Map(), memory = new Map();
    for (const element of all("body *"))
      if (holdsText(element) && shown(element)) {
        const found = look(element, memory);
        if (!known.has(found) && !fresh.has(found)) fresh.set(found, element);
      }
    return fresh;
  };

  // El linaje de una pieza: lo que la distingue y lo que distingue a cuanto la contiene. Con las mismas hojas de
  // estilo, dos del mismo linaje se ven y se usan igual.
  const TRAITS = ["class", "style", "role", "type", "tabindex", "inert", "disabled"];
  const lineage = (box, memory) => {
    if (!box) return [...document.styleSheets].map((sheet) => sheet.href ?? sheet.ownerNode.textContent.length).join();
    if (!memory.has(box)) {
      const traits = TRAITS.map((name) => String(box.getAttribute(name))).join();
      memory.set(box, `${lineage(box.parentElement, memory)}>${box.localName} ${traits}`);
    }
    return memory.get(box);
  };

  // Del código basta una pieza de cada linaje: con las miles que hay, axe tarda cinco veces más.
  const thinCode = () => {
    const kept = new Set(), memory = new Map();
    for (const piece of all(":is(pre, code) span")) {
      const kind = lineage(piece, memory);
      if (!piece.textContent.trim() || kept.has(kind)) piece.replaceWith(...piece.childNodes);
      else kept.add(kind);
    }
  };

  const report = (found) => found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${clean(node.html).slice(0, 160)} (${clean(node.any[0]?.message ?? rule.help)})`));
  const COLOUR = ["color-contrast", "link-in-text-block"];
  // preload: las hojas de estilo solo las lee una regla que axe no aplica si no se le pide.
  const audit = async (rules) => report(await axe.run(document, {
    resultTypes: ["violations"], preload: { assets: ["media"] },
    ...(rules.length ? { runOnly: rules } : { rules: Object.fromEntries(COLOUR.map((id) => [id, { enabled: false }])) }),
  }));
  const contrast = async () => {
    const fresh = freshLooks(), include = [...fresh.values()];
    remember([...fresh.keys()]);
    const options = { resultTypes: ["violations"], runOnly: COLOUR };
    return { looks: [...fresh.keys()], faults: include.length ? report(await axe.run({ include }, options)) : [] };
  };

  // --- El teclado ---

  const MARKS = ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "backgroundColor", "borderColor",
    "textDecorationLine", "color", "stroke"];
  const mark = (element) => MARKS.map((name) => getComputedStyle(element)[name]).join();
  const USABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, label[for], "
    + "[onclick], [role=button], [tabindex]";
  const usable = () => all(USABLE).filter((element) => shown(element) && !element.disabled
    && !(element.localName === "label" && !element.textContent.trim())
    && element.getAttribute("tabindex") !== "-1");
  // Una etiqueta se usa a través de su control, si el teclado llega a él; el foco puede verse en ella.
  const control = (element) => (element.localName === "label" ? document.getElementById(element.htmlFor) : element);

  // Da el foco a lo que se puede usar, a una pieza de cada linaje; antes se ha pulsado el tabulador, así que se
  // ve. Cómo eran sin él se mira antes de dar ninguno: quitarlo cada vez obliga a calcular la página dos veces.
  const keyboard = () => {
    const faults = [], fresh = new Map(), memory = new Map();
    const seen = (target, element) => [target, element, ...target.children].map(mark).join();
    document.activeElement.blur();
    for (const element of new Set(usable())) {
      const target = control(element);
      if (target?.type === "radio" && !target.checked) continue; // con las flechas, desde el elegido
      if (!target || target.tabIndex < 0) faults.push(`el teclado no llega: ${outline(element)}`);
      else if (target.tabIndex > 0) faults.push(`se salta el orden: ${outline(element)}`);
      const kind = [innerWidth, element.id, target?.id, lineage(element, memory)].join();
      if (target && !known.has(kind) && !fresh.has(kind)) fresh.set(kind, [element, target, seen(target, element)]);
    }
    for (const [element, target, before] of fresh.values()) {
      target.focus({ preventScroll: true });
      if (document.activeElement !== target) faults.push(`el teclado no llega: ${outline(element)}`);
      else if (seen(target, element) === before) faults.push(`el foco no se ve: ${outline(element)}`);
    }
    document.activeElement.blur();
    remember([...fresh.keys()]);
    return { looks: [...fresh.keys()], faults };
  };
  // Por dónde pasa de verdad el tabulador.
  const follow = () => {
    window.passed = [];
    document.addEventListener("focusin", ({ target }) => window.passed.push(target));
  };
  const notPassed = () => usable().map(control).filter((element) => element && element.type !== "radio"
    && !window.passed.includes(element)).map(outline);

  // Marca un signo de cada en las fórmulas, salvo los ya conocidos, y dice cuáles son.
  const signs = (known) => {
    const found = new Set(known);
    for (const sign of all("math :is(mi, mn, mo, mtext)")) {
      const name = [sign.localName, sign.getAttribute("mathvariant"), sign.textContent].join(" ");
      if (!found.has(name) && sign.textContent.trim()) sign.dataset.sign = name;
      found.add(name);
    }
    return [...found];
  };

  const formulas = () => all("math").length;

  return { unfold, links, images, words, sideways, thinCode, audit, remember, contrast, keyboard, follow, notPassed, formulas, signs };
})();
