// What the figures were made on.
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";

export interface Machine {
	processor: string;
	cores: number;
	/** Null where it cannot be told. */
	avx512: boolean | null;
	node: string;
	python: string;
	/** Processes that wanted a core in the minute before: other work makes figures worse. */
	loadBefore: number;
}

export const thisMachine = (python: string): Machine => ({
	processor: cpus()[0]?.model.trim() || process.arch,
	cores: availableParallelism(),
	avx512: hasAvx512(),
	node: process.versions.node,
	python,
	loadBefore: loadavg()[0] ?? 0,
});

function hasAvx512(): boolean | null {
	try {
		return /^flags\s*:.* avx512f /m.test(readFileSync("/proc/cpuinfo", "utf8"));
	} catch {
		return null;
	}
}
