// Moves and zooms the map, describes what the pointer is on, and pins a plant. Texts are set as text, never as HTML.
(function () {
  const root = document.querySelector("[data-map]");
  if (!root) {
    return;
  }
  const SVG = "http://www.w3.org/2000/svg";
  const data = JSON.parse(document.getElementById(root.dataset.map).textContent);
  const frame = root.querySelector(".frame");
  const svg = frame.querySelector("svg");
  const view = svg.querySelector("[data-view]");
  const part = function (name) { return svg.querySelector("[data-part=" + name + "]"); };
  const circles = Array.from(part("plants").children);
  const diamonds = Array.from(part("sites").children);
  const lines = Array.from(part("pipes").children);
  const tip = frame.querySelector(".tip");
  const select = root.querySelector("select");
  const panel = root.querySelector(".pinned");
  const FARTHEST = 0.4, NEAREST = 80, STEP = 1.5, PAN_PX = 60, SITE = 1, CITY = 4, PLANT = 5;
  // Pixels of the map on A4 with the margins of the style sheet.
  const PAPER = { w: 688, h: 280 };
  const state = { k: 1, x: 0, y: 0, fit: 1, w: 1072, h: 560, period: 1e9, budget: -1, pinned: -1 };
  const hidden = new Set();

  const element = function (tag, text, parent) {
    const made = document.createElement(tag);
    // A number stands for a text in the list of texts.
    made.textContent = typeof text === "number" ? data.texts[text] : text;
    parent.appendChild(made);
    return made;
  };
  const ofPeriod = function (value) {
    return Array.isArray(value) ? value[Math.min(state.period, value.length - 1)] : value;
  };

  // Names: the first of two that would overlap is kept; more cities and plants appear as the map grows.
  const labels = data.labels.concat(data.plants.map(function (plant, i) {
    return { text: plant.name, x: plant.x, y: plant.y, rank: PLANT, plant: i };
  }));
  const names = labels.map(function (label) {
    const made = document.createElementNS(SVG, "text");
    made.textContent = (label.rank === CITY ? "•\u00a0" : "") + label.text;
    made.setAttribute("class", "name rank" + label.rank);
    part("names").appendChild(made);
    return made;
  });
  const width = function (text) {
    return Array.from(text).reduce(function (sum, c) { return sum + (c.charCodeAt(0) > 0x2e7f ? 12.5 : 6.8); }, 0);
  };
  const widths = labels.map(function (label, i) {
    const measured = label.rank === PLANT ? names[i].getComputedTextLength() : 0;
    return measured || width(label.text) + (label.rank === CITY ? 9 : 0);
  });
  const order = labels.map(function (_, i) { return i; }).sort(function (a, b) {
    return labels[a].rank - labels[b].rank || a - b;
  });
  const overlaps = function (a, b) { return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]; };
  const onScreen = function (x, y) { return [x * state.k + state.x, y * state.k + state.y]; };
  // Left ends and middles of the places where a name may stand, the best first.
  const spots = function (label, wide) {
    const [x, y] = onScreen(label.x, label.y);
    if (label.rank === PLANT) {
      const away = data.plants[label.plant].r + 5;
      return [[x + away, y], [x - away - wide, y], [x - wide / 2, y - away - 6], [x - wide / 2, y + away + 6]];
    }
    const aside = { [SITE]: 13, [CITY]: -2 }[label.rank] || -wide / 2;
    return [[x + aside, y]].concat((label.others || []).map(function (other) {
      const at = onScreen(other[0], other[1]);
      return [at[0] - wide / 2, at[1]];
    }));
  };
  const isShown = function (i) { return stateOf(i) === "retrofitted" && circles[i].style.display !== "none"; };
  const placeNames = function () {
    // The scale and the buttons cover what is below them.
    const taken = [[0, state.h - 34, 18 + scaleLength(), state.h], [state.w - 50, 0, state.w, 122]], written = new Set();
    const few = state.w < 600, growth = Math.max(state.k / state.fit, 0.3);
    const left = { [CITY]: Math.round((few ? 5 : 10) * growth), [PLANT]: Math.round((few ? 5 : 12) * growth) };
    const longest = Math.max(0.3 * state.w, 180) * growth;
    // Names of plants leave the circles of other plants of the plan, and the sites, free.
    const marks = data.plants.filter(function (_, i) { return isShown(i); }).concat(data.sites.filter(function (site) {
      return site.used && !hidden.has("sites");
    })).map(function (each) {
      const [x, y] = onScreen(each.x, each.y), r = each.r || 10;
      return [x - r, y - r, x + r, y + r];
    });
    order.forEach(function (i) {
      const label = labels[i], isPlant = label.rank === PLANT;
      const may = !hidden.has("names") && !written.has(label.text) && !(left[label.rank] <= 0) &&
        !(isPlant && (!isShown(label.plant) || widths[i] > longest));
      const box = may && spots(label, widths[i]).map(function (spot) {
        return [spot[0] - 3, spot[1] - 8, spot[0] + widths[i] + 3, spot[1] + 8];
      }).find(function (each) {
        const isFree = function (other) { return !overlaps(each, other); };
        return each[0] > 0 && each[2] < state.w && each[1] > 0 && each[3] < state.h && taken.every(isFree) &&
          (!isPlant || marks.every(isFree));
      });
      names[i].style.display = box ? "" : "none";
      if (box) {
        taken.push(box);
        written.add(label.text);
        left[label.rank] -= 1;
        names[i].setAttribute("x", box[0] + 3);
        names[i].setAttribute("y", box[1] + 12);
      }
    });
  };
  const scaleKm = function () {
    const most = 130 * data.kmPerUnit / state.k, power = Math.pow(10, Math.floor(Math.log10(most)));
    return [5, 2, 1].find(function (step) { return step * power <= most; }) * power;
  };
  const scaleLength = function () { return scaleKm() * state.k / data.kmPerUnit; };
  const placeScale = function () {
    const [line, text] = part("scale").children;
    line.setAttribute("d", "M10 " + (state.h - 16) + "v7h" + scaleLength().toFixed(1) + "v-7");
    text.setAttribute("x", 14);
    text.setAttribute("y", state.h - 14);
    text.textContent = Number(scaleKm().toPrecision(3)) + " km";
  };
  const place = function () {
    view.setAttribute("transform", "translate(" + state.x + " " + state.y + ") scale(" + state.k + ")");
    const back = " scale(" + 1 / state.k + ")";
    circles.forEach(function (each, i) {
      each.setAttribute("transform", "translate(" + data.plants[i].x + " " + data.plants[i].y + ")" + back);
    });
    diamonds.forEach(function (each, i) {
      each.setAttribute("transform", "translate(" + data.sites[i].x + " " + data.sites[i].y + ")" + back);
    });
    placeNames();
    placeScale();
    tip.hidden = true;
  };
  const resize = function () {
    const w = frame.clientWidth || state.w, h = frame.clientHeight || state.h;
    state.x += (w - state.w) / 2;
    state.y += (h - state.h) / 2;
    state.w = w;
    state.h = h;
    svg.setAttribute("viewBox", "0 0 " + w + " " + h);
    place();
  };
  const center = function () {
    const [left, top, right, bottom] = data.extent;
    state.k = state.fit = Math.min(state.w / (right - left), state.h / (bottom - top));
    state.x = (state.w - (left + right) * state.k) / 2;
    state.y = (state.h - (top + bottom) * state.k) / 2;
    place();
  };
  const fit = function () {
    resize();
    state.isMoved = false;
    center();
  };
  const zoom = function (factor, x, y) {
    const k = Math.min(Math.max(state.k * factor, state.fit * FARTHEST), state.fit * NEAREST);
    state.x = x - (x - state.x) * k / state.k;
    state.y = y - (y - state.y) * k / state.k;
    state.k = k;
    state.isMoved = true;
    place();
  };
  const pan = function (dx, dy) {
    state.x += dx;
    state.y += dy;
    state.isMoved = true;
    place();
  };

  // What is drawn: plants by sector, by state in the period and budget shown, and pipelines by their flow.
  const stateOf = function (i) {
    const plant = data.plants[i];
    const budget = data.budgets[state.budget];
    const from = budget && !budget.isScenario ? budget.retrofitted[plant.id] : plant.from;
    if (from !== undefined && from !== null && from <= state.period) {
      return "retrofitted";
    }
    return plant.state === "retrofitted" ? "eligible" : plant.state;
  };
  const show = function () {
    circles.forEach(function (each, i) {
      const now = stateOf(i);
      each.setAttribute("class", now + (i === state.pinned ? " selected" : ""));
      each.style.display = hidden.has(data.plants[i].sector) || hidden.has(now) ? "none" : "";
    });
    const budget = data.budgets[state.budget];
    const isOther = Boolean(budget) && !budget.isScenario;
    lines.forEach(function (each, i) {
      const flow = ofPeriod(data.pipes[i].flows);
      each.setAttribute("stroke-width", data.leastWidth + data.widthPerFlow * flow);
      each.style.display = isOther || flow <= 0 || hidden.has("pipes") ? "none" : "";
    });
    part("pipes").querySelectorAll("[data-other]").forEach(function (each) { each.remove(); });
    (isOther && !hidden.has("pipes") ? budget.lines : []).forEach(function (each) {
      const made = document.createElementNS(SVG, "path");
      made.setAttribute("class", "pipe");
      made.setAttribute("data-other", "");
      made.setAttribute("d", "M" + each[0] + " " + each[1] + "L" + each[2] + " " + each[3]);
      made.setAttribute("stroke-width", data.leastWidth + data.widthPerFlow * each[4]);
      part("pipes").appendChild(made);
    });
    diamonds.forEach(function (each, i) {
      each.style.display = hidden.has(data.sites[i].used ? "sites" : "unused") ? "none" : "";
    });
    root.dataset.shown = circles.filter(function (each) {
      return each.classList.contains("retrofitted") && each.style.display !== "none";
    }).length;
  };

  const describe = function (each, parent, isLong) {
    const list = element("dl", "", parent);
    each.facts.slice(0, isLong ? 99 : 6).forEach(function (fact) {
      element("dt", fact[0], list);
      element("dd", ofPeriod(fact[1]), list);
    });
  };
  const pin = function (i) {
    state.pinned = i;
    select.value = i < 0 ? "" : String(i);
    panel.replaceChildren();
    panel.hidden = root.querySelector("[data-do=unpin]").hidden = i < 0;
    show();
    if (i < 0) {
      return;
    }
    const plant = data.plants[i];
    part("plants").appendChild(circles[i]);
    element("h3", plant.name, panel);
    plant.why.filter(function (text) { return text !== ""; }).forEach(function (text) { element("p", text, panel); });
    describe(plant, panel, true);
    if (plant.streams.length) {
      const hint = element("p", data.scroll, panel);
      hint.className = "more";
      hint.setAttribute("aria-hidden", "true");
      const wide = element("div", "", panel);
      wide.className = "wide";
      wide.tabIndex = 0;
      wide.setAttribute("role", "region");
      wide.setAttribute("aria-label", plant.name);
      const table = element("table", "", wide);
      const head = element("tr", "", element("thead", "", table));
      data.streamHeads.forEach(function (text, at) {
        const cell = element("th", text, head);
        cell.scope = "col";
        cell.className = at > 3 ? "n" : "";
      });
      const body = element("tbody", "", table);
      plant.streams.forEach(function (texts) {
        const row = element("tr", "", body);
        texts.forEach(function (text, at) { element(at ? "td" : "th", text, row).className = at > 3 ? "n" : ""; });
        row.firstChild.scope = "row";
      });
      new ResizeObserver(function () { hint.hidden = wide.scrollWidth <= wide.clientWidth + 1; }).observe(wide);
    }
  };

  data.plants.map(function (plant, i) { return [plant.name, i]; }).sort(function (a, b) {
    return a[0].localeCompare(b[0], document.documentElement.lang);
  }).forEach(function (each) { element("option", each[0], select).value = each[1]; });
  select.addEventListener("change", function () {
    pin(select.value === "" ? -1 : Number(select.value));
    if (state.pinned >= 0) {
      const plant = data.plants[state.pinned], x = plant.x * state.k + state.x, y = plant.y * state.k + state.y;
      if (x < 0 || y < 0 || x > state.w || y > state.h) {
        pan(state.w / 2 - x, state.h / 2 - y);
      }
    }
  });
  root.querySelector("[data-do=unpin]").addEventListener("click", function () { pin(-1); select.focus(); });

  const found = function (target) {
    const lists = [[circles, data.plants], [diamonds, data.sites], [lines, data.pipes]];
    for (const [shapes, rows] of lists) {
      const at = shapes.indexOf(target);
      if (at >= 0) {
        return [rows[at], shapes === circles ? at : -1];
      }
    }
    return [null, -1];
  };
  frame.addEventListener("pointermove", function (event) {
    const [each] = found(event.target);
    tip.hidden = !each || fingers.size > 0;
    if (!tip.hidden) {
      const box = frame.getBoundingClientRect();
      tip.replaceChildren();
      element("b", each.name, tip);
      describe(each, tip, false);
      const x = event.clientX - box.left, y = event.clientY - box.top;
      tip.style.left = Math.max(0, Math.min(x + 14, box.width - tip.offsetWidth - 4)) + "px";
      tip.style.top = Math.max(0, y + 18 + tip.offsetHeight > box.height ? y - tip.offsetHeight - 10 : y + 18) + "px";
    }
  });
  frame.addEventListener("pointerleave", function () { tip.hidden = true; });

  // A mouse drags; one finger scrolls the page, two move and zoom the map.
  const fingers = new Map();
  let moved = 0;
  frame.addEventListener("pointerdown", function (event) {
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    moved = 0;
  });
  frame.addEventListener("pointermove", function (event) {
    const before = fingers.get(event.pointerId);
    if (!before || (event.pointerType === "touch" && fingers.size < 2)) {
      return;
    }
    const now = [event.clientX, event.clientY];
    const other = Array.from(fingers.entries()).find(function (each) { return each[0] !== event.pointerId; });
    fingers.set(event.pointerId, now);
    moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    if (moved < 4) {
      return;
    }
    if (event.pointerType === "mouse") {
      frame.setPointerCapture(event.pointerId);
    }
    if (other) {
      const box = frame.getBoundingClientRect(), far = other[1];
      const length = function (p) { return Math.hypot(p[0] - far[0], p[1] - far[1]) || 1; };
      pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      zoom(length(now) / length(before), (now[0] + far[0]) / 2 - box.left, (now[1] + far[1]) / 2 - box.top);
    } else {
      pan(now[0] - before[0], now[1] - before[1]);
    }
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    frame.addEventListener(name, function (event) { fingers.delete(event.pointerId); });
  });
  frame.addEventListener("click", function (event) {
    const at = found(event.target)[1];
    if (moved < 4 && at >= 0) {
      pin(at === state.pinned ? -1 : at);
    }
  });
  // The wheel scrolls the page until the map has the focus.
  frame.addEventListener("wheel", function (event) {
    if (event.ctrlKey || event.metaKey || document.activeElement === frame) {
      event.preventDefault();
      const box = frame.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
    }
  }, { passive: false });
  const KEYS = {
    ArrowLeft: function () { pan(PAN_PX, 0); }, ArrowRight: function () { pan(-PAN_PX, 0); },
    ArrowUp: function () { pan(0, PAN_PX); }, ArrowDown: function () { pan(0, -PAN_PX); },
    "+": function () { zoom(STEP, state.w / 2, state.h / 2); }, "=": function () { KEYS["+"](); },
    "-": function () { zoom(1 / STEP, state.w / 2, state.h / 2); }, "0": fit, Escape: function () { pin(-1); },
  };
  frame.addEventListener("keydown", function (event) {
    if (KEYS[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
  root.querySelectorAll("[data-zoom]").forEach(function (button) {
    button.addEventListener("click", KEYS[{ in: "+", out: "-", reset: "0" }[button.dataset.zoom]]);
  });
  root.querySelectorAll(".layers input").forEach(function (box) {
    const name = box.dataset.sector || box.dataset.state || box.dataset.layer;
    box.addEventListener("change", function () {
      hidden[box.checked ? "delete" : "add"](name);
      show();
      placeNames();
    });
  });
  document.addEventListener("ccs-select", function (event) {
    Object.assign(state, event.detail);
    show();
    placeNames();
    if (state.pinned >= 0) {
      pin(state.pinned);
    }
  });
  // On paper the map is drawn anew for the width of a page, so that its names keep their size.
  let before = null;
  window.addEventListener("beforeprint", function () {
    before = Object.assign({}, state);
    const factor = PAPER.w / state.w;
    Object.assign(state, PAPER, { k: state.k * factor, x: state.x * factor });
    state.y = PAPER.h / 2 + (state.y - before.h / 2) * factor;
    svg.setAttribute("viewBox", "0 0 " + state.w + " " + state.h);
    (before.isMoved ? place : center)();
  });
  window.addEventListener("afterprint", function () {
    Object.assign(state, before);
    svg.setAttribute("viewBox", "0 0 " + state.w + " " + state.h);
    place();
  });
  root.querySelectorAll(".pick, .zoom").forEach(function (each) { each.hidden = false; });
  new ResizeObserver(function () {
    if (Math.abs(frame.clientWidth - state.w) > 1 && !window.matchMedia("print").matches) {
      (state.isMoved ? resize : fit)();
    }
  }).observe(frame);
  show();
  fit();
})();
