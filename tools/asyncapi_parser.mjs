// Validate an AsyncAPI document with the official parser: `make asyncapi`.
// Usage: node tools/asyncapi_parser.mjs FOLDER_WITH_NODE_MODULES DOCUMENT; exits 1 if the document is in error.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [folder, path] = process.argv.slice(2);
const { Parser } = createRequire(resolve(folder, "node_modules", "x"))("@asyncapi/parser");
const SEVERITIES = ["error", "warning", "info", "hint"];

const { diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
for (const { severity, code, path: where, message } of diagnostics) {
  console.log(`${path}: ${SEVERITIES[severity]}: ${where.join(".")}: ${message} (${code})`);
}
const errors = diagnostics.filter(({ severity }) => severity === 0).length;
console.log(`${path}: ${errors} errors`);
process.exitCode = errors ? 1 : 0;
