// valence datasets: what there is to train on.
import { dim, say, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { short } from "../finding.js";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";

export const datasets = (line: Argv) =>
	line.command(
		"datasets",
		"List datasets, newest first",
		(yargs) =>
			remoteOptions(yargs)
				.option("failed", { type: "boolean", describe: "Also imports that came to nothing" })
				.example("$0 datasets", "what there is to train on"),
		(options) =>
			withService(options, async (api) => {
				const page = await api.get("/datasets", { query: { limit: 200, failed: options.failed } });
				if (page.items.length === 0) say("  There is no dataset yet; valence import FILE makes one.");
				else
					table(
						["dataset", "name", "state", "users", "items", "interactions", "experiments", "when"],
						page.items.map(({ id, name, state, statistics, experiments, createdAt }) => [
							...[short(id), name, state === "SUCCEEDED" ? "ready" : state.toLowerCase()],
							...(["users", "items", "interactions"] as const).map(
								(what) => statistics?.[what].toLocaleString("en") ?? "–",
							),
							...[String(experiments), ago(createdAt)],
						]),
						{ left: [0, 1, 2] },
					);
				if (page.nextCursor) say(dim("  and older ones"));
				return page;
			}),
	);
