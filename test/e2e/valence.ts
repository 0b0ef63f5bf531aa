// The real system and a real browser in front of it, shared by the steps.
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect } from "@valence/client";
import {
	type Browser,
	type BrowserContext,
	type BrowserContextOptions,
	chromium,
	type Page,
	type Response,
} from "playwright-core";
import { PYTHON, TRAINER } from "../../services/supervisor/src/paths.js";
import { type Stack, startStack } from "../../services/supervisor/src/stack.js";
import { removeHomesIn } from "../support/homes.js";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const FLAGS = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

/** An id that would be markup, and run, if a page ever trusted it. */
export const HOSTILE = '<img src=x onerror="window.breached=1">';

export class Valence {
	readonly home = mkdtempSync(join(tmpdir(), "valence-e2e-"));
	readonly sample = join(this.home, "sample");
	/** What the browser logged as an error, violations of the policy among it. */
	readonly complaints: string[] = [];
	private stack: Stack | undefined;
	private browser: Browser | undefined;
	private tab: Page | undefined;

	async start(): Promise<void> {
		execFileSync(PYTHON, ["-m", "trainer", "sample", "--out", this.sample], { cwd: TRAINER });
		const rows = Array.from({ length: 12 }, (_, item) => `${HOSTILE}\titem-00${item + 10}\n`).join("");
		appendFileSync(join(this.sample, "sample.inter"), `${rows}user-0001\t${HOSTILE}\nuser-0002\t${HOSTILE}\n`);
		this.browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
		this.stack = await startStack({ home: this.home, port: 0 });
		this.tab = await this.newPage();
	}

	/** A page beside the shared one, with a session and a look of its own. What moves would be drawn without a GPU, 60 times a second. */
	async newPage(options: BrowserContextOptions = {}): Promise<Page> {
		if (!this.browser) throw new Error("the browser did not start");
		return this.newTab(await this.browser.newContext({ reducedMotion: "reduce", ...options }));
	}

	/** A page beside others of the same session. */
	async newTab(context: BrowserContext): Promise<Page> {
		const page = await context.newPage();
		page.on(
			"console",
			(message) => message.type() === "error" && this.complaints.push(`${message.text()} ${message.location().url}`),
		);
		page.on("pageerror", (error) => this.complaints.push(error.message));
		return page;
	}

	async stop(): Promise<void> {
		await this.browser?.close();
		await this.stack?.stop();
		removeHomesIn(this.home);
	}

	get page(): Page {
		if (!this.tab) throw new Error("the browser did not start");
		return this.tab;
	}

	open(path: string, page = this.page): Promise<Response | null> {
		return page.goto(`${this.stack?.url}/ui${path}`);
	}

	/** Where a step may move time on. */
	get databaseUrl(): string | undefined {
		return this.stack?.postgres?.url;
	}

	/** The service itself, to arrange what a step needs. */
	get api(): Client {
		if (!this.stack) throw new Error("the service did not start");
		return connect(this.stack.url);
	}
}
