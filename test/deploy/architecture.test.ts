// The tree of ARCHITECTURE.md is the tree: whatever it names lies where it says.
import { existsSync, readFileSync } from "node:fs";
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
