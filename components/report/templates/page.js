"use strict";
// Unfolds what a link leads to, marks where the reader is, and filters the gallery. Without it, the page is whole but static.

let gallery = null;
const byId = (id) => document.getElementById(id);

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function unfold(target) {
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target.scrollIntoView();
}

function followFragment() {
  const [id, filter] = location.hash.slice(1).split(/\?(.*)/s);
  const target = id && byId(id);
  if (!target) return;
  if (id === "gallery" && filter !== undefined && gallery) gallery.choose(new URLSearchParams(filter));
  unfold(target);
}

function prepareNavigation() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const sections = new Map([...links.keys()].map((id) => [byId(id)?.closest("main > section"), id]));
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(sections.get(entry.target)).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const section of sections.keys()) if (section) observer.observe(section);
  const button = byId("unfold");
  button.hidden = false;
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    for (const fold of document.querySelectorAll("details.fold")) fold.open = open;
    button.setAttribute("aria-pressed", String(open));
    button.textContent = open ? "Fold all" : "Unfold all";
  });
}

class Gallery {
  // Tiles are made so many at a time, as the list is scrolled.
  static CHUNK = 150;

  constructor({ columns, sheets, rows }) {
    this.columns = columns;
    this.sheets = sheets;
    this.rows = rows.map(([id, split, labels, description, predicted, score, findings]) =>
      ({ id, split, labels, description, predicted, score, findings, outcome: Gallery.outcome(labels, predicted) }));
    let first = 0;
    sheets.forEach((sheet, number) => {
      for (let place = 0; place < sheet.pictures; place++) Object.assign(this.rows[first + place], { sheet: number, place });
      first += sheet.pictures;
    });
    this.list = byId("tiles");
    this.filters = [...document.querySelectorAll("#filters [name]")];
    this.addSheets();
    const side = Math.max(...sheets.map((sheet) => sheet.width * this.scale(sheet, 64)));
    this.list.style.setProperty("--tile", `${Math.max(84, side + 14)}px`);
    this.end = make("li");
    this.observer = new IntersectionObserver((entries) => entries[0].isIntersecting && this.addChunk(), { root: this.list, rootMargin: "400px" });
    for (const filter of this.filters) {
      filter.addEventListener("input", () => { this.show(); history.replaceState(null, "", `#gallery?${this.chosen()}`); });
    }
    byId("no-filter").addEventListener("click", () => { this.choose(new URLSearchParams()); history.replaceState(null, "", "#gallery"); });
    byId("close-row").addEventListener("click", () => byId("row").close());
    for (const id of ["filters", "tiles"]) byId(id).hidden = false;
    byId("sheets").hidden = true;
    this.show();
  }

  static outcome(labels, predicted) {
    if (predicted === null) return "not asked";
    return labels.length === predicted.length && labels.every((label) => predicted.includes(label)) ? "right" : "wrong";
  }

  // Rows that were not asked come last in either direction.
  static bySureness(direction) {
    return (one, other) => (one.score === null) - (other.score === null) || direction * (one.score - other.score);
  }

  addSheets() {
    // Each file stands in the page once: in the picture that is shown where no script runs.
    const style = document.head.appendChild(make("style"));
    document.querySelectorAll("#sheets img").forEach((image, number) => {
      style.sheet.insertRule(`.s${number} { background-image: url("${image.getAttribute("src")}") }`);
    });
  }

  chosen() {
    return new URLSearchParams(this.filters.filter((each) => each.value).map((each) => [each.name, each.value]));
  }

  choose(wanted) {
    for (const filter of this.filters) filter.value = wanted.get(filter.name) ?? "";
    this.show();
  }

  show() {
    const chosen = Object.fromEntries(this.chosen());
    const words = (chosen.text ?? "").toLowerCase();
    this.shown = this.rows.filter((row) =>
      (!chosen.split || row.split === chosen.split)
      && (!chosen.label || row.labels.includes(chosen.label))
      && (!chosen.predicted || row.predicted?.includes(chosen.predicted))
      && (!chosen.outcome || row.outcome === chosen.outcome)
      && (!chosen.finding || (chosen.finding === "*" ? row.findings.length : row.findings.includes(chosen.finding)))
      && (!words || `${row.id}\n${row.description}`.toLowerCase().includes(words)));
    if (chosen.order) this.shown.sort(Gallery.bySureness(chosen.order === "surest first" ? -1 : 1));
    byId("matches").textContent = `${this.shown.length.toLocaleString("en")} of ${this.rows.length.toLocaleString("en")} rows`;
    this.made = 0;
    this.list.replaceChildren(this.end);
    this.list.scrollTop = 0;
    this.addChunk();
    // What is observed anew is reported once more.
    this.observer.disconnect();
    this.observer.observe(this.end);
  }

  addChunk() {
    const rows = this.shown.slice(this.made, this.made + Gallery.CHUNK);
    this.end.before(...rows.map((row) => this.makeTile(row)));
    this.made += rows.length;
    this.end.hidden = this.made >= this.shown.length;
  }

  // Pictures of a few pixels are shown larger, by a whole number, so that each of their pixels is a square.
  scale({ width, height }, wished) {
    return Math.max(1, Math.floor(wished / Math.max(width, height)));
  }

  makePicture(row, wished) {
    const { width, height } = this.sheets[row.sheet];
    const scale = this.scale({ width, height }, wished);
    const picture = make("span", `picture s${row.sheet}${scale > 1 ? " pixels" : ""}`);
    const [column, line] = [row.place % this.columns, Math.floor(row.place / this.columns)];
    Object.assign(picture.style, {
      width: `${width * scale}px`,
      height: `${height * scale}px`,
      backgroundSize: `${this.columns * width * scale}px auto`,
      backgroundPosition: `${-column * width * scale}px ${-line * height * scale}px`,
    });
    return picture;
  }

  makeTile(row) {
    const button = make("button", `of-${row.split}`);
    button.type = "button";
    button.title = row.description || row.id;
    button.append(this.makePicture(row, 64), make("span", "caption", row.labels.join(", ")));
    if (row.outcome === "wrong") button.append(make("span", "caption bad-text", `✗ ${row.predicted.join(", ") || "none"}`));
    button.addEventListener("click", () => this.open(row));
    const item = make("li");
    item.append(button);
    return item;
  }

  open(row) {
    const facts = [
      ["id", row.id],
      ["split", row.split],
      ["label", row.labels.join(", ")],
      ["predicted", row.predicted && `${row.predicted.join(", ") || "none"} (${(100 * row.score).toFixed(1)} %)`],
      ["description", row.description],
      ["findings", row.findings.join(", ")],
    ].filter(([, value]) => value);
    const list = make("dl");
    for (const [name, value] of facts) list.append(make("dt", "", name), make("dd", "", value));
    byId("row-facts").replaceChildren(this.makePicture(row, 240), list);
    byId("row").showModal();
  }
}

prepareNavigation();
const stored = byId("gallery-rows");
if (stored) gallery = new Gallery(JSON.parse(stored.textContent));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-filter]");
  if (!link || !gallery) return;
  event.preventDefault();
  location.hash = `#gallery?${link.dataset.filter}`;
  followFragment();
});
addEventListener("hashchange", followFragment);
followFragment();
