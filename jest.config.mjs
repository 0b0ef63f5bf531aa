/** TypeScript is transformed, not checked: `tsc` checks (docs/adr). Run by scripts/test.mjs with --experimental-vm-modules. */
export default {
	roots: ["<rootDir>/test"],
	testMatch: ["**/*.test.ts"],
	testEnvironment: "node",
	extensionsToTreatAsEsm: [".ts"],
	moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
	transform: {
		// CommonJS plugins require this ES module; Node 20 can do that, Jest cannot.
		"/node_modules/content-disposition/.+\\.js$": ["@swc/jest", { module: { type: "commonjs" } }],
		"^.+\\.ts$": [
			"@swc/jest",
			{ jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "es6" } },
		],
	},
	transformIgnorePatterns: ["/node_modules/(?!content-disposition/)"],
	testSequencer: "<rootDir>/test/support/longest-first.mjs",
	testTimeout: 60_000,
};
