// Holds an AsyncAPI document to the specification: node check.mjs FILE
import { resolve } from 'node:path';
import { Parser, fromFile } from '@asyncapi/parser';

// Tools read 3.0.0 everywhere; later versions add nothing that is used here.
const waived = 'asyncapi-latest-version';

const path = resolve(process.argv[2]);
const { document, diagnostics } = await fromFile(new Parser(), path).parse();
const told = diagnostics.filter(({ code }) => code !== waived);
for (const { severity, code, path: place, message } of told) {
  console.error(`${['error', 'warning', 'information', 'hint'][severity]}: ${code} at ${place.join('.')}: ${message}`);
}
if (!document || told.length > 0) {
  console.error(`${path}: ${told.length} findings`);
  process.exit(1);
}
const count = (items) => items.all().length;
console.log(`${path}: ${count(document.channels())} channels, ${count(document.operations())} operations, no finding`);
