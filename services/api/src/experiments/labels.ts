// How one configuration is told from others of its model.

import { digest } from "../http/digest.js";

export interface Configured {
	model: string;
	config: Record<string, unknown>;
	/** That train it together; sums of several are rounded in another order than those of one, so their numbers are others. */
	processes: number;
}

/** The same for runs that differ in nothing but their seed; of one process what it was before there could be several. */
export const configHashOf = ({ model, config, processes }: Configured) =>
	digest(processes === 1 ? { model, config } : { model, config, processes });

/** Its fields, and the processes as if they were one. */
export const settingsOf = ({ config, processes }: Configured): Settings => ({ ...config, processes });

/** Significant digits of a fraction. */
const LEAST_DIGITS = 3;

/**
 * For each: the fields by which it differs from the others of its model, as "k 4, tau 0.1"; empty where it is the only one. Fractions are
 * shortened, to no fewer digits than tell the values of their field apart, so that different configurations never have the same label.
 */
export function labelsOf(all: Configured[]): string[] {
	const byModel = new Map<string, Settings[]>();
	const settings = all.map((one) => ({ model: one.model, fields: settingsOf(one) }));
	for (const { model, fields } of settings) byModel.set(model, [...(byModel.get(model) ?? []), fields]);
	const telling = new Map([...byModel].map(([model, members]) => [model, tellingOf(members)]));
	return settings.map(({ model, fields }) =>
		[...(telling.get(model) as Telling)].map(([field, told]) => `${field} ${told(fields[field])}`).join(", "),
	);
}

type Settings = Record<string, unknown>;
/** Of each field that differs, how its values are told. */
type Telling = Map<string, (value: unknown) => string>;

const tellingOf = (members: Settings[]): Telling =>
	new Map(
		differingFields(members).map((field) => {
			const digits = digitsApart(members.map((fields) => fields[field]));
			return [field, (value) => shortened(value, digits)];
		}),
	);

/** The fewest that tell all of them apart. With 17 digits a number is itself again. */
function digitsApart(values: unknown[]): number {
	const different = [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
	const areApart = (digits: number) =>
		new Set(different.map((value) => shortened(value, digits))).size === different.length;
	let digits = LEAST_DIGITS;
	while (digits < 17 && !areApart(digits)) digits++;
	return digits;
}

function shortened(value: unknown, digits: number): string {
	// Of an earlier version, which did not know the field.
	if (value === undefined) return "–";
	if (typeof value !== "number" || Number.isInteger(value)) return JSON.stringify(value);
	const wholeDigits = Math.floor(Math.log10(Math.abs(value))) + 1;
	return JSON.stringify(Number(value.toPrecision(Math.max(digits, wholeDigits))));
}

/** Fields that not all of them have alike. */
export function differingFields(members: Settings[]): string[] {
	const fields = [...new Set(members.flatMap((member) => Object.keys(member)))];
	return fields.filter((field) => new Set(members.map((member) => JSON.stringify(member[field]))).size > 1);
}
