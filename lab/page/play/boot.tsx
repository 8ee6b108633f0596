/**
 * The playground's one script, which runs twice: as the page, and in the page's worker as the world. Neither evaluates the modules of
 * the other. Older browsers lack the symbols by which resources are released.
 */
const symbols = Symbol as unknown as Record<string, symbol>;
for (const name of ["dispose", "asyncDispose"]) symbols[name] ??= Symbol.for(`Symbol.${name}`);

if (typeof document === "undefined") void import("./serve-world.ts").then(({ serveWorld }) => serveWorld());
else void import("./playground.tsx").then(({ openPlayground }) => openPlayground());
