// Prisma's schema engine as WebAssembly: what `prisma migrate diff` would print, without its native binary.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import * as glue from "@prisma/schema-engine-wasm/schema_engine_bg";

const WASM = createRequire(import.meta.url)
	.resolve("@prisma/schema-engine-wasm")
	.replace(/\.js$/, "_bg.wasm");
const NOTHING = { externalTables: [], externalEnums: [] };

/** The SQL that makes an empty database into what the schema says. The engine insists on a database that answers. */
export async function sqlOf(schema: string, connectionString: string): Promise<string> {
	const { instance } = await WebAssembly.instantiate(await readFile(WASM), { "./schema_engine_bg.js": { ...glue } });
	const { __wbg_set_wasm, SchemaEngine } = glue as typeof glue & { __wbg_set_wasm(wasm: object): void };
	__wbg_set_wasm(instance.exports);
	(instance.exports as { __wbindgen_start(): void }).__wbindgen_start();
	const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString }));
	const files = [{ path: "schema.prisma", content: schema }];
	const engine = await SchemaEngine.new({ datamodels: [["schema.prisma", schema]] }, () => undefined, adapter);
	const { stdout } = await engine.diff({
		from: { tag: "empty" },
		to: { tag: "schemaDatamodel", files },
		script: true,
		exitCode: null,
		filters: NOTHING,
	});
	if (!stdout) throw new Error("the schema engine printed nothing");
	return stdout;
}
