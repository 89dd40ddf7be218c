"use strict";
(() => {
  const source = document.getElementById("what-if-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const byId = (id) => document.getElementById(id);
  const sliders = ["alpha", "beta", "tau"].map(byId);
  const after = byId("after");
  const starts = sliders.map((slider) => slider.value);
  const isMovedAtStart = after.checked;
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const normal = (values) => {
    const total = sum(values);
    return values.map((value) => value / total);
  };
  const expanded = (runs) => runs.flatMap(([value, times]) => Array(times).fill(value));
  const largest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity); // of any number
  const smallest = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const n = expanded(data.counts);
  const shown = Object.keys(data.names).map(Number);
  const total = sum(n);
  const training = normal(n);
  const wanted = normal(expanded(data.wanted));
  const FULL = 1.05; // as Plan.check has it
  const TOLERANCE = 0.1; // log odds, likewise

  // The slope, through 0, of the shift in log odds that was made upon the one that was asked.
  const centred = (one, other) => {
    const shift = one.map((value, c) => Math.log(value) - Math.log(other[c]));
    const mean = sum(shift) / shift.length;
    return shift.map((value) => value - mean);
  };
  const strength = (believed) => {
    const made = centred(believed, training);
    const asked = centred(wanted, training);
    const size = sum(asked.map((value) => value * value));
    if (size < 1e-12) return largest(made.map(Math.abs));
    return sum(made.map((value, c) => value * asked[c])) / size;
  };
  const apart = (one, other) => {
    const shift = centred(one, other);
    return largest(shift) - smallest(shift);
  };

  const computed = () => {
    const [alpha, beta, tau] = sliders.map((slider) => Number(slider.value));
    const shares = normal(n.map((count) => count ** alpha));
    const raw = n.map((count) => count ** -beta);
    const scale = sum(raw.map((weight, c) => weight * training[c])); // a sample weighs 1 on average
    const weights = raw.map((weight) => weight / scale);
    const weighted = normal(shares.map((share, c) => share * weights[c]));
    const believed = normal(weighted.map((share, c) => share * shares[c] ** -tau));
    const steps = [strength(shares)];
    steps.push(strength(weighted) - steps[0]);
    steps.push(strength(believed) - steps[0] - steps[1]);
    const each = shares.map((share, c) => (share / n[c]) * weights[c]);
    const worth = sum(each.map((w, c) => w * n[c])) ** 2 / sum(each.map((w, c) => w * w * n[c]));
    return { alpha, beta, tau, shares, weights, believed, steps, worth };
  };

  const grouped = (value, digits) =>
    value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const percent = (share) => grouped(100 * share, share < 0.01 ? 2 : 1) + " %";
  const signed = (value) => (Math.abs(value) < 0.005 ? 0 : value).toFixed(2);

  const verdict = (now) => {
    const gone = sum(now.steps);
    const isAsked = apart(wanted, training) > TOLERANCE;
    if (apart(now.believed, wanted) <= TOLERANCE)
      return ["good", isAsked ? "Corrects once, in training: the model believes in the wanted prior."
        : "Nothing to correct, and nothing is corrected."];
    if (!isAsked) return ["bad", "Moves the prior although the wanted one is that of training."];
    if (gone > FULL)
      return ["bad", "Corrects " + gone.toFixed(2) + " times: rare classes will be favoured beyond the wanted prior. Plans like this are refused."];
    if (after.checked)
      return ["good", "Corrects once: " + signed(Math.max(0, gone)) + " of the way in training, the rest exactly, after it."];
    if (gone > 0.95) return ["fair", "About once, but to another prior than the wanted one."];
    return ["fair", "Goes " + signed(gone) + " of the way: common classes stay favoured, unless the rest is moved after training."];
  };

  // What pipeline.correct(logits) adds to the logits of each class.
  const added = (now) =>
    after.checked ? wanted.map((share, c) => Math.log(share) - Math.log(now.believed[c])) : n.map(() => 0);
  const plus = (value) => (signed(value) > 0 ? "+" : "") + signed(value);

  const correction = (now) => {
    if (!after.checked) return "pipeline.correct(logits) then changes nothing: the prior is moved in training alone.";
    const shift = added(now);
    const [low, high] = [smallest(shift), largest(shift)];
    if (high - low < 0.005) return "pipeline.correct(logits) then has nothing left to move.";
    return "pipeline.correct(logits) then adds " + plus(low) + " to " + plus(high) + " to the logits.";
  };

  const toml = (now) => {
    const lines = ["[sampling]"];
    if (now.alpha === 1) lines.push('kind = "natural"');
    else if (now.alpha === 0) lines.push('kind = "uniform"');
    else lines.push('kind = "power"', "alpha = " + now.alpha);
    lines.push("", "[loss]");
    if (now.tau > 0 && now.beta === 0) lines.push('kind = "logit-adjusted"', "tau = " + now.tau);
    else {
      lines.push('kind = "cross-entropy"');
      if (now.beta > 0) {
        const first = data.first.map((c) => (c < 0 ? 1 : Number(now.weights[c].toPrecision(4))));
        const more = data.more ? ", …" : "";
        lines.push("class_weights = [" + first.join(", ") + more + "]");
      }
      if (now.tau > 0) lines.push("# margins and weights together are no loss of a plan: take one of them");
    }
    lines.push("", "[correction]", 'kind = "' + (after.checked ? "after-training" : "in-training") + '"');
    return lines.join("\n");
  };

  const svgBar = (share, mark, name) => {
    const space = "http://www.w3.org/2000/svg";
    const drawing = document.createElementNS(space, "svg");
    drawing.setAttribute("class", "share " + name);
    drawing.setAttribute("aria-hidden", "true");
    const rect = document.createElementNS(space, "rect");
    rect.setAttribute("width", (100 * Math.min(1, share)).toFixed(2) + "%");
    rect.setAttribute("height", "100%");
    drawing.append(rect);
    if (mark !== null) {
      const line = document.createElementNS(space, "line");
      const at = (100 * Math.min(1, mark)).toFixed(2) + "%";
      line.setAttribute("x1", at);
      line.setAttribute("x2", at);
      line.setAttribute("y1", "0");
      line.setAttribute("y2", "100%");
      drawing.append(line);
    }
    return drawing;
  };
  const cell = (content, name) => {
    const made = document.createElement("td");
    made.className = name;
    made.append(content);
    return made;
  };

  const draw = () => {
    const now = computed();
    sliders.forEach((slider) => {
      byId(slider.id + "-value").textContent = Number(slider.value).toFixed(2);
    });
    const [tone, words] = verdict(now);
    byId("what-if-verdict").className = "verdict " + tone;
    byId("what-if-verdict").textContent = words;
    byId("sum").textContent = now.steps.map(signed).join(" + ") + " = " + signed(sum(now.steps));
    const repeats = (c) => (data.draws * now.shares[c]) / n[c];
    byId("repeats").textContent = grouped(repeats(n.length - 1), 2) + " · " + grouped(repeats(0), 2);
    byId("worth").textContent = grouped(now.worth, 0) + " of " + grouped(total, 0);
    byId("what-if-correct").textContent = correction(now);
    const shift = added(now);
    const mostDrawn = Math.max(...shown.map((c) => now.shares[c]), ...shown.map((c) => training[c]));
    const mostBelieved = Math.max(...shown.map((c) => Math.max(now.believed[c], wanted[c])));
    byId("what-if-table").tBodies[0].replaceChildren(
      ...shown.map((c) => {
        const row = document.createElement("tr");
        const name = document.createElement("th");
        name.scope = "row";
        const isolated = document.createElement("bdi");
        isolated.textContent = data.names[c];
        name.append(isolated);
        row.append(
          name,
          cell(grouped(n[c], 0), "n"),
          cell(grouped(data.draws * now.shares[c], 0), "n"),
          cell(svgBar(now.shares[c] / mostDrawn, null, "one"), "bars"),
          cell(grouped(repeats(c), 2), "n"),
          cell(grouped(now.weights[c], 2), "n"),
          cell(percent(now.believed[c]), "n"),
          cell(svgBar(now.believed[c] / mostBelieved, wanted[c] / mostBelieved, "two"), "bars"),
          cell(percent(wanted[c]), "n"),
          cell(plus(shift[c]), "n"),
        );
        return row;
      }),
    );
    byId("what-if-toml").textContent = toml(now);
  };

  [...sliders, after].forEach((control) => control.addEventListener("input", draw));
  byId("what-if-reset").addEventListener("click", () => {
    sliders.forEach((slider, place) => {
      slider.value = starts[place];
    });
    after.checked = isMovedAtStart;
    draw();
  });
  ["what-if-tools", "what-if-measures", "what-if-table"].forEach((id) => {
    byId(id).hidden = false;
  });
  draw();
})();
