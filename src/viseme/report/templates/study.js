"use strict";
(() => {
  const study = JSON.parse(document.getElementById("study").textContent);
  const at = (id) => document.getElementById(id);
  const ranking = study.kind === "ranking";
  let state = null;
  let began = 0;
  let plays = 0;

  /* Seeded order: FNV-1a of seed and rater starts mulberry32, which drives a Fisher-Yates shuffle. */
  function random(text) {
    let a = 2166136261;
    for (const c of text) a = Math.imul(a ^ c.codePointAt(0), 16777619) >>> 0;
    return () => {
      a = (a + 0x6d2b79f5) >>> 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }
  function shuffled(list, text) {
    const out = list.slice();
    const draw = random(text);
    for (let i = out.length - 1; i > 0; i--) {
      const j = Math.floor(draw() * (i + 1));
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  function recall(rater) {
    try { return JSON.parse(localStorage.getItem(`viseme-study-${study.study}-${rater}`)); } catch { return null; }
  }
  function keep() {
    try { localStorage.setItem(`viseme-study-${study.study}-${state.rater}`, JSON.stringify(state)); } catch { /* a private window keeps them in memory */ }
  }
  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }
  const order = () => shuffled(study.items, `${study.order}|${state.rater}`);
  const clipsOf = (item) => item.check ? item.clips : shuffled(item.clips, `${study.order}|${state.rater}|${item.item}`);
  const letter = (k) => String.fromCharCode(65 + k);

  function figure(clip, k) {
    const video = make("video", { src: `clips/${clip}`, controls: true, playsInline: true, preload: "auto" });
    const name = ranking ? `Clip ${letter(k)}` : "Clip";
    video.setAttribute("aria-label", name);
    video.addEventListener("ended", () => { plays += 1; });
    video.addEventListener("error", () => { at("error").textContent = `${name} cannot be played; keep the page beside its folder "clips".`; });
    return make("figure", {}, video, ...(ranking ? [make("figcaption", { textContent: name })] : []));
  }
  function rating(question, clip, given) {
    const box = make("div", { className: "answers" });
    question.labels.forEach((label, k) => {
      const value = question.low + k;
      const input = make("input", { type: "radio", name: question.name, value });
      input.checked = given[`${clip}|${question.name}`] === value;
      box.append(make("label", {}, input, label));
    });
    return make("fieldset", {}, make("legend", { textContent: question.text }), box);
  }
  function ranks(question, clips, given) {
    const box = make("div", { className: "answers" });
    clips.forEach((clip, k) => {
      const select = make("select", { name: `${clip}|${question.name}` }, make("option", { value: "", textContent: "rank" }));
      clips.forEach((_, r) => select.append(make("option", { value: r + 1, textContent: r === 0 ? "1 (best)" : r + 1 === clips.length ? `${r + 1} (worst)` : r + 1 })));
      select.value = given[`${clip}|${question.name}`] ?? "";
      box.append(make("label", {}, `Clip ${letter(k)}`, select));
    });
    return make("fieldset", {}, make("legend", { textContent: question.text }), box);
  }

  function show() {
    const items = order();
    const item = items[state.position];
    if (!item) return finish();
    const clips = clipsOf(item);
    const given = state.answers[item.item] || {};
    at("start").hidden = at("end").hidden = true;
    at("screen").hidden = false;
    at("progress").max = items.length;
    at("progress").value = state.position;
    at("heading").textContent = `Screen ${state.position + 1} of ${items.length}`;
    at("check").hidden = !item.check;
    at("check").textContent = item.check || "";
    at("clips").className = ranking ? "many" : "one";
    at("clips").replaceChildren(...clips.map(figure));
    at("together").hidden = !ranking;
    at("questions").replaceChildren(...study.questions.map((q) => ranking ? ranks(q, clips, given) : rating(q, clips[0], given)));
    at("error").textContent = "";
    at("back").disabled = state.position === 0;
    began = Date.now();
    plays = 0;
    window.scrollTo(0, 0);
    at("heading").focus();
  }
  function collect(item) {
    const data = new FormData(at("screen"));
    const given = {};
    for (const question of study.questions) {
      const values = item.clips.map((clip) => Number(data.get(ranking ? `${clip}|${question.name}` : question.name) ?? NaN));
      const missing = item.clips.some((clip) => !data.get(ranking ? `${clip}|${question.name}` : question.name));
      if (missing) throw new Error(`Please answer: ${question.text}`);
      if (ranking && new Set(values).size < values.length) throw new Error(`Please give each rank once: ${question.text}`);
      item.clips.forEach((clip, k) => { given[`${clip}|${question.name}`] = values[k]; });
    }
    return given;
  }
  function leave(step) {
    const item = order()[state.position];
    try {
      state.answers[item.item] = collect(item);
    } catch (error) {
      if (step > 0) { at("error").textContent = error.message; return; }
    }
    const spent = state.spent[item.item] || { seconds: 0, plays: 0 };
    state.spent[item.item] = { seconds: spent.seconds + (Date.now() - began) / 1000, plays: spent.plays + plays };
    state.position += step;
    keep();
    show();
  }
  function table() {
    const lines = ["study,rater,position,item,clip,question,answer,seconds,plays"];
    order().forEach((item, k) => {
      const spent = state.spent[item.item];
      for (const clip of item.clips) for (const question of study.questions) {
        const answer = state.answers[item.item]?.[`${clip}|${question.name}`];
        if (answer !== undefined) lines.push([study.study, state.rater, k + 1, item.item, clip, question.name, answer, spent.seconds.toFixed(1), spent.plays].join(","));
      }
    });
    return lines.join("\r\n") + "\r\n";
  }
  function finish() {
    at("start").hidden = at("screen").hidden = true;
    at("clips").replaceChildren();
    at("end").hidden = false;
    at("copy").value = table();
    at("thanks").focus();
  }

  at("start").addEventListener("submit", (event) => {
    event.preventDefault();
    const rater = at("rater").value.trim();
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(rater)) {
      at("start-error").textContent = "Please enter a code of letters, digits, - and _, without spaces.";
      at("rater").focus();
      return;
    }
    state = recall(rater) || { rater, position: 0, answers: {}, spent: {} };
    show();
  });
  at("screen").addEventListener("submit", (event) => { event.preventDefault(); leave(1); });
  at("back").addEventListener("click", () => leave(-1));
  at("play-all").addEventListener("click", () => {
    document.querySelectorAll("#clips video").forEach((video, k) => {
      video.muted = k > 0;
      video.currentTime = 0;
      video.play().catch(() => { at("error").textContent = "A clip cannot be played."; });
    });
  });
  at("download").addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
    const link = make("a", { href: url, download: `answers-${study.study}-${state.rater}.csv` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  });
  at("again").addEventListener("click", () => {
    state = null;
    at("rater").value = "";
    at("end").hidden = true;
    at("start").hidden = false;
    at("rater").focus();
  });
})();
