/** TypeScript is transformed by tsx, not checked: `tsc` checks (docs/adr). Run by scripts/test.mjs with --import tsx. */
export default {
	roots: ["<rootDir>/test"],
	testMatch: ["**/*.test.ts"],
	testEnvironment: "<rootDir>/test/support/native-environment.cjs",
	runtime: "<rootDir>/test/support/native-runtime.cjs",
	transform: {},
	testTimeout: 60_000,
};
