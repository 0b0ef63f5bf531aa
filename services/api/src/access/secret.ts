// Keys as they are sent: 256 random bits behind a beginning that tells them apart and that scanners for leaked secrets find.
import { createHash, randomBytes } from "node:crypto";

const BRAND = "valence_";
const FORM = /^valence_[0-9a-f]{8}_[\w-]{43}$/;

/**
 * What is kept of a key, and by which it is found. One round of SHA-256: slow hashes with salt protect what people choose, of which
 * there is little to guess; nobody guesses 256 bits, and every request pays. Finding it in a table leaks by its time at most something
 * of a digest, from which nothing follows about the key.
 */
export const digestOf = (key: string) => createHash("sha256").update(key).digest("hex");

/** Whether it is of the form of those that are made here, which no key of API_KEYS has to be. */
export const isMade = (key: string) => FORM.test(key);

export function makeKey(): { key: string; prefix: string; digest: string } {
	const prefix = randomBytes(4).toString("hex");
	const key = `${BRAND}${prefix}_${randomBytes(32).toString("base64url")}`;
	return { key, prefix, digest: digestOf(key) };
}
