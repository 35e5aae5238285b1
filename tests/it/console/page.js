// What is wrong with a page, as a list: layout, landmarks, headings, labels, names, contrast. Runs beside
// the page in the browser's tests.
const wrong = [];
const say = (what, element) =>
  wrong.push(what + (element ? ': ' + element.outerHTML.slice(0, 120) : ''));
const all = css => [...document.querySelectorAll(css)];
const shown = element => element.getClientRects().length > 0;

const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) {
  const widest = all('body *').filter(e => shown(e) && !e.closest('.table, .hidden, .skip')
    && e.getBoundingClientRect().right > root.clientWidth + 0.5);
  say(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`, widest[0]);
}
if (!root.lang) say('no language');
if (!document.title.trim()) say('no title');
for (const css of ['body > header', 'main', 'body > footer'])
  if (all(css).length !== 1) say(`not one ${css}`);
if (all('h1').length !== 1) say('not one h1');
let level = 0;
for (const heading of all('h1, h2, h3, h4')) {
  const own = Number(heading.tagName[1]);
  if (own > level + 1) say(`heading level ${level} is followed by ${own}`, heading);
  if (!heading.textContent.trim()) say('empty heading', heading);
  level = own;
}
for (const nav of all('nav')) if (!nav.getAttribute('aria-label')) say('menu without a name', nav);
const ids = all('[id]').map(e => e.id);
for (const id of new Set(ids)) if (ids.filter(i => i === id).length > 1) say(`id ${id} stands twice`);
for (const name of ['aria-labelledby', 'aria-describedby', 'list'])
  for (const e of all(`[${name}]`))
    if (!document.getElementById(e.getAttribute(name))) say(`${name} leads nowhere`, e);
for (const field of all('input:not([type=hidden]):not([hidden]), select, textarea'))
  if (!field.labels.length || !field.labels[0].textContent.trim()) say('field without a label', field);
for (const e of all('a, button, summary')) if (!e.textContent.trim()) say('nothing to read', e);
for (const image of all('img')) if (!image.hasAttribute('alt')) say('image without alt', image);
for (const svg of all('svg'))
  if (!svg.closest('[aria-hidden=true]') &&
      !(svg.getAttribute('role') === 'img' && svg.getAttribute('aria-label'))) say('drawing without words', svg);
for (const table of all('table'))
  if (!table.querySelector('th[scope]')) say('table without headings', table);
for (const e of all('[style], script, iframe, [onclick]')) say('not allowed here', e);
for (const e of all('[tabindex]')) if (e.tabIndex > 0) say('order of its own', e);

// Ids may break anywhere, words may not.
for (const cell of all('td, th, dt, h1, h2, figcaption, li')) {
  let clipped = false;
  for (let e = cell; e; e = e.parentElement) clipped ||= getComputedStyle(e).clipPath !== 'none';
  if (clipped) continue;
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest('code, pre, .hidden, figcaption .title') || !shown(node.parentElement)) continue;
    for (const word of node.data.matchAll(/[A-Za-z]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
      if (lines.size > 1) say(`broken word ${word[0]}`, cell);
    }
  }
}

// Contrast of text with what lies behind it (WCAG 1.4.3).
const channels = color => color.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
  .map(c => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const back = channels(getComputedStyle(e).backgroundColor);
    if (back.length < 4 || back[3] === 1) return back;
  }
  return [255, 255, 255];
};
for (const e of all('body *')) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || !shown(e) || e.closest('svg, .hidden, .skip, option, datalist')) continue;
  const [a, b] = [light(channels(getComputedStyle(e).color)), light(behind(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) say(`contrast ${ratio.toFixed(2)}`, e);
}
return wrong;
