// The dashboard in a browser over an api whose trainer is a fake: its pages, opened, and kept as pictures where VALENCE_SCREENSHOTS
// names a folder.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { startApi } from "../support/api.js";
import { CHROMIUM, FLAGS } from "./valence.js";

const PICTURES = process.env.VALENCE_SCREENSHOTS;
export const PHONE = { viewport: { width: 390, height: 844 } };

export type Pages = Awaited<ReturnType<typeof startPages>>;

export async function startPages(environment: Record<string, string> = {}) {
	const built = fileURLToPath(new URL("../../services/dashboard/dist", import.meta.url));
	const api = await startApi({ DASHBOARD_DIR: built, ...environment });
	const url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
	return {
		api,
		async open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
			const page = await (await browser.newContext(options)).newPage();
			await page.goto(`${url}/ui${path}`);
			return page;
		},
		async picture(of: Page, name: string): Promise<void> {
			if (PICTURES) await of.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
		},
		async close(): Promise<void> {
			await browser.close();
			await api.close();
		},
	};
}
