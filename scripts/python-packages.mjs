// The Python environments of the checkout: made by pip, filled by uv.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findPython, PYTHON_COMPLAINT, works } from "./prerequisites.mjs";
import { ROOT, run } from "./running.mjs";

const UV = "uv==0.13.9";
const CPU_WHEELS = "https://download.pytorch.org/whl/cpu";

/** Into `.venv` of the folder, what its file of requirements pins; `isWhole` where nothing is installed that it does not name. */
export async function installPython(folder, requirements, { isWhole = false } = {}) {
	const venv = join(ROOT, folder, ".venv");
	const python = join(venv, "bin/python");
	const found = findPython();
	if (found === null) throw new Error(PYTHON_COMPLAINT);
	const usable = existsSync(python) && works(python, ["-m", "pip", "--version"]);
	if (!usable) {
		rmSync(venv, { recursive: true, force: true });
		await run(found, ["-m", "venv", venv]);
	}
	const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check"];
	// uv downloads in parallel and compiles nothing that nobody imports: a fifth of pip's time. It reads no settings of
	// pip's, so they are handed to it; where they are of a kind that it cannot follow, pip does the work.
	const env = { ...uvSettings(python), VIRTUAL_ENV: venv };
	const hasUv = await run(python, [...pip, UV], { quiet: true }).then(
		() => true,
		() => false,
	);
	const uv = (args, more = {}) =>
		hasUv
			? run(join(venv, "bin/uv"), ["pip", "install", ...args], { env: { ...env, ...more }, quiet: true })
			: Promise.reject(new Error());
	const torch = readFileSync(join(ROOT, folder, "requirements.txt"), "utf8").match(/^torch==\S+/m)?.[0];
	if (torch && process.platform === "linux" && !existsSync("/proc/driver/nvidia")) {
		// PyPI's wheel for Linux brings gigabytes of CUDA; without a GPU the small one does. Where it cannot be had,
		// the requirements below install the other.
		await uv(["--no-deps", "--default-index", CPU_WHEELS, torch], {
			UV_HTTP_RETRIES: "0",
			UV_HTTP_TIMEOUT: "20",
			UV_EXTRA_INDEX_URL: "",
		}).catch(() => undefined);
	}
	const wanted = ["-r", join(folder, requirements), ...(isWhole ? ["--no-deps"] : [])];
	await uv(wanted).catch(() => run(python, [...pip, ...wanted]));
}

/** What pip is told of mirrors and certificates, in the words of uv. */
function uvSettings(python) {
	const said = execFileSync(python, ["-m", "pip", "config", "list"], {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "ignore"],
	});
	const settings = {};
	for (const [, name, value] of said.matchAll(/^(?:global|install|:env:)\.([\w-]+)='(.*)'$/gm))
		settings[name] ??= value;
	const words = {
		"index-url": "UV_DEFAULT_INDEX",
		"extra-index-url": "UV_EXTRA_INDEX_URL",
		"find-links": "UV_FIND_LINKS",
		constraint: "UV_CONSTRAINT",
		cert: "SSL_CERT_FILE",
	};
	const env = Object.entries(words).flatMap(([name, word]) => (settings[name] ? [[word, settings[name]]] : []));
	// As pip does: the best version of all the places that were named.
	return { ...Object.fromEntries(env), UV_INDEX_STRATEGY: "unsafe-best-match" };
}
