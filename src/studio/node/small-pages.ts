// Pages that are shown where the studio's own cannot be: one file each, no scripts.

const page = (title: string, body: string) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>` +
  `<link rel="icon" href="data:,"><body style="font: 16px/1.5 system-ui; max-width: 34rem; margin: 4rem auto; padding: 0 1rem"><main><h1>${title}</h1>${body}</main>`;

/** Asks for the token. @param wrong whether one was given that is not it */
export function entrancePage(wrong: boolean): string {
  const said = wrong ? "<p role='alert'>That is not the token.</p>" : "";
  return page(
    "This studio needs its token",
    `${said}<p>Open the address that <code>atelier studio</code> printed in its terminal, or give the token that stands in it.</p>` +
      `<form method="get" action="./"><label>Token <input name="token" autocomplete="off" required size="34"></label> <button>Enter</button></form>`,
  );
}

export const missingPage: string = page(
  "The page is not built",
  "<p>In a clone: <code>npm run build</code> builds it, then start <code>atelier studio</code> again.</p>",
);
