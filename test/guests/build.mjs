/**
 * Builds guests by hand: `node test/guests/build.mjs [RECIPE [FORMAT|ova]]`; prints the paths on stdout.
 * Without arguments it lists the recipes.
 */
import { buildGuest, buildOva, recipes, whyNotHere } from './index.mjs';

const [name, format = 'raw'] = process.argv.slice(2);
const say = (/** @type {string} */ text) => process.stderr.write(`${text} ...\n`);

if (name === undefined) {
  for (const recipe of Object.values(recipes)) console.log(`${recipe.name.padEnd(22)}${recipe.about}`);
} else if (!(name in recipes)) {
  process.stderr.write(`there is no recipe ${name}; there are ${Object.keys(recipes).join(', ')}\n`);
  process.exitCode = 2;
} else {
  const obstacle = await whyNotHere();
  if (obstacle !== undefined) {
    process.stderr.write(`${obstacle}\n`);
    process.exitCode = 4;
  } else {
    const recipe = /** @type {import('./index.d.mts').RecipeName} */ (name);
    const paths =
      format === 'ova'
        ? [await buildOva(recipe, { say })]
        : (await buildGuest(recipe, { format: /** @type {import('./index.d.mts').DiskFormat} */ (format), say })).disks;
    for (const path of paths) console.log(path);
  }
}
