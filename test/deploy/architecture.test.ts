// The tree of ARCHITECTURE.md is the tree: whatever it names lies where it says.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const tree = readFileSync("ARCHITECTURE.md", "utf8").match(/## Tree\n```\n(.*?)```/s)?.[1] ?? "";

/** The paths of the left column; an indented one lies in the folder above it. */
function paths(): string[] {
	let folder = "";
	return tree.split("\n").flatMap((line) => {
		const [, indent = "", names = ""] =
			/^( *)((?:[\w.-]+\/?)+(?: [\w.-]+\.(?:ts|py|mjs)| [\w.-]+\/)*)/.exec(line) ?? [];
		if (!names || indent.length > 2) return [];
		const found = names.split(" ").filter((name) => /[/.]/.test(name));
		if (indent === "") folder = found[0] ?? "";
		// Names after the first lie beside it.
		const beside = dirname(found[0] ?? "");
		return found.map((name, nth) => join(indent === "" ? "" : folder, nth === 0 ? name : join(beside, name)));
	});
}

test("every file and folder of the tree is there", () => {
	expect(paths().length).toBeGreaterThan(50);
	expect(paths().filter((path) => !existsSync(path))).toEqual([]);
});

test("every file of the command line beside its folders is in the tree", () => {
	const own = /^services\/cli\/.*?(?=^recipes\/)/ms.exec(tree)?.[0] ?? "";
	const files = readdirSync("services/cli/src").filter((name) => name.endsWith(".ts"));
	expect(files.filter((name) => !new RegExp(`(?<![\\w-])${name}(?!\\w)`).test(own))).toEqual([]);
});

test("only the queue and the limits know which queue there is: no other file's tests need both", () => {
	const sources = readdirSync("services/api/src", { recursive: true, encoding: "utf8" });
	const own = sources.filter((name) => name.endsWith(".ts") && !name.startsWith("generated/"));
	const knows = (name: string) =>
		/\bredisUrl\b|"ioredis"|backend\.name|queue\.backend/.test(readFileSync(join("services/api/src", name), "utf8"));
	const settings = ["config.ts", "settings.ts"];
	expect(
		own
			.filter(knows)
			.filter((name) => !settings.includes(name))
			.sort(),
	).toEqual([
		"plugins/queue.ts",
		"plugins/rate-limits.ts",
		"queue/backend.ts",
		"queue/consumer.ts",
		"routes/system.ts",
	]);
});
