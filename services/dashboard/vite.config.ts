import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const api = process.env.VALENCE_API ?? "http://127.0.0.1:3000";
const paths = ["/datasets", "/models", "/experiments", "/runs", "/evaluations", "/checkpoints", "/deployments"];

export default defineConfig({
	base: "/ui/",
	plugins: [react()],
	build: { target: "es2022", chunkSizeWarningLimit: 2000, assetsInlineLimit: 0 },
	server: {
		// The host stays the browser's, or the api would take its own page for one of another site.
		proxy: Object.fromEntries(
			[
				...paths,
				"/feeds",
				"/users",
				"/items",
				"/recommendations",
				"/system",
				"/events",
				"/exports",
				"/comparisons",
				"/metric-definitions",
			].map((path) => [path, { target: api, changeOrigin: false }]),
		),
	},
});
