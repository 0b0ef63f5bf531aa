// What a machine brings before a checkout can be set up: Node and Python. Plain Node, because nothing is installed yet.
import { execFileSync } from "node:child_process";

const LEAST_NODE = [20, 19];
const PYTHONS = ["python3.11", "python3.12", "python3.13", "python3", "python"];
const FITS = "import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))";

/** Null where this Node is new enough, else what is wrong. */
export function nodeComplaint(version = process.versions.node) {
	const [major, minor] = version.split(".").map(Number);
	const [leastMajor, leastMinor] = LEAST_NODE;
	if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return null;
	return `Node ${LEAST_NODE.join(".")} or newer is needed; this is ${version}`;
}

/** The command of a Python that can make the trainer's environment; null where the PATH has none. */
export const findPython = () => PYTHONS.find((name) => works(name, ["-c", FITS])) ?? null;

export const PYTHON_COMPLAINT = `Python 3.11 to 3.13 with venv is needed; on the PATH none of ${PYTHONS.join(", ")} is one`;

export function works(command, args) {
	try {
		execFileSync(command, args, { stdio: "ignore" });
		return true;
	} catch {
		return false;
	}
}

/** Of `valence doctor`, as long as there is nothing else that it could look at. */
export function findings() {
	const python = findPython();
	const node = nodeComplaint();
	return [
		finding("Node", node === null, node ?? process.versions.node, "install it from https://nodejs.org"),
		finding("Python", python !== null, python ?? PYTHON_COMPLAINT, "install python3.11 and python3.11-venv"),
		finding("builds", false, "nothing is set up yet", "npm run setup, or just valence start"),
	];
}

const finding = (name, isOk, what, remedy) =>
	isOk ? { name, state: "ok", what } : { name, state: "bad", what, remedy };
