// Test files are modules of Node itself: Jest's own loader would load and keep Fastify, Prisma and gRPC anew for each of 150 files (ADR 0044).
const { pathToFileURL } = require("node:url");
const { default: Runtime } = require("jest-runtime");

module.exports = class NativeRuntime extends Runtime {
	setGlobalsForRuntime(globals) {
		super.setGlobalsForRuntime(globals);
		Object.assign(globalThis, globals);
	}

	unstable_shouldLoadAsEsm() {
		return true;
	}

	async unstable_importModule(path) {
		globalThis.jest = this.requireModuleOrMock(path, "@jest/globals").jest;
		delete Error.prepareStackTrace; // Jest's knows the lines of what its own loader has transformed; Node knows those of what it has loaded
		await import(`${pathToFileURL(path)}?${Date.now()}`);
	}
};
