/** For tests: a headless Chromium that comes with the dependencies. */

import puppeteer, { type Browser, type Page } from 'puppeteer-core';

/** Where its libraries (NSS) are not installed it brings its own, if it takes this for a bare system: this is how it knows one. */
const BARE_SYSTEM = 'AWS_Lambda_nodejs22.x';

/** A machine that does other things meanwhile is no fault of a page: its test's own limit ends what never comes. */
const PATIENCE_MS = 240_000;

/** An empty page, which waits longer for what it is to show than puppeteer's half a minute. */
export async function newPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

export async function launchBrowser(): Promise<Browser> {
  process.env.AWS_EXECUTION_ENV ??= BARE_SYSTEM;
  const { default: chromium } = await import('@sparticuz/chromium');
  return puppeteer.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args,
    // In the C locale a browser's language is no tag that Intl takes.
    env: { ...process.env, LC_ALL: 'en_GB.UTF-8' },
    headless: 'shell',
  });
}
