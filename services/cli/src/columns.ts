// --columns: which columns of which files hold what.
import { basename } from "node:path";
import { wrongUsage } from "./failure.js";
import { ROLES, type Role, type RoleFile } from "./file-roles.js";

const COLUMNS = ["user", "item", "rating", "timestamp", "title", "tags"];
type Named = Record<string, string | number>;
export type Columns = { [role in Role]?: Named } & { files?: Record<string, Named> };

export const COLUMNS_OPTION = {
	type: "string",
	array: true,
	nargs: 1,
	describe: `Which columns, as user=customer,item=sku,items.title=name, of one file as orders.csv:item=product, or by place as user=1; in quotes where a name holds a comma; also ${COLUMNS.slice(2).join(", ")}`,
} as const;

/**
 * user=customer for every file, items.title=name for the files of one part, orders.csv:user=customer for one file, whose
 * name may hold dots and colons; whole numbers are positions, from 1. What stands in quotes is a name as it is.
 */
export function columnsOf(given: string[]): Columns {
	const columns: Columns = {};
	for (const { place, column, isPosition } of given.flatMap(assignmentsOf)) {
		const [, file, part, name = ""] = /^(?:(.+):|([^.]*)\.)?([^.:]*)$/.exec(place) ?? [];
		if (!COLUMNS.includes(name) || (part !== undefined && !ROLES.some((role) => role === part)))
			throw wrongUsage(
				`--columns knows ${COLUMNS.join(", ")}, for one part as items.title, for one file as orders.csv:title, not ${place}; it is written user=customer,item=sku`,
			);
		const said = { [name]: isPosition ? Number(column) : column };
		if (file !== undefined) columns.files = { ...columns.files, [file]: { ...columns.files?.[file], ...said } };
		else if (part !== undefined) columns[part as Role] = { ...columns[part as Role], ...said };
		else Object.assign(columns, said);
	}
	return columns;
}

/** PLACE=COLUMN, with either in quotes as CSV has them where it holds what separates: "a,b.csv:user"="who, and when". */
const ASSIGNMENT = /\s*(?:"((?:[^"]|"")*)"|([^",=][^,=]*))\s*=\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^",][^,]*))(?:,|$)/y;

function assignmentsOf(text: string): { place: string; column: string; isPosition: boolean }[] {
	const found = [];
	ASSIGNMENT.lastIndex = 0;
	for (let at = 0; at < text.length; at = ASSIGNMENT.lastIndex) {
		const [, quotedPlace, place = "", quotedColumn, column = ""] = ASSIGNMENT.exec(text) ?? [];
		const bare = {
			place: (quotedPlace ?? place).replaceAll('""', '"').trim(),
			column: (quotedColumn ?? column).trim(),
		};
		if (!bare.place || !bare.column) {
			const way = 'a name that holds a comma stands in quotes, as "orders, 2023.csv:item"="sku, or id"';
			throw wrongUsage(`--columns takes FIELD=VALUE, not ${text.slice(at).trim() || text}; ${way}`);
		}
		const isPosition = quotedColumn === undefined && /^[1-9]\d{0,4}$/.test(bare.column);
		found.push({ ...bare, column: bare.column.replaceAll('""', '"'), isPosition });
	}
	return found;
}

/** Before anything is sent; what is called `shop.zip: orders.csv` lies in an archive, into which the service looks. */
export function refuseUnknown(columns: Columns | undefined, files: RoleFile[]): void {
	const names = files.map(({ path }) => basename(path));
	const isThere = (name: string) => names.some((one) => name === one || name.startsWith(`${one}: `));
	const unknown = Object.keys(columns?.files ?? {}).find((name) => !isThere(name));
	if (unknown === undefined) return;
	const more = names.length > 20 ? ` and ${names.length - 20} more` : "";
	throw wrongUsage(`--columns names ${unknown}, but the files are ${names.slice(0, 20).join(", ")}${more}`);
}
