// A fault breaks something and returns how it is mended, or null where there is nothing to break at the moment.
import type { Backend, Battlefield } from "./battlefield.js";

export type Mend = () => Promise<unknown> | unknown;
export interface Fault {
	/** Where it can be made; everywhere when left out. */
	on?: Backend;
	strike(field: Battlefield, pick: number): Promise<Mend | null> | Mend | null;
}
export type Faults = Readonly<Record<string, Fault>>;
