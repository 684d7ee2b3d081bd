import { hash } from 'node:crypto';
import { Markup } from './markup.js';

/** Sorts and filters the table of machines, and opens what a link leads to. Everything can be read without it. */
const SCRIPT = `
'use strict';
document.documentElement.classList.add('js');
const body = document.querySelector('#vms tbody');
const search = document.querySelector('#filter');
const found = document.querySelector('#found');
if (body && search) search.addEventListener('input', () => {
  const want = search.value.trim().toLowerCase();
  let count = 0;
  for (const row of body.rows) {
    row.hidden = !row.textContent.toLowerCase().includes(want);
    if (!row.hidden) count += 1;
  }
  if (found) found.textContent = want === '' ? '' : count + ' of ' + body.rows.length;
});
for (const button of document.querySelectorAll('#vms th button')) button.addEventListener('click', () => {
  const head = button.closest('th');
  const up = head.getAttribute('aria-sort') !== 'ascending';
  for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  const key = (row) => row.cells[head.cellIndex].dataset.key ?? row.cells[head.cellIndex].textContent;
  const rows = [...body.rows].sort((a, b) => {
    const x = key(a), y = key(b);
    const order = x === '' || y === '' || isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return up ? order : -order;
  });
  body.append(...rows);
});
const reveal = () => {
  const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  if (target instanceof HTMLDetailsElement) { target.open = true; target.scrollIntoView(); }
};
addEventListener('hashchange', reveal);
reveal();
const all = document.querySelector('#toggle');
if (all) all.addEventListener('click', () => {
  const vms = [...document.querySelectorAll('details.vm')];
  const open = vms.some((vm) => !vm.open);
  for (const vm of vms) vm.open = open;
});
`;

/** The one script that the policy lets run: its hash covers every character between the tags. */
export const SCRIPT_ELEMENT = new Markup(`<script>${SCRIPT}</script>`);
export const SCRIPT_HASH = `sha256-${hash('sha256', SCRIPT, 'base64')}`;
