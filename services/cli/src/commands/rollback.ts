// valence rollback: what a deployment served before answers again.
import type { Deployment } from "@valence/client";
import { bold, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { wrongUsage } from "../failure.js";
import { short } from "../finding.js";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";
import { oneDeployment } from "./refresh-rule.js";

export const rollback = (line: Argv) =>
	line.command(
		"rollback [deployment]",
		"Serve again what a deployment served before",
		(yargs) =>
			oneDeployment(remoteOptions(yargs))
				.option("to", {
					type: "string",
					requiresArg: true,
					describe: "Beginning of the id of a checkpoint it has served [the one before]",
				})
				.option("reason", { type: "string", requiresArg: true, describe: "Kept in the history" })
				.example("$0 rollback --reason 'complaints'", "the one before, once it is loaded and warm"),
		({ deployment: name, to, reason, ...options }) =>
			withService(options, async (api) => {
				const path = { name };
				const before = await api.get("/deployments/{name}", { path });
				const body = {
					...(to !== undefined && { to: checkpointOf(before, to) }),
					...(reason !== undefined && { reason }),
				};
				const served = await api.post("/deployments/{name}/rollback", { path, body });
				const { model, epoch, dataset, id } = served.checkpoint;
				say(`  ${bold(name)} answers with ${model}, epoch ${epoch}, on ${dataset.name} again (${short(id)})`);
				if (served.renews)
					say(`  The next refresh compares with that; ${bold(`valence refresh pause ${name}`)} keeps it.`);
				return served;
			}),
	);

/** Of its history. Throws where none begins so, or several do. */
function checkpointOf({ name, history, checkpoint }: Deployment, text: string): string {
	const there = new Map<string, string>();
	for (const { checkpointId, model, deployedAt } of history)
		if (checkpointId !== null && checkpointId !== checkpoint.id && !there.has(checkpointId))
			there.set(checkpointId, `${short(checkpointId)} (${model}, ${ago(deployedAt)})`);
	const found = [...there.keys()].filter((id) => id.startsWith(text.toLowerCase()));
	const [one, ...more] = found;
	if (one !== undefined && more.length === 0) return one;
	const names = [...there.values()].join(", ");
	throw wrongUsage(
		one === undefined
			? `${name} has served no checkpoint ${text} that is still there${names && `; there are ${names}`}`
			: `${text} begins the ids of several: ${found.map(short).join(", ")}`,
	);
}
