// Where recommenders are: what RECOMMENDER_ADDRESS names, a host name as every address that it stands for now.
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

const resolveAll = (host: string) => lookup(host, { all: true, order: "ipv4first" });
const PARTS = /^\[?(.+?)\]?:(\d+)$/;

export class Addresses {
	/** By what is named. */
	private readonly known = new Map<string, string[]>();

	constructor(
		private readonly named: readonly string[],
		private readonly resolve: typeof resolveAll = resolveAll,
	) {}

	/** As host:port, each once. A name that nobody answers for stands for what it last stood for. */
	async look(): Promise<string[]> {
		await Promise.all(
			this.named.map(async (name) =>
				this.known.set(name, await this.addressesOf(name).catch(() => this.known.get(name) ?? [])),
			),
		);
		return [...new Set([...this.known.values()].flat())].sort();
	}

	private async addressesOf(name: string): Promise<string[]> {
		const [, host = "", port] = PARTS.exec(name) ?? [];
		if (isIP(host)) return [name];
		const found = await this.resolve(host);
		// Of one family: a process with an address of both would be two.
		const [first] = found;
		return found
			.filter(({ family }) => family === first?.family)
			.map(({ address, family }) => `${family === 6 ? `[${address}]` : address}:${port}`);
	}
}
