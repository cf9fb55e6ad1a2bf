"use strict";
// Bytes con su nombre y números a la española: coma decimal y, desde 10 000, espacio fino en los millares.

const UNITS = { B: 1n };
["k", "M", "G", "T"].forEach((letter, power) => (UNITS[`${letter}B`] = 1000n ** BigInt(power + 1)));
["K", "M", "G", "T"].forEach((letter, power) => (UNITS[`${letter}iB`] = 1024n ** BigInt(power + 1)));

/** Un entero: spanish(50257n) → «50 257». */
function spanish(number) {
  const text = String(number);
  return text.length > 4 ? text.replace(/\B(?=(\d{3})+$)/g, "\u202f") : text;
}

/** `size` bytes en una unidad, con dos decimales; en los empates, al par, como Python. */
function inUnit(size, unit) {
  let hundredths = (size * 100n) / UNITS[unit];
  const rest = 2n * ((size * 100n) % UNITS[unit]);
  if (rest > UNITS[unit] || (rest === UNITS[unit] && hundredths % 2n)) hundredths += 1n;
  return `${spanish(hundredths / 100n)},${String(hundredths % 100n).padStart(2, "0")}`;
}

/** Un tamaño en GiB; si es pequeño, en MiB o en bytes. */
function readable(size) {
  const unit = ["GiB", "MiB"].find((name) => size >= Number(UNITS[name]) / 10);
  return unit ? `${inUnit(BigInt(Math.round(Number(size))), unit)} ${unit}` : `${spanish(size)} B`;
}

/** Bytes de «8GiB», «7,5 GiB» o «16 GB»; null si no es una cantidad mayor que 0 con una de las unidades. */
function parseSize(text) {
  // Tres decimales justos no se admiten: 1,024 MiB podría querer decir mil veinticuatro.
  const match = /^\s*(\d{1,15}(?:[.,](?:\d{1,2}|\d{4,9}))?)\s*([A-Za-z]+)\s*$/.exec(text);
  if (!match || !Object.hasOwn(UNITS, match[2])) return null;
  const size = BigInt(Math.trunc(Number(match[1].replace(",", ".")) * Number(UNITS[match[2]])));
  return size > 0n ? size : null;
}
