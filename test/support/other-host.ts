// Another host on this machine: a network namespace with a loopback of its own, and one cable to here that can be pulled.
import { spawnSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";

function ip(...args: string[]): void {
	const { status, stderr, error } = spawnSync("ip", args, { encoding: "utf8" });
	if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${error?.message ?? stderr}`);
}

/** Needs root, iproute2 and a kernel that lets namespaces be made: not so in every container. */
export function mayBeMade(): boolean {
	try {
		OtherHost.make().remove();
		return true;
	} catch {
		return false;
	}
}

export class OtherHost {
	/** By what they reach. */
	private readonly reached = new Map<string, Promise<string>>();
	private readonly servers: Server[] = [];
	private readonly sockets = new Set<Socket>();

	private constructor(
		private readonly namespace: string,
		/** Our end of the cable: its name, and our address at it. */
		private readonly cable: string,
		private readonly here: string,
	) {}

	static make(): OtherHost {
		const id = randomBytes(4).toString("hex");
		const [namespace, cable, theirs] = [`valence-${id}`, `vh${id}`, `vt${id}`];
		// A network of four addresses among those that are for tests of networks (RFC 2544): private ones may be in use.
		const network = `198.${randomInt(18, 20)}.${randomInt(256)}.${4 * randomInt(64)}`;
		const address = (host: number) => network.replace(/\d+$/, (last) => String(Number(last) + host));
		ip("netns", "add", namespace);
		const inside = (...args: string[]) => ip("-n", namespace, ...args);
		try {
			ip("link", "add", cable, "type", "veth", "peer", "name", theirs, "netns", namespace);
			ip("address", "add", `${address(1)}/30`, "dev", cable);
			ip("link", "set", cable, "up");
			inside("address", "add", `${address(2)}/30`, "dev", theirs);
			inside("link", "set", theirs, "up");
			inside("link", "set", "lo", "up");
		} catch (error) {
			ip("netns", "delete", namespace); // the cable goes with its end there
			throw error;
		}
		return new OtherHost(namespace, cable, address(1));
	}

	/** What runs a command there, for a Process. */
	command(command: string, given: string[]): [string, string[]] {
		return ["ip", ["netns", "exec", this.namespace, command, ...given]];
	}

	/** A server of our loopback as it is reached from there: the same URL with another host and port. */
	reaching(url: string): Promise<string> {
		const known = this.reached.get(url) ?? this.relayed(url);
		this.reached.set(url, known);
		return known;
	}

	private async relayed(url: string): Promise<string> {
		const { hostname, port } = new URL(url);
		const server = createServer((theirs) => {
			const ours = connect(Number(port), hostname);
			for (const socket of [theirs, ours]) {
				this.sockets.add(socket);
				socket.on("error", () => undefined).on("close", () => this.sockets.delete(socket));
			}
			theirs.pipe(ours);
			ours.pipe(theirs);
			theirs.on("close", () => ours.destroy());
			ours.on("close", () => theirs.destroy());
		});
		this.servers.push(server);
		await new Promise<void>((resolve, reject) => server.on("error", reject).listen(0, this.here, resolve));
		const reached = new URL(url);
		reached.hostname = this.here;
		reached.port = String((server.address() as { port: number }).port);
		return reached.href;
	}

	/** Nothing passes, and nobody is told. */
	cut(): void {
		ip("link", "set", this.cable, "down");
	}

	heal(): void {
		ip("link", "set", this.cable, "up");
	}

	/** Once nothing runs there any more. */
	remove(): void {
		for (const server of this.servers) server.close();
		for (const socket of this.sockets) socket.destroy();
		ip("link", "delete", this.cable);
		ip("netns", "delete", this.namespace);
	}
}
