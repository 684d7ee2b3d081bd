import { createHash } from 'node:crypto';

/** Sorts and filters the table of machines. Everything can be read without it. */
export const SCRIPT = `
document.documentElement.classList.add('js');
const body = document.querySelector('#vms tbody');
const search = document.querySelector('#filter');
if (body && search) search.addEventListener('input', () => {
  const want = search.value.toLowerCase();
  for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(want);
});
for (const button of document.querySelectorAll('#vms th button')) button.addEventListener('click', () => {
  const column = button.closest('th').cellIndex;
  const down = button.getAttribute('aria-sort') !== 'descending';
  for (const other of document.querySelectorAll('#vms th button')) other.removeAttribute('aria-sort');
  button.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return down ? -order : order;
  });
  body.append(...rows);
});
`;

/** The one script that the report's policy lets run. */
export const SCRIPT_HASH = `sha256-${createHash('sha256').update(SCRIPT).digest('base64')}`;
