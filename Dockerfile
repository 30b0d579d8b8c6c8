# The Worker on a machine of one's own: docs/deploy.md says how.
FROM node:24-trixie-slim

WORKDIR /lkl
ENV NODE_ENV=production WRANGLER_SEND_METRICS=false

# Packages first: they change seldom.
COPY package.json package-lock.json ./
COPY cli/package.json cli/
COPY examples/typescript/package.json examples/typescript/
COPY test/clients/package.json test/clients/
RUN npm ci --include=dev --no-audit --no-fund && npm cache clean --force

COPY . .
RUN node scripts/self-host.ts --build && mkdir /data && chown node:node /data

USER node
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=30s CMD ["node", "-e", "fetch('http://127.0.0.1:8787/healthz').then((answer) => process.exit(answer.ok ? 0 : 1))"]
CMD ["node", "scripts/self-host.ts", "--host", "0.0.0.0", "--port", "8787", "--storage", "/data"]
