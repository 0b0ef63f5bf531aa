# api and worker: one image, two commands.
FROM node:24.11.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY clients/typescript/package.json clients/typescript/
COPY services/api/package.json services/api/
COPY services/cli/package.json services/cli/
COPY services/dashboard/package.json services/dashboard/
COPY services/supervisor/package.json services/supervisor/
COPY test/package.json test/
RUN npm ci --no-audit --no-fund -w clients/typescript -w services/api -w services/dashboard --include-workspace-root
COPY tsconfig.base.json prisma.config.ts ./
COPY proto proto
COPY prisma prisma
COPY clients clients
COPY services/api services/api
COPY services/dashboard services/dashboard
RUN cd proto && ../node_modules/.bin/buf generate \
 && cd .. && PRISMA_SCHEMA_ENGINE_BINARY=/usr/local/bin/node node_modules/.bin/prisma generate \
 && node clients/typescript/scripts/generate.mjs \
 && node_modules/.bin/tsc -p clients/typescript/tsconfig.build.json \
 && npm run build -w services/api \
 && npm run build -w services/dashboard \
 && npm prune --omit=dev -w services/api --include-workspace-root

FROM node:24.11.1-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/services/api/package.json services/api/package.json
COPY --from=build /app/services/api/dist services/api/dist
COPY --from=build /app/services/dashboard/dist services/dashboard/dist
COPY --from=build /app/prisma/migrations prisma/migrations
COPY --from=build /app/package.json package.json
USER node
EXPOSE 3000
CMD ["node", "services/api/dist/server.js"]
