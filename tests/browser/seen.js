// What a reader of the page sees, as plain data.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const texts = (selector, root) => all(selector, root).filter(shown).map(it => it.textContent);
  const box = it => it.getBoundingClientRect();
  const shown = it => box(it).width > 0 && getComputedStyle(it).visibility === "visible";
  const picture = all("svg.slogen").find(shown);
  // Where lines are drawn, from the outermost lines of a panel's grid.
  const plot = panel => {
    const lines = all(".grid line", panel).map(box);
    const least = key => Math.min(...lines.map(it => it[key]));
    const most = key => Math.max(...lines.map(it => it[key]));
    return { left: least("left"), right: most("right"), top: least("top"), bottom: most("bottom") };
  };
  const within = (inner, outer, slack = 2) =>
    inner.left >= outer.left - slack && inner.right <= outer.right + slack &&
    inner.top >= outer.top - slack && inner.bottom <= outer.bottom + slack;
  const panels = ["load", "replicas", "latency"].map(name => {
    const panel = picture.querySelector(`.panel-${name}`);
    const area = plot(panel);
    const curves = all(":scope > g > path.line", panel);
    return {
      head: panel.querySelector(".head").textContent,
      left: texts(".tick.end", panel),
      right: texts(".tick:not(.end)", panel),
      legend: texts(".legend text", panel),
      curves: curves.length,
      drawn: curves.filter(it => it.getTotalLength() > 100 && within(box(it), area))
        .map(it => it.parentNode.getAttribute("class")),
      levels: all(".level", panel).length,
    };
  });
  const target = (() => {
    const panel = picture.querySelector(".panel-latency");
    const level = panel.querySelector(".level");
    const [line, area] = [box(level.querySelector("line")), plot(panel)];
    const ticks = all(".tick.end", panel);
    const middle = it => (box(it).top + box(it).bottom) / 2;
    const [zero, last] = [ticks[0], ticks[ticks.length - 1]];
    const share = (area.bottom - line.top) / (area.bottom - area.top);
    return {
      label: level.querySelector("text").textContent,
      value: share * Number(last.textContent.replace(",", "")),
      inside: line.top > area.top + 4 && line.top < area.bottom - 4 && middle(last) < line.top && line.top < middle(zero),
      across: Math.abs(line.left - area.left) < 2 && Math.abs(line.right - area.right) < 2,
    };
  })();
  const scrolls = it => {
    for (let at = it; at; at = at.parentElement) if (getComputedStyle(at).overflowX === "auto") return true;
    return false;
  };
  const name = it => `${it.tagName} ${it.textContent.slice(0, 60)}`;
  const view = { left: 0, right: innerWidth, top: -1e9, bottom: 1e9 };
  const words = all("svg.slogen text, h1, h2, p, li, th, td").filter(shown);
  const overflowing = words.filter(it => !scrolls(it) && !within(box(it), view, 0));
  if (document.documentElement.scrollWidth > innerWidth) overflowing.push(document.body);
  const labels = all("text", picture).filter(shown);
  overflowing.push(...labels.filter(it => !within(box(it), box(picture), 0)));
  const overlapping = [];
  labels.forEach((one, at) => labels.slice(at + 1).forEach(two => {
    const [a, b] = [box(one), box(two)];
    // Boxes are as high as the highest letters there could be.
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0 && high > 3) {
      overlapping.push(`${one.textContent} | ${two.textContent}`);
    }
  }));
  // Lines of a legend's field or of a stage must not run through words.
  const lines = all("line.stage, .level line, path.line", picture);
  labels.forEach(label => lines.forEach(line => {
    const [a, b] = [box(label), box(line)];
    const crossed = b.width < 2 && b.left > a.left && b.left < a.right && b.top < a.bottom - 2 && b.bottom > a.top + 2;
    if (crossed) overlapping.push(`${label.textContent} | a line`);
  }));
  const size = it => parseFloat(getComputedStyle(it).fontSize) * (it.getScreenCTM ? it.getScreenCTM().a : 1);
  const channel = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = color => {
    const [red, green, blue] = color.match(/[\d.]+/g).map(it => channel(Number(it) / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  const contrast = (one, two) => (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  const ink = it => luminance(getComputedStyle(it)[it.tagName === "text" ? "fill" : "color"]);
  const cells = row => all("th, td", row).map(it => it.textContent).join(" ");
  const heads = all("thead th").filter(it => !it.hasAttribute("colspan")).length;
  const rows = all("tbody tr");
  return {
    title: document.title,
    heading: document.querySelector("h1").textContent,
    pictures: all("svg.slogen").filter(shown).length,
    panels,
    target,
    times: texts(".time .tick", picture),
    timeTitle: picture.querySelector(".time > text:last-child").textContent,
    stages: texts(".stages text", picture),
    hatched: all("rect.saturated", picture).filter(shown).length,
    rows: rows.map(cells),
    ragged: rows.some(row => row.children.length !== heads),
    sentences: texts("main li"),
    scripts: document.scripts.length,
    images: document.images.length,
    background: ground,
    overflowing: overflowing.map(name),
    scrolled: all(".wide").some(it => it.scrollWidth > it.clientWidth),
    overlapping,
    small: words.filter(it => size(it) < 8.9).map(name),
    faint: words.filter(it => contrast(ink(it), ground) < 4.5).map(name),
  };
})()
