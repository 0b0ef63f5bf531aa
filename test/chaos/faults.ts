// Everything that is broken on purpose, by name.
import type { Backend } from "./battlefield.js";
import type { Faults } from "./fault.js";
import { backends } from "./faults/backends.js";
import { delivery } from "./faults/delivery.js";
import { files } from "./faults/files.js";
import { processes } from "./faults/processes.js";
import { storage } from "./faults/storage.js";

export const FAULTS: Faults = { ...processes, ...backends, ...delivery, ...storage, ...files };

export const faultsOn = (backend: Backend): string[] =>
	Object.entries(FAULTS).flatMap(([name, { on }]) => (on === undefined || on === backend ? [name] : []));
