/** Compares version texts the way RPM does: runs of digits by value, runs of letters by alphabet, `~` before everything. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [pieces(a), pieces(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [x, y] = [left[index], right[index]];
    if (x === y) continue;
    if (x === '~' || y === '~') return x === '~' ? -1 : 1;
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const order = comparePiece(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

function pieces(version: string): string[] {
  return version.match(/\d+|[A-Za-z]+|~/g) ?? [];
}

function comparePiece(x: string, y: string): number {
  const [xIsNumber, yIsNumber] = [/^\d/.test(x), /^\d/.test(y)];
  if (xIsNumber !== yIsNumber) return xIsNumber ? 1 : -1;
  if (!xIsNumber) return x < y ? -1 : x > y ? 1 : 0;
  const [m, n] = [x.replace(/^0+/, ''), y.replace(/^0+/, '')];
  return m.length - n.length || (m < n ? -1 : m > n ? 1 : 0);
}
