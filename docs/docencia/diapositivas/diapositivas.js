"use strict";
// Sin movimiento, sin ayudas en inglés y con los rótulos de los mandos en español.
Reveal.initialize({
  width: 1280, height: 720, margin: 0.04, center: false, hash: true, slideNumber: "c/t",
  transition: "none", backgroundTransition: "none", help: false, pause: false, jumpToSlide: false,
  scrollActivationWidth: null,
}).then(() => {
  const labels = { left: "Anterior", right: "Siguiente", up: "Arriba", down: "Abajo" };
  for (const [side, label] of Object.entries(labels)) {
    document.querySelector(`.navigate-${side}`)?.setAttribute("aria-label", label);
  }
});
