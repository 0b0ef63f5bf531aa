// valence refresh ...: how a deployment renews itself, and that it does so now.
import type { Client, Refresh } from "@valence/client";
import { bold, complain, dim, red, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { Board } from "../board.js";
import { STATUS } from "../failure.js";
import { short } from "../finding.js";
import { sayRefreshes } from "../refresh-rules.js";
import { followRefresh, sayVerdict, stepLine } from "../refreshing.js";
import { remoteOptions, withService } from "../service.js";
import { oneDeployment, pause, removeRule, resume, setRule, showRule } from "./refresh-rule.js";

const POLL_MS = 1_000;
const SHOWN = 50;

const now = (line: Argv) =>
	line.command(
		"now [deployment]",
		"Renew a deployment now, by its rule",
		(yargs) =>
			oneDeployment(remoteOptions(yargs))
				.option("watch", { type: "boolean", describe: "Stay until it has ended; 5 where the gate has refused" })
				.option("force", { type: "boolean", describe: "However few interactions are new" })
				.example("$0 refresh now --watch", "each step, and the numbers side by side"),
		({ deployment: name, force = false, ...options }) =>
			withService(options, async (api) => {
				const begun = await api.post("/deployments/{name}/refreshes", { path: { name }, body: { force } });
				const of = `of ${name} ${dim(short(begun.id))}`;
				say(`  ${bold("Refresh")} ${of}, ${begun.newInteractions.toLocaleString("en")} new in ${begun.spec.feed}`);
				if (!options.watch) {
					say(`\n  Next: ${bold(`valence refresh list${name === "default" ? "" : ` ${name}`}`)} shows how far it is`);
					return begun;
				}
				const done = await follow(api, begun);
				if (done.verdict && done.outcome) sayVerdict(done);
				else say(`  ${red("✗")} ${done.reason ?? done.state.toLowerCase()}`);
				process.exitCode = statusOf(done);
				if (process.exitCode !== STATUS.done && options.json) complain(done.reason ?? done.state.toLowerCase());
				return done;
			}),
	);

const statusOf = ({ outcome }: Refresh) =>
	outcome === "switched" ? STATUS.done : outcome === "refused" ? STATUS.notGoodEnough : STATUS.failed;

/** To its end, a line a step. */
async function follow(api: Client, begun: Refresh): Promise<Refresh> {
	const board = new Board();
	const leave = () => {
		board.close();
		say(`\n  The service goes on; ${bold("valence refresh list")} shows how far it is.`);
		process.exit(STATUS.interrupted);
	};
	process.once("SIGINT", leave);
	let said = "";
	const done = await followRefresh(api, begun, POLL_MS, (refresh) => {
		if (!refresh) return board.now("  the service does not answer; asking again");
		if (refresh.step !== said && refresh.state === "RUNNING") {
			board.keep(`  ${refresh.step}  ${dim(refresh.reason ?? "")}`);
			said = refresh.step;
		}
		board.now(`  ${stepLine(refresh)}`);
	});
	board.clear();
	process.off("SIGINT", leave);
	return done;
}

const list = (line: Argv) =>
	line.command(
		"list [deployment]",
		"The refreshes of a deployment and what became of each, newest first",
		(yargs) => oneDeployment(remoteOptions(yargs)).example("$0 refresh list trial", "with the step that each came to"),
		({ deployment: name, ...options }) =>
			withService(options, async (api) => {
				const page = await api.get("/deployments/{name}/refreshes", { path: { name }, query: { limit: SHOWN } });
				const [newest] = page.items;
				if (newest) sayRefreshes(page.items);
				else say(`  There is none of ${name} yet; valence refresh set says how it renews itself.`);
				if (newest?.reason) say(dim(`\n  ${newest.reason}`));
				if (page.nextCursor) say(dim("  and older ones"));
				return page;
			}),
	);

/** Of `valence refresh`, in the order of its help. */
export const REFRESH = [setRule, showRule, now, list, pause, resume, removeRule];

export const refresh = (line: Argv) =>
	line.command("refresh", "How a deployment renews itself, and that it does so now", (yargs) =>
		REFRESH.reduce<Argv>((more, register) => register(more), yargs)
			.example("$0 refresh set --feed shop --every 6h", "trains anew on a feed, and switches where that is as good")
			.example("$0 refresh now --watch", "at once; ends with 5 where the gate refuses")
			.demandCommand(1, 1, "What about the refresh? valence refresh --help lists what there is."),
	);
