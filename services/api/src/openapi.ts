// Writes what GET /openapi.json answers into a file, without PostgreSQL, queue or trainer.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import autoload from "@fastify/autoload";
import Fastify from "fastify";
import { Registry } from "prom-client";
import { readConfig } from "./config.js";
import errorHandler from "./plugins/error-handler.js";
import openapi from "./plugins/openapi.js";
import securityHeaders from "./plugins/security-headers.js";
import strictness from "./plugins/strictness.js";

const [file] = process.argv.slice(2);
if (!file) throw new Error("usage: openapi.js FILE");
const app = Fastify({ pluginTimeout: 60_000 }); // a busy machine reads many routes for longer than usual
app.decorate("config", readConfig({ DATABASE_URL: "postgresql://nowhere/nothing" }));
// What routes hold from the beginning; nobody asks them anything here.
app.decorate("prisma", {} as typeof app.prisma);
app.decorate("meters", { registry: new Registry() } as typeof app.meters);
for (const plugin of [errorHandler, strictness, securityHeaders, openapi]) await app.register(plugin);
const dir = join(fileURLToPath(new URL(".", import.meta.url)), "routes");
await app.register(autoload, { dir, dirNameRoutePrefix: false });
await app.ready();
writeFileSync(file, `${JSON.stringify(app.swagger(), null, "\t")}\n`);
await app.close();
