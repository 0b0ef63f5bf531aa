// valence login and valence contexts: the services that commands speak to.
import { connect, Problem } from "@valence/client";
import { bold, say, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { addressOf, type Context, contextsFile, HERE, readContexts, targetOf, writeContexts } from "../contexts.js";
import { Failure, STATUS, wrongUsage } from "../failure.js";
import { inJson, jsonOption } from "../json.js";
import { explained } from "../service.js";

const NAME = /^[\w.-]{1,64}$/;

export const login = (line: Argv) =>
	line.command(
		"login <url> [key]",
		"Name a service and its API key; commands speak to it from then on",
		(yargs) =>
			jsonOption(yargs, "the context")
				.positional("url", { type: "string", demandOption: true, describe: "As https://valence.example.org" })
				.positional("key", {
					type: "string",
					describe:
						"Its key: of API_KEYS, or made with valence keys; VALENCE_API_KEY keeps it out of the shell's history",
				})
				.option("name", { type: "string", requiresArg: true, describe: "Of the context; its host without it" })
				.example("$0 login https://valence.example.org $KEY --name shop", "then valence runs asks the shop's service"),
		(options) =>
			inJson(options.json, async (print) => {
				const url = addressOf(options.url);
				const key = options.key ?? process.env.VALENCE_API_KEY;
				const name = options.name ?? new URL(url).host.replace(/[^\w.-]/g, "-");
				if (!NAME.test(name)) throw wrongUsage("--name takes letters, digits, dots and dashes");
				if (name === HERE) throw wrongUsage(`${HERE} is the service of this checkout; give another --name`);
				const context: Context = key ? { url, key } : { url };
				const { version, device } = await connect(url, key)
					.get("/system")
					.catch((error) => {
						throw error instanceof Problem ? explained(error, { ...context, from: "as given", isLocal: false }) : error;
					});
				const { contexts } = readContexts();
				writeContexts({ current: name, contexts: { ...contexts, [name]: context } });
				say(`  ${bold(name)} is the service at ${url}: Valence ${version ?? "?"}, device ${device ?? "?"}.`);
				say(`  Commands speak to it from now on; ${contextsFile()} holds it.`);
				print({ name, url, version, device });
			}),
	);

export const contexts = (line: Argv) =>
	line.command(
		"contexts",
		"List the services that were logged in to, choose or forget one",
		(yargs) =>
			jsonOption(yargs, "them")
				.option("use", {
					type: "string",
					requiresArg: true,
					describe: "Speak to this one from now on; local: the one here",
				})
				.option("remove", {
					type: "string",
					requiresArg: true,
					conflicts: "use",
					describe: "Forget this one and its key",
				})
				.example("$0 contexts --use shop", "and valence contexts --use local goes back to the one here"),
		({ use, remove, json }) =>
			inJson(json, (print) => {
				const known = readContexts();
				const name = use ?? remove;
				if (name !== undefined && name !== HERE && !Object.hasOwn(known.contexts, name))
					throw wrongUsage(
						`there is no context ${name}; there are ${[HERE, ...Object.keys(known.contexts)].join(", ")}`,
					);
				if (use !== undefined) writeContexts({ ...known, current: use === HERE ? null : use });
				if (remove === HERE)
					throw new Failure("local is the service of this checkout and cannot be forgotten", STATUS.usage);
				if (remove !== undefined) {
					const { [remove]: _, ...contexts } = known.contexts;
					writeContexts({ current: known.current === remove ? null : known.current, contexts });
				}
				const items = list();
				tell(items);
				print({ items });
			}),
	);

interface Listed {
	name: string;
	/** Of the service of this checkout only where it is the one that is spoken to. */
	url: string | null;
	hasKey: boolean;
	isCurrent: boolean;
}

/** Never a key. */
function list(): Listed[] {
	const { current, contexts } = readContexts();
	const known = Object.entries(contexts).map(([name, { url, key }]) => {
		return { name, url, hasKey: key !== undefined, isCurrent: name === current };
	});
	const isHere = current === null;
	return [...known, { name: HERE, url: isHere ? targetOf(undefined, {}).url : null, hasKey: false, isCurrent: isHere }];
}

function tell(items: Listed[]): void {
	const rows = items.map(({ name, url, hasKey, isCurrent }) => [
		isCurrent ? "*" : "",
		name,
		url ?? "the service of this checkout",
		hasKey ? "yes" : "no",
	]);
	table(["", "context", "address", "key"], rows, { left: [0, 1, 2, 3] });
	if (process.env.VALENCE_URL) say(`\n  VALENCE_URL is set, and wins: ${process.env.VALENCE_URL}`);
}
