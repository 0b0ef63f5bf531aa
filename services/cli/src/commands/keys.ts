// valence keys: the keys of a service, by name.
import type { ApiKey, Client } from "@valence/client";
import { bold, dim, say, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { wrongUsage } from "../failure.js";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";

const SCOPES = ["serve", "data", "train", "admin"] as const;
const DAY_MS = 86_400_000;
const MOST_DAYS = 36_500;

const list = (line: Argv) =>
	line.command(
		["list", "$0"],
		"List the keys that are in use, newest first",
		(yargs) =>
			remoteOptions(yargs)
				.option("revoked", { type: "boolean", default: false, describe: "Those that were revoked, too" })
				.example("$0 keys list", "with what each may do, and when it was last used")
				.strict(),
		({ revoked, ...options }) =>
			withService(options, async (api) => {
				const items = await keysOf(api, revoked);
				if (items.length === 0)
					say("  There is no key but those of API_KEYS; valence keys make NAME --scope makes one.");
				else
					table(
						["name", "scope", "begins with", "state", "a minute", "last used", "expires"],
						items.map(({ name, scope, prefix, state, rateLimit, lastUsedAt, expiresAt }) => [
							...[name, scope, prefix, state],
							rateLimit === null ? "as usual" : rateLimit === 0 ? "no limit" : rateLimit.toLocaleString("en"),
							lastUsedAt === null ? "never" : ago(lastUsedAt),
							expiresAt === null ? "never" : expiresAt.slice(0, 10),
						]),
						{ left: [0, 1, 2, 3] },
					);
				return { items };
			}),
	);

const make = (line: Argv) =>
	line.command(
		"make <name>",
		"Make a key; it is printed once and kept nowhere",
		(yargs) =>
			remoteOptions(yargs)
				.positional("name", { type: "string", demandOption: true, describe: "What it is for: a-z, 0-9 and -" })
				.option("scope", {
					choices: SCOPES,
					demandOption: true,
					requiresArg: true,
					describe:
						"serve: recommendations; data: feeds and datasets; train: experiments and deployments; admin: everything",
				})
				.option("days", { type: "number", requiresArg: true, describe: "How many it holds [for ever]" })
				.option("rate", {
					type: "number",
					requiresArg: true,
					describe: "Requests a minute; 0: as many as come [RATE_LIMIT of the service]",
				})
				.example("$0 keys make shop --scope serve --rate 6000", "for the shop's own servers"),
		({ name, scope, days, rate, ...options }) => {
			if (days !== undefined && !(days > 0 && days <= MOST_DAYS))
				throw wrongUsage(`--days takes a number above 0, at most ${MOST_DAYS}`);
			return withService(options, async (api) => {
				const made = await api.post("/keys", {
					body: {
						...{ name, scope },
						...(days !== undefined && { expiresAt: new Date(Date.now() + days * DAY_MS).toISOString() }),
						...(rate !== undefined && { rateLimit: rate }),
					},
				});
				say(`  ${bold(made.key)}`);
				say(dim(`  The key ${name}, of scope ${scope}. It is shown this once: keep it where secrets are kept.`));
				return made;
			});
		},
	);

const revoke = (line: Argv) =>
	line.command(
		"revoke <name>",
		"Revoke a key for good",
		(yargs) =>
			remoteOptions(yargs)
				.positional("name", { type: "string", demandOption: true, describe: "Its name, or how it begins" })
				.example("$0 keys revoke shop", "within a second nothing takes it"),
		({ name, ...options }) =>
			withService(options, async (api) => {
				const all = await keysOf(api, false);
				const key = all.find((one) => one.name === name || one.prefix === name);
				if (!key)
					throw wrongUsage(`there is no key ${name}; there are ${all.map((one) => one.name).join(", ") || "none"}`);
				await api.delete("/keys/{id}", { path: { id: key.id } });
				say(`  ${bold(key.name)} (${key.prefix}) is revoked.`);
				return { ...key, state: "revoked" };
			}),
	);

/** Of `valence keys`, in the order of its help. */
export const KEYS = [list, make, revoke];

export const keys = (line: Argv) =>
	line.command("keys", "Make, list and revoke API keys", (yargs) =>
		KEYS.reduce<Argv>((more, register) => register(more), yargs)
			.example("$0 keys make shop --scope serve", "a key that only asks for recommendations")
			.example("$0 keys revoke shop", "nothing takes it from then on"),
	);

async function keysOf(api: Client, revoked: boolean): Promise<ApiKey[]> {
	const found: ApiKey[] = [];
	for await (const key of api.each("/keys", { query: { limit: 200, revoked } })) found.push(key);
	return found;
}
