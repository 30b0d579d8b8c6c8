/** The page at /docs: RapiDoc, served from here, so that it works without any other host. */

export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>lkl</title>
<link rel="icon" href="data:,">
<script type="module" src="/docs/rapidoc.js"></script>
<rapi-doc spec-url="/openapi.json" load-fonts="false" render-style="read" show-header="false"></rapi-doc>
</html>
`;

/** A module of its own, loaded when first asked for. */
export async function script(): Promise<string> {
  return (await import('rapidoc/dist/rapidoc-min.js')).default;
}
