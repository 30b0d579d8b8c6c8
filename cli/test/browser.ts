/** For tests: a headless Chromium that comes with the dependencies. */

import puppeteer, { type Browser } from 'puppeteer-core';

/** Where its libraries (NSS) are not installed it brings its own, if it takes this for a bare system: this is how it knows one. */
const BARE_SYSTEM = 'AWS_Lambda_nodejs22.x';

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
