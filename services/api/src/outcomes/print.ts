// An item as recorded answers hold it: the first four bytes of the sha256 of its id. Of twenty, one in two hundred million is
// taken for another; and who reads the table is not told what anybody was shown.
import { createHash } from "node:crypto";
import { Prisma } from "../generated/prisma/client.js";

export const printOf = (id: string): number => createHash("sha256").update(id).digest().readInt32BE(0);
/** The same in PostgreSQL. */
export const printIn = (id: Prisma.Sql) =>
	Prisma.sql`('x' || left(encode(sha256(convert_to(${id}, 'UTF8')), 'hex'), 8))::bit(32)::int4`;
