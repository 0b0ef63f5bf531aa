// Writes the types of the published contract. `node scripts/generate.mjs [FILE]`; the file is src/generated/openapi.ts unless given.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import openapi, { astToString } from "openapi-typescript";
import ts from "typescript";

const here = (path) => new URL(path, import.meta.url);
const [file = fileURLToPath(here("../src/generated/openapi.ts"))] = process.argv.slice(2);
const blob = ts.factory.createTypeReferenceNode("Blob");
const tree = await openapi(here("../../openapi.json"), {
	rootTypes: true,
	rootTypesNoSchemaPrefix: true,
	// What has a default need not be sent, and the contract says so itself.
	defaultNonNullable: false,
	transform: ({ format }) => (format === "binary" ? blob : undefined),
});
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `// Generated from clients/openapi.json.\n${astToString(tree)}`);
