const { ModernFakeTimers } = require("@jest/fake-timers");
const { TestEnvironment } = require("jest-environment-node");

/** What Jest compares by: `expect.any(Number)` is asked with Node's own, as the values are. */
const COMPARED_BY = [Array, BigInt, Boolean, Date, Error, Function, Map, Number, Object, Promise, RegExp, Set, String];

/** The tests' globals are those of Node (native-runtime.cjs): it is their clock that is to stand still. */
module.exports = class NativeEnvironment extends TestEnvironment {
	constructor(config, context) {
		super(config, context);
		for (const constructor of COMPARED_BY) this.global[constructor.name] = constructor;
		this.fakeTimersModern = new ModernFakeTimers({ config: config.projectConfig, global: globalThis });
		this.environmentVariables = { ...process.env };
		this.exit = process.exit;
		process.exit = (status) => {
			throw new Error(`process.exit(${status}) would end all tests of this process`);
		};
	}

	/** The next file finds neither spies nor variables of this one. */
	async teardown() {
		process.exit = this.exit;
		this.moduleMocker.restoreAllMocks();
		this.fakeTimersModern.useRealTimers();
		for (const name of Object.keys(process.env)) if (!(name in this.environmentVariables)) delete process.env[name];
		Object.assign(process.env, this.environmentVariables);
		await super.teardown();
	}
};
