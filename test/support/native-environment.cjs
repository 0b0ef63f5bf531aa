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
	}

	/** The next file finds neither spies nor variables of this one. */
	async teardown() {
		this.moduleMocker.restoreAllMocks();
		for (const name of Object.keys(process.env)) if (!(name in this.environmentVariables)) delete process.env[name];
		Object.assign(process.env, this.environmentVariables);
		await super.teardown();
	}
};
