// valence metrics: what can be measured, each with its definition.
import { bold, dim, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { remoteOptions, withService } from "../service.js";

export const metrics = (line: Argv) =>
	line.command(
		"metrics",
		"List what can be measured, with definitions",
		(yargs) => remoteOptions(yargs).example("$0 metrics", "what train --metrics can name"),
		(options) =>
			withService(options, async (api) => {
				const list = await api.get("/metric-definitions");
				for (const { name, title, definition, ofUser, better } of list.items) {
					const way = better === null ? "neither way is better" : `${better} is better`;
					say(`  ${bold(name)}  ${title} ${dim(`${ofUser ? "mean over users" : "of all lists together"}, ${way}`)}`);
					say(`    ${definition}\n`);
				}
				return list;
			}),
	);
