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
  const looks = (known) => {
    const fresh = new Map(), seen = new Set(known), memory = new Map();
    for (const element of all("body *"))
      if (holdsText(element) && shown(element)) {
        const found = look(element, memory);
        if (!seen.has(found) && !fresh.has(found)) fresh.set(found, element);
      }
    return fresh;
  };

  // Los colores del código ya están mirados; sin sus cientos de piezas, axe tarda la quinta parte.
  const flattenCode = () => all("pre span").forEach((span) => span.replaceWith(...span.childNodes));

  const report = (found) => found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${clean(node.html).slice(0, 160)} (${clean(node.any[0]?.message ?? rule.help)})`));
  const COLOUR = ["color-contrast", "link-in-text-block"];
  const audit = async (rules) => report(await axe.run(document, {
    resultTypes: ["violations"],
    ...(rules.length ? { runOnly: rules } : { rules: Object.fromEntries(COLOUR.map((id) => [id, { enabled: false }])) }),
  }));
  const contrast = async (known) => {
    const fresh = looks(known);
    const include = [...fresh.values()];
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

  // Da el foco a cada cosa que se puede usar; antes se ha pulsado el tabulador, así que se ve.
  const keyboard = () => {
    const faults = [];
    for (const element of new Set(usable())) {
      const target = control(element);
      if (target?.type === "radio" && !target.checked) continue; // con las flechas, desde el elegido
      document.activeElement.blur();
      const look = () => [target, element, ...target.children].map(mark).join();
      const before = target && look();
      target?.focus({ preventScroll: true });
      if (!target || target.tabIndex < 0 || document.activeElement !== target)
        faults.push(`el teclado no llega: ${outline(element)}`);
      else if (look() === before) faults.push(`el foco no se ve: ${outline(element)}`);
      if (target?.tabIndex > 0) faults.push(`se salta el orden: ${outline(element)}`);
    }
    document.activeElement.blur();
    return faults;
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

  const formulas = () => ({
    count: all("math").length,
    raw: words().filter((text) => /\$[^$]+\$|\\\(|\\\[|\\[a-z]{2}/.test(text)),
  });

  return { unfold, links, images, words, sideways, flattenCode, audit, contrast, keyboard, follow, notPassed, formulas, signs };
})();
