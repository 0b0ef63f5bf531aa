// Which recipes there are; apart from reading them, as the command line names them each time.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { RECIPES } from "@valence/supervisor/paths";

export const FOLDER = join(RECIPES, "paper");

export function recipeNames(folder = FOLDER): string[] {
	const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
	return files.map((file) => file.slice(0, -".yaml".length)).sort();
}
